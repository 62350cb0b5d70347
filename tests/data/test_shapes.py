"""The embedded dataset: each shape, the factors, determinism, and clear errors."""

import numpy as np
import pytest

from simclr_utils.data import shapes
from simclr_utils.data.painting import MAX_DISTRACTORS, MIN_CONTRAST, TEXTURE_NAMES
from simclr_utils.data.shapes import (
    CLASS_NAMES,
    render_shapes,
    signed_distance,
)

LUMA = [0.299, 0.587, 0.114]
CLEAN = {"texture": "plain", "background_texture": "plain", "distractors": 0, "noise": 0.0}
CENTRED = {"x": 0.0, "y": 0.0, "angle": 0.0, "scale": 0.9}
PENTAGON = np.sin(np.radians(72)) * 5 / 2  # area of the regular pentagon of circumradius 1


def disc_overlap(radius, other, offset):
    """Area of the lens in which two discs overlap."""
    a = (offset**2 + radius**2 - other**2) / (2 * offset)
    b = offset - a
    return sum(
        r**2 * np.arccos(d / r) - d * np.sqrt(r**2 - d**2) for r, d in ((radius, a), (other, b))
    )


# For every shape: its area by school geometry, points inside, points outside, and the number of
# turns that bring it onto itself.
SHAPES = {
    "disc": (np.pi * 0.8**2, [(0, 0), (0.56, 0.56)], [(0.57, 0.57), (0, 0.81)], 7),
    "ring": (np.pi * (0.9**2 - 0.5**2), [(0.7, 0), (0, -0.88)], [(0, 0), (0.45, 0), (0, 0.92)], 7),
    "triangle": (np.sqrt(27) / 4, [(0, 0.98), (0.8, -0.48)], [(0, -0.52), (0.5, 0.3)], 3),
    "square": (1.4**2, [(0.69, 0.69), (-0.69, 0.0)], [(0.0, 0.71), (-0.71, -0.71)], 4),
    "pentagon": (0.95**2 * PENTAGON, [(0, 0.94), (0.5, -0.7)], [(0, -0.8), (0.6, 0.7)], 5),
    "star": (
        10 / 2 * 0.42 * np.sin(np.pi / 5),
        [(0, 0.97), (0, -0.4)],
        [(0, -0.45), (0.5, 0.5)],
        5,
    ),
    "plus": (2 * 1.8 * 0.56 - 0.56**2, [(0, 0.89), (-0.89, 0.27)], [(0.3, 0.3), (0, 0.91)], 4),
    "arrow": (
        0.78 * 0.86 + 0.52 * 1.02,
        [(0, 0.95), (0.7, 0.15), (0, -0.88)],
        [(0.5, 0), (0, -0.92)],
        1,
    ),
    "crescent": (
        np.pi * 0.92**2 - disc_overlap(0.92, 0.78, 0.5),
        [(-0.5, 0), (0.25, 0.87)],
        [(0, 0), (0.75, 0), (-0.85, 0)],
        1,
    ),
    "ell": (0.5 * 1.5 + 0.7 * 0.5, [(-0.4, 0.75), (0.55, -0.5)], [(0.3, 0.3), (0, -0.1)], 1),
}


def grid(size=400):
    steps = (np.arange(size) + 0.5) * 2.2 / size - 1.1
    return np.meshgrid(steps, steps)


def turned(x, y, turns):
    angle = 2 * np.pi / turns
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def coverage(picture, factors, index=0):
    """How much of each pixel the shape covers, read back from a clean picture."""
    shape, background = factors["color"][index], factors["background_color"][index]
    direction = shape - background
    return (picture / 255 - background) @ direction / (direction @ direction)


def test_every_class_is_tested():
    assert tuple(SHAPES) == CLASS_NAMES


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_outline(name):
    area, inside, outside, _ = SHAPES[name]
    x, y = grid()
    distance = signed_distance(name, x, y)
    assert np.mean(distance < 0) * 2.2**2 == pytest.approx(area, rel=0.01)
    assert np.hypot(x, y)[distance < 0].max() <= 1
    assert all(signed_distance(name, *point) < 0 for point in inside)
    assert all(signed_distance(name, *point) > 0 for point in outside)


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_distance_is_the_distance_to_the_outline(name):
    x, y = grid(1100)
    distance = signed_distance(name, x, y)
    crossing = np.zeros(x.shape, bool)
    crossing[:, :-1] |= (distance[:, :-1] < 0) != (distance[:, 1:] < 0)
    crossing[:-1] |= (distance[:-1] < 0) != (distance[1:] < 0)
    points = np.random.default_rng(0).uniform(-1.1, 1.1, (200, 2))
    nearest = np.hypot(points[:, :1] - x[crossing], points[:, 1:] - y[crossing]).min(axis=1)
    assert np.abs(signed_distance(name, *points.T)) == pytest.approx(nearest, abs=0.005)


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_symmetry(name):
    turns = SHAPES[name][3]
    x, y = grid(101)
    distance = signed_distance(name, x, y)
    assert signed_distance(name, *turned(x, y, turns)) == pytest.approx(distance, abs=1e-9)
    for other in range(2, 7):
        if turns != 7 and turns % other:
            assert np.abs(signed_distance(name, *turned(x, y, other)) - distance).max() > 0.05


