"""Explorers of ablations: what they say is what the rows say, whichever cells are there."""

import io

import numpy as np
import pytest
from faked_ablations import fake_rows
from PIL import Image

from simclr_utils.course import PairExplorer, SweepExplorer
from simclr_utils.course.measured_cells import Measured, at_labels, gap_in_words

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype="uint8")
PAIRS = {"crop": 0.30, "color": 0.25, "crop+color": 0.60, "blur": 0.10, "crop+blur": 0.301}
TEMPERATURES = {"temperature=0.05": 0.58, "temperature=0.1": 0.60, "temperature=1": 0.40}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture(scope="module")
def pairs():
    return PairExplorer(IMAGES, fake_rows("augmentation-pairs", PAIRS), num_shown=3)


def test_a_pair_is_told_with_its_place_and_its_operations_alone(pairs):
    _, text = pairs.draw("crop", "color")
    assert text.startswith("crop and color: 60.0 ± 5.0 %, place 1 of 5 (probe with 100 labels, 3")
    assert "Alone: crop 30.0 ± 5.0 %, color 25.0 ±" in text
    assert text.endswith("the pair is ahead of crop alone by 30.0 ± 0.0 points.")
    _, text = pairs.draw("crop", "crop")
    assert text.startswith("crop alone: 30.0 ± 5.0 %, place 3 of 5") and "Alone" not in text


def test_the_seeds_may_not_tell_a_pair_from_its_better_operation():
    rows = fake_rows("augmentation-pairs", {"crop": 0.3, "crop+blur": 0.301, "blur": 0.1})
    _, text = PairExplorer(IMAGES, rows, num_shown=1).draw("crop", "blur")
    assert "ahead of crop alone by 0.1 ± 1.0 points, which these seeds cannot tell from 0" in text


def test_the_order_of_the_operations_does_not_matter(pairs):
    assert pairs.draw("color", "crop") == pairs.draw("crop", "color")
    assert pairs.draw("crop", "blur") != pairs.draw("crop", "color")


