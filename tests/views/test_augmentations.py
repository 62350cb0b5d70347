"""The views: what each operation does to pixels, how it draws, and how they are composed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage, stats

from simclr_utils.training.simclr import SimCLR
from simclr_utils.views import recipe
from simclr_utils.views.color import RandomColorJitter, RandomGrayscale
from simclr_utils.views.crop import RandomResizedCrop
from simclr_utils.views.enhance import RandomSharpness
from simclr_utils.views.filters import RandomGaussianBlur, RandomGaussianNoise, RandomSobel
from simclr_utils.views.geometry import (
    RandomCutout,
    RandomFlip,
    RandomQuarterTurns,
    RandomVerticalFlip,
    build_tilt,
)
from simclr_utils.views.layers import RandomOperation
from simclr_utils.views.rand_augment import RandAugment
from simclr_utils.views.recipe import OPERATIONS, build_augmenter
from simclr_utils.views.tones import RandomEqualization, RandomSolarization, build_posterization

pytestmark = pytest.mark.numbers

LUMA = np.array([0.299, 0.587, 0.114])
# Each operation as it changes an image, by its chance; a crop has none.
BUILD = {
    "crop": lambda p, seed=0: RandomResizedCrop(16, seed=seed),
    "flip": lambda p, seed=0: RandomFlip(p, seed=seed),
    "color_jitter": lambda p, seed=0: RandomColorJitter(0.4, 0.4, 0.4, 0.1, p, seed=seed),
    "grayscale": lambda p, seed=0: RandomGrayscale(1.0, p, seed=seed),
    "blur": lambda p, seed=0: RandomGaussianBlur((0.5, 2.0), p, seed=seed),
    "noise": lambda p, seed=0: RandomGaussianNoise(0.1, p, seed=seed),
    "vertical_flip": lambda p, seed=0: RandomVerticalFlip(p, seed=seed),
    "rotation": lambda p, seed=0: RandomQuarterTurns(p, seed=seed),
    "tilt": lambda p, seed=0: build_tilt(30, p, seed=seed),
    "rand_augment": lambda p, seed=0: RandAugment(1.0, 1, p, seed=seed),
    "equalize": lambda p, seed=0: RandomEqualization(1.0, p, seed=seed),
    "posterize": lambda p, seed=0: build_posterization(1.0, p, seed=seed),
    "solarize": lambda p, seed=0: RandomSolarization(0.5, p, seed=seed),
    "sharpness": lambda p, seed=0: RandomSharpness(0.9, p, seed=seed),
    "sobel": lambda p, seed=0: RandomSobel(1.0, p, seed=seed),
    "cutout": lambda p, seed=0: RandomCutout(0.5, seed=seed, probability=p),
}
# With these, equal images have few different views.
FEW_KINDS = ("flip", "vertical_flip", "rotation", "grayscale", "equalize", "posterize", "solarize",
             "sobel", "rand_augment")  # fmt: skip
BASIC = ("crop", "flip", "color_jitter", "grayscale", "blur", "noise")
BY_CHANCE = [name for name in BUILD if name != "crop"]


def pictures(count=1, height=16, width=16, channels=3, low=0.0, high=1.0):
    random = np.random.default_rng(0)
    return random.uniform(low, high, (count, height, width, channels)).astype("float32")


def repeated(count=64, channels=3):
    """The same uint8 picture, `count` times."""
    return np.repeat((pictures(channels=channels) * 255).astype("uint8"), count, axis=0)


def number_of_kinds(images):
    return len({np.asarray(image).tobytes() for image in images})


def record(layer):
    """Lets a layer note its draws: a list that grows by one array for each."""
    draws, original = [], layer.per_image

    def per_image(*args, **options):
        draws.append(np.asarray(original(*args, **options)))
        return draws[-1]

    layer.per_image = per_image
    return draws


def always_high(layer):
    """Lets a layer draw the upper end of each range."""
    layer.per_image = lambda images, low, high: tf.fill([len(images), 1, 1, 1], float(high))
    return layer


def test_every_operation_is_tried_here():
    assert set(BUILD) == set(OPERATIONS)


# Independence: per image, per view, per call, traced or not.


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize("name", [*BUILD, "augmenter"])
def test_every_image_and_every_call_is_drawn_anew(name, traced):
    keras.utils.set_random_seed(0)
    layer = BUILD[name](0.5, None) if name in BUILD else build_augmenter(16, operations=BASIC)
    views = tf.function(layer) if traced else layer
    images = tf.cast(repeated(), "float32") / 255 if isinstance(layer, RandomOperation) else None
    images = repeated() if images is None else images
    first, second = np.asarray(views(images)), np.asarray(views(images))
    least = 2 if name in FEW_KINDS else 16
    for batch in (first, second):
        assert number_of_kinds(batch) >= least
    assert np.abs(first - second).max() > 1e-3
    # Another batch size traces the function again, and does not begin again.
    fewer = np.asarray(views(images[:32]))
    assert number_of_kinds(fewer) >= min(least, 8)
    for earlier in (first, second):
        assert np.abs(fewer - earlier[:32]).max() > 1e-3
    if name not in BASIC and not traced:
        return  # to trace costs time
    # So does a second function around the same layer.
    again = np.asarray(tf.function(lambda x: layer(x))(images))
    for earlier in (first, second):
        assert np.abs(again - earlier).max() > 1e-3


def test_two_views_inside_one_function_differ():
    augmenter = build_augmenter(16)
    both = tf.function(lambda images: (augmenter(images), augmenter(images)))
    first, second = both(repeated())
    distance = np.abs(first - second).max(axis=(1, 2, 3))
    assert np.mean(distance > 1e-3) > 0.95  # two crops may be equal by chance


class Seen(SimCLR):
    """Returns what the loss saw, in place of its value."""

    def update_metrics(self, loss, projections_1, projections_2):
        return {"first": projections_1, "second": projections_2}


def test_the_two_views_of_a_training_step_differ():
    inputs = keras.Input((16, 16, 3))
    copy_pixels = keras.layers.Dense(16 * 16 * 3, use_bias=False, kernel_initializer="identity")
    encoder = keras.Model(inputs, copy_pixels(keras.layers.Flatten()(inputs)))
    model = Seen(build_augmenter(16, seed=0), encoder, keras.layers.Identity())
    model.compile(keras.optimizers.SGD(0.0))
    step = tf.function(model.train_step)
    batches = [step(repeated(8)) for _ in range(2)]
    views = [np.asarray(batch[name]) for batch in batches for name in ("first", "second")]
    assert number_of_kinds(np.concatenate(views)) == 4 * 8
    for i, view in enumerate(views):
        for other in views[:i]:
            assert (np.abs(view - other).max(axis=1) > 1e-3).all()


def test_a_seed_makes_the_views_repeatable():
    images = repeated(8)
    runs = []
    for seed in (3, 3, 4):
        augmenter = build_augmenter(16, seed=seed)
        runs.append(np.stack([augmenter(images), augmenter(images)]))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).max() > 0.01


def streams(seed):
    """The first numbers that each operation of an augmenter draws, by name."""
    operations = recipe.build_operations(16, dict.fromkeys(OPERATIONS, 1.0), seed=seed)
    draws = [layer.per_image(tf.zeros([4, 1]), 0.0, 1.0).numpy() for layer in operations]
    return dict(zip(OPERATIONS, (each.tobytes() for each in draws), strict=True))


def test_no_two_operations_share_a_random_stream():
    """With sums, such as seed + index, the flip of seed 0 and the crop of seed 1 would."""
    states = []
    for seed in range(8):
        layers = recipe.build_operations(16, dict.fromkeys(OPERATIONS, 1.0), seed=seed)
        states += [state.numpy().tobytes() for layer in layers for state in layer.variables]
    # Beside those of the operations themselves: of Keras' layers in two of them, and in
    # RandAugment of its 14 changes and of Keras' layers in six of them.
    assert len(set(states)) == len(states) == 8 * (len(OPERATIONS) + 2 + 14 + 6)


def test_a_new_operation_leaves_the_streams_of_the_others_alone(monkeypatch):
    before = streams(3)
    grown = {"invert": lambda s, size, seed: RandomFlip(0.5, seed), **OPERATIONS}
    monkeypatch.setattr(recipe, "OPERATIONS", grown)
    alone = recipe.build_operations(16, {"noise": 1.0}, seed=3)[0]
    assert alone.per_image(tf.zeros([4, 1]), 0.0, 1.0).numpy().tobytes() == before["noise"]


@pytest.mark.parametrize("name", [name for name in BUILD if name != "crop"])
def test_training_and_inference_draw_alike(name):
    images = repeated() / np.float32(255)
    views = [np.asarray(BUILD[name](0.5)(images, training=mode)) for mode in (True, False)]
    np.testing.assert_array_equal(*views)
    assert number_of_kinds(views[1]) > 1


@pytest.mark.parametrize("name", BY_CHANCE)
@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_the_chance_of_a_change(name, probability):
    images = np.repeat(pictures(low=0.2, high=0.8), 1000, axis=0)
    layer = BUILD[name](probability)
    if name in ("rand_augment", "cutout"):  # their change may be none
        layer.transform = lambda images: 1 - images
    changed = np.abs(np.asarray(layer(images)) - images).max(axis=(1, 2, 3))
    count = int(np.sum(changed > 1e-5))
    if probability in (0, 1):
        assert count == 1000 * probability
    else:
        assert stats.binomtest(count, 1000, probability).pvalue > 1e-3


# What each operation does to the pixels.


@pytest.mark.parametrize("height, width, size", [(16, 16, 16), (32, 20, 16), (20, 40, 12)])
def test_crop_is_bilinear_interpolation(height, width, size):
    images = pictures(64, height, width)
    layer = RandomResizedCrop(size, (0.1, 0.8), seed=0)
    boxes = layer.sample_boxes(images).numpy()
    layer.sample_boxes = lambda images: tf.constant(boxes)
    views = layer(images).numpy()
    compared = 0
    for image, (top, left, tall, wide), view in zip(images, boxes, views, strict=True):
        rows = (top + tall * (np.arange(size) + 0.5) / size) * height - 0.5
        columns = (left + wide * (np.arange(size) + 0.5) / size) * width - 0.5
        if min(rows[0], columns[0]) < 0 or rows[-1] > height - 1 or columns[-1] > width - 1:
            continue  # at the border: the next test
        grid = np.meshgrid(rows, columns, indexing="ij")
        expected = [ndimage.map_coordinates(image[..., c], grid, order=1) for c in range(3)]
        np.testing.assert_allclose(view, np.stack(expected, axis=-1), rtol=0, atol=1e-4)
        compared += 1
    assert compared > 20


def test_crop_stays_within_a_quarter_pixel_at_the_border():
    """On a ramp, the value of a pixel is where it was taken from."""
    ramp = np.broadcast_to(np.arange(16, dtype="float32")[:, None], (1, 16, 16))[..., None]
    for corner in (0.0, 0.5):
        layer = RandomResizedCrop(16)
        layer.sample_boxes = lambda images, corner=corner: tf.constant([[corner, 0.0, 0.5, 1.0]])
        expected = np.clip(16 * corner + 8 * (np.arange(16) + 0.5) / 16 - 0.5, 0, 15)
        rows = layer(ramp)[0, :, 0, 0].numpy()
        np.testing.assert_allclose(rows, expected, rtol=0, atol=0.26)
        assert rows.min() >= 0 and rows.max() <= 15


def test_the_full_box_returns_the_image():
    images = pictures(4, 20, 20)
    layer = RandomResizedCrop(20, scale=(1, 1), aspect_ratio=(1, 1))
    np.testing.assert_allclose(layer(images), images, rtol=0, atol=1e-6)


def test_flip_mirrors_left_and_right():
    images = pictures(4, 10, 12)
    np.testing.assert_array_equal(RandomFlip(1.0)(images), images[:, :, ::-1])


def jittered(channels=3, images=None, **strengths):
    strengths = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, **strengths}
    layer = RandomColorJitter(**strengths, probability=1.0, seed=1)
    draws = record(layer)
    images = pictures(16, channels=channels) if images is None else images
    return images, layer(images).numpy(), draws


def mean_luma(images):
    gray = images[..., 0] if images.shape[-1] == 1 else images @ LUMA
    return gray.mean(axis=(1, 2))[:, None, None, None]


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_multiplies(channels):
    images, views, draws = jittered(channels, brightness=0.8)
    assert np.ptp(draws[0]) > 0.5 and draws[0].min() >= 0.2 and draws[0].max() <= 1.8
    np.testing.assert_allclose(views, np.clip(draws[0] * images, 0, 1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_spreads_around_the_mean_luma(channels):
    images, views, draws = jittered(channels, contrast=0.8)
    mean = mean_luma(images)
    expected = np.clip(mean + draws[1] * (images - mean), 0, 1)
    assert np.ptp(draws[1]) > 0.5
    np.testing.assert_allclose(views, expected, rtol=0, atol=1e-5)


def test_saturation_spreads_around_each_pixels_luma():
    images, views, draws = jittered(saturation=0.8)
    gray = (images @ LUMA)[..., None]
    expected = np.clip(gray + draws[2] * (images - gray), 0, 1)
    assert np.ptp(draws[2]) > 0.5
    np.testing.assert_allclose(views, expected, rtol=0, atol=1e-5)


def test_hue_turns_colours_and_keeps_luma():
    images, views, _ = jittered(images=pictures(8, low=0.4, high=0.6), hue=0.5)
    assert np.abs(views - images).max() > 0.05
    np.testing.assert_allclose(views @ LUMA, images @ LUMA, rtol=0, atol=1e-5)


def test_half_a_turn_of_hue_gives_the_opposite_colour():
    images = pictures(4, low=0.4, high=0.6)
    views = always_high(RandomColorJitter(0, 0, 0, 0.5, 1.0))(images)
    gray = (images @ LUMA)[..., None]
    np.testing.assert_allclose(views, gray - (images - gray), rtol=0, atol=1e-4)


def test_three_thirds_of_a_turn_come_home():
    images = pictures(4, low=0.4, high=0.6)
    layer = always_high(RandomColorJitter(0, 0, 0, 1 / 3, 1.0))
    once = layer(images)
    assert np.abs(once - images).max() > 0.05
    np.testing.assert_allclose(layer(layer(once)), images, rtol=0, atol=1e-4)


def test_all_four_together():
    """Values that stay within 0..1, so that the cut at the end does not matter."""
    images = pictures(16, low=0.4, high=0.6)
    _, views, (brightness, contrast, saturation, turn, *_) = jittered(
        images=images, brightness=0.3, contrast=0.3, saturation=0.3, hue=0.2
    )
    yiq = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    expected = []
    for i, image in enumerate(images):
        y, in_phase, quadrature = np.moveaxis(image @ yiq.T, -1, 0)
        chroma = (in_phase + 1j * quadrature) * np.exp(2j * np.pi * turn[i, 0, 0, 0])
        chroma = chroma * saturation[i, 0, 0, 0]
        turned = np.stack([y, chroma.real, chroma.imag], axis=-1) @ np.linalg.inv(yiq).T
        mean = (image @ LUMA).mean()
        expected.append(brightness[i] * (mean + contrast[i] * (turned - mean)))
    np.testing.assert_allclose(views, expected, rtol=0, atol=1e-5)


def test_gray_pictures_have_no_hue_or_saturation_to_change():
    gray = np.repeat(pictures(8, channels=1), 3, axis=-1)
    _, views, _ = jittered(images=gray, saturation=0.8, hue=0.5)
    np.testing.assert_allclose(views, gray, rtol=0, atol=1e-5)


def test_grayscale_is_pillows_luma():
    images = (pictures(4) * 255).astype("uint8")
    views = RandomGrayscale(1.0, 1.0)(images.astype("float32") / 255).numpy()
    assert views.shape == images.shape
    expected = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])
    np.testing.assert_allclose(views * 255, np.repeat(expected[..., None], 3, -1), atol=1.01)
    np.testing.assert_array_equal(views[..., 0], views[..., 2])
    half = RandomGrayscale(0.5, 1.0)(images.astype("float32") / 255)
    np.testing.assert_allclose(half, (views + images / 255) / 2, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("size", [16, 40, 64])
def test_blur_is_scipys(sigma, size):
    images = pictures(2, size, size)
    radius = max(1, size // 20)
    expected = ndimage.gaussian_filter(
        images, (0, sigma, sigma, 0), mode="reflect", radius=(0, radius, radius, 0)
    )
    views = RandomGaussianBlur((sigma, sigma), 1.0)(images)
    np.testing.assert_allclose(views, expected, rtol=0, atol=1e-5)


def test_every_image_has_its_own_blur():
    images = np.repeat(pictures(1, 40, 40), 4, axis=0)
    layer = RandomGaussianBlur((0.3, 2.0), 1.0, seed=0)
    draws = record(layer)
    views = layer(images)
    for view, image, sigma in zip(views, images, draws[0].ravel(), strict=True):
        widths, radii = (sigma, sigma, 0), (2, 2, 0)
        expected = ndimage.gaussian_filter(image, widths, mode="reflect", radius=radii)
        np.testing.assert_allclose(view, expected, rtol=0, atol=1e-5)


def test_noise_has_the_spread_that_was_drawn():
    images = np.full((32, 32, 32, 3), 0.5, "float32")
    layer = RandomGaussianNoise(0.1, 1.0, seed=0)
    draws = record(layer)
    noise = layer(images).numpy() - 0.5
    stddev = draws[0].ravel()
    assert stddev.min() < 0.02 and 0.08 < stddev.max() <= 0.1
    np.testing.assert_allclose(noise.std(axis=(1, 2, 3)), stddev, rtol=0.06)
    np.testing.assert_allclose(noise.mean(axis=(1, 2, 3)), 0, atol=0.01)
    standard = (noise / stddev[:, None, None, None])[0]
    assert stats.kstest(standard.ravel(), "norm").pvalue > 1e-3
    for a, b in ((standard[:-1], standard[1:]), (standard[..., 0], standard[..., 1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.1


# How the boxes of resized crops are distributed.


def boxes_of(layer, count, height, width):
    """Area, pixel aspect ratio, and the two places in 0..1, of `count` boxes."""
    boxes = layer.sample_boxes(np.zeros((count, height, width, 1), "float32")).numpy()
    top, left, tall, wide = boxes.astype("float64").T
    assert min(top.min(), left.min()) >= 0
    assert max((top + tall).max(), (left + wide).max()) <= 1 + 1e-6
    with np.errstate(invalid="ignore"):
        places = top / (1 - tall), left / (1 - wide)
    return tall * wide, wide * width / (tall * height), *places


@pytest.mark.parametrize("height, width", [(16, 16), (18, 16)])
def test_boxes_are_distributed_as_stated_where_all_fit(height, width):
    layer = RandomResizedCrop(16, scale=(0.2, 0.6), seed=0)
    area, aspect, *places = boxes_of(layer, 20_000, height, width)
    uniform = {
        "area": (area - 0.2) / 0.4,
        "log aspect": np.log(aspect / 0.75) / np.log((4 / 3) / 0.75),
        "top": places[0],
        "left": places[1],
    }
    for name, values in uniform.items():
        assert stats.kstest(values, "uniform").pvalue > 1e-3, name
    correlations = np.corrcoef(np.stack(list(uniform.values()))) - np.eye(4)
    assert np.abs(correlations).max() < 0.03


def rejection_sampling(count, height, width, scale, aspect_ratio, seed=0):
    """The stated procedure, one box at a time: ten draws, the first that fits, or the whole."""
    random, boxes = np.random.default_rng(seed), []
    for _ in range(count):
        box = (height, width)
        for _ in range(10):
            area = random.uniform(*scale) * height * width
            ratio = np.exp(random.uniform(*np.log(aspect_ratio)))
            wide, tall = np.sqrt(area * ratio), np.sqrt(area / ratio)
            if wide <= width and tall <= height:
                box = (tall, wide)
                break
        boxes.append(box)
    tall, wide = np.array(boxes).T
    return tall * wide / (height * width), wide / tall


@pytest.mark.parametrize(
    "height, width, aspect_ratio", [(16, 16, (3 / 4, 4 / 3)), (16, 32, (1 / 2, 2))]
)
def test_boxes_are_distributed_as_stated_where_some_do_not_fit(height, width, aspect_ratio):
    layer = RandomResizedCrop(16, (0.08, 1.0), aspect_ratio, seed=0)
    area, aspect, *places = boxes_of(layer, 20_000, height, width)
    expected = rejection_sampling(20_000, height, width, (0.08, 1.0), aspect_ratio)
    assert stats.ks_2samp(area, expected[0]).pvalue > 1e-3
    assert stats.ks_2samp(aspect, expected[1]).pvalue > 1e-3
    assert stats.kstest(area, stats.uniform(0.08, 0.92).cdf).pvalue < 1e-3  # that is the point
    for place in places:
        assert stats.kstest(place[np.isfinite(place)], "uniform").pvalue > 1e-3


def test_the_whole_image_is_taken_where_nothing_fits():
    boxes = RandomResizedCrop(16, (0.9, 1), (2, 3)).sample_boxes(np.zeros((9, 16, 16, 3), "f"))
    np.testing.assert_array_equal(boxes, [[0, 0, 1, 1]] * 9)


# The recipe.


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("by_name", [False, True])
def test_strength_zero_is_the_identity(channels, by_name):
    names = [name for name in (BASIC if by_name else OPERATIONS) if name != "flip"]
    options = {"operations": dict.fromkeys(names, 0)} if by_name else {"operations": names}
    augmenter = build_augmenter(16, **options, strength=1 if by_name else 0, channels=channels)
    images = repeated(8, channels)
    np.testing.assert_allclose(augmenter(images), images / 255, rtol=0, atol=1e-5)


def test_strengths_multiply_and_the_order_is_fixed():
    operations = {"noise": 1.0, "color_jitter": 0.5, "crop": 0.5}
    rescaling, crop, jitter, noise = build_augmenter(20, 0.5, operations).layers
    assert crop.scale == pytest.approx((1 - 0.92 / 4, 1)) and crop.image_size == 20
    expected = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05}
    assert jitter.ranges == pytest.approx(expected) and jitter.probability == 0.8
    assert noise.max_stddev == pytest.approx(0.05)


def test_strength_one_is_the_papers_recipe():
    _, crop, flip, jitter, grayscale = build_augmenter(32).layers
    assert crop.scale == pytest.approx((0.08, 1)) and flip.probability == 0.5
    assert crop.aspect_ratio == pytest.approx((3 / 4, 4 / 3))
    assert list(jitter.ranges.values()) == pytest.approx([0.8, 0.8, 0.8, 0.2])
    assert (jitter.probability, grayscale.probability, grayscale.amount) == (0.8, 0.2, 1)
    blur = build_augmenter(32, operations=["blur"]).layers[-1]
    assert blur.sigma == pytest.approx((0.1, 2)) and blur.probability == 0.5


@pytest.mark.parametrize("size, new_size", [((20, 20), 16), ((24, 16), 32)])
def test_views_have_the_size_asked_for_and_lie_in_0_to_1(size, new_size):
    images = (pictures(8, *size) * 255).astype("uint8")
    names = BASIC if new_size == 16 else tuple(OPERATIONS)
    views = build_augmenter(new_size, 2.0, names, seed=0)(images)
    assert views.shape == (8, new_size, new_size, 3) and views.dtype == tf.float32
    assert views.numpy().min() >= 0 and views.numpy().max() <= 1


def test_one_channel_drops_colour_and_says_so(capsys):
    augmenter = build_augmenter(16, operations=tuple(OPERATIONS), channels=1, seed=0)
    printed = capsys.readouterr().out
    assert printed == (
        "One-channel images: no grayscale, and color_jitter without saturation and hue.\n"
    )
    assert not any(isinstance(layer, RandomGrayscale) for layer in augmenter.layers)
    views = augmenter(repeated(64, channels=1)).numpy()
    assert views.shape == (64, 16, 16, 1) and number_of_kinds(views) > 32
    build_augmenter(16, operations=("crop", "flip"), channels=1)
    build_augmenter(16)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "options, message",
    [
        ({"operations": ("crop", "twist")}, r"Unknown operations \['twist'\]. Choose from \['crop"),
        ({"strength": -1}, "must not be negative. Received: crop -1"),
        ({"operations": {"blur": -0.5}}, "must not be negative"),
        ({"operations": {"blur": (0.5, 1.5)}}, "must be in 0 to 1. Received: blur 1.5"),
        ({"channels": 4}, "1 or 3. Received: 4"),
    ],
)
def test_wrong_recipes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build_augmenter(16, **options)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: RandomFlip(1.2), "0 to 1. Received: 1.2"),
        (lambda: RandomFlip(-0.1), "0 to 1. Received: -0.1"),
        (lambda: RandomResizedCrop(16, scale=(0, 1)), r"Received: \(0, 1\)"),
        (lambda: RandomResizedCrop(16, scale=(0.5, 0.2)), r"Received: \(0.5, 0.2\)"),
        (lambda: RandomResizedCrop(16, scale=(0.5, 1.2)), r"Received: \(0.5, 1.2\)"),
        (lambda: RandomResizedCrop(16, aspect_ratio=(2, 1)), r"Received: \(2, 1\)"),
        (lambda: RandomGaussianBlur((0, 1)), r"Received: \(0, 1\)"),
        (lambda: RandomColorJitter(0.1, 0.1, 0.1, 0.6), "`hue` at most 0.5"),
        (lambda: RandomColorJitter(-0.1, 0.1, 0.1, 0.1), "must be at least 0"),
    ],
)
def test_wrong_operations_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_an_operation_needs_a_transform():
    with pytest.raises(NotImplementedError, match="RandomOperation must define"):
        RandomOperation()(pictures())


@pytest.mark.parametrize("name", BUILD)
def test_operations_can_be_saved(name):
    layer = BUILD[name](0.7, seed=5)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer) and copy.get_config() == layer.get_config()
    assert copy.probability == (1 if name == "crop" else 0.7)
    images = pictures(16)
    np.testing.assert_array_equal(copy(images), layer(images))  # the seed is part of it


def test_an_augmenter_can_be_saved(tmp_path):
    augmenter = build_augmenter(16, 0.7, (*BASIC, "tilt", "cutout"), seed=2)
    images = repeated(8)
    first, second = np.asarray(augmenter(images)), np.asarray(augmenter(images))
    augmenter.save(tmp_path / "augmenter.keras")
    copy = keras.models.load_model(tmp_path / "augmenter.keras")
    np.testing.assert_array_equal(copy(images), first)  # the seed is saved, not where it stood
    np.testing.assert_array_equal(copy(images), second)


def test_where_the_draws_stand_is_among_the_variables():
    """What a checkpoint has to hold, for a resumed run to equal one that was not stopped."""
    images, augmenters = repeated(8), [build_augmenter(16, seed=2) for _ in range(2)]
    for _ in range(3):
        augmenters[0](images)
    augmenters[1](images)
    assert np.abs(augmenters[0](images) - augmenters[1](images)).max() > 0.01
    for target, source in zip(augmenters[1].variables, augmenters[0].variables, strict=True):
        target.assign(source)
    views = [np.asarray(augmenter(images)) for augmenter in augmenters]
    np.testing.assert_array_equal(*views)


def all_operations(images):
    """The images after all operations, one after the other."""
    for layer in recipe.build_operations(16, dict.fromkeys(OPERATIONS, 1.0), seed=0):
        images = layer(images)
    return images


def test_pixels_stay_float32_under_mixed_precision():
    images = repeated(8) / np.float32(255)
    expected = all_operations(images)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        views = all_operations(images)
    finally:
        keras.config.set_dtype_policy("float32")
    assert views.dtype == tf.float32
    np.testing.assert_allclose(views, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("new_size", [16, 24])
def test_a_recipe_can_have_probabilities(new_size):
    images = repeated(400)
    whole = RandomResizedCrop(new_size, (1, 1), (1, 1))(images[:1] / np.float32(255)).numpy()
    crop = {"crop": (1.0, 0.25)}
    views = build_augmenter(new_size, operations=crop, seed=0)(images).numpy()
    left = np.abs(views - whole).max(axis=(1, 2, 3)) < 1e-4
    assert 0.68 < left.mean() < 0.82
    _, layer = build_augmenter(16, operations=crop).layers
    assert layer.from_config(layer.get_config()).probability == 0.25


@pytest.mark.parametrize("size", [8, 28, 32, 33, 96, 224])
def test_no_crop_reaches_beyond_the_image(size):
    white = np.ones([400 if size < 96 else 60, size, size, 1], "float32")
    for scale in ((0.08, 1.0), (0.5, 1.0), (1.0, 1.0)):
        crop = RandomResizedCrop(32, scale=scale, seed=0)
        for _ in range(5):
            assert float(tf.reduce_min(crop(white))) > 0.999