@pytest.mark.parametrize("label", range(len(CLASS_NAMES)), ids=CLASS_NAMES)
def test_clean_picture_covers_the_expected_pixels(label):
    drawn = render_shapes(1, seed=3, labels=[label], fixed=CLEAN | CENTRED)
    covered = coverage(drawn.images[0], drawn.factors)
    fine = (np.arange(32 * 8) + 0.5) / (16 * 8) - 1  # 8 x 8 samples a pixel, y up
    x, y = np.meshgrid(fine, -fine)
    inside = signed_distance(CLASS_NAMES[label], x / 0.9, y / 0.9) < 0
    expected = inside.reshape(32, 8, 32, 8).mean(axis=(1, 3))
    assert np.abs(covered - expected).max() < 0.3  # a corner is rounder than its pixel's share
    assert np.abs(covered - expected).mean() < 0.01
    assert covered.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_float32_stays_float32_and_numbers_are_taken():
    x = np.zeros(3, np.float32)
    assert {signed_distance(name, x, x).dtype for name in CLASS_NAMES} == {np.dtype(np.float32)}
    assert {np.shape(signed_distance(name, 0, 1)) for name in CLASS_NAMES} == {()}


def test_same_seed_same_pictures_whatever_the_number_of_threads(monkeypatch):
    first = render_shapes(300, seed=4)
    monkeypatch.setattr(shapes, "available_cores", lambda: 1)
    again = render_shapes(300, seed=4)
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.labels, again.labels)
    assert all(np.array_equal(first.factors[name], again.factors[name]) for name in first.factors)


def test_other_seed_other_pictures():
    pictures = np.concatenate([render_shapes(200, seed=seed).images for seed in (0, 1, (0, 1))])
    assert len(np.unique(pictures.reshape(600, -1), axis=0)) == 600


def test_classes_are_balanced_and_in_random_order():
    drawn = render_shapes(1003, seed=5)
    assert drawn.images.shape == (1003, 32, 32, 3) and drawn.images.dtype == np.uint8
    assert drawn.labels.dtype == np.int64
    counts = np.bincount(drawn.labels)
    assert len(counts) == 10 and counts.max() - counts.min() == 1
    assert 0.03 < np.mean(drawn.labels[1:] == drawn.labels[:-1]) < 0.2


def test_labels_and_image_size():
    labels = [9, 0, 0, 5]
    drawn = render_shapes(4, image_size=48, labels=labels)
    assert drawn.labels.tolist() == labels and drawn.images.shape == (4, 48, 48, 3)


def test_factors_are_independent_of_the_class():
    drawn = render_shapes(4000, seed=6)
    one_hot = np.eye(10)[drawn.labels]
    for name, values in drawn.factors.items():
        assert len(values) == 4000
        codes = np.unique(values, return_inverse=True)[1].reshape(4000, -1)[:, 0]
        correlations = np.corrcoef(codes, one_hot.T)[0, 1:]
        assert np.abs(correlations).max() < 0.08, name  # five standard errors


def test_factors_agree_with_the_pixels():
    drawn = render_shapes(200, seed=7, fixed={"distractors": 0, "noise": 0.0})
    bright = drawn.images / 255 @ LUMA
    plain = drawn.factors["background_texture"] == "plain"
    corners = drawn.images[plain][:, 0, 0] / 255
    assert corners == pytest.approx(drawn.factors["background_color"][plain], abs=0.005)
    for prefix in ("", "background_"):
        color, lightness = drawn.factors[prefix + "color"], drawn.factors[prefix + "lightness"]
        assert color @ LUMA == pytest.approx(lightness, abs=1e-5)
        assert color.min() >= 0 and color.max() <= 1
    assert np.ptp(bright, axis=(1, 2)).min() > MIN_CONTRAST - 0.05


