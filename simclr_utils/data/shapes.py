"""The embedded dataset: small pictures of ten kinds of shape, drawn from a seed.

The class of a picture is its shape. All other factors are drawn independently of the class and
recorded, so that a lesson can measure what a representation keeps and an augmentation discards.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from simclr_utils.data.outlines import CLASS_NAMES, signed_distance
from simclr_utils.data.painting import (
    BLOCK,
    SURFACES,
    TURN,
    blend,
    check_whole,
    draw_factors,
    paint_background,
    pixel_centers,
    rotate,
    surface,
    to_pixels,
)
from simclr_utils.system.processor import available_cores

# Each factor is drawn uniformly from its range.
_RANGES = {
    **{"x": (-0.2, 0.2), "y": (-0.2, 0.2), "angle": TURN},
    **{"scale": (0.5, 0.8), "noise": (0.01, 0.05)},
    **SURFACES,
}


class Shapes(NamedTuple):
    """Pictures, labels (indices into `CLASS_NAMES`) and factors; see `render_shapes`."""

    images: np.ndarray
    labels: np.ndarray
    factors: dict[str, np.ndarray]


def _draw_block(name, factors, image_size, seed):
    """Draws pictures of one class, uint8 `[N, S, S, 3]`; `seed` determines the pixel noise."""
    x, y = pixel_centers(image_size)
    canvas = paint_background(factors, x, y, image_size / 2)
    scale = factors["scale"][:, None]
    u, v = rotate(x - factors["x"][:, None], y - factors["y"][:, None], factors["angle"])
    u, v = u / scale, v / scale
    paint = surface(factors, "", u, v)
    blend(canvas, paint, signed_distance(name, u, v), scale * (image_size / 2))
    return to_pixels(canvas, factors["noise"], seed)


def render_shapes(
    num_images: int,
    seed: int | Sequence[int] = 0,
    image_size: int = 32,
    labels: np.ndarray | None = None,
    fixed: dict[str, object] | None = None,
) -> Shapes:
    """Draws pictures of shapes and records the factors that made them.

    Every factor is drawn even if it is fixed. Two calls that differ in one fixed factor give the
    same pictures with that factor changed (but a fixed lightness moves the other, for contrast).
    Angles are in radians, counter-clockwise. Lengths are in half pictures, `x` right and `y` up.

    Args:
        num_images: Integer, the number of pictures, N.
        seed: Integer or sequence of integers, each 0 or more.
        image_size: Integer, height and width S in pixels, at least 8.
        labels: Integer array `[N]`. Defaults to each class equally often, in random order.
        fixed: Dict from a factor's name to one value or an array of the factor's shape, such as
            `{"angle": 0.0, "texture": "plain", "distractors": 0, "noise": 0.0}`.

    Returns:
        A `Shapes` tuple: `images` uint8 `[N, S, S, 3]`, `labels` int64 `[N]`, and `factors`, a
        dict of arrays. Those of shape `[N]` are `x`, `y`, `scale`, `angle`, `noise` (standard
        deviation, 0-1) and `distractors` (their number); for the shape, and with the prefix
        `background_` for the background, `hue`, `saturation`, `lightness`, `texture`,
        `texture_angle`, `texture_frequency` and `texture_phase`. Those of shape `[N, 3]` are
        `color` and `background_color` (mean RGB, 0-1, which cannot be fixed), and with the prefix
        `distractor_` `x`, `y`, `angle`, `length`, `width`, `hue` and `lightness`.

    Raises:
        ValueError: If an argument is out of range, or `fixed` leaves too little contrast.

    Example:

    >>> drawn = render_shapes(100, seed=0, fixed={"texture": "plain"})
    >>> drawn.images.shape
    (100, 32, 32, 3)
    """
    check_whole("num_images", num_images, 1)
    check_whole("image_size", image_size, 8)
    label_seed, factor_seed, noise_seed = np.random.SeedSequence(seed).spawn(3)
    if labels is None:
        labels = np.random.default_rng(label_seed).permutation(num_images) % len(CLASS_NAMES)
    labels = np.asarray(labels)
    if labels.shape != (num_images,) or not np.isin(labels, range(len(CLASS_NAMES))).all():
        raise ValueError(f"`labels` is {labels!r}: expected {num_images} whole numbers, 0 to 9.")
    factors = draw_factors(np.random.default_rng(factor_seed), num_images, _RANGES, fixed or {})
    images = np.empty((num_images, image_size, image_size, 3), np.uint8)
    members = [np.flatnonzero(labels == label) for label in range(len(CLASS_NAMES))]
    blocks = [rows[i : i + BLOCK] for rows in members for i in range(0, len(rows), BLOCK)]

    def draw(rows, seed):  # a block of one class, with its own seed for the noise
        name, chosen = CLASS_NAMES[int(labels[rows[0]])], {f: factors[f][rows] for f in factors}
        images[rows] = _draw_block(name, chosen, image_size, seed)

    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(draw, blocks, noise_seed.spawn(len(blocks))))
    return Shapes(images, labels.astype(np.int64), factors)
