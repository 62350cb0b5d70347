"""Figures that show images: grids, classes, neighbors, and views with their histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.plotting.fonts import LONGEST_LABEL, LONGEST_NAME, plain, readable
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

if TYPE_CHECKING:
    from simclr_utils.data.dataset import Dataset

TICK, CROSS = "\u2713", "\u2717"  # so that right and wrong differ by more than their color
LETTERS = 115  # that fit into a line of titles


def plot_images(
    images: np.ndarray,
    titles: Sequence[str] | None = None,
    num_columns: int = 10,
    title: str | None = None,
    row_labels: Sequence[str] | None = None,
) -> DescribedFigure:
    """Draws images in a grid, row by row.

    Args:
        images: Array `[N, H, W, C]`, uint8 or float in 0..1.
        titles: Sequence of N strings above the images, or `None`.
        num_columns: Integer, images in a row.
        title: String above the figure, or `None`.
        row_labels: Sequence of strings to the left of the rows, or `None`.

    Returns:
        A closed `Figure`.
    """
    num_rows = -(-len(images) // num_columns)
    height = (1.15 if titles is not None else 0.95) * num_rows * 9 / num_columns
    size = (9, height + (0.35 if title else 0))
    row_labels = [plain(label, LONGEST_LABEL) for label in row_labels or []]
    room = LETTERS - max(map(len, row_labels), default=0)
    longest = min(LONGEST_NAME, max(5, room // num_columns))
    titles = None if titles is None else [readable(name, longest) for name in titles]
    with figure(num_rows, num_columns, size, squeeze=False) as (drawing, axes):
        for index, axis in enumerate(axes.flat):
            if index >= len(images):
                axis.axis("off")
                continue
            show_image(axis, images[index], None if titles is None else titles[index])
        for axis, label in zip(axes[:, 0], row_labels, strict=False):
            _label_row(axis, label)
        if title:
            _title_above(drawing, title)
    return drawing


def plot_classes(
    dataset: Dataset,
    num_classes: int = 10,
    num_each: int = 3,
    num_columns: int | None = None,
    title: str | None = None,
) -> DescribedFigure:
    """Draws training images of the first classes, or images of the pool if nothing is labeled.

    Args:
        dataset: A `Dataset`.
        num_classes: Integer, the largest number of classes.
        num_each: Integer, images of each class, one below the other.
        num_columns: Integer, images in a row. `None` means one column for each class.
        title: String above the figure, or `None`.

    Returns:
        A closed `Figure`.
    """
    if not dataset.is_labeled:
        images = dataset.unlabeled[: num_classes * num_each]
        return plot_images(images, None, num_columns or num_classes, "images of the pool")
    shown = range(min(num_classes, dataset.num_classes))
    sheet = [np.resize(np.flatnonzero(dataset.train[1] == label), num_each) for label in shown]
    titles = [dataset.class_names[label] for label in shown] + [""] * ((num_each - 1) * len(shown))
    rows = np.transpose(sheet).ravel()
    return plot_images(dataset.train[0][rows], titles, num_columns or len(shown), title)


def plot_neighbors(
    query: np.ndarray,
    neighbors: dict[str, tuple[np.ndarray, Sequence[bool] | None]],
    title: str | None = None,
) -> DescribedFigure:
    """Draws an image and its nearest neighbors, one row for each representation.

    Args:
        query: Array `[H, W, C]`, the image.
        neighbors: Dict from a representation's name to a pair: the images `[K, H, W, C]` and
            booleans `[K]` that say whether they belong to the query's class. The booleans are
            `None` if nothing is labeled.
        title: String above the figure, or `None`.

    Returns:
        A closed `Figure`. A tick and a blue frame mark the query's class, a cross and an orange
        frame mark other classes.
    """
    num_columns = 1 + max(len(images) for images, _ in neighbors.values())
    size = (9, 9 / num_columns * 1.2 * len(neighbors) + (0.35 if title else 0))
    with figure(len(neighbors), num_columns, size, squeeze=False) as (drawing, axes):
        for row, (name, (images, same)) in zip(axes, neighbors.items(), strict=True):
            show_image(row[0], query, "the image")
            _label_row(row[0], plain(name, LONGEST_LABEL))
            for index, (axis, image) in enumerate(zip(row[1:], images, strict=False)):
                if same is None:
                    show_image(axis, image)
                    continue
                show_image(axis, image, TICK if same[index] else CROSS)
                color = COLORS["blue"] if same[index] else COLORS["orange"]
                axis.spines[:].set(visible=True, color=color, linewidth=2.5)
        if title:
            _title_above(drawing, title)
    return drawing


def plot_view_histograms(
    pairs: np.ndarray, titles: Sequence[str], num_bins: int = 16
) -> DescribedFigure:
    """Draws pairs of views, and below each pair the histograms of its pixel values.

    Each channel has a line in its color, solid for the first view and dashed for the second.

    Args:
        pairs: Float array `[P, 2, H, W, C]` in 0..1.
        titles: Sequence of P strings.
        num_bins: Integer, bins of each histogram.

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
            column[2].set(xlim=(0, 1), xlabel="pixel value", yticks=[])
        axes[2, 0].set_ylabel("share of pixels")
        for name in channels:
            axes[2, -1].plot([], [], color=COLORS[name], lw=2.5, label=f"{name} channel")
        for style, name in (("-", "view 1"), ("--", "view 2")):
            axes[2, -1].plot([], [], style, color="black", lw=1.3, label=name)
        drawing.legend(loc="outside lower center", ncols=5, fontsize=9)
    return drawing


def show_image(axis, image, title=None):
    """Draws one image without ticks: uint8, or float in 0..1; one channel in gray."""
    image = np.asarray(image)
    image = image[..., 0] if image.shape[-1] == 1 else image
    limit = 255 if image.dtype == np.uint8 else 1
    # Square pixels for small images: sharper, and a fraction of the bytes as PNG.
    interpolation = "nearest" if max(image.shape[:2]) <= 64 else "auto"
    axis.imshow(image, cmap="gray", vmin=0, vmax=limit, interpolation=interpolation)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    axis.spines[:].set_visible(False)
    if title is not None:
        axis.set_title(plain(title), loc="center", fontsize=9)


def _label_row(axis, text):
    """Writes a text to the left of a row of images."""
    axis.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=9)


def _title_above(drawing, title):
    """Writes a title above the whole figure."""
    drawing.suptitle(plain(title), x=0.01, ha="left", fontsize=11)
