"""Sheets of images that belong together: one with its nearest neighbours."""

from simclr_utils.plotting.base import COLORS, figure, show_image
from simclr_utils.plotting.fonts import LONGEST_LABEL, plain


def plot_neighbors(query, neighbors, title=None):
    """Draws an image and, one row a representation, its nearest neighbours.

    Args:
        query: image `[H, W, C]`.
        neighbors: dict from a representation's name to the images `[K, H, W, C]` and bools
            `[K]`, whether they are of the query's class, or `None` where nothing is labeled.
        title: string above the figure, or `None`.

    Returns:
        A closed `Figure`. A tick and a blue frame mark the query's class, a cross and an orange
        frame other classes.
    """
    num_columns = 1 + max(len(images) for images, _ in neighbors.values())
    size = (9, 9 / num_columns * 1.2 * len(neighbors) + (0.35 if title else 0))
    with figure(len(neighbors), num_columns, size, squeeze=False) as (drawing, axes):
        for row, (name, (images, same)) in zip(axes, neighbors.items(), strict=True):
            show_image(row[0], query, "the image")
            row[0].set_ylabel(plain(name, LONGEST_LABEL), rotation=0, ha="right", va="center")
            if same is None:
                for axis, image in zip(row[1:], images, strict=False):
                    show_image(axis, image)
                continue
            for axis, image, right in zip(row[1:], images, same, strict=False):
                show_image(axis, image, "\u2713" if right else "\u2717")
                color = COLORS["blue"] if right else COLORS["orange"]
                axis.spines[:].set(visible=True, color=color, linewidth=2.5)
        if title:
            drawing.suptitle(plain(title), x=0.01, ha="left", fontsize=11)
    return drawing
