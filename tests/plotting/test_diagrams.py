"""Diagrams: the schematic of SimCLR and the unit circle."""

import numpy as np
import pytest

from simclr_utils.plotting import plot_circle, plot_simclr
from simclr_utils.plotting.fonts import alt_text
from simclr_utils.plotting.schematic import PLACES

VIEW_1 = np.array([[1.0, 0.1], [-0.2, 2.0], [-1.5, -1.0]])
VIEW_2 = np.array([[0.9, 0.4], [0.5, 1.0], [-0.3, -0.4]])


def written(drawing):
    return [text.get_text() for text in drawing.axes[0].texts]


def test_the_place_is_framed_and_told_to_readers_who_cannot_see():
    nowhere = plot_simclr()
    assert "you are here" not in written(nowhere) and "You are here" not in alt_text(nowhere)
    for here, (left, bottom, right, top) in PLACES.items():
        drawing = plot_simclr(here)
        assert written(drawing).count("you are here") == 1
        assert alt_text(drawing).endswith(f"You are here: {here}")
        frames = [patch.get_extents() for patch in drawing.axes[0].patches]
        corners = drawing.axes[0].transData.transform([(left, bottom), (right, top)])
        assert any(np.allclose(frame.get_points(), corners) for frame in frames)


def test_pictures_that_are_passed_are_drawn():
    image = np.full((4, 4, 3), 7, "uint8")
    views = np.full((2, 5, 5, 1), [[[[0.25]]], [[[0.75]]]])
    shown = [each.get_array() for each in plot_simclr(image=image, views=views).axes[0].images]
    assert (shown[0] == 7).all()
    assert [array.mean() for array in shown if array.shape == (5, 5)] == [0.25, 0.75]


def test_what_the_schematic_does_not_know():
    with pytest.raises(ValueError, match="here='probing' is not a part.*'views'"):
        plot_simclr("probing")
    with pytest.raises(ValueError, match="Pass both, or neither"):
        plot_simclr(image=np.zeros((4, 4, 3)))


def arrows(drawing):
    """Start and end angles of the arrows, in degrees: pairs of pulls and of pushes."""
    found = {"-": [], "--": []}
    for text in drawing.axes[0].texts:
        if getattr(text, "arrow_patch", None):
            ends = np.degrees([np.arctan2(*place[::-1]) for place in (text.xyann, text.xy)])
            found[text.arrow_patch.get_linestyle()].append(ends)
    return found


def test_positives_pull_and_the_hardest_negative_pushes():
    found = arrows(plot_circle(VIEW_1, VIEW_2))
    assert {style: len(ends) for style, ends in found.items()} == {"-": 6, "--": 6}
    only = arrows(plot_circle(VIEW_1, VIEW_2, anchor=4))
    (pull,), (push,) = only["-"], only["--"]
    places = np.degrees(np.arctan2(*np.concatenate([VIEW_1, VIEW_2]).T[::-1]))
    assert pull[0] == pytest.approx(places[4]) == push[0]
    assert places[4] < pull[1] < places[1]  # toward its positive
    assert push[1] > places[4] > places[3]  # away from vector 3, the nearest of another image


@pytest.mark.parametrize(
    "shapes", [((3, 2), (2, 2)), ((3, 3), (3, 3)), ((1, 2), (1, 2)), ((9, 2),) * 2]
)
def test_projections_that_are_not_pairs_in_the_plane(shapes):
    with pytest.raises(ValueError, match=r"expected \[N, 2\] twice"):
        plot_circle(*map(np.ones, shapes))