def test_shape_has_its_color_place_and_size():
    labels = np.zeros(60, int)  # discs
    drawn = render_shapes(60, seed=8, labels=labels, fixed=CLEAN)
    steps = (np.arange(32) + 0.5) / 16 - 1
    for index, picture in enumerate(drawn.images):
        factors = {name: values[index] for name, values in drawn.factors.items()}
        covered = coverage(picture, drawn.factors, index)
        assert picture[covered > 0.97].mean(0) / 255 == pytest.approx(factors["color"], abs=0.01)
        weight = covered / covered.sum()
        assert (weight.sum(0) * steps).sum() == pytest.approx(factors["x"], abs=0.02)
        assert (weight.sum(1) * -steps).sum() == pytest.approx(factors["y"], abs=0.02)
        radius = np.sqrt(covered.sum() / np.pi) / 16 / 0.8
        assert radius == pytest.approx(factors["scale"], rel=0.05)


def test_angle_turns_counter_clockwise():
    clean = CLEAN | CENTRED
    up, left = (
        render_shapes(1, labels=[7], fixed=clean | {"angle": angle}).images[0].astype(int)
        for angle in (0.0, np.pi / 2)
    )
    assert np.abs(np.rot90(up) - left).max() <= 2
    assert np.abs(up - left).max() > 30


@pytest.mark.parametrize("texture", TEXTURE_NAMES)
def test_shape_stands_out_whatever_the_texture(texture):
    fixed = CLEAN | CENTRED | {"texture": texture, "background_texture": texture}
    drawn = render_shapes(100, seed=9, labels=np.full(100, 3), fixed=fixed)
    bright = drawn.images / 255 @ LUMA
    shape, background = bright[:, 10:22, 10:22], bright[:, [0, -1]]
    spread = np.ptp(shape, axis=(1, 2))
    assert spread.max() < 0.01 if texture == "plain" else np.median(spread) > 0.03
    gap = np.maximum(
        shape.min((1, 2)) - background.max((1, 2)), background.min((1, 2)) - shape.max((1, 2))
    )
    assert gap.min() > 0.2


def test_fixing_one_factor_changes_only_that_one():
    free = render_shapes(50, seed=10)
    fixed = render_shapes(50, seed=10, fixed={"angle": np.linspace(0, 6, 50)})
    assert np.array_equal(free.labels, fixed.labels)
    assert fixed.factors["angle"] == pytest.approx(np.linspace(0, 6, 50))
    for name in set(free.factors) - {"angle"}:
        assert np.array_equal(free.factors[name], fixed.factors[name]), name
    changed = (free.images != fixed.images).any(axis=-1)
    assert 0 < changed.mean() < 0.5  # the shape turned; the background did not move


def test_distractors_and_noise_show():
    quiet = {"noise": 0.0, "distractors": 0}
    none, many, noisy = (
        render_shapes(40, seed=11, fixed=quiet | change).images.astype(float) / 255
        for change in ({}, {"distractors": MAX_DISTRACTORS}, {"noise": 0.05})
    )
    assert 0.01 < np.mean(np.abs(many - none).max(-1) > 0.05) < 0.15
    assert np.std(noisy - none) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_images": 0}, "`num_images` is 0"),
        ({"num_images": 2.5}, "`num_images` is 2.5"),
        ({"image_size": 4}, "`image_size` is 4.*at least 8"),
        ({"labels": [0, 1]}, "`labels` is .*expected 3"),
        ({"labels": [0, 1, 10]}, "`labels` is .*0 to 9"),
        ({"fixed": {"size": 1.0}}, "Unknown factor 'size'.*scale"),
        ({"fixed": {"color": 1.0}}, "Unknown factor 'color'"),
        ({"fixed": {"scale": 0.0}}, "'scale'.*is 0.0.*0.05"),
        ({"fixed": {"angle": float("nan")}}, "'angle'.*nan"),
        ({"fixed": {"x": "left"}}, "'x'.*'left'.*a number"),
        ({"fixed": {"y": [0.0, 0.1]}}, r"'y'.*\(3,\)"),
        ({"fixed": {"texture": "wool"}}, "'texture'.*'wool'.*stripes"),
        ({"fixed": {"distractors": 9}}, "'distractors'.*9.*one of"),
        ({"fixed": {"lightness": 0.5, "background_lightness": 0.6}}, "0.35 apart"),
    ],
)
def test_clear_errors(arguments, words):
    with pytest.raises(ValueError, match=words):
        render_shapes(**({"num_images": 3} | arguments))


def test_unknown_shape():
    with pytest.raises(ValueError, match="'blob'.*crescent"):
        signed_distance("blob", 0.0, 0.0)
