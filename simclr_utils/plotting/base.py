"""The figures of the course: arrays in, closed figure out."""

import io
from contextlib import contextmanager

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from simclr_utils.plotting.fonts import FONT, LONGEST_LABEL, LONGEST_NAME, alt_text, plain, readable

# Okabe and Ito's colours, told apart with any kind of colour vision.
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
    """A figure that comes with a text for those who cannot see it.

    Jupyter stores the text beside the picture, and nbconvert writes it as `alt`.
    """

    def __repr__(self):
        return super().__repr__().replace(type(self).__name__, "Figure")

    def _repr_mimebundle_(self, include=None, exclude=None):
        shown = {"image/png": to_png(self), "text/plain": repr(self)}
        return shown, {"image/png": {"alt": alt_text(self)}}


@contextmanager
def figure(num_rows=1, num_columns=1, size=(9, 3.2), **options):
    """Gives a figure and its axes in the course's style, and closes it at the end.

    A closed figure is shown once, as the value of its cell, and uses no memory afterwards.

    Args:
        num_rows, num_columns: ints, of the grid of axes.
        size: pair of floats, width and height in inches; 9 fills a notebook's width.
        **options: passed to `plt.subplots`.

    Returns:
        A context manager that yields the figure and what `plt.subplots` gives as axes.
    """
    with plt.rc_context(STYLE):
        drawing, axes = plt.subplots(
            num_rows, num_columns, figsize=size, FigureClass=DescribedFigure, **options
        )
        try:
            yield drawing, axes
            drawing.canvas.draw()  # the layout is made while the style is in force
        finally:
            plt.close(drawing)


def cosine_colors(cosines):
    """Numbers `[...]` in -1..1 as colours from purple to brown, float `[..., 3]` in 0..1."""
    return matplotlib.colormaps["PuOr_r"]((cosines + 1) / 2)[..., :3]


