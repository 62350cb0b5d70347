"""The figure of occlusion: which parts of an image a classifier needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.plotting.fonts import LONGEST_NAME, readable
from simclr_utils.plotting.images import LETTERS, show_image
from simclr_utils.plotting.style import DescribedFigure, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 0.01  # the end of a scale: a map of smaller changes stays pale
OPACITY = 0.65  # of a map over its image


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
    end, columns = 100 * largest_change(maps), len(images)
    longest = min(LONGEST_NAME, max(5, LETTERS // columns))
    height = 2 * min(8 / columns, 2.6) + 0.5
    with figure(2, columns, (9, height), squeeze=False) as (drawing, axes):
        for (above, below), image, falls, title in zip(axes.T, images, maps, titles, strict=True):
            show_image(above, image, readable(title, longest))
            show_image(below, as_gray(image))
            colors = {"cmap": "PuOr_r", "vmin": -end, "vmax": end, "alpha": OPACITY}
            picture = below.imshow(100 * falls, interpolation="nearest", **colors)
        bar = drawing.colorbar(picture, ax=axes, shrink=0.7)
        bar.set_label("fall of the probability\nif covered (points)", fontsize=9)
        axes[0, 0].set_ylabel("image", fontsize=9)
        axes[1, 0].set_ylabel("occlusion", fontsize=9)
    return drawing


def largest_change(maps: np.ndarray) -> float:
    """Returns the end of a color scale for maps of any shape: their largest change, or 0.01."""
    return max(LEAST, float(np.abs(maps).max()))


def as_gray(image: np.ndarray) -> np.ndarray:
    """Returns the mean over the channels of an image, `[H, W, 1]` in 0..1."""
    return image.mean(axis=-1, keepdims=True) / (255 if image.dtype == np.uint8 else 1)
