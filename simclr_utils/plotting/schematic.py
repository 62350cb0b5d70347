"""The picture of SimCLR: from one image to two projections and the loss, and what comes after."""

from collections.abc import Sequence

import numpy as np

from simclr_utils.plotting.pen import Pen
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

# The parts that can be framed: left, bottom, right and top edge in tenths of an inch.
PLACES = {
    "views": (0.8, 16.6, 27.8, 45.0),
    "encoder": (28.6, 16.6, 66.3, 45.0),
    "loss": (67.1, 16.6, 89.4, 45.0),
    "probe": (18.6, 0.8, 39.9, 10.8),
    "fine-tuning": (42.8, 0.8, 64.1, 10.8),
    "comparison": (67.1, 0.8, 89.4, 10.8),
}
ROWS, MIDDLE = (35.8, 23.4), 29.6  # the heights at which the two views travel, and between them
HEADINGS = 42.2
# The shades of the vectors' numbers: features of two views differ more than their projections.
FEATURES = ((0.9, 0.25, 0.6, 0.1, 0.75, 0.4), (0.75, 0.5, 0.65, 0.3, 0.4, 0.15))
PROJECTIONS = ((0.3, 0.8, 0.15, 0.6), (0.35, 0.85, 0.1, 0.5))
WORDS = (
    "the schematic of SimCLR. Pretraining, without labels: an image becomes two views; an encoder "
    "f turns each view into features h; a projection head g turns these into a projection z; the "
    "NT-Xent loss pulls projections of one image together and pushes those of different images "
    "apart. Afterwards, with a few labels: a linear probe on h, or fine-tuning of f, is compared "
    "with a baseline that is trained from the labels alone"
)


def plot_simclr(
    here: str | None = None,
    image: np.ndarray | None = None,
    views: Sequence[np.ndarray] | None = None,
) -> DescribedFigure:
    """Draws the schematic of SimCLR, with "you are here" at one of its parts.

    Args:
        here: String, the part to frame: "views", "encoder", "loss", "probe", "fine-tuning" or
            "comparison". `None` frames nothing.
        image: Array `[H, W, C]`, uint8 or float in 0..1. `None` draws an invented letter.
        views: Pair of arrays like `image`. `None` draws views of the invented letter.

    Returns:
        A closed `Figure`.

    Raises:
        ValueError: If there is no such part, or if only one of `image` and `views` is given.

    Example:
        >>> plot_simclr("views")
    """
    if here is not None and here not in PLACES:
        parts = ", ".join(repr(name) for name in PLACES)
        raise ValueError(f"here={here!r} is not a part of the schematic. Its parts: {parts}.")
    if (image is None) != (views is None):
        raise ValueError("The schematic needs the image and its two views. Pass both, or neither.")
    if image is None:
        image, *views = _letter_and_views()
    with figure(1, 1, (9, 4.9)) as (drawing, axis):
        pen = Pen(axis)
        if here is not None:
            pen.mark(PLACES[here])
        _draw_views(pen, image, views)
        _draw_networks(pen)
        _draw_loss(pen, 78.3, MIDDLE)
        _draw_evaluation(pen)
        axis.set(xlim=(0, 90), ylim=(-2, 47), aspect="equal")
        axis.axis("off")
        drawing.description = WORDS + (f". You are here: {here}" if here else "")
    return drawing


def _draw_views(pen, image, views):
    """Draws the image and its views."""
    pen.text(7.4, HEADINGS, "image")
    pen.text(22, HEADINGS, "two views")
    pen.text(8.6, 19.8, "Pretraining,\nwithout labels", weight="bold")
    pen.picture(image, 7.4, MIDDLE, 10.4)
    for height, view in zip(ROWS, views, strict=True):
        pen.arrow((13, MIDDLE + (height - MIDDLE) * 0.4), (17.1, height + (MIDDLE - height) * 0.2))
        pen.picture(view, 22, height, 8.8)


