"""The figure of occlusion: which parts of an image a classifier needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from simclr_utils.plotting.fonts import LONGEST_NAME, readable
from simclr_utils.plotting.images import LETTERS, show_image
from simclr_utils.plotting.style import DescribedFigure, cosine_colors, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 0.01  # of a scale: a map of smaller changes stays pale
OPACITY = 0.65


def plot_occlusion(images: np.ndarray, maps: np.ndarray, titles: Sequence[str]) -> DescribedFigure:
    """Draws images, and below each what covering a part of it does to the probability of its class.

    Args:
        images: Array `[N, H, W, C]`, uint8 or float in 0..1.
        maps: Float array `[N, H, W]`, as `evaluation.occlusion_map` returns it for each image.
        titles: Sequence of N strings above the images.

    Returns:
        A closed `Figure`. Where a map is brown, covering lowers the probability; where it is
        purple, covering raises it. All maps have one scale.
    """
    largest = largest_change(maps)
    columns = max(len(images), 3)
    longest = min(LONGEST_NAME, max(5, LETTERS // columns))
    with figure(2, columns, (9, 2.1 * 8 / columns + 0.4), squeeze=False) as (drawing, axes):
        for axis in axes[:, len(images) :].flat:
            axis.axis("off")
        for column, image, falls, title in zip(axes.T, images, maps, titles, strict=False):
            show_image(column[0], image, readable(title, longest))
            show_image(column[1], map_over_image(image, falls, largest))
        scale = ScalarMappable(Normalize(-100 * largest, 100 * largest), "PuOr_r")
        bar = drawing.colorbar(scale, ax=axes, shrink=0.7)
        bar.set_label("fall of the probability\nif covered (points)", fontsize=9)
        axes[0, 0].set_ylabel("image", fontsize=9)
        axes[1, 0].set_ylabel("occlusion", fontsize=9)
    return drawing


def largest_change(maps: np.ndarray) -> float:
    """Returns the end of a color scale for maps of any shape: their largest change, or 0.01."""
    return max(LEAST, float(np.abs(maps).max()))


def map_over_image(image: np.ndarray, falls: np.ndarray, largest: float) -> np.ndarray:
    """Lays the colors of a map over a gray copy of its image.

    Args:
        image: Array `[H, W, C]`, uint8 or float in 0..1.
        falls: Float array `[H, W]`.
        largest: Float, the end of the color scale.

    Returns:
        A float array `[H, W, 3]` in 0..1.
    """
    gray = image.mean(axis=-1, keepdims=True) / (255 if image.dtype == np.uint8 else 1)
    return (1 - OPACITY) * gray + OPACITY * cosine_colors(falls / largest)
