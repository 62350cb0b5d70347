"""The figures of what the projection head throws away."""

import numpy as np
import pandas as pd
import pytest

from simclr_utils.plotting import plot_factor_table, plot_transformations

ROWS = [("rotation", "features", 0.9, 0.25), ("rotation", "projections", 0.3, 0.25)]
ROWS += [("blur", "features", 0.8, 0.5), ("blur", "projections", 0.7, 0.5)]
PROBED = pd.DataFrame(ROWS, columns=["transformation", "output", "accuracy", "chance"])
PROBED = PROBED.assign(low=PROBED["accuracy"] - 0.04, high=PROBED["accuracy"] + 0.04)
CELLS = [("raw pixels", "features", "x", 0.2), ("raw pixels", "features", "hue", 0.5)]
CELLS += [("crop", o, f, s) for o, f, s in [("features", "x", 0.75), ("features", "hue", 0.25)]]
CELLS += [("crop", o, f, s) for o, f, s in [("projections", "x", 0), ("projections", "hue", 1)]]
SKILLS = pd.DataFrame(CELLS, columns=["encoder", "output", "factor", "skill"])


def points(axis):
    """Returns the positions of the single points of an axis, by the label in the legend."""
    found = {}
    for line in axis.lines:
        if len(line.get_xdata()) == 1:
            found.setdefault(line.get_marker(), []).append(float(line.get_xdata()[0]))
    return found


def test_points_intervals_and_chance_are_where_the_rows_say():
    both = pd.concat([PROBED, PROBED.assign(accuracy=PROBED["accuracy"] + 0.1, high=1.0)])
    (axis,) = plot_transformations(both, "t").axes
    found = {marker: np.round(places).tolist() for marker, places in points(axis).items()}
    assert found == {"o": [95, 85], "D": [35, 75], "|": [25, 50]}
    ends = [bar.get_segments()[0][:, 0] for bar in axis.collections]
    np.testing.assert_allclose(ends, [(86, 100), (26, 100), (76, 100), (66, 100)])
    assert [text.get_text() for text in axis.get_yticklabels()] == ["rotation", "blur"]


def test_what_the_views_vary_has_a_panel_of_its_own():
    drawing = plot_transformations(PROBED, "t", {"blur"})
    names = [[text.get_text() for text in axis.get_yticklabels()] for axis in drawing.axes]
    assert names == [["blur"], ["rotation"]]
    assert [axis.get_title("left") for axis in drawing.axes] == [
        "the views vary it",
        "the views do not vary it",
    ]
    words = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert sorted(words) == ["chance", "features h", "projections z"]


def test_cells_hold_the_mean_and_changed_ones_a_frame():
    other = SKILLS.assign(skill=(SKILLS["skill"] + 0.1).clip(0, 1))
    drawing = plot_factor_table(pd.concat([SKILLS, other]), "t", {"crop": {"x"}})
    features, projections = drawing.axes[:2]
    np.testing.assert_allclose(features.images[0].get_array(), [[25, 80], [55, 30]])
    np.testing.assert_allclose(projections.images[0].get_array(), [[5], [100]])
    assert [text.get_text() for text in features.texts] == ["25", "80", "55", "30"]
    frames = [
        [
            line.get_xydata().mean(axis=0).round().tolist()
            for line in axis.lines
            if len(line.get_xdata())
        ]
        for axis in (features, projections)
    ]
    assert frames == [[[1, 0]], [[0, 0]]]
    assert features.get_title("left") == "features h (± 7 at most)"
    assert plot_factor_table(SKILLS, "t").axes[0].get_title("left") == "features h"


def test_an_unknown_output_is_refused():
    with pytest.raises(ValueError, match="Unknown output 'logits'"):
        plot_transformations(PROBED.assign(output="logits"), "t")