def _draw_networks(pen):
    """Draws encoder, features, head and projections, once for each view."""
    names = {34.4: "encoder", 44.2: "features", 53.4: "head", 62: "projections"}
    for place, name in names.items():
        pen.text(place, HEADINGS, name)
    for number, height in enumerate(ROWS, 1):
        pen.arrow((26.8, height), (30.2, height))
        pen.network(30.5, 38.3, height, (8.8, 5.6), "$f$")
        pen.arrow((38.6, height), (42.9, height))
        pen.vector(44.2, height, FEATURES[number - 1], f"$h_{number}$")
        pen.arrow((45.5, height), (49.9, height))
        pen.network(50.2, 56.6, height, (6.4, 4.4), "$g$")
        pen.arrow((56.9, height), (60.7, height))
        pen.vector(62, height, PROJECTIONS[number - 1], f"$z_{number}$")
        pen.arrow((63.3, height), (69.4, height + (MIDDLE - height) * 0.4))
    pen.text(34.4, MIDDLE, "same weights", 8.5, color=COLORS["gray"])
    pen.text(53.4, MIDDLE, "same weights", 8.5, color=COLORS["gray"])


def _draw_loss(pen, x, y):
    """Draws the unit circle, on which projections of one image attract each other."""

    def place(degrees, radius=5.2):
        return x + radius * np.cos(np.radians(degrees)), y + radius * np.sin(np.radians(degrees))

    pen.text(x, HEADINGS, "NT-Xent loss")
    pen.line([place(degrees) for degrees in range(0, 361, 4)], "-", "#BBBBBB")
    pen.text(x, 38.6, "pulls views of one image\ntogether", 9, color=COLORS["blue"])
    pen.text(x, 20.4, "pushes different images\napart", 9, color=COLORS["red"])
    for start, end in ((128, 162), (212, 178)):
        pen.dot(place(start), COLORS["blue"])
        turn = np.radians(end - start)
        pen.arrow(place(start, 6.7), place(end, 6.7), COLORS["blue"], "-", turn)
    for start, end in ((75, 45), (270, 300), (350, 350)):
        pen.dot(place(start), COLORS["gray"])
        if start != end:
            turn = np.radians(end - start)
            pen.arrow(place(start, 6.7), place(end, 6.7), COLORS["red"], "--", turn)


def _draw_evaluation(pen):
    """Draws the lower half: what the features are used for when labels come in."""
    gray = COLORS["gray"]
    boxes = {
        "probe": ("Linear probe", "$f$ stays fixed, a linear\nclassifier learns on $h$"),
        "fine-tuning": ("Fine-tuning", "$f$ is trained further,\nwith the labels"),
        "comparison": ("Comparison", "with a baseline trained\nfrom the labels alone"),
    }
    pen.text(8.6, 6.8, "Evaluation,\nwith a few labels", weight="bold")
    pen.text(8.6, 2.9, "keep $f$, drop $g$")
    pen.line([(44.2, 15.6), (44.2, 13.9), (34, 13.9)], "--", gray)
    pen.arrow((34, 13.9), (34, 11), gray, "--")
    pen.line([(44.2, 13.9), (57, 13.9)], "--", gray)
    pen.arrow((57, 13.9), (57, 11), gray, "--")
    for name, words in boxes.items():
        pen.box(PLACES[name], *words)
    pen.arrow((64.3, 5.5), (66.9, 5.5), gray, "--")
    pen.line([(29.2, 0.8), (29.2, -1.2), (78.3, -1.2)], "--", gray)
    pen.arrow((78.3, -1.2), (78.3, 0.7), gray, "--")


def _letter_and_views(size=96):
    """Returns an invented letter and two views of it, float arrays `[size, size, 3]`."""
    t = np.linspace(0, 1, 200)[:, None]
    bow = (1 - t) ** 2 * [0.2, 0.25] + 2 * t * (1 - t) * [0.55, 1.15] + t**2 * [0.8, 0.3]
    stem = [0.42, 0.15] + t * [0.12, 0.7]
    strokes = np.concatenate([bow, stem])

    def render(corner, share, paper, ink):
        grid = (np.indices((size, size)) / size).transpose(1, 2, 0)[..., ::-1] * share + corner
        near = np.linalg.norm(grid[:, :, None] - strokes, axis=-1).min(axis=-1)
        cover = np.clip((0.055 - near) * size / share + 0.5, 0, 1)[..., None]
        return (1 - cover) * paper + cover * ink

    yield render((0.0, 0.0), 1.0, np.array([0.93, 0.89, 0.8]), np.array([0.25, 0.2, 0.35]))
    yield render((0.08, 0.1), 0.65, np.array([0.75, 0.87, 0.8]), np.array([0.05, 0.3, 0.35]))
    yield render((0.3, 0.25), 0.65, np.array([0.9, 0.9, 0.9]), np.array([0.3, 0.3, 0.3]))