def test_the_pictures_are_the_views_of_the_grid(pairs):
    np.testing.assert_array_equal(pairs.lab.images, IMAGES[:3] / np.float32(255))
    edges, crop = pairs.view("sobel"), pairs.view("crop")
    assert edges.shape == crop.shape == (3, 16, 16, 3)
    assert all(np.abs(view - pairs.lab.images).mean() > 0.05 for view in (edges, crop))
    sheet, side = pixels(pairs.draw("crop", "color")[0]), pairs.SIDE
    left, top = sheet.shape[1] - 6 - 3 * pairs.STEP, pairs.TOP + 36
    shown = sheet[top : top + side, left : left + side]
    np.testing.assert_array_equal(shown[:: side // 16, :: side // 16], IMAGES[0])
    below = sheet[top + side + 24 : top + 2 * side + 24, left : left + side]
    expected = np.round(pairs.view("crop+color")[0] * 255)
    np.testing.assert_array_equal(below[:: side // 16, :: side // 16], expected)


def test_a_pair_without_rows_says_how_to_measure_it(pairs):
    with pytest.raises(ValueError, match="sobel has no accuracy .*--cells sobel"):
        pairs.draw("sobel", "sobel")
    with pytest.raises(ValueError, match="No operation 'flip'. Choose from crop, cutout, color"):
        pairs.draw("crop", "flip")


def test_rows_of_another_grid_or_none_are_refused():
    with pytest.raises(ValueError, match="grid 'augmentation-pairs'. Received rows of 'head'"):
        PairExplorer(IMAGES, fake_rows("head", {"none": 0.5}))
    with pytest.raises(ValueError, match="No pair has an accuracy"):
        PairExplorer(IMAGES, fake_rows("augmentation-pairs", {"crop": None}))
    empty = fake_rows("head", {"none": 0.5}).iloc[:0]
    with pytest.raises(ValueError, match="no rows. Measure it with `python -m simclr_utils ablate"):
        PairExplorer(IMAGES, empty)
    with pytest.raises(ValueError, match=r"No row has 7 labels. Choose from \[100\]"):
        at_labels(fake_rows("head", {"none": 0.5}), 7)


def test_a_cell_is_told_beside_the_default_seed_by_seed():
    measures = {"contrastive_accuracy": 0.875, "projections_accuracy": 0.5}
    rows = fake_rows("temperature", TEMPERATURES, labels=(100, 500), **measures)
    explorer = SweepExplorer({"temperature": rows})
    assert explorer.names == [f"temperature: {value}" for value in ("0.05", "0.1", "1")]
    png, text = explorer.draw("temperature: 1")
    assert text.startswith("1: 50.0 ± 5.0 % (500 labels, 3 seeds). The default, 0.1, has 70.0 ±")
    assert "Seed by seed, this cell is behind it by 20.0 ± 1.0 points." in text
    assert "Probe on projections: 50.0 %. Contrastive accuracy: 87.5 %." in text
    assert text.endswith("Not measured: temperature=0.02, temperature=0.2, temperature=0.5.")
    assert "This is the default." in explorer.draw("temperature: 0.1")[1]
    assert pixels(png).shape != pixels(SweepExplorer({"t": rows.iloc[:6]}).draw("t: 0.05")[0]).shape


@pytest.mark.parametrize(
    "grid, means, cell, default",
    [
        ("color-strength", {"simclr=1/2": 0.5, "simclr=1": 0.6}, "SimCLR, 1", "SimCLR, 1/2"),
        (
            "color-strength",
            {"simclr=1/2": 0.5, "supervised=1/2": 0.7, "supervised=1": 0.6},
            "Supervised, 1",
            "Supervised, 1/2",
        ),
        ("head-width", {"1-hidden=128": 0.5, "linear=8": 0.4}, "linear, 8", "1 hidden, 128"),
        ("length", {"times=0.5": 0.5, "times=1": 0.6}, "1,000", "2,000"),
        ("pool-size", {"steps=1000": 0.5, "steps=5000": 0.6}, "equal updates, 1,000", "5,000"),
        ("width", {"width=16": 0.5, "width=64": 0.6}, "64", "16"),
        ("batch-size", {"batch=128": 0.5, "batch=64": 0.6}, "64", "128"),
    ],
)
def test_the_default_is_the_cell_with_the_settings_of_the_preset(grid, means, cell, default):
    _, text = SweepExplorer({"it": fake_rows(grid, means)}).draw(f"it: {cell}")
    assert f"{default}, has" in text


def test_what_is_missing_is_said():
    rows = fake_rows("loss", {"cross_view": 0.5, "alignment": None}, findings="training failed")
    explorer = SweepExplorer({"loss": rows})
    _, text = explorer.draw("loss: no negatives")
    assert text.startswith("no negatives: no accuracy. The run doctor: training failed.")
    _, text = explorer.draw("loss: across views only")
    assert "The default is not among the rows" in text and "Not measured: nt_xent," in text
    with pytest.raises(ValueError, match="There is no sweep to explore. Measure a grid"):
        SweepExplorer({})
    with pytest.raises(ValueError, match="No cell 'loss: 1'. Choose from loss: across views only"):
        explorer.draw("loss: 1")
    unknown = rows.assign(grid="speed")
    with pytest.raises(ValueError, match=r"one grid of .* Received: \['speed'\]"):
        SweepExplorer({"speed": unknown})


def test_one_seed_has_no_interval():
    rows = fake_rows("temperature", TEMPERATURES, seeds=(0.0,))
    _, text = SweepExplorer({"t": rows}).draw("t: 1")
    assert text.startswith("1: 40.0 % (100 labels, one seed).")
    assert "behind it by 20.0 points, which one seed cannot tell from 0" in text
    assert "no seed in common" in gap_in_words(Measured(float("nan"), float("nan"), 0), "it")
