"""The embedded dataset of the course: signs of an invented script, drawn from a seed.

The script has 64 signs. Each is made of two or three strokes. The kind of a sign is its class; as
in a real archive, a few kinds only are deciphered. All other factors are drawn independently of
the kind and recorded, as in `shapes`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np

from simclr_utils.data.painting import (
    BLOCK,
    SURFACES,
    blend,
    check_whole,
    draw_factors,
    paint_background,
    pixel_centers,
    surface,
    to_pixels,
)
from simclr_utils.system.processor import available_cores

NUM_KINDS, MAX_STROKES = 64, 3
# The meanings of the first kinds, the only ones with labels.
CLASS_NAMES = ("sun", "river", "house", "bird", "grain", "hand", "night", "salt", "road", "king")
_SCRIPT_SEED = 64
_GRID = np.array([-0.8, 0.0, 0.8], np.float32)  # where strokes begin and end
_BENDS = np.array([-0.7, 0.0, 0.7], np.float32)  # of a stroke's middle, in stroke lengths
_REACH = 0.85  # of a sign, from its center to the farthest point, left and right or up and down
_CLOSEST = 0.5  # smallest distance between two signs, as `_distance` measures it
_SEGMENTS = 8  # straight pieces that a stroke is drawn with
_RANGES = {  # each factor is drawn uniformly from its range
    **{"x": (-0.35, 0.35), "y": (-0.35, 0.35), "scale": (0.45, 0.8)},
    **{"angle": (-0.25, 0.25), "slant": (-0.3, 0.3), "stroke_width": (0.07, 0.13)},
    **{"wobble": (0.1, 0.25), "noise": (0.01, 0.05)},
    **SURFACES,
}


class Glyphs(NamedTuple):
    """Pictures, kinds (from 0 to 63) and factors; see `render_glyphs`."""

    images: np.ndarray
    kinds: np.ndarray
    factors: dict[str, np.ndarray]


@cache
def script():
    """Returns the strokes of every sign, a float32 array `[64, 3, 3, 2]`.

    The axes are sign, stroke, point (begin, middle and end of a quadratic Bezier curve) and
    coordinate. A stroke that a sign lacks is NaN.
    """
    rng = np.random.default_rng(_SCRIPT_SEED)
    signs = []
    while len(signs) < NUM_KINDS:
        sign = _draw_sign(rng)
        if all(_distance(sign, other) > _CLOSEST for other in signs):
            signs.append(sign)
    return np.stack(signs)


def _draw_sign(rng):
    """Draws two or three strokes between points of the grid, `[3, 3, 2]`."""
    sign = np.full((MAX_STROKES, 3, 2), np.nan, np.float32)
    for stroke in range(rng.integers(2, MAX_STROKES + 1)):
        begin, end = rng.choice(_GRID, (2, 2))
        while np.linalg.norm(end - begin) < 0.8:
            begin, end = rng.choice(_GRID, (2, 2))
        across = np.array([begin[1] - end[1], end[0] - begin[0]])
        sign[stroke] = begin, (begin + end) / 2 + rng.choice(_BENDS) * across, end
    curves = _curve(sign)
    low, high = (bound(curves, axis=(0, 1)) for bound in (np.nanmin, np.nanmax))
    return (sign - (low + high) / 2) / ((high - low).max() / 2) * _REACH


def _distance(sign, other):
    """Returns how far two signs are apart: the Hausdorff distance of points on their strokes."""
    points, others = (_curve(each).reshape(-1, 2) for each in (sign, other))
    points, others = (each[~np.isnan(each[:, 0])] for each in (points, others))
    apart = np.linalg.norm(points[:, None] - others, axis=-1)
    return max(apart.min(axis=0).max(), apart.min(axis=1).max())


def _curve(strokes):
    """Returns `_SEGMENTS + 1` points on each Bezier curve, `[..., 3, 2]` -> `[..., points, 2]`."""
    t = np.linspace(0, 1, _SEGMENTS + 1, dtype=np.float32)[:, None]
    begin, middle, end = (strokes[..., None, point, :] for point in range(3))
    return (1 - t) ** 2 * begin + 2 * t * (1 - t) * middle + t**2 * end


def _place(strokes, factors):
    """Moves strokes `[N, 3, 3, 2]` to where they are in the picture."""
    x, y = strokes[..., 0], strokes[..., 1]
    slant, scale, angle = (factors[name][:, None, None] for name in ("slant", "scale", "angle"))
    x, y = scale * (x + slant * y), scale * y
    turned = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    moved = [part + factors[name][:, None, None] for part, name in zip(turned, "xy", strict=True)]
    return np.stack(moved, axis=-1)


def _distance_to_strokes(strokes, x, y):
    """Returns the distance of the points `x`, `y` `[1, P]` to the nearest stroke, `[N, P]`."""
    nearest = np.full((len(strokes), x.shape[1]), np.inf, np.float32)
    curves = _curve(strokes)
    for stroke in range(MAX_STROKES):
        for step in range(_SEGMENTS):
            begin, end = curves[:, stroke, step], curves[:, stroke, step + 1]
            along = end - begin
            length = np.maximum((along**2).sum(axis=1), 1e-9)
            u, v = x - begin[:, :1], y - begin[:, 1:]
            share = np.clip((u * along[:, :1] + v * along[:, 1:]) / length[:, None], 0, 1)
            u -= share * along[:, :1]
            v -= share * along[:, 1:]
            np.fmin(nearest, u * u + v * v, out=nearest)  # fmin: NaN is no stroke
    return np.sqrt(nearest)


def _draw_block(strokes, factors, image_size, seed):
    """Draws pictures of signs, uint8 `[N, S, S, 3]`; `seed` determines the pixel noise."""
    x, y = pixel_centers(image_size)
    canvas = paint_background(factors, x, y, image_size / 2)
    distance = _distance_to_strokes(_place(strokes, factors), x, y)
    paint = surface(factors, "", np.repeat(x, len(strokes), 0), np.repeat(y, len(strokes), 0))
    blend(canvas, paint, distance - factors["stroke_width"][:, None], image_size / 2)
    return to_pixels(canvas, factors["noise"], seed)


def render_glyphs(
    num_images: int,
    seed: int | Sequence[int] = 0,
    image_size: int = 32,
    num_kinds: int = NUM_KINDS,
    kinds: np.ndarray | None = None,
    fixed: dict[str, object] | None = None,
) -> Glyphs:
    """Draws pictures of signs and records the factors that made them.

    Every factor is drawn even if it is fixed. Two calls that differ in one fixed factor give the
    same pictures with that factor changed (but a fixed lightness moves the other, for contrast).
    Angles are in radians, counter-clockwise. Lengths are in half pictures, `x` right and `y` up.

    Args:
        num_images: Integer, the number of pictures, N.
        seed: Integer or sequence of integers, each 0 or more. The script is the same for all.
        image_size: Integer, height and width S in pixels, at least 8.
        num_kinds: Integer from 1 to 64: the pictures show the first kinds of the script.
        kinds: Integer array `[N]`. Defaults to each of the `num_kinds` equally often, in random
            order.
        fixed: Dict from a factor's name to one value or an array of the factor's shape, such as
            `{"angle": 0.0, "texture": "plain", "wobble": 0.0, "noise": 0.0}`.

    Returns:
        A `Glyphs` tuple: `images` uint8 `[N, S, S, 3]`, `kinds` int64 `[N]`, and `factors`, a
        dict of arrays. Those of shape `[N]` are `x`, `y`, `scale`, `angle`, `slant`,
        `stroke_width`, `wobble` (standard deviation of the points that a stroke goes through, in
        half signs), `noise` (standard deviation, 0-1) and `distractors` (their number); for the
        ink, and with the prefix `background_` for the background, `hue`, `saturation`,
        `lightness`, `texture`, `texture_angle`, `texture_frequency` and `texture_phase`. Those of
        shape `[N, 3]` are `color` and `background_color` (mean RGB, 0-1, which cannot be fixed),
        and with the prefix `distractor_` `x`, `y`, `angle`, `length`, `width`, `hue` and
        `lightness`.

    Raises:
        ValueError: If an argument is out of range, or `fixed` leaves too little contrast.

    Example:

    >>> drawn = render_glyphs(100, seed=0, num_kinds=10)
    >>> drawn.images.shape
    (100, 32, 32, 3)
    """
    check_whole("num_images", num_images, 1)
    check_whole("image_size", image_size, 8)
    if num_kinds not in range(1, NUM_KINDS + 1):
        raise ValueError(f"`num_kinds` is {num_kinds!r}: expected a whole number from 1 to 64.")
    kind_seed, factor_seed, hand_seed, noise_seed = np.random.SeedSequence(seed).spawn(4)
    if kinds is None:
        kinds = np.random.default_rng(kind_seed).permutation(num_images) % num_kinds
    kinds = np.asarray(kinds)
    if kinds.shape != (num_images,) or not np.isin(kinds, range(NUM_KINDS)).all():
        raise ValueError(f"`kinds` is {kinds!r}: expected {num_images} whole numbers, 0 to 63.")
    factors = draw_factors(np.random.default_rng(factor_seed), num_images, _RANGES, fixed or {})
    hand = np.random.default_rng(hand_seed)
    shaking = hand.standard_normal((num_images, MAX_STROKES, 3, 2), np.float32)
    strokes = script()[kinds] + factors["wobble"][:, None, None, None] * shaking
    images = np.empty((num_images, image_size, image_size, 3), np.uint8)
    blocks = [slice(i, i + BLOCK) for i in range(0, num_images, BLOCK)]

    def draw(rows, seed):  # a block, with its own seed for the noise
        chosen = {name: values[rows] for name, values in factors.items()}
        images[rows] = _draw_block(strokes[rows], chosen, image_size, seed)

    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(draw, blocks, noise_seed.spawn(len(blocks))))
    return Glyphs(images, kinds.astype(np.int64), factors)
