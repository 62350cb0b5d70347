"""Figures of ablations: which numbers they draw, and which they leave out."""

import numpy as np
import pandas as pd
import pytest

from simclr_utils.plotting import plot_pairs, plot_sweep
from simclr_utils.plotting.fonts import alt_text


def summary_of(cells, measure="accuracy", half=0.02):
    rows = [
        {"line": line, "at": at, "labels": 100, "measure": measure, "mean": mean, "half": half}
        for line, at, mean in cells
    ]
    return pd.DataFrame(rows)


PAIRS = [("crop", "crop", 0.30), ("crop", "color", 0.60), ("color", "color", 0.20)]


def texts(drawing):
    return [text.get_text() for text in drawing.axes[0].texts]


def test_a_pair_stands_on_both_sides_and_a_row_has_its_mean():
    drawing = plot_pairs(summary_of([*PAIRS, ("blur", "blur", 0.1)]), "made")
    written = texts(drawing)
    assert written.count("60.0") == 2 and written.count("30.0") == 1
    assert written.count("± 2.0") == 5 and "45.0" in written and "40.0" in written  # means of rows
    assert "best alone: crop, 30.0 %; best pair: crop and color, 60.0 %" in alt_text(drawing)
    # Letters are white on dark squares and black on light ones.
    colors = {text.get_text(): text.get_color() for text in drawing.axes[0].texts}
    assert colors["60.0"] == "black" and colors["20.0"] == "white"


def test_a_single_seed_has_no_interval():
    assert not [t for t in texts(plot_pairs(summary_of(PAIRS, half=np.nan), "made")) if "±" in t]


def test_a_pair_with_two_rows_and_a_missing_measure_are_refused():
    with pytest.raises(ValueError, match="several rows"):
        plot_pairs(summary_of([*PAIRS, ("color", "crop", 0.5)]), "made")
    with pytest.raises(ValueError, match="No row has the measure 'loss'. Choose from 'accuracy'"):
        plot_pairs(summary_of(PAIRS), "made", "loss")


def test_a_sweep_shows_means_seeds_and_a_panel_for_each_measure():
    cells = [("SimCLR", "0.1", 0.4), ("SimCLR", "1", 0.6)]
    both = [summary_of(cells, measure) for measure in ("accuracy", "contrastive_accuracy")]
    columns = ["line", "at", "labels", "accuracy", "contrastive_accuracy"]
    seeds = [("SimCLR", at, labels, value, value) for at in ("0.1", "1")
             for labels, value in ((100, 0.38), (100, 0.42), (500, 0.9))]  # fmt: skip
    rows, panels = pd.DataFrame(seeds, columns=columns), (("accuracy",), ("contrastive_accuracy",))
    drawing = plot_sweep(pd.concat(both), rows, "temperature", panels, log_x=True)
    first, second = drawing.axes
    assert first.get_xscale() == "log" and first.get_title("left") == "probe on features"
    assert second.get_ylabel() == "contrastive accuracy (%)"
    line, points = first.lines[0], first.lines[-1]
    np.testing.assert_allclose(line.get_xydata(), [[0.1, 40], [1, 60]])
    np.testing.assert_allclose(points.get_ydata(), [38, 42, 38, 42])  # none of 500 labels


def test_names_on_the_axis_keep_their_order_and_lines_their_names():
    cells = [
        (line, at, 0.5) for line in ("SimCLR", "Supervised") for at in ("1/8", "1", "1 + blur")
    ]
    rows = pd.DataFrame(cells, columns=["line", "at", "accuracy"]).assign(labels=100)
    axis = plot_sweep(summary_of(cells), rows, "strength", title="made").axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["1/8", "1", "1 + blur"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["SimCLR", "Supervised"]
