"""A figure of projections on the unit circle, and where NT-Xent moves them."""

import numpy as np

from simclr_utils.plotting.pen import Pen
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

MARKERS = "osD^vP*X"
SCALE = 15  # the circle's radius in units of the pen


def plot_circle(
    view_1: np.ndarray, view_2: np.ndarray, anchor: int | None = None
) -> DescribedFigure:
    """Draws two-dimensional projections on the unit circle, with the pulls and pushes on them.

    Each image has a color and a marker. The numbers are the rows of the two arrays, one below the
    other. A solid arrow points to the positive, a dashed one away from the hardest negative, which
    is the one with the largest cosine. Arrows show directions, not sizes.

    Args:
        view_1: Float array `[N, 2]`, N at most 8: projections of first views, of any length.
        view_2: Float array `[N, 2]`, projections of second views of the same images.
        anchor: Integer in 0..2N-1, the only vector that gets arrows. `None` means all of them.

    Returns:
        A closed `Figure`.

    Raises:
        ValueError: If the projections are not pairs of vectors in the plane.
    """
    shape = np.shape(view_1)
    if len(shape) != 2 or shape[1] != 2 or np.shape(view_2) != shape or not 2 <= shape[0] <= 8:
        shapes = f"view_1 has the shape {shape}, view_2 {np.shape(view_2)}"
        raise ValueError(f"{shapes}; expected [N, 2] twice, with N in 2..8.")
    vectors = np.concatenate([view_1, view_2])
    angles, count = np.arctan2(vectors[:, 1], vectors[:, 0]), len(view_1)
    with figure(1, 1, (9, 4.2)) as (drawing, axis):
        pen, box = Pen(axis), {"boxstyle": "circle,pad=0.1", "fc": "white", "ec": "none"}
        pen.line(_place(np.linspace(0, 2 * np.pi, 181)), "-", "#BBBBBB")
        for number in range(2 * count) if anchor is None else [anchor]:
            _draw_arrows(pen, angles, number)
        for number, angle in enumerate(angles):
            color = list(COLORS.values())[number % count]
            pen.line([(0, 0), _place(angle)], "-", color)
            pen.dot(_place(angle), color, MARKERS[number % count], 9)
            pen.text(*_place(angle, 0.82), str(number), weight="bold", bbox=box)
        _name_lines(axis, count)
        drawing.legend(loc="outside right center", fontsize=10)
        axis.set(xlim=(-21, 21), ylim=(-20, 20), aspect="equal")
        axis.axis("off")
    return drawing


def _place(angle, radius=1.0):
    """Returns points at angles [...] in the pen's units, `[..., 2]`."""
    return radius * SCALE * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _draw_arrows(pen, angles, anchor):
    """Draws the arrow to the positive, and the arrow away from the hardest negative."""
    count = len(angles) // 2
    positive = (anchor + count) % (2 * count)
    turns = (angles - angles[anchor] + np.pi) % (2 * np.pi) - np.pi
    negatives = np.setdiff1d(np.arange(2 * count), (anchor, positive))
    hardest = negatives[np.abs(turns[negatives]).argmin()]
    for turn, radius, color, style in (
        (np.clip(turns[positive] / 2, -0.7, 0.7), 1.11, COLORS["blue"], "-"),
        (-0.3 * np.sign(turns[hardest]), 1.31 if anchor < count else 1.21, COLORS["red"], "--"),
    ):
        start, end = (_place(angles[anchor] + part * turn, radius) for part in (0, 1))
        pen.arrow(tuple(start), tuple(end), color, style, turn)


def _name_lines(axis, count):
    """Puts into the legend which marker is which image, and what the arrows mean."""
    for image, color in zip(range(count), COLORS.values(), strict=False):
        label = f"image {image}: vectors {image} and {image + count}"
        axis.plot([], [], MARKERS[image], color=color, markersize=8, label=label)
    axis.plot([], [], "-", color=COLORS["blue"], label="the positive pulls")
    axis.plot([], [], "--", color=COLORS["red"], label="the hardest negative pushes")
