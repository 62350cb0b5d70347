"""Transformations against references, and how well a probe recognizes them."""

import keras
import numpy as np
import pytest
from PIL import Image, ImageFilter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simclr_utils.evaluation import TRANSFORMATIONS, fit_mlp, predict_transformations, transform
from simclr_utils.evaluation.outputs import extract_outputs, split_in_halves

RNG = np.random.default_rng(0)
# Smooth colors, so that neighboring pixels are alike, with a bright left half.
PIXELS = RNG.uniform(40, 120, (200, 1, 1, 3)) + RNG.normal(0, 8, (200, 8, 8, 3))
PIXELS[:, :, :4] += 80
IMAGES = np.rint(PIXELS).astype(np.uint8)


def changed(name, choice, images=IMAGES):
    choices = np.full(len(images), choice)
    return transform(images, TRANSFORMATIONS[name], choices, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "choice", "reference"),
    [
        ("rotation", 1, lambda image: image.transpose(Image.Transpose.ROTATE_90)),
        ("rotation", 3, lambda image: image.transpose(Image.Transpose.ROTATE_270)),
        ("flip", 1, lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        ("grayscale", 1, lambda image: image.convert("L").convert("RGB")),
        ("brightness", 0, lambda image: image.point(lambda value: round(0.6 * value))),
        ("brightness", 2, lambda image: image.point(lambda value: min(255, round(1.4 * value)))),
        (
            "crop",
            1,
            lambda image: image.crop((2, 2, 6, 6)).resize((8, 8), Image.Resampling.BILINEAR),
        ),
    ],
)
def test_a_transformation_is_that_of_pillow(name, choice, reference):
    expected = np.stack([np.asarray(reference(Image.fromarray(image))) for image in IMAGES[:5]])
    found = changed(name, choice, IMAGES[:5])
    np.testing.assert_allclose(found.astype(int), expected, atol=1)  # of 255


def test_a_step_stays_a_step_under_sobel():
    images = np.zeros((1, 8, 8, 1), np.uint8)
    images[:, :, 4:] = 100
    edges = changed("Sobel", 1, images)[0, :, :, 0]
    np.testing.assert_array_equal(edges, np.tile([0, 0, 0, 100, 100, 0, 0, 0], (8, 1)))


def test_blur_is_a_gaussian_and_spares_borders():
    image = Image.fromarray(IMAGES[0]).resize((32, 32))
    expected = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), int)
    found = changed("blur", 1, np.asarray(image)[None])[0]
    assert np.abs(found - expected)[4:-4, 4:-4].max() <= 4  # Pillow's is three boxes
    np.testing.assert_array_equal(changed("blur", 1, np.full((1, 8, 8, 3), 9, np.uint8)), 9)


def test_noise_and_cutout_are_drawn_for_each_image():
    gray = np.full((50, 16, 16, 3), 50, np.uint8)
    noisy = changed("noise", 1, gray).astype(float)
    assert noisy.std() == pytest.approx(0.05 * 255, rel=0.02)
    assert noisy.mean() == pytest.approx(50, abs=0.5)
    covered = (changed("cutout", 1, gray) == 128).all(axis=-1)
    np.testing.assert_array_equal(covered.sum(axis=(1, 2)), 64)
    assert len(np.unique(covered, axis=0)) > 20


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_one_choice_of_each_transformation_changes_nothing(name):
    choices = range(len(TRANSFORMATIONS[name].choices))
    same = [np.array_equal(changed(name, choice), IMAGES) for choice in choices]
    assert sum(same) == 1


def network(function, inputs):
    return keras.Model(inputs, keras.layers.Lambda(function)(inputs))


IMAGE, MEANS = keras.Input((8, 8, 3)), keras.Input((12,))
# The features keep the brightness of each quarter and channel. The projections keep the contrast
# of the channels alone, which no turn and no mirror changes.
ENCODER = network(
    lambda x: keras.ops.reshape(
        keras.ops.mean(keras.ops.reshape(x, (-1, 2, 4, 2, 4, 3)), axis=(2, 4)), (-1, 12)
    ),
    IMAGE,
)
HEAD = network(
    lambda x: keras.ops.std(
        keras.ops.mean(keras.ops.reshape(x, (-1, 4, 3)), axis=1), axis=-1, keepdims=True
    ),
    MEANS,
)


