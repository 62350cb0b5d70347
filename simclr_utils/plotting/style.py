"""The style of all figures: colors, Matplotlib settings, and conversion to PNG."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from simclr_utils.plotting.fonts import FONT, alt_text

# Okabe and Ito's colors, which remain distinct with any kind of color vision.
COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "gray": "#777777",
}
STYLE = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.family": FONT,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.prop_cycle": plt.cycler(color=list(COLORS.values())),
    "legend.frameon": False,
}


class DescribedFigure(Figure):
    """A figure with a text for readers who cannot see it.

    Jupyter stores the text beside the picture, and nbconvert writes it as `alt`.

    Attributes:
        description: String, what a diagram shows. `None` puts the text together from the
            figure's titles, axes and legends.
    """

    description: str | None = None

    def __repr__(self):
        return super().__repr__().replace(type(self).__name__, "Figure")

    def _repr_mimebundle_(self, include=None, exclude=None):
        shown = {"image/png": to_png(self), "text/plain": repr(self)}
        return shown, {"image/png": {"alt": alt_text(self)}}


@contextmanager
def figure(
    num_rows: int = 1, num_columns: int = 1, size: tuple[float, float] = (9, 3.2), **options
) -> Iterator[tuple]:
    """Opens a figure in the course's style, and closes it at the end of the `with` block.

    A closed figure is shown once, as the value of its cell, and uses no memory afterwards.

    Args:
        num_rows: Integer, rows of the grid of axes.
        num_columns: Integer, columns of the grid of axes.
        size: Pair of floats, width and height in inches. A width of 9 fills a notebook.
        **options: Passed to `plt.subplots`.

    Returns:
        A context manager that yields the figure and what `plt.subplots` returns as axes.
    """
    with plt.rc_context(STYLE):
        drawing, axes = plt.subplots(
            num_rows, num_columns, figsize=size, FigureClass=DescribedFigure, **options
        )
        try:
            yield drawing, axes
            drawing.canvas.draw()  # the layout has to be computed while the style is in force
        finally:
            plt.close(drawing)


def cosine_colors(cosines: np.ndarray) -> np.ndarray:
    """Returns colors from purple to brown, `[..., 3]` in 0..1, for numbers `[...]` in -1..1."""
    return matplotlib.colormaps["PuOr_r"]((cosines + 1) / 2)[..., :3]


def heat_colors(values: np.ndarray) -> np.ndarray:
    """Returns colors from dark to light, `[..., 4]` in 0..1, for values from lowest to highest.

    Args:
        values: Float array `[...]`. NaN becomes light gray.
    """
    scale = matplotlib.colors.Normalize(np.nanmin(values), np.nanmax(values))
    colors = matplotlib.colormaps["viridis"](scale(values))
    colors[np.isnan(values)] = (0.93, 0.93, 0.93, 1)
    return colors


def letters_on(color: np.ndarray) -> str:
    """Returns the color of letters that can be read on a color: `"white"` or `"black"`.

    Args:
        color: Float array `[3]` or `[4]` in 0..1.
    """
    return "white" if float(np.dot(color[:3], (0.299, 0.587, 0.114))) < 0.5 else "black"


def to_png(drawing: Figure) -> bytes:
    """Returns a figure as the bytes of a PNG file, for widgets and files.

    Args:
        drawing: Matplotlib `Figure`, open or closed.

    Returns:
        The bytes.
    """
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()
