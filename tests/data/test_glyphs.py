"""The embedded dataset of signs: the script, the factors, determinism, and clear errors."""

import numpy as np
import pytest

from simclr_utils.data import glyphs
from simclr_utils.data.glyphs import CLASS_NAMES, NUM_KINDS, render_glyphs, script

CLEAN = {"texture": "plain", "background_texture": "plain", "distractors": 0, "noise": 0.0}
CENTERED = {"x": 0.0, "y": 0.0, "angle": 0.0, "slant": 0.0, "scale": 0.9, "wobble": 0.0}
LUMA = [0.299, 0.587, 0.114]


def ink(drawn, index=0):
    """How much of each pixel the strokes cover, read back from a clean picture."""
    color, background = (drawn.factors[name][index] for name in ("color", "background_color"))
    direction = color - background
    return (drawn.images[index] / 255 - background) @ direction / (direction @ direction)


def test_script_is_the_same_for_every_seed_and_has_no_sign_twice():
    signs = script()
    assert signs.shape == (NUM_KINDS, 3, 3, 2)
    num_strokes = (~np.isnan(signs[:, :, 0, 0])).sum(axis=1)
    assert set(num_strokes) == {2, 3}
    drawn = render_glyphs(NUM_KINDS, kinds=np.arange(NUM_KINDS), fixed={**CLEAN, **CENTERED})
    masks = np.stack([ink(drawn, each) for each in range(NUM_KINDS)]) > 0.5
    for first in range(NUM_KINDS):
        for second in range(first):
            both = (masks[first] & masks[second]).sum() / (masks[first] | masks[second]).sum()
            assert both < 0.75, (first, second)


def test_signs_fill_the_same_box():
    curves = glyphs._curve(script())
    reach = np.nanmax(np.abs(curves), axis=(1, 2, 3))
    np.testing.assert_allclose(reach, glyphs._REACH, atol=1e-5)


def test_strokes_are_where_the_curves_are():
    drawn = render_glyphs(4, kinds=[0, 1, 2, 3], fixed={**CLEAN, **CENTERED, "stroke_width": 0.1})
    for index in range(4):
        points = glyphs._curve(script()[index]).reshape(-1, 2)
        points = 0.9 * points[~np.isnan(points[:, 0])]
        columns, rows = ((points[:, 0] + 1) * 16).astype(int), ((1 - points[:, 1]) * 16).astype(int)
        inside = (columns >= 0) & (columns < 32) & (rows >= 0) & (rows < 32)
        assert (ink(drawn, index)[rows[inside], columns[inside]] > 0.9).all()
        assert np.mean(ink(drawn, index) < 0.1) > 0.4


def test_same_seed_same_pictures_whatever_the_number_of_threads(monkeypatch):
    first = render_glyphs(200, seed=5)
    monkeypatch.setattr(glyphs, "available_cores", lambda: 1)
    second = render_glyphs(200, seed=5)
    assert (first.images == second.images).all() and (first.kinds == second.kinds).all()
    assert (first.images != render_glyphs(200, seed=6).images).any()


def test_kinds_are_balanced_and_in_random_order():
    kinds = render_glyphs(640, seed=1).kinds
    assert (np.bincount(kinds) == 10).all() and (np.diff(kinds) < 0).any()
    assert set(render_glyphs(50, seed=1, num_kinds=10).kinds) == set(range(10))
    assert len(CLASS_NAMES) == 10


@pytest.mark.parametrize(
    "name, size", [("x", 0.2), ("y", 0.2), ("scale", 0.1), ("angle", 0.4), ("slant", 0.4)]
)
def test_factors_move_the_strokes(name, size):
    fixed = {**CLEAN, **CENTERED, "scale": 0.6}
    before = ink(render_glyphs(1, kinds=[0], fixed=fixed))
    after = ink(render_glyphs(1, kinds=[0], fixed={**fixed, name: fixed[name] + size}))
    weights = np.clip(before, 0, 1), np.clip(after, 0, 1)
    columns, rows = np.meshgrid(np.arange(32), np.arange(32))
    assert np.abs(before - after).max() > 0.5
    if name == "x":
        moved = [np.average(columns, weights=weight) for weight in weights]
        assert moved[1] - moved[0] == pytest.approx(16 * size, abs=0.2)
    if name == "y":
        moved = [np.average(rows, weights=weight) for weight in weights]
        assert moved[0] - moved[1] == pytest.approx(16 * size, abs=0.2)


def test_fixing_one_factor_changes_only_that_one():
    free, fixed = render_glyphs(30, seed=2), render_glyphs(30, seed=2, fixed={"hue": 0.5})
    for name, values in free.factors.items():
        same = np.array_equal(values, fixed.factors[name])
        assert same == (name not in ("hue", "color")), name


def test_wobble_bends_the_same_sign_differently():
    fixed = {**CLEAN, **CENTERED, "stroke_width": 0.1}
    still = render_glyphs(2, kinds=[4, 4], fixed=fixed)
    assert np.abs(ink(still, 0) - ink(still, 1)).max() < 0.1
    shaken = render_glyphs(2, kinds=[4, 4], fixed={**fixed, "wobble": 0.15})
    assert np.abs(ink(shaken, 0) - ink(shaken, 1)).max() > 0.5


def test_factors_are_independent_of_the_kind():
    drawn = render_glyphs(4000, seed=3, num_kinds=10)
    for name in ("x", "scale", "hue", "stroke_width", "background_lightness"):
        means = [drawn.factors[name][drawn.kinds == kind].mean() for kind in range(10)]
        spread = drawn.factors[name].std() / 20  # standard error of 400 pictures
        assert np.abs(means - drawn.factors[name].mean()).max() < 5 * spread


def test_ink_stands_out():
    drawn = render_glyphs(300, seed=4, fixed={"noise": 0.0, "distractors": 0})
    bright = (drawn.images / 255) @ LUMA
    assert np.ptp(bright, axis=(1, 2)).min() > 0.25


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"num_images": 0}, "num_images"),
        ({"num_images": 4, "image_size": 4}, "image_size"),
        ({"num_images": 4, "num_kinds": 65}, "num_kinds"),
        ({"num_images": 2, "kinds": [0, 64]}, "kinds"),
        ({"num_images": 2, "kinds": [0]}, "kinds"),
        ({"num_images": 2, "fixed": {"colour": 1}}, "colour"),
        ({"num_images": 2, "fixed": {"hue": 2.0}}, "hue"),
        ({"num_images": 2, "fixed": {"lightness": 0.5, "background_lightness": 0.5}}, "apart"),
    ],
)
def test_clear_errors(arguments, words):
    with pytest.raises(ValueError, match=words):
        render_glyphs(**arguments)
