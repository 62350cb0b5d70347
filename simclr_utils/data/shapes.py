"""The embedded dataset: small pictures of ten kinds of shape, drawn from a seed.

The class of a picture is its shape. All else is nuisance, drawn independently of the class and
recorded: so a lesson can ask what a representation keeps and what an augmentation throws away.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from simclr_utils.system.processor import available_cores

CLASS_NAMES = ("disc", "ring", "triangle", "square", "pentagon")
CLASS_NAMES += ("star", "plus", "arrow", "crescent", "ell")
TEXTURE_NAMES = ("plain", "gradient", "stripes", "checks", "dots")
MAX_DISTRACTORS = 3
# Least difference in luma (0-1) between the mean colours of shape and background. A texture moves
# each by _TEXTURE_DEPTH at most, so the shape stands out everywhere, also in a grayscale view.
MIN_CONTRAST, _TEXTURE_DEPTH, _HUE_SPREAD = 0.35, 0.06, 0.07
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BLOCK = 64  # images drawn at a time: few enough that their arrays stay in the CPU's cache
_TURN, _UNIT = (0.0, 2 * np.pi), (0.0, 1.0)
_SURFACE_RANGES = {"hue": _UNIT, "saturation": (0.2, 1.0), "lightness": (0.15, 0.85)}
_SURFACE_RANGES |= {"texture_angle": _TURN, "texture_phase": _TURN, "texture_frequency": (1.3, 2.8)}
_DISTRACTOR_RANGES = {"x": (-1.0, 1.0), "y": (-1.0, 1.0), "angle": _TURN, "length": (0.0, 0.2)}
_DISTRACTOR_RANGES |= {"width": (0.04, 0.1), "hue": _UNIT, "lightness": (0.15, 0.85)}
_RANGES = {  # what each factor is drawn from, uniformly
    **{"x": (-0.2, 0.2), "y": (-0.2, 0.2), "angle": _TURN},
    **{"scale": (0.5, 0.8), "noise": (0.01, 0.05)},
    **(_SURFACE_RANGES | {"lightness": (0.35, 0.85)}),
    **{f"background_{name}": limits for name, limits in _SURFACE_RANGES.items()},
    **{f"distractor_{name}": limits for name, limits in _DISTRACTOR_RANGES.items()},
}
# What a caller may fix a factor to, by the last word of its name; -100 to 100 for all others.
_LIMITS = {"hue": (0, 1), "saturation": (0, 1), "lightness": (0.1, 0.9), "scale": (0.05, 2)}
_LIMITS |= {"noise": (0, 1), "length": (0, 0.3), "width": (0, 0.15), "frequency": (0, 16)}


class Shapes(NamedTuple):
    """Pictures, classes (indices into `CLASS_NAMES`) and factors: see `render_shapes`."""

    images: np.ndarray
    labels: np.ndarray
    factors: dict[str, np.ndarray]


def _star_points(num_points, inner_radius):
    """Vertices of a star in the unit circle, the first at the top, points and dents in turn."""
    turns = np.pi / 2 + np.arange(2 * num_points) * np.pi / num_points
    radii = np.where(np.arange(2 * num_points) % 2, inner_radius, 1.0)
    return np.stack([radii * np.cos(turns), radii * np.sin(turns)], axis=1)


_PLUS = [0.28, -0.28, -0.28, -0.9, -0.9, -0.28, -0.28, 0.28, 0.28, 0.9, 0.9, 0.28]
_ARROW_Y = [0.98, 0.12, 0.12, -0.9, -0.9, 0.12, 0.12]
_POLYGONS = {  # vertices, counter-clockwise
    "triangle": _star_points(3, 0.0)[::2],
    "square": np.array([[0.7, -0.7, -0.7, 0.7], [0.7, 0.7, -0.7, -0.7]]).T,
    "pentagon": 0.95 * _star_points(5, 0.0)[::2],
    "star": _star_points(5, 0.42),
    "plus": np.array([_PLUS, _PLUS[-3:] + _PLUS[:-3]]).T,
    "arrow": np.array([[0, -0.78, -0.26, -0.26, 0.26, 0.26, 0.78], _ARROW_Y]).T,
    "ell": np.array([[-0.6, -0.6, 0.6, 0.6, -0.1, -0.1], [0.8, -0.7, -0.7, -0.2, -0.2, 0.8]]).T,
}


def _polygon_distance(x, y, vertices):
    """Exact: the nearest edge gives the distance, the parity of edges to the right the sign."""
    squared, inside = np.inf, False
    corners = vertices.tolist()  # Python floats leave the arrays' precision as it is
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        edge_x, edge_y = bx - ax, by - ay
        along_x, along_y = x - ax, y - ay
        part = np.clip((along_x * edge_x + along_y * edge_y) / (edge_x**2 + edge_y**2), 0, 1)
        off_x, off_y = along_x - part * edge_x, along_y - part * edge_y
        squared = np.minimum(squared, off_x * off_x + off_y * off_y)
        spans = (along_y >= 0) != (y >= by)
        inside = inside ^ spans & ((along_x * edge_y < along_y * edge_x) == (edge_y > 0))
    distance = np.sqrt(squared)
    return np.where(inside, -distance, distance)


def _crescent_distance(x, y, radius=0.92, bite=0.78, offset=0.5):
    """A disc less a second one to its right, moved so that it sits in the middle."""
    x, y = x - 0.1, np.abs(y)
    tip_x = (radius**2 - bite**2 + offset**2) / (2 * offset)
    tip_y = (radius**2 - tip_x**2) ** 0.5
    near_tip = x * tip_y - y * tip_x > offset * np.maximum(tip_y - y, 0)
    body = np.maximum(np.hypot(x, y) - radius, bite - np.hypot(x - offset, y))
    return np.where(near_tip, np.hypot(x - tip_x, y - tip_y), body)


def signed_distance(name, x, y):
    """Distance of points to the outline of a unit shape, negative inside it.

    Every unit shape lies in the circle of radius 1 about the origin. `x` points right and `y` up.

    Args:
        name: one of `CLASS_NAMES`.
        x, y: arrays or numbers that broadcast with each other.

    Returns:
        The exact Euclidean distance, an array of the broadcast shape and floating dtype.

    Raises:
        ValueError: if `name` is not one of `CLASS_NAMES`.
    """
    x, y = (np.asarray(values, np.result_type(x, y, np.float32)) for values in (x, y))
    if name == "disc":
        return np.hypot(x, y) - 0.8
    if name == "ring":
        return np.abs(np.hypot(x, y) - 0.7) - 0.2
    if name == "crescent":
        return _crescent_distance(x, y)
    if name in _POLYGONS:
        return _polygon_distance(x, y, _POLYGONS[name])
    raise ValueError(f"Unknown shape {name!r}: expected one of {', '.join(CLASS_NAMES)}.")


def _check_fixed(name, value, drawn):
    """The fixed value of a factor in the shape and dtype of the drawn one, or a clear error."""
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
            f"`fixed[{name!r}]` is {value!r}: expected {expected}, or {drawn.shape} of these."
        )
    return np.broadcast_to(values, drawn.shape).astype(drawn.dtype)


def _apart(share, other):
    """Lightness at least MIN_CONTRAST from `other`; `share` (0-1) runs over what is allowed."""
    low, high = _RANGES["background_lightness"]
    below = np.maximum(other - MIN_CONTRAST - low, 0)
    above = np.maximum(high - MIN_CONTRAST - other, 0)
    place = share * (below + above)  # first what lies below `other`, then what lies above
    return np.where(place < below, low + place, other + MIN_CONTRAST + place - below)


def _draw_factors(rng, num_images, fixed):
    """Every factor is drawn, then fixed: so fixing one of them leaves all others as they were."""
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
        factors[f"{prefix}colour"] = np.mean(_texture_colours(factors, prefix), axis=0)
    return factors


def _colour(hue, saturation, lightness):
    """RGB `[N, 3]` of exactly this luma; full saturation goes to the edge of what RGB can show."""
    turn = (hue[:, None] * 6 + np.array([0, 4, 2], np.float32)) % 6
    pure = np.clip(np.abs(turn - 3) - 1, 0, 1)
    chroma = pure - (pure @ _LUMA)[:, None]
    lightness = lightness[:, None]
    room = np.where(chroma > 0, 1 - lightness, lightness) / np.maximum(np.abs(chroma), 1e-6)
    return lightness + saturation[:, None] * np.minimum(room.min(1, keepdims=True), 1) * chroma


def _texture_colours(factors, prefix):
    """The two colours, each `[N, 3]`, between which the texture of a surface swings."""
    hue, saturation, lightness = (factors[prefix + name] for name in list(_SURFACE_RANGES)[:3])
    dark = _colour(hue - _HUE_SPREAD, saturation, lightness - _TEXTURE_DEPTH)
    return dark, _colour(hue + _HUE_SPREAD, saturation, lightness + _TEXTURE_DEPTH)


def _rotate(x, y, angle):
    """Coordinates `[N, P]` as seen from axes that are turned by `angle` `[N]`."""
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return x * cosine + y * sine, y * cosine - x * sine


def _surface(factors, prefix, x, y):
    """Colours `[N, 3, P]` of a textured surface at the points `x`, `y` `[N, P]`."""
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
    dark, light = (colour[:, :, None] for colour in _texture_colours(factors, prefix))
    return (dark + light) / 2 + pattern[:, None, :] * ((light - dark) / 2)


def _blend(canvas, paint, distance, pixels):
    """Lay `paint` on `canvas` `[N, 3, P]` where `distance` is inside, with soft edges."""
    coverage = np.clip(0.5 - distance * pixels, 0, 1)
    change = paint - canvas
    change *= coverage[:, None, :]
    canvas += change


def _draw_block(name, factors, image_size, seed):
    """Pictures uint8 `[N, S, S, 3]` of one class; `seed` makes the pixel noise."""
    steps = (np.arange(image_size, dtype=np.float32) + 0.5) * (2 / image_size) - 1
    x, y = np.tile(steps, image_size)[None], np.repeat(-steps, image_size)[None]
    canvas = _surface(factors, "background_", x, y)
    for index in range(MAX_DISTRACTORS):
        one = {key: factors[f"distractor_{key}"][:, index, None] for key in _DISTRACTOR_RANGES}
        u, v = _rotate(x - one["x"], y - one["y"], one["angle"][:, 0])
        width = np.where(factors["distractors"][:, None] > index, one["width"], np.float32(-9))
        u -= np.clip(u, -one["length"], one["length"])
        paint = _colour(one["hue"][:, 0], np.float32([1]), one["lightness"][:, 0])[:, :, None]
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


def render_shapes(num_images, seed=0, image_size=32, labels=None, fixed=None):
    """Draw pictures of shapes and record the factors that made them.

    Every factor is drawn even when it is fixed: two calls that differ in one fixed factor give the
    same pictures with that one changed (but a fixed lightness moves the other, for contrast).
    Angles are radians, counter-clockwise; lengths are in half pictures, `x` right and `y` up.

    Args:
        num_images: int, how many pictures.
        seed: int or sequence of ints, each at least 0.
        image_size: int, height and width in pixels, at least 8.
        labels: optional ints `[N]`; by default each class equally often, in random order.
        fixed: optional dict from a factor's name to one value or an array of the factor's shape,
            such as `{"angle": 0.0, "texture": "plain", "distractors": 0, "noise": 0.0}`.

    Returns:
        `Shapes`: `images` uint8 `[N, S, S, 3]`, `labels` int64 `[N]`, `factors` dict of arrays.
        `[N]`: `x`, `y`, `scale`, `angle`, `noise` (standard deviation, 0-1), `distractors` (how
        many); of the shape, or of the background if named `background_...`: `hue`, `saturation`,
        `lightness`, `texture`, `texture_angle`, `texture_frequency`, `texture_phase`. `[N, 3]`:
        `colour`, `background_colour` (mean RGB, 0-1; these cannot be fixed), and `distractor_...`
        `x`, `y`, `angle`, `length`, `width`, `hue`, `lightness`.

    Raises:
        ValueError: if an argument is out of range, or `fixed` leaves too little contrast.
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

    def draw(rows, seed):  # a block of one class, with a seed of its own for its noise
        name, chosen = CLASS_NAMES[int(labels[rows[0]])], {f: factors[f][rows] for f in factors}
        images[rows] = _draw_block(name, chosen, image_size, seed)

    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(draw, blocks, noise_seed.spawn(len(blocks))))
    return Shapes(images, labels.astype(np.int64), factors)