def to_png(drawing):
    """The bytes of a figure as PNG, for widgets and files."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def show_image(axis, image, title=None):
    """Draws one picture without ticks: uint8, or float in 0..1; one channel in gray."""
    image = np.asarray(image)
    image = image[..., 0] if image.shape[-1] == 1 else image
    limit = 255 if image.dtype == np.uint8 else 1
    # Square pixels for small images: sharper, and a fraction of the bytes as PNG.
    interpolation = "nearest" if max(image.shape[:2]) <= 64 else "auto"
    axis.imshow(image, cmap="gray", vmin=0, vmax=limit, interpolation=interpolation)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if title is not None:
        axis.set_title(plain(title), loc="center", fontsize=9)


def plot_images(images, titles=None, num_columns=10, title=None, row_labels=None):
    """Draws images in a grid, row by row.

    Args:
        images: array `[N, H, W, C]`, uint8 or float in 0..1.
        titles: strings `[N]` above the images, or `None`.
        num_columns: int.
        title: string above the figure, or `None`.
        row_labels: strings, one a row, at its left, or `None`.

    Returns:
        A closed `Figure`.
    """
    num_rows = -(-len(images) // num_columns)
    height = (1.15 if titles is not None else 0.95) * num_rows * 9 / num_columns
    size = (9, height + (0.35 if title else 0))
    titles = None if titles is None else [readable(name, LONGEST_NAME) for name in titles]
    with figure(num_rows, num_columns, size, squeeze=False) as (drawing, axes):
        for index, axis in enumerate(axes.flat):
            if index >= len(images):
                axis.axis("off")
                continue
            show_image(axis, images[index], None if titles is None else titles[index])
        for axis, label in zip(axes[:, 0], row_labels or [], strict=False):
            axis.set_ylabel(
                plain(label, LONGEST_LABEL), rotation=0, ha="right", va="center", fontsize=9
            )
        if title:
            drawing.suptitle(plain(title), x=0.01, ha="left", fontsize=11)
    return drawing


def plot_pretraining(history, chance_loss, num_candidates):
    """Draws the curves of a pretraining: loss, contrastive accuracy and kNN accuracy.

    Args:
        history: dict of lists as `fit` gives it, one value an epoch; `knn_accuracy` may hold
            `None`.
        chance_loss: float, log(2N-1).
        num_candidates: int, 2N-1.

    Returns:
        A closed `Figure`.
    """
    with figure(1, 3, (9, 2.8)) as (drawing, axes):
        panels = (("loss", "NT-Xent loss"), ("contrastive_accuracy", "contrastive accuracy"))
        for axis, (name, title) in zip(axes, panels, strict=False):
            _curve(axis, history.get(name, []), "training", COLORS["blue"])
            _curve(axis, history.get(f"val_{name}", []), "validation", COLORS["orange"], "o")
            axis.set(title=title, xlabel="epoch")
        axes[0].axhline(chance_loss, color=COLORS["gray"], linestyle="--", label="chance")
        axes[1].axhline(1 / num_candidates, color=COLORS["gray"], linestyle="--", label="chance")
        _curve(axes[2], history.get("knn_accuracy", []), "validation", COLORS["green"], "s")
        axes[2].set(title="kNN accuracy of the features", xlabel="epoch")
        for axis in axes:
            if axis.lines:  # kNN accuracy may not have been measured yet
                axis.legend(fontsize=8)
    return drawing


def _curve(axis, values, label, color, marker=None):
    """One line over the epochs in which the value was measured."""
    points = [(epoch, value) for epoch, value in enumerate(values, 1) if value is not None]
    if points:
        marker = marker or ("o" if len(points) == 1 else None)
        axis.plot(*zip(*points, strict=True), color=color, marker=marker, ms=4, label=label)


def plot_curves(panels, x_label, log_x=False):
    """Draws named curves in panels side by side, told apart by colour and by marker.

    Args:
        panels: dict from a panel's title to a dict from a curve's name to its pair `(x, y)`.
        x_label: string, below every panel.
        log_x: bool, for values that span decades.

    Returns:
        A closed `Figure`.
    """
    with figure(1, len(panels), (9, 3.2), squeeze=False) as (drawing, axes):
        for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
            for (name, (x, y)), marker in zip(curves.items(), "osD^v<>p", strict=False):
                every = 0.12 if len(x) > 20 else None
                label = plain(name, LONGEST_LABEL)
                axis.plot(x, y, marker=marker, markevery=every, ms=4, label=label)
            axis.set(title=plain(title, LONGEST_LABEL), xlabel=x_label)
            axis.set_xscale("log" if log_x else "linear")
            places = sorted({value for x, _ in curves.values() for value in x})
            if log_x and len(places) <= 8:
                axis.set_xticks(places, [f"{value:g}" for value in places])
                axis.minorticks_off()
            axis.legend(fontsize=8)
    return drawing


def plot_bars(names, series, title, xlabel, chance=None):
    """Draws horizontal bars, one group a name, with the values written beside them.

    Args:
        names: strings `[G]`, from top to bottom.
        series: dict from a legend's entry to `[G]` values; one entry needs no legend.
        title, xlabel: strings above the bars and below their axis.
        chance: float, where a dashed line stands, or `None`.

    Returns:
        A closed `Figure`.
    """
    thickness = 0.8 / len(series)
    height = 1 + len(names) * max(0.32, 0.2 * len(series))
    with figure(size=(9, height)) as (drawing, axis):
        for index, (entry, values) in enumerate(series.items()):
            places = np.arange(len(names)) + (index - (len(series) - 1) / 2) * thickness
            label = plain(entry, LONGEST_LABEL) if len(series) > 1 else None
            bars = axis.barh(places, values, 0.9 * thickness, label=label)
            axis.bar_label(bars, [f"{value:.2f}" for value in values], padding=3, fontsize=8)
        axis.set(title=plain(title), xlabel=xlabel, xlim=(min(0, *map(min, series.values())), 1.08))
        axis.set_yticks(range(len(names)), [plain(name, LONGEST_LABEL) for name in names])
        axis.invert_yaxis()
        axis.grid(False, axis="y")
        if chance is not None:
            axis.axvline(chance, color=COLORS["gray"], linestyle="--", label="chance")
        if len(series) > 1 or chance is not None:
            axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return drawing


def plot_view_histograms(pairs, titles, num_bins=16):
    """Draws pairs of views, each pair above the histograms of its pixels' values.

    Args:
        pairs: float array `[P, 2, H, W, C]` in 0..1.
        titles: strings `[P]`.
        num_bins: int.

    Returns:
        A closed `Figure`.
    """
    grid = {"squeeze": False, "height_ratios": (1, 1, 1.3)}
    with figure(3, len(pairs), (9, 5), **grid) as (drawing, axes):
        for column, pair, title in zip(axes.T, pairs, titles, strict=True):
            show_image(column[0], pair[0], title)
            show_image(column[1], pair[1])
            channels = ("red", "green", "blue") if pair.shape[-1] == 3 else ("gray",)
            for view, style in zip(pair, ("-", "--"), strict=True):
                for values, name in zip(np.moveaxis(view, -1, 0), channels, strict=True):
                    shares, edges = np.histogram(values, num_bins, (0, 1))
                    middles = (edges[1:] + edges[:-1]) / 2
                    column[2].plot(middles, shares / values.size, style, color=COLORS[name], lw=1.3)
            column[2].set(xlim=(0, 1), xlabel="value of a pixel", yticks=[])
        axes[2, 0].set_ylabel("share of pixels")
        for style, name in (("-", "view 1"), ("--", "view 2")):
            axes[2, -1].plot([], [], style, color="black", lw=1.3, label=name)
        drawing.legend(loc="outside lower center", ncols=2, fontsize=8)
    return drawing


def plot_similarities(similarities):
    """Draws how similar views of one image are, against views of different images.

    Args:
        similarities: dict from a title to a pair of float arrays: cosine similarities of views
            of one image, and of different images.

    Returns:
        A closed `Figure`.
    """
    low = min(0, *(others.min() for _, others in similarities.values()))
    with figure(1, len(similarities), (9, 2.8), squeeze=False) as (drawing, axes):
        for axis, (title, (same, others)) in zip(axes[0], similarities.items(), strict=True):
            for values, color, label in (
                (others, "orange", "views of different images"),
                (same, "blue", "views of one image"),
            ):
                options = {"color": COLORS[color], "alpha": 0.7, "label": label}
                shares = np.full(len(values), 1 / len(values))
                axis.hist(values, np.linspace(low, 1, 41), weights=shares, **options)
            axis.set(title=plain(title, LONGEST_LABEL), xlabel="cosine similarity")
        axes[0, 0].set_ylabel("share of pairs")
        handles = axes[0, 0].get_legend_handles_labels()
        drawing.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)
    return drawing
