"""The operations beyond the basic recipe, against NumPy, SciPy and Pillow; and one's own layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from simclr_utils.parameters import ParameterError, check
from simclr_utils.views.enhance import (
    RandomBrightness,
    RandomContrast,
    RandomEnhancement,
    RandomSaturation,
    RandomSharpness,
)
from simclr_utils.views.filters import RandomSobel
from simclr_utils.views.geometry import (
    RandomCutout,
    RandomQuarterTurns,
    RandomVerticalFlip,
    build_tilt,
)
from simclr_utils.views.layers import KerasOperation, RandomMixture, RandomOperation
from simclr_utils.views.rand_augment import CHANGES, RandAugment
from simclr_utils.views.recipe import OPERATIONS, build_augmenter, on_every_image
from simclr_utils.views.tones import (
    RandomAutoContrast,
    RandomEqualization,
    RandomSolarization,
    build_posterization,
)

pytestmark = pytest.mark.numbers

RANDOM = np.random.default_rng(0)


def levels(count=4, side=16, channels=3):
    return RANDOM.integers(0, 256, (count, side, side, channels), dtype="uint8")


def scaled(images):
    return images.astype("float32") / 255


def with_draws(layer, *draws):
    """Lets a layer draw the given numbers for each image, one array for each call."""
    remaining = [np.float32(draw)[:, None, None, None] for draw in draws]
    layer.per_image = lambda *args, **options: tf.constant(remaining.pop(0))
    return layer


def by_pillow(change, images):
    """Changes the channels of uint8 images one at a time."""
    planes = np.moveaxis(images, -1, 1)
    changed = [[np.asarray(change(Image.fromarray(p))) for p in image] for image in planes]
    return np.moveaxis(np.array(changed), 1, -1)


def assert_levels(views, expected, off=0.01):
    np.testing.assert_allclose(np.asarray(views) * 255, expected, rtol=0, atol=off)


# Place.


def test_a_vertical_flip_mirrors_top_and_bottom():
    images = scaled(levels())
    np.testing.assert_array_equal(RandomVerticalFlip(1.0)(images), images[:, ::-1])


def test_quarter_turns_are_numpys():
    images = scaled(levels(3))
    views = with_draws(RandomQuarterTurns(1.0), [0.2, 1.2, 2.99])(images)
    expected = [np.rot90(image, turns) for image, turns in zip(images, (1, 2, 3), strict=True)]
    np.testing.assert_array_equal(views, expected)


def test_the_four_positions_of_a_rotation_are_equally_frequent():
    image = scaled(levels(1))
    layer = build_augmenter(16, operations=["rotation"], seed=0).layers[-1]
    views = np.asarray(layer(np.repeat(image, 2000, axis=0)))
    positions = [np.rot90(image[0], turns) for turns in range(4)]
    counts = [np.sum((views == position).all(axis=(1, 2, 3))) for position in positions]
    assert sum(counts) == 2000 and np.ptp(counts) < 150


def test_a_rotation_needs_a_square():
    with pytest.raises(ValueError, match="16 x 20 pixels. Put a crop"):
        RandomQuarterTurns()(np.zeros([1, 16, 20, 3], "float32"))


def smooth_images(count=3, side=24):
    noise = RANDOM.uniform(size=(count, side, side, 3))
    return ndimage.gaussian_filter(noise, (0, 2, 2, 0)).astype("float32")


@pytest.mark.parametrize("angle", [-25.0, 10.0])
def test_a_tilt_is_scipys_rotation(angle):
    """Away from the edges, where the two complete the image differently."""
    images = smooth_images()
    tilt = build_tilt(30, 1.0)
    tilt.layer.factor = (angle / 360, angle / 360)
    expected = ndimage.rotate(images, angle, axes=(1, 2), reshape=False, order=1, mode="mirror")
    inner = np.s_[:, 8:16, 8:16]
    np.testing.assert_allclose(tilt(images)[inner], expected[inner], rtol=0, atol=0.01)


def test_tilts_reach_as_far_as_they_say():
    """Of a ramp from left to right, the slope at the center tells the angle."""
    ramp = np.broadcast_to(np.linspace(0, 1, 33, dtype="float32"), (400, 33, 33))[..., None]
    views = np.asarray(build_tilt(30, 1.0, seed=0)(ramp))[..., 0]
    across, down = views[:, 16, 17] - views[:, 16, 15], views[:, 17, 16] - views[:, 15, 16]
    angles = np.degrees(np.arctan2(down, across))
    assert -30.1 < angles.min() < -28 and 28 < angles.max() < 30.1
    assert abs(angles.mean()) < 3


def test_a_cutout_covers_the_square_that_was_drawn():
    images = np.ones([2, 16, 16, 3], "float32")
    layer = with_draws(RandomCutout(0.5), [0.5, 0.25], [0.5, 0.0], [0.25, 1.0])
    expected = np.ones_like(images)
    expected[0, 4:12, 0:8] = 0.5
    expected[1, 0:2, 14:16] = 0.5  # beyond the corner
    np.testing.assert_array_equal(layer(images), expected)


# Tones.


def test_equalization_is_pillows_where_pillow_does_not_round():
    """255 pixels beside the brightest ones: one level for each pixel."""
    images = np.stack([RANDOM.permutation(256).reshape(16, 16) // 3 * 3 for _ in range(6)])
    images = images.reshape(2, 3, 16, 16).transpose(0, 2, 3, 1).astype("uint8")
    assert_levels(
        RandomEqualization(1.0, 1.0)(scaled(images)), by_pillow(ImageOps.equalize, images)
    )


def test_equalized_values_are_shares_of_darker_pixels():
    images = (levels(3, channels=1) // 32) ** 2
    images[2] = 77
    expected = scaled(images)
    for image, target in zip(images[:2, ..., 0], expected[:2, ..., 0], strict=True):
        darker = (image[None, None] < image[..., None, None]).sum(axis=(2, 3))
        target[:] = darker / darker.max()
    views = RandomEqualization(1.0, 1.0)(scaled(images))
    np.testing.assert_allclose(views, expected, rtol=0, atol=1e-6)
    half = RandomEqualization(0.5, 1.0)(scaled(images))
    np.testing.assert_allclose(half, (expected + scaled(images)) / 2, rtol=0, atol=1e-6)


def test_auto_contrast_is_pillows():
    images = levels() // 3 + 40
    images[0, ..., 0] = 60
    assert_levels(
        RandomAutoContrast(1.0, 1.0)(scaled(images)), by_pillow(ImageOps.autocontrast, images), 1.01
    )


def test_posterization_is_pillows():
    images = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1).repeat(200, axis=0)
    views = np.asarray(build_posterization(1.0, 1.0, seed=0)(scaled(images)))
    possible = [
        np.asarray(ImageOps.posterize(Image.fromarray(images[0, ..., 0]), kept))
        for kept in (7, 6, 5, 4)
    ]
    same = [abs(views[..., 0] * 255 - each).max(axis=(1, 2)) < 0.01 for each in possible]
    counts = np.sum(same, axis=1)
    assert counts.sum() == 200 and counts.min() > 25


def test_solarization_is_pillows():
    images = levels()
    views = RandomSolarization(0.5, 1.0)(scaled(images))
    assert_levels(views, by_pillow(lambda image: ImageOps.solarize(image, 128), images))


# Filters.


ENHANCERS = {
    RandomBrightness: ImageEnhance.Brightness,
    RandomContrast: ImageEnhance.Contrast,
    RandomSaturation: ImageEnhance.Color,
    RandomSharpness: ImageEnhance.Sharpness,
}


@pytest.mark.parametrize("kind", ENHANCERS)
def test_enhancements_are_pillows(kind):
    images, factors = levels(3), [0.1, 1.0, 1.9]
    views = with_draws(kind(0.9, 1.0), factors)(scaled(images))
    for view, image, factor in zip(views, images, factors, strict=True):
        expected = np.asarray(ENHANCERS[kind](Image.fromarray(image)).enhance(factor))
        inner = np.s_[1:-1, 1:-1]  # Pillow does not sharpen the frame
        assert_levels(view[inner], expected[inner], off=2)


def test_a_flat_picture_cannot_be_sharpened():
    flat = np.full([2, 8, 8, 3], 0.3, "float32")
    np.testing.assert_allclose(RandomSharpness(0.9, 1.0)(flat), flat, rtol=0, atol=1e-6)


def test_sobel_is_scipys():
    images = smooth_images()
    expected = np.empty_like(images)
    for image, channel in np.ndindex(3, 3):
        plane = images[image, ..., channel]
        slopes = [ndimage.sobel(plane, axis, mode="mirror") / 4 for axis in (0, 1)]
        expected[image, ..., channel] = np.minimum(np.hypot(*slopes), 1)
    np.testing.assert_allclose(RandomSobel(1.0, 1.0)(images), expected, rtol=0, atol=1e-5)
    step = np.zeros([1, 8, 8, 1], "float32")
    step[:, :, 4:] = 1
    assert np.asarray(RandomSobel(1.0, 1.0)(step)).max() == 1


# RandAugment.


def test_rand_augment_applies_the_changes_that_were_drawn():
    images = scaled(levels(3))
    layer = RandAugment(1.0, 2, 1.0, seed=0)
    order = list(CHANGES)
    draws = [["solarize", "auto_contrast"], ["identity", "identity"], ["equalize", "solarize"]]
    chosen = np.array([[order.index(name) for name in pair] for pair in draws])
    layer.per_image = lambda *args, **options: tf.constant(chosen[..., None, None] + 0.5)
    solarize, stretch = RandomSolarization(0.5, 1.0), RandomAutoContrast(1.0, 1.0)
    expected = [
        stretch(solarize(images[:1]))[0],
        images[1],
        solarize(RandomEqualization(1.0, 1.0)(images[2:]))[0],
    ]
    np.testing.assert_allclose(layer(images), expected, rtol=0, atol=1e-6)


def test_rand_augment_chooses_every_change_equally_often():
    layer = RandAugment(1.0, 2, seed=0)
    seen = []
    for change in layer.changes:
        change.transform = lambda part: (seen.append(len(part)), part)[1]
    layer(tf.zeros([1400, 4, 4, 3]))
    assert len(seen) == 2 * len(CHANGES) and sum(seen) == 2800
    assert min(seen) > 50 and max(seen) < 160


# Strengths.


@pytest.mark.parametrize("strength, kept", [(0.1, (7, 8)), (0.5, (6, 8)), (1, (4, 8)), (3, (1, 8))])
def test_strength_of_posterization_in_bits(strength, kept):
    assert tuple(build_posterization(strength).layer.factor) == kept  # the upper end is not drawn
    assert isinstance(build_posterization(0).layer, keras.layers.Identity)


def test_half_strength():
    names = ("tilt", "solarize", "sharpness", "sobel", "equalize", "cutout", "rand_augment")
    layers = build_augmenter(16, 0.5, names).layers[1:]
    tilt, rand_augment, equalize, solarize, sharpness, sobel, cutout = layers
    assert tilt.layer.factor == pytest.approx((-15 / 360, 15 / 360))
    assert (solarize.threshold, sharpness.amount) == (0.75, 0.45)
    assert sobel.amount == equalize.amount == 0.5
    assert (cutout.share, rand_augment.strength) == (0.25, 0.5)


def test_the_order_is_the_one_that_the_docstring_lists():
    rows = [line.split('"')[1] for line in build_augmenter.__doc__.splitlines() if '| `"' in line]
    assert rows == list(OPERATIONS)
    chances = [
        float(line.rstrip("| ").split("| ")[-1])
        for line in build_augmenter.__doc__.splitlines()
        if '| `"' in line
    ]
    assert chances == [build(1.0, 16, 0).probability for build in OPERATIONS.values()]


def test_every_operation_changes_every_image_on_request():
    augmenter = on_every_image(build_augmenter(16, operations=tuple(OPERATIONS)))
    chances = dict(
        zip(OPERATIONS, (layer.probability for layer in augmenter.layers[1:]), strict=True)
    )
    assert {name for name, chance in chances.items() if chance < 1} == {"flip", "vertical_flip"}


# One's own layers.


@keras.saving.register_keras_serializable("test_operations")
class Halve(keras.layers.Layer):
    def call(self, images):
        return images / 2


def test_any_layer_is_an_operation():
    images = levels(8)
    for operations in ({"flip": (1, 0), "mine": Halve()}, [Halve()], {"mine": (Halve(), 1.0)}):
        views = build_augmenter(16, 0.0, operations)(images)
        np.testing.assert_allclose(views, scaled(images) / 2, rtol=0, atol=1e-6)


def test_own_layers_run_last_in_the_order_given_and_by_chance():
    operations = {"b": keras.layers.RandomInvert((1, 1), (0, 1)), "crop": 0, "a": (Halve(), 0.5)}
    augmenter = build_augmenter(16, operations=operations, seed=0)
    assert [type(layer.layer).__name__ for layer in augmenter.layers[2:]] == [
        "RandomInvert",
        "Halve",
    ]
    images = levels(1).repeat(400, axis=0)
    views = augmenter(images, training=False)  # Keras' layer would do nothing
    whole = np.isclose(views, 1 - scaled(images), atol=1e-4).all(axis=(1, 2, 3))
    half = np.isclose(views, (1 - scaled(images)) / 2, atol=1e-4).all(axis=(1, 2, 3))
    assert (whole | half).all() and 150 < half.sum() < 250
    assert on_every_image(augmenter).layers[-1].probability == 1


def test_an_operation_derived_from_the_base_class_is_used_as_it_is():
    class Invert(RandomOperation):
        def transform(self, images):
            return 1 - images

    layer = Invert(0.3)
    assert build_augmenter(16, operations=[layer]).layers[-1] is layer
    assert layer.probability == 0.3
    assert build_augmenter(16, operations={"x": (layer, 0.7)}).layers[-1].probability == 0.7


def test_a_seeded_keras_layer_is_repeatable_and_can_be_saved(tmp_path):
    def build():
        zoom = keras.layers.RandomZoom(0.4, seed=3)
        return build_augmenter(16, operations={"zoom": (zoom, 0.5), "mine": Halve()}, seed=1)

    images, augmenter = levels(8), build()
    np.testing.assert_array_equal(augmenter(images), build()(images))
    augmenter.save(tmp_path / "augmenter.keras")
    copy = keras.models.load_model(tmp_path / "augmenter.keras")
    again = np.asarray(copy(images))
    assert len({view.tobytes() for view in again}) == 8
    assert [type(layer.layer).__name__ for layer in copy.layers[1:]] == ["RandomZoom", "Halve"]
    assert copy.layers[1].probability == 0.5


@pytest.mark.parametrize(
    "operations, message",
    [
        ({"crop": Halve()}, r"The names \['crop'\] are taken"),
        ({"mine": 1.0}, r"Unknown operations \['mine'\].*a `keras.Layer` of your own"),
        ({"mine": (Halve(), 2)}, "must be in 0 to 1. Received: mine 2"),
        (
            {"mine": keras.layers.Rescaling(255)},
            r"'mine' gets values from 0 to 1 and returns .* 255",
        ),
        ({"mine": keras.layers.RandomBrightness(0.5, seed=0)}, r"Many layers take `value_range"),
        (
            {"mine": keras.layers.CenterCrop(8, 8)},
            r"'mine' turns images of the shape \(16, 16, 3\) into \(8, 8, 3\)",
        ),
        ({"mine": keras.layers.Lambda(lambda images: images * np.nan)}, "'mine' .* nan"),
    ],
)
def test_layers_that_do_not_fit_are_refused(operations, message):
    with pytest.raises(ValueError, match=message):
        build_augmenter(16, operations=operations)


def test_settings_hold_names_and_numbers_only():
    check("operations", {"sobel": 0.5, "rotation": (1, 0.5), "rand_augment": 1})
    for operations in ({"mine": Halve()}, {"crop": Halve()}, {"mine": 1}):
        with pytest.raises(ParameterError, match="`operations` is"):
            check("operations", operations)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: RandomSobel(1.5), "`amount` must be in 0 to 1. Received: 1.5"),
        (lambda: RandomSharpness(-0.1), "`amount` must be in 0 to 1"),
        (lambda: RandomSolarization(2), "`threshold` must be in 0 to 1"),
        (lambda: RandomCutout(1.5), "`share` must be in 0 to 1"),
        (lambda: RandAugment(-1), "must not be negative. Received: -1"),
        (lambda: KerasOperation(Halve(), 1.2), "`probability` must be in 0 to 1"),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("kind, method", [(RandomMixture, "other"), (RandomEnhancement, "other")])
def test_a_base_class_needs_its_method(kind, method):
    with pytest.raises(NotImplementedError, match=f"{kind.__name__} must define `{method}"):
        kind(probability=1.0)(np.zeros([1, 8, 8, 3], "float32"))
