"""A pen for diagrams: boxes, arrows, pictures and words on axes without ticks."""

from collections.abc import Sequence

import numpy as np

INK, EDGE = "#222222", "#444444"
MARK, MARK_FILL = "#D55E00", "#FFEFD6"  # of the part that is framed


class Pen:
    """Draws on axes in whose unit, a tenth of an inch, all places and sizes are given.

    Args:
        axis: Matplotlib `Axes`.
    """

    def __init__(self, axis):
        self.axis = axis

    def text(self, x: float, y: float, words: str, size: float = 10, **options):
        """Writes words, centered at a place unless `options` say otherwise."""
        options = {"ha": "center", "va": "center", "color": INK, **options}
        self.axis.text(x, y, words, fontsize=size, **options)

    def line(self, points: np.ndarray, style: str = "-", color: str = EDGE):
        """Draws a line through points `[N, 2]`."""
        self.axis.plot(*np.transpose(points), style, color=color, linewidth=1.1)

    def dot(self, place: tuple, color: str, marker: str = "o", size: float = 7):
        """Draws a point."""
        self.axis.plot(*place, marker, color=color, markersize=size, zorder=3)

    def arrow(self, start: tuple, end: tuple, color: str = EDGE, style: str = "-", bend: float = 0):
        """Draws an arrow. `bend` is the angle in radians by which it turns, as an arc does."""
        look = {"arrowstyle": "-|>", "color": color, "linestyle": style, "linewidth": 1.2}
        look |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 10}
        look["connectionstyle"] = f"arc3,rad={np.tan(bend / 2) / 2:.4f}"
        self.axis.annotate("", end, start, arrowprops=look)

    def picture(self, image: np.ndarray, x: float, y: float, side: float):
        """Places an image, uint8 or float in 0..1, as a square around a place."""
        image = np.asarray(image)
        image = image[..., 0] if image.shape[-1] == 1 else image
        box = (x - side / 2, x + side / 2, y - side / 2, y + side / 2)
        top = 255 if image.dtype == np.uint8 else 1
        self.axis.imshow(image, cmap="gray", vmin=0, vmax=top, extent=box, zorder=2)
        edges = (box[0], box[2], box[1], box[3])
        self._rectangle(edges, fc="none", ec=EDGE, linewidth=0.8, zorder=3)

    def network(self, left: float, right: float, y: float, heights: tuple, name: str):
        """Draws a network that narrows from the first to the second of `heights`."""
        first, last = heights[0] / 2, heights[1] / 2
        corners = [(left, y - first), (left, y + first), (right, y + last), (right, y - last)]
        self.axis.fill(*np.transpose(corners), fc="#DDEBF5", ec=EDGE, linewidth=1.1, zorder=2)
        self.text((left + right) / 2, y, name, 13)

    def vector(self, x: float, y: float, shades: Sequence[float], name: str):
        """Draws a vector as a column of cells of shades in 0..1, with its name below."""
        low, high = y - 0.65 * len(shades), y + 0.65 * len(shades)
        box = (x - 1, x + 1, low, high)
        shades = np.reshape(shades, (-1, 1))
        self.axis.imshow(shades, cmap="Blues", vmin=0, vmax=1.2, extent=box, zorder=2)
        self._rectangle((x - 1, low, x + 1, high), fc="none", ec=EDGE, linewidth=0.8, zorder=3)
        self.text(x, low - 1.6, name, 11)

    def box(self, corners: tuple, title: str, words: str):
        """Draws a dashed box of a left, bottom, right and top edge, with a title and words."""
        left, bottom, right, top = corners
        self._rectangle(corners, fc="none", ec=EDGE, linestyle="--", linewidth=1.1, zorder=0)
        self.text((left + right) / 2, top - 2.5, title, weight="bold")
        self.text((left + right) / 2, (bottom + top) / 2 - 1.6, words, 9.5)

    def mark(self, corners: tuple):
        """Frames a region and writes "you are here" on its upper left."""
        left, _, _, top = corners
        self._rectangle(corners, fc=MARK_FILL, ec=MARK, linewidth=2.2, zorder=0.5)
        look = {"boxstyle": "round,pad=0.25", "fc": MARK, "ec": "none"}
        options = {"ha": "left", "color": "white", "weight": "bold", "bbox": look, "zorder": 5}
        self.text(left + 0.8, top, "you are here", **options)

    def _rectangle(self, corners, **look):
        left, bottom, right, top = corners
        points = [(left, bottom), (right, bottom), (right, top), (left, top)]
        self.axis.fill(*np.transpose(points), **look)