def fit_quickly(vectors, labels):
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(vectors, labels)


def accuracies(fit=fit_quickly, **options):
    table = predict_transformations(ENCODER, HEAD, IMAGES, fit=fit, seed=1, **options)
    return table.pivot(index="transformation", columns="output", values="accuracy"), table


def test_what_the_head_drops_is_at_chance_and_what_it_keeps_is_not():
    kept = {name: TRANSFORMATIONS[name] for name in ("rotation", "flip", "grayscale")}
    wide, table = accuracies(transformations=kept)
    assert (wide.loc[["rotation", "flip"], "features"] > 0.97).all()
    assert wide.loc["grayscale", "projections"] > 0.9
    rows = table[table["output"] == "projections"].set_index("transformation")
    for name, chance in (("rotation", 0.25), ("flip", 0.5)):
        assert rows.loc[name, "chance"] == chance
        assert rows.loc[name, "low"] < chance < rows.loc[name, "high"]
    again, _ = accuracies(transformations={"flip": TRANSFORMATIONS["flip"]})
    assert (again.loc["flip"] == wide.loc["flip"]).all()  # whatever else is measured


def test_no_image_is_on_both_sides_and_choices_are_balanced():
    numbered = (
        np.zeros((40, 8, 8, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None]
    )
    encoder = network(lambda x: 255 * x[:, 0, 0, :1], keras.Input((8, 8, 3)))
    head = network(lambda x: x, keras.Input((1,)))
    fitted, scored, chosen = [], [], []

    class Probe:
        def __init__(self, vectors, labels):
            fitted.extend(np.rint(vectors[:, 0]).astype(int))
            chosen.extend(labels)

        def predict(self, vectors):
            scored.extend(np.rint(vectors[:, 0]).astype(int))
            return np.zeros(len(vectors), int)

    kept = {"rotation": TRANSFORMATIONS["rotation"]}
    table = predict_transformations(encoder, head, numbered, kept, Probe)
    assert len(fitted) == len(scored) == 2 * 20  # features and projections
    assert not set(fitted) & set(scored) and {*fitted, *scored} == set(range(40))
    assert np.bincount(chosen).tolist() == [10] * 4
    assert (table["accuracy"] == 0.25).all()  # always the same answer
    assert not np.array_equal(split_in_halves(40, 0)[0], split_in_halves(40, 1)[0])


def test_the_default_is_the_linear_probe():
    kept = {"flip": TRANSFORMATIONS["flip"]}
    found = predict_transformations(ENCODER, HEAD, IMAGES[:60], kept).set_index("output")
    assert found.loc["features", "accuracy"] > 0.9


def test_a_small_network_sees_what_a_linear_probe_does_not():
    vectors = RNG.normal(size=(600, 2))
    labels = (vectors.prod(axis=1) > 0).astype(int)
    fitted = fit_mlp(vectors[:400], labels[:400])
    assert np.mean(fitted.predict(vectors[400:]) == labels[400:]) > 0.85


def test_images_with_one_channel_have_no_color_to_lose():
    encoder = network(lambda x: keras.ops.mean(x, axis=(1, 2)), keras.Input((8, 8, 1)))
    head = network(lambda x: 2 * x, keras.Input((1,)))
    kept = {name: TRANSFORMATIONS[name] for name in ("grayscale", "brightness")}
    table = predict_transformations(encoder, head, IMAGES[..., :1], kept, fit_quickly)
    assert set(table["transformation"]) == {"brightness"}


def test_what_cannot_be_measured():
    with pytest.raises(ValueError, match="Received 39 images. Pass 40 or more"):
        predict_transformations(ENCODER, HEAD, IMAGES[:39])
    with pytest.raises(ValueError, match=r"'90°' turns images of shape \(8, 6, 3\)"):
        changed("rotation", 1, IMAGES[:, :, :6])
    head = network(lambda x: x, keras.Input((7,)))
    with pytest.raises(ValueError, match="gives 12 features, and the head takes 7"):
        extract_outputs(ENCODER, head, IMAGES)
