"""The augmentation lab: what the sliders say is what the views are, and the scores are right."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

from simclr_utils.course.augmentation_lab import (
    WITH_SLIDERS,
    AugmentationLab,
    as_recipe,
    color_histograms,
    recipe_call,
)
from simclr_utils.views.recipe import OPERATIONS, build_augmenter

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (12, 16, 16, 3), dtype="uint8")


def test_without_operations_the_views_are_the_images():
    lab = AugmentationLab(IMAGES)
    for recipe in ({}, {"crop": (0.0, 1.0), "noise": (1.0, 0.0)}):
        for view in lab.views(recipe):
            np.testing.assert_array_equal(view, IMAGES / np.float32(255))
    assert lab.measure(lab.views({}))["shortcut"] == 1.0


def test_views_are_those_of_the_augmenter_with_that_recipe():
    recipe = {"crop": (0.5, 1.0), "color_jitter": (0.5, 0.8), "noise": (0.0, 0.5)}
    lab = AugmentationLab(IMAGES)
    augmenter = build_augmenter(16, operations={**recipe, "noise": 0.0}, seed=3000)
    expected = np.split(augmenter(np.concatenate([IMAGES, IMAGES])).numpy(), 2)
    np.testing.assert_allclose(lab.views(recipe, seed=3), expected, atol=1e-6)
    assert np.abs(np.subtract(*expected)).max() > 0.1


def test_the_shortcut_score_counts_the_partners_found_by_color():
    colors = np.linspace(0, 1, 4, dtype="float32")
    plain = np.ones((4, 8, 8, 3), "float32") * colors[:, None, None, None]
    lab = AugmentationLab(np.uint8(plain * 255))
    assert lab.measure((plain, plain))["shortcut"] == 1.0
    assert lab.measure((plain, plain[::-1]))["shortcut"] == 0.0
    assert lab.measure((plain, plain[[0, 1, 3, 2]]))["shortcut"] == 0.5


def test_histograms_are_numpys():
    images = RANDOM.uniform(size=(3, 5, 5, 3))
    edges = [np.linspace(0, 1, 9)] * 3
    for image, found in zip(images, color_histograms(images), strict=True):
        counts, _ = np.histogramdd(image.reshape(-1, 3)[:, ::-1], edges)
        np.testing.assert_allclose(found, counts.ravel() / 25)
    assert color_histograms(images[..., :1]).shape == (3, 8)
    assert color_histograms(np.ones((1, 2, 2, 3)))[0, -1] == 1  # full brightness is a level too


def test_similarities_are_cosines_of_the_encoders_features():
    inputs = keras.Input((16, 16, 3))
    encoder = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    lab = AugmentationLab(IMAGES, encoder)
    views = lab.views({"color_jitter": (1.0, 1.0)})
    means = [view.mean(axis=(1, 2)) for view in views]
    units = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in means]
    cosines = units[0] @ units[1].T
    found = lab.measure(views)
    assert found["same"] == pytest.approx(np.diag(cosines).mean(), abs=1e-4)
    others = (cosines.sum() - np.trace(cosines)) / (12 * 11)
    assert found["others"] == pytest.approx(others, abs=1e-4)
    assert "same" not in AugmentationLab(IMAGES).measure(views)
    lab.draw({"crop": 0.5}, seed=2)  # a slider that moves traces nothing anew
    assert lab.encode.experimental_get_tracing_count() == 1


def test_the_picture_shows_the_images_asked_for():
    lab = AugmentationLab(IMAGES, num_shown=3)
    png, text = lab.draw({}, first=4)
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    side = sheet.shape[0] // 3 - 4
    left = sheet.shape[1] - 3 * (side + 4)
    for row in range(3):
        top = row * (side + 4)
        tile = sheet[top : top + side, left : left + side]
        np.testing.assert_array_equal(tile[:: side // 16, :: side // 16], IMAGES[4])
    assert "100% of 12 partners (chance: 8.3%)" in text and "encoder" not in text


def test_sliders_become_a_recipe_and_the_recipe_a_call():
    values = {"crop_strength": 0.5, "crop_probability": 1.0, "blur_strength": 0.0}
    recipe = as_recipe({**values, "blur_probability": 0.5, "flip_probability": 0.0})
    assert recipe == {"crop": (0.5, 1.0), "blur": (0.0, 0.5), "flip": (1.0, 0.0)}
    call = recipe_call(recipe, 32, 1)
    assert call == "build_augmenter(32, operations={'crop': (0.5, 1.0)}, channels=1)"
    augmenter = eval(call, {"build_augmenter": build_augmenter})
    assert [layer.name.rstrip("_0123456789") for layer in augmenter.layers[1:]] == [
        "random_resized_crop"
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_controls_draw_the_recipe_that_they_start_from(channels):
    lab = AugmentationLab(IMAGES[..., :channels], num_shown=4)
    recipe = {"crop": 0.5, "color_jitter": (0.3, 0.4)} | ({"flip": 1} if channels == 3 else {})
    controls = lab.controls(recipe, seed=2)
    sliders = {name.rsplit("_", 1)[0] for name in controls if name.endswith("probability")}
    basic = set(WITH_SLIDERS) - ({"grayscale"} if channels == 1 else set())
    assert sliders == {*basic, "other"}
    assert {value for _, value in controls["other"].options} == {"", *OPERATIONS} - {*WITH_SLIDERS}
    assert ("grayscale_strength" in controls) == (channels == 3)
    assert controls["color_jitter_strength"].value == 0.3 and controls["first_image"].max == 8
    values = {name: control.value for name, control in controls.items()}
    assert lab.draw_values(**values) == lab.draw(recipe, seed=2)
    chosen = {**values, "other": "sobel", "other_strength": 0.5}
    assert lab.draw_values(**chosen) == lab.draw({**recipe, "sobel": (0.5, 1.0)}, seed=2)
    assert "'sobel': (0.5, 1.0)" in lab.write_recipe(**chosen)
    assert "tilt_strength" in lab.controls({"tilt": 0.5})
    assert lab.write_recipe(**values).startswith(
        "build_augmenter(16, operations={'crop': (0.5, 1.0)"
    )
