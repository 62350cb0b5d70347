"""The figures of the course: arrays in, closed figure out."""

import io
from contextlib import contextmanager

import matplotlib.pyplot as plt
import numpy as np

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
        drawing, axes = plt.subplots(num_rows, num_columns, figsize=size, **options)
        try:
            yield drawing, axes
            drawing.canvas.draw()  # the layout is made while the style is in force
        finally:
            plt.close(drawing)


def to_png(drawing):
    """The bytes of a figure as PNG, for widgets and files."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def show_image(axis, image, title=None):
    """Draws one picture without ticks: uint8, or float in 0..1; one channel in gray."""
    image = np.asarray(image)
    if image.shape[-1] == 1:
        image = image[..., 0]
    axis.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if title is not None:
        axis.set_title(title, loc="center", fontsize=9)


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
    with figure(num_rows, num_columns, size, squeeze=False) as (drawing, axes):
        for index, axis in enumerate(axes.flat):
            if index >= len(images):
                axis.axis("off")
                continue
            show_image(axis, images[index], None if titles is None else titles[index])
        for axis, label in zip(axes[:, 0], row_labels or [], strict=False):
            axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
        if title:
            drawing.suptitle(title, x=0.01, ha="left", fontsize=11)
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
            axis.legend(fontsize=8)
    return drawing


def _curve(axis, values, label, color, marker=None):
    """One line over the epochs in which the value was measured."""
    points = [(epoch, value) for epoch, value in enumerate(values, 1) if value is not None]
    if points:
        marker = marker or ("o" if len(points) == 1 else None)
        axis.plot(*zip(*points, strict=True), color=color, marker=marker, ms=4, label=label)
