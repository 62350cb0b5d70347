"""Figures of classes: their places in a map, and which are confused with which."""

from collections.abc import Sequence

import numpy as np

from simclr_utils.plotting.fonts import LONGEST_LABEL, plain, plain_names
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

MOST_CLASSES = 20  # that can be read along an axis or in a legend
# Ten colors for numbers on white: Okabe and Ito's without the pale yellow, and three dark ones.
CLASS_COLORS = [color for name, color in COLORS.items() if name not in ("yellow", "gray")]
CLASS_COLORS += ["#000000", "#7B3F00", "#6A3D9A", "#7F8A00"]


def plot_map(
    maps: dict[str, np.ndarray], labels: np.ndarray, class_names: Sequence[str]
) -> DescribedFigure:
    """Draws points in the plane, each as the number of its class, in the color of its class.

    The first ten classes have a color of their own. The name of a class is written at the point
    nearest to its median around which most points belong to it.

    Args:
        maps: Dict from a panel's title to its points, float array `[N, 2]`.
        labels: Integer array `[N]`, the class of each point.
        class_names: Sequence of strings, one for each class.

    Returns:
        A closed `Figure`.
    """
    class_names, shown = plain_names(class_names), np.unique(labels)
    with figure(1, len(maps), (9, 9 / len(maps) + 0.5), squeeze=False) as (drawing, axes):
        for axis, (title, points) in zip(axes[0], maps.items(), strict=True):
            for label in shown:
                # Numbers, because a star would mislead if its class is called "ring".
                color = CLASS_COLORS[label % len(CLASS_COLORS)]
                rows = points[labels == label]
                axis.scatter(*rows.T, 75, color, alpha=0.3, linewidths=0)
                size, number = 24 if label < 10 else 40, rf"$\mathbf{{{label}}}$"
                axis.scatter(*rows.T, size, color, number, linewidths=0)
            _write_names(axis, points, labels, class_names, 0.0105 * len(maps))
            axis.set(title=plain(title, LONGEST_LABEL), xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        handles, names = axes[0, 0].collections[1::2], [class_names[label] for label in shown]
        if len(names) <= MOST_CLASSES:
            columns = max(1, min(10, 150 // (5 + max(map(len, names)))))  # 150 letters per line
            drawing.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=8)
    return drawing


def _write_names(axis, points, labels, class_names, letter):
    """Writes each class's name near its median, where it is pure and covers no other name.

    `letter` is the width of a letter as a share of the axes' width.
    """
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    around = labels[np.argsort(distances, axis=1)[:, :20]]
    purity = np.mean(around == labels[:, None], axis=1)
    scaled, named = points / np.maximum(np.ptp(points, axis=0), 1e-12), []
    box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}
    middle = {"ha": "center", "va": "center", "weight": "bold"}
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        far = np.linalg.norm(scaled[of_class] - np.median(scaled[of_class], axis=0), axis=1)
        clear = (purity[of_class] > 0.5) * (2 - far)
        for place, other in named:
            room = (letter * (1 + (len(class_names[label]) + len(other)) / 2), 0.05)
            clear = clear * np.any(abs(scaled[of_class] - place) >= room, axis=1)
        if clear.max() > 0:
            place, color = of_class[clear.argmax()], CLASS_COLORS[label % len(CLASS_COLORS)]
            named.append((scaled[place], class_names[label]))
            axis.text(*points[place], class_names[label], bbox=box, color=color, **middle)


def plot_confusion(counts: np.ndarray, class_names: Sequence[str]) -> DescribedFigure:
    """Draws a confusion matrix in percent of each true class.

    Args:
        counts: Integer array `[C, C]`, the number of images of a class (row) that were predicted
            as a class (column).
        class_names: Sequence of C strings.

    Returns:
        A closed `Figure`. Of more than 20 classes it shows the 20 that are confused most.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    title = "predictions for each class"
    if len(class_names) > MOST_CLASSES:
        title += f": the {MOST_CLASSES} most confused of {len(class_names):,} classes"
        chosen = _most_confused(counts)
        shares, class_names = shares[np.ix_(chosen, chosen)], [class_names[i] for i in chosen]
    class_names = plain_names(class_names)
    size = min(8, 2.5 + 0.42 * len(class_names))
    with figure(1, 1, (max(6.5, size + 1), size)) as (drawing, axis):
        picture = axis.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100, aspect="auto")
        drawing.colorbar(picture, ax=axis, shrink=0.85, label="% of the class")
        places = np.arange(len(class_names))
        axis.set_xticks(places, class_names, rotation=45, ha="right")
        axis.set_yticks(places, class_names)
        axis.set(title=title, xlabel="predicted class", ylabel="true class")
        axis.grid(False)
        if len(class_names) <= 12:
            for row, column in np.ndindex(*shares.shape):
                color = "white" if shares[row, column] > 0.6 else "black"
                text = f"{100 * shares[row, column]:.0f}"
                axis.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    return drawing


def _most_confused(counts):
    """Returns the classes with the most errors in their row and column, in ascending order."""
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    order = np.argsort(-wrong.sum(axis=0) - wrong.sum(axis=1), kind="stable")
    return np.sort(order[:MOST_CLASSES])
