"""The embedded dataset: small pictures of ten kinds of shape, drawn from a seed.

The class of a picture is its shape. All other factors are drawn independently of the class and
recorded, so that a lesson can measure what a representation keeps and an augmentation discards.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from simclr_utils.data.outlines import CLASS_NAMES, signed_distance
from simclr_utils.system.processor import available_cores

TEXTURE_NAMES = ("plain", "gradient", "stripes", "checks", "dots")
MAX_DISTRACTORS = 3
# Smallest difference in luma (0-1) between the mean colors of shape and background. A texture
# moves each by _TEXTURE_DEPTH at most, so the shape stands out everywhere, even in grayscale.
MIN_CONTRAST, _TEXTURE_DEPTH, _HUE_SPREAD = 0.35, 0.06, 0.07
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BLOCK = 64  # images drawn at once: few enough that their arrays stay in the CPU's cache
_TURN, _UNIT = (0.0, 2 * np.pi), (0.0, 1.0)
_SURFACE_RANGES = {"hue": _UNIT, "saturation": (0.2, 1.0), "lightness": (0.15, 0.85)}
_SURFACE_RANGES |= {"texture_angle": _TURN, "texture_phase": _TURN, "texture_frequency": (1.3, 2.8)}
_DISTRACTOR_RANGES = {"x": (-1.0, 1.0), "y": (-1.0, 1.0), "angle": _TURN, "length": (0.0, 0.2)}
_DISTRACTOR_RANGES |= {"width": (0.04, 0.1), "hue": _UNIT, "lightness": (0.15, 0.85)}
_RANGES = {  # each factor is drawn uniformly from its range
    **{"x": (-0.2, 0.2), "y": (-0.2, 0.2), "angle": _TURN},
    **{"scale": (0.5, 0.8), "noise": (0.01, 0.05)},
    **(_SURFACE_RANGES | {"lightness": (0.35, 0.85)}),
    **{f"background_{name}": limits for name, limits in _SURFACE_RANGES.items()},
    **{f"distractor_{name}": limits for name, limits in _DISTRACTOR_RANGES.items()},
}
# The values that a factor may be fixed to, by the last word of its name; others take -100 to 100.
_LIMITS = {"hue": (0, 1), "saturation": (0, 1), "lightness": (0.1, 0.9), "scale": (0.05, 2)}
_LIMITS |= {"noise": (0, 1), "length": (0, 0.3), "width": (0, 0.15), "frequency": (0, 16)}


class Shapes(NamedTuple):
    """Pictures, labels (indices into `CLASS_NAMES`) and factors; see `render_shapes`."""

    images: np.ndarray
    labels: np.ndarray
    factors: dict[str, np.ndarray]


def _check_fixed(name, value, drawn):
    """Returns the fixed value of a factor in the shape and dtype of the drawn one."""
    values = np.asarray(value)
    if name.endswith(("texture", "distractors")):
        choices = TEXTURE_NAMES if name.endswith("texture") else tuple(range(MAX_DISTRACTORS + 1))
        valid, expected = np.isin(values, choices), f"one of {choices}"
    else:
        low, high = _LIMITS.get(name.split("_")[-1], (-100, 100))
        valid = values.dtype.kind in "iuf" and (values >= low) & (values <= high)
        expected = f"a number from {low} to {high}"
    if not np.all(valid) or values.shape not in ((), drawn.shape):
        raise ValueError(
            f"`fixed[{name!r}]` is {value!r}: expected {expected}, or an array of the "
            f"shape {drawn.shape}."
        )
    return np.broadcast_to(values, drawn.shape).astype(drawn.dtype)


def _apart(share, other):
    """Maps `share` (0-1) to the lightness values at least MIN_CONTRAST away from `other`."""
    low, high = _RANGES["background_lightness"]
    below = np.maximum(other - MIN_CONTRAST - low, 0)
    above = np.maximum(high - MIN_CONTRAST - other, 0)
    place = share * (below + above)  # first the values below `other`, then those above
    return np.where(place < below, low + place, other + MIN_CONTRAST + place - below)


def _draw_factors(rng, num_images, fixed):
    """Draws every factor, then fixes some, so that fixing one leaves all others unchanged."""
    names = ("texture", "background_texture")
    factors = {name: rng.choice(TEXTURE_NAMES, num_images) for name in names}
    factors["distractors"] = rng.integers(MAX_DISTRACTORS + 1, size=num_images)
    for name, (low, high) in _RANGES.items():
        shape = (num_images, MAX_DISTRACTORS) if name.startswith("distractor_") else num_images
        factors[name] = rng.uniform(low, high, shape).astype(np.float32)
    share = rng.random(num_images, np.float32)
    for name, value in fixed.items():
        if name not in factors:
            raise ValueError(f"Unknown factor {name!r} in `fixed`: expected {', '.join(factors)}.")
        factors[name] = _check_fixed(name, value, factors[name])
    lightness, background = factors["lightness"], factors["background_lightness"]
    if "background_lightness" not in fixed:
        factors["background_lightness"] = _apart(share, lightness).astype(np.float32)
    elif "lightness" not in fixed:
        factors["lightness"] = _apart(share, background).astype(np.float32)
    elif np.any(np.abs(lightness - background) < MIN_CONTRAST - 1e-5):
        raise ValueError(
            f"`fixed` holds lightness={fixed['lightness']!r} and background_lightness="
            f"{fixed['background_lightness']!r}: expected them at least {MIN_CONTRAST} apart."
        )
    for prefix in ("", "background_"):
        factors[f"{prefix}color"] = np.mean(_texture_colors(factors, prefix), axis=0)
    return factors


def _color(hue, saturation, lightness):
    """Returns RGB `[N, 3]` of exactly this luma; full saturation reaches the edge of RGB."""
    turn = (hue[:, None] * 6 + np.array([0, 4, 2], np.float32)) % 6
    pure = np.clip(np.abs(turn - 3) - 1, 0, 1)
    chroma = pure - (pure @ _LUMA)[:, None]
    lightness = lightness[:, None]
    room = np.where(chroma > 0, 1 - lightness, lightness) / np.maximum(np.abs(chroma), 1e-6)
    return lightness + saturation[:, None] * np.minimum(room.min(1, keepdims=True), 1) * chroma


def _texture_colors(factors, prefix):
    """Returns the two colors of a texture, each `[N, 3]`."""
    hue, saturation, lightness = (factors[prefix + name] for name in list(_SURFACE_RANGES)[:3])
    dark = _color(hue - _HUE_SPREAD, saturation, lightness - _TEXTURE_DEPTH)
    return dark, _color(hue + _HUE_SPREAD, saturation, lightness + _TEXTURE_DEPTH)


def _rotate(x, y, angle):
    """Returns the coordinates `[N, P]` of points in axes that are turned by `angle` `[N]`."""
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return x * cosine + y * sine, y * cosine - x * sine


def _surface(factors, prefix, x, y):
    """Returns the colors `[N, 3, P]` of a textured surface at the points `x`, `y` `[N, P]`."""
    u, v = _rotate(x, y, factors[f"{prefix}texture_angle"])
    frequency = np.pi * factors[f"{prefix}texture_frequency"][:, None]
    phase = factors[f"{prefix}texture_phase"][:, None]
    pattern = np.zeros(u.shape, np.float32)  # from -1 to 1; "plain" stays 0
    for name in TEXTURE_NAMES[1:]:
        rows = np.flatnonzero(factors[f"{prefix}texture"] == name)
        wave = u[rows]
        if name != "gradient":
            wave = 3 * np.sin(frequency[rows] * wave + phase[rows])
        if name in ("checks", "dots"):
            wave *= np.sin(frequency[rows] * v[rows] + phase[rows])
        pattern[rows] = np.clip(2 * np.abs(wave) - 2 if name == "dots" else wave, -1, 1)
    dark, light = (color[:, :, None] for color in _texture_colors(factors, prefix))
    return (dark + light) / 2 + pattern[:, None, :] * ((light - dark) / 2)


def _blend(canvas, paint, distance, pixels):
    """Paints the inside of a shape on `canvas` `[N, 3, P]`, in place, with soft edges."""
    coverage = np.clip(0.5 - distance * pixels, 0, 1)
    change = paint - canvas
    change *= coverage[:, None, :]
    canvas += change


def _draw_block(name, factors, image_size, seed):
    """Draws pictures of one class, uint8 `[N, S, S, 3]`; `seed` determines the pixel noise."""
    steps = (np.arange(image_size, dtype=np.float32) + 0.5) * (2 / image_size) - 1
    x, y = np.tile(steps, image_size)[None], np.repeat(-steps, image_size)[None]
    canvas = _surface(factors, "background_", x, y)
    for index in range(MAX_DISTRACTORS):
        one = {key: factors[f"distractor_{key}"][:, index, None] for key in _DISTRACTOR_RANGES}
        u, v = _rotate(x - one["x"], y - one["y"], one["angle"][:, 0])
        width = np.where(factors["distractors"][:, None] > index, one["width"], np.float32(-9))
        u -= np.clip(u, -one["length"], one["length"])
        paint = _color(one["hue"][:, 0], np.float32([1]), one["lightness"][:, 0])[:, :, None]
        _blend(canvas, paint, np.sqrt(u * u + v * v) - width, image_size / 2)
    scale = factors["scale"][:, None]
    u, v = _rotate(x - factors["x"][:, None], y - factors["y"][:, None], factors["angle"])
    u, v = u / scale, v / scale
    paint = _surface(factors, "", u, v)
    _blend(canvas, paint, signed_distance(name, u, v), scale * (image_size / 2))
    noise = np.random.default_rng(seed).standard_normal(canvas.shape, np.float32)
    canvas += noise * factors["noise"][:, None, None]
    pixels = np.clip(canvas * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels.reshape(-1, 3, image_size, image_size).transpose(0, 2, 3, 1)


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
    for name, value, least in (("num_images", num_images, 1), ("image_size", image_size, 8)):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"`{name}` is {value!r}: expected a whole number, at least {least}.")
    label_seed, factor_seed, noise_seed = np.random.SeedSequence(seed).spawn(3)
    if labels is None:
        labels = np.random.default_rng(label_seed).permutation(num_images) % len(CLASS_NAMES)
    labels = np.asarray(labels)
    if labels.shape != (num_images,) or not np.isin(labels, range(len(CLASS_NAMES))).all():
        raise ValueError(f"`labels` is {labels!r}: expected {num_images} whole numbers, 0 to 9.")
    factors = _draw_factors(np.random.default_rng(factor_seed), num_images, fixed or {})
    images = np.empty((num_images, image_size, image_size, 3), np.uint8)
    members = [np.flatnonzero(labels == label) for label in range(len(CLASS_NAMES))]
    blocks = [rows[i : i + _BLOCK] for rows in members for i in range(0, len(rows), _BLOCK)]

    def draw(rows, seed):  # a block of one class, with its own seed for the noise
        name, chosen = CLASS_NAMES[int(labels[rows[0]])], {f: factors[f][rows] for f in factors}
        images[rows] = _draw_block(name, chosen, image_size, seed)

    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(draw, blocks, noise_seed.spawn(len(blocks))))
    return Shapes(images, labels.astype(np.int64), factors)
