"""A figure of similarity matrices whose images are sorted by a known factor."""

import numpy as np

from simclr_utils.plotting.fonts import LONGEST_LABEL, plain, plain_names
from simclr_utils.plotting.style import DescribedFigure, figure

MOST_NAMES = 20  # classes whose names fit beside a matrix
STRIP = 0.06  # the width of a colored strip as a share of the matrix


def plot_sorted(
    similarities: dict[str, np.ndarray],
    factors: dict[str, np.ndarray],
    cyclic: tuple[str, ...] = (),
    num_cells: int = 40,
) -> DescribedFigure:
    """Draws similarity matrices, sorted in each column by another factor of the images.

    If images with similar values of a factor are similar to the encoder, the matrix has blocks
    or a band along its diagonal. If the encoder ignores the factor, it has none. The strips beside
    a matrix show the sorted factor. A cell is the mean over pairs of neighboring images, without
    those of an image with itself. Each row has a scale of colors of its own.

    Args:
        similarities: Dict from an encoder's name to a float array `[N, N]`, cosine similarities.
        factors: Dict from a factor's name to an array `[N]`. Strings are names of classes, which
            are written beside the strip; integers are classes too, floats are quantities.
        cyclic: Tuple of the names of factors whose largest value is next to the smallest, such as
            hue.
        num_cells: Integer, the number of rows of cells; at most half of N are drawn.

    Returns:
        A closed `Figure`.

    Raises:
        ValueError: If a factor does not have one value for each row of a matrix.
    """
    num_images = len(next(iter(similarities.values())))
    for name, values in factors.items():
        if np.shape(values) != (num_images,):
            raise ValueError(
                f"The factor {name!r} has the shape {np.shape(values)}; expected ({num_images},), "
                "one value for each row of the similarities."
            )
    num_cells = min(num_cells, num_images // 2)
    orders = {name: np.argsort(values, kind="stable") for name, values in factors.items()}
    size = (9, (9 / max(3, len(factors)) - 0.45) * len(similarities) + 0.4)
    with figure(len(similarities), len(factors), size, squeeze=False) as (drawing, axes):
        for row, (encoder, matrix) in zip(axes, similarities.items(), strict=True):
            cells = {name: _cells(matrix, order, num_cells) for name, order in orders.items()}
            low, high = np.percentile(np.stack(list(cells.values())), (2, 98))
            options = {"cmap": "viridis", "vmin": low, "vmax": high, "extent": (0, 1, 0, 1)}
            for axis, (name, order) in zip(row, orders.items(), strict=True):
                picture = axis.imshow(cells[name], **options)
                _draw_strips(axis, np.asarray(factors[name])[order], name in cyclic)
            row[0].set_ylabel(plain(encoder, LONGEST_LABEL))
            drawing.colorbar(picture, ax=row, shrink=0.85, label="cosine similarity")
        for axis, name in zip(axes[0], factors, strict=True):
            axis.set_title(plain(f"sorted by {name}", LONGEST_LABEL))
    return drawing


def _cells(matrix, order, num_cells):
    """Returns the mean similarities of neighbors in an order, `[num_cells, num_cells]`."""
    pairs = 1.0 - np.eye(len(order))
    starts = np.arange(num_cells) * len(order) // num_cells

    def add(values):
        return np.add.reduceat(np.add.reduceat(values, starts, axis=0), starts, axis=1)

    return add((matrix * pairs)[np.ix_(order, order)]) / add(pairs)


def _draw_strips(axis, values, cyclic):
    """Draws the sorted values as colors, left of the matrix and above it."""
    near, far = 1.01, 1.01 + STRIP
    axis.set(xticks=[], yticks=[])
    if values.dtype.kind == "f":
        options = {"cmap": "hsv" if cyclic else "coolwarm", "vmin": values.min()}
        options |= {"vmax": values.max()}
    else:
        classes, values, counts = np.unique(values, return_inverse=True, return_counts=True)
        options = {"cmap": "tab10", "vmin": 0, "vmax": 9}
        if classes.dtype.kind == "U" and len(classes) <= MOST_NAMES:
            middles = 1 - (np.cumsum(counts) - counts / 2) / len(values)
            axis.set_yticks(middles, plain_names(classes), fontsize=7)
            axis.tick_params(left=False)
        values = values % 10
    axis.imshow(values[:, None], extent=(1 - far, 1 - near, 0, 1), aspect="auto", **options)
    axis.imshow(values[None], extent=(0, 1, near, far), aspect="auto", **options)
    axis.set(xlim=(1 - far, 1), ylim=(0, far), aspect="equal")
    axis.grid(False)
    axis.spines[:].set_visible(False)
