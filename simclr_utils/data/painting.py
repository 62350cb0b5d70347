"""What the embedded datasets share: factors drawn from ranges, colors, textures and soft edges.

Lengths are in half pictures, `x` right and `y` up. `N` is a number of pictures and `P` a number of
points.
"""

import numpy as np

TEXTURE_NAMES = ("plain", "gradient", "stripes", "checks", "dots")
MAX_DISTRACTORS = 3
# Smallest difference in luma (0-1) between the mean colors of figure and background. A texture
# moves each by _TEXTURE_DEPTH at most, so the figure stands out everywhere, even in grayscale.
MIN_CONTRAST, _TEXTURE_DEPTH, _HUE_SPREAD = 0.35, 0.06, 0.07
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BLOCK = 64  # pictures drawn at once: few enough that their arrays stay in the CPU's cache
TURN, UNIT = (0.0, 2 * np.pi), (0.0, 1.0)
_SURFACE_RANGES = {"hue": UNIT, "saturation": (0.2, 1.0), "lightness": (0.15, 0.85)}
_SURFACE_RANGES |= {"texture_angle": TURN, "texture_phase": TURN, "texture_frequency": (1.3, 2.8)}
_DISTRACTOR_RANGES = {"x": (-1.0, 1.0), "y": (-1.0, 1.0), "angle": TURN, "length": (0.0, 0.2)}
_DISTRACTOR_RANGES |= {"width": (0.04, 0.1), "hue": UNIT, "lightness": (0.15, 0.85)}
# Each factor is drawn uniformly from its range.
SURFACES = {
    **(_SURFACE_RANGES | {"lightness": (0.35, 0.85)}),
    **{f"background_{name}": limits for name, limits in _SURFACE_RANGES.items()},
    **{f"distractor_{name}": limits for name, limits in _DISTRACTOR_RANGES.items()},
}
# The values that a factor may be fixed to, by the last word of its name; others take -100 to 100.
_LIMITS = {"hue": (0, 1), "saturation": (0, 1), "lightness": (0.1, 0.9), "scale": (0.05, 2)}
_LIMITS |= {"noise": (0, 1), "length": (0, 0.3), "width": (0, 0.3), "frequency": (0, 16)}


def draw_factors(rng, num_images, ranges, fixed):
    """Draws every factor, then fixes some, so that fixing one leaves all others unchanged.

    Args:
        rng: A `numpy.random.Generator`.
        num_images: Integer, the number of pictures, N.
        ranges: Dict from the name of a factor to its lowest and highest value. Those whose name
            begins with `distractor_` get the shape `[N, 3]`, all others `[N]`.
        fixed: Dict from the name of a factor to one value or an array of the factor's shape.

    Returns:
        A dict of arrays: `texture`, `background_texture`, `distractors`, the factors of `ranges`,
        and the mean colors `color` and `background_color`, RGB `[N, 3]`.

    Raises:
        ValueError: If `fixed` has an unknown name or an impossible value, or leaves too little
            contrast between figure and background.
    """
    names = ("texture", "background_texture")
    factors = {name: rng.choice(TEXTURE_NAMES, num_images) for name in names}
    factors["distractors"] = rng.integers(MAX_DISTRACTORS + 1, size=num_images)
    for name, (low, high) in ranges.items():
        shape = (num_images, MAX_DISTRACTORS) if name.startswith("distractor_") else num_images
        factors[name] = rng.uniform(low, high, shape).astype(np.float32)
    share = rng.random(num_images, np.float32)
    for name, value in fixed.items():
        if name not in factors:
            raise ValueError(f"Unknown factor {name!r} in `fixed`: expected {', '.join(factors)}.")
        factors[name] = _check_fixed(name, value, factors[name])
    _keep_contrast(factors, share, fixed)
    for prefix in ("", "background_"):
        factors[f"{prefix}color"] = np.mean(_texture_colors(factors, prefix), axis=0)
    return factors


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


def _keep_contrast(factors, share, fixed):
    """Moves one of the two lightnesses away from the other, in place."""
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


def _apart(share, other):
    """Maps `share` (0-1) to the lightness values at least MIN_CONTRAST away from `other`."""
    low, high = _SURFACE_RANGES["lightness"]
    below = np.maximum(other - MIN_CONTRAST - low, 0)
    above = np.maximum(high - MIN_CONTRAST - other, 0)
    place = share * (below + above)  # first the values below `other`, then those above
    return np.where(place < below, low + place, other + MIN_CONTRAST + place - below)


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


def rotate(x, y, angle):
    """Returns the coordinates `[N, P]` of points in axes that are turned by `angle` `[N]`."""
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return x * cosine + y * sine, y * cosine - x * sine


def pixel_centers(image_size):
    """Returns the coordinates of the pixels, a pair of float32 arrays `[1, image_size ** 2]`."""
    steps = (np.arange(image_size, dtype=np.float32) + 0.5) * (2 / image_size) - 1
    return np.tile(steps, image_size)[None], np.repeat(-steps, image_size)[None]


def surface(factors, prefix, x, y):
    """Returns the colors `[N, 3, P]` of a textured surface at the points `x`, `y` `[N, P]`."""
    u, v = rotate(x, y, factors[f"{prefix}texture_angle"])
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


def blend(canvas, paint, distance, pixels):
    """Paints the inside of a figure on `canvas` `[N, 3, P]`, in place, with soft edges.

    Args:
        canvas: Float array `[N, 3, P]`.
        paint: Float array `[N, 3, P]` or `[N, 3, 1]`, the colors of the figure.
        distance: Float array `[N, P]`, the distance to the outline, negative inside.
        pixels: Number of pixels in a unit of `distance`.
    """
    coverage = np.clip(0.5 - distance * pixels, 0, 1)
    change = paint - canvas
    change *= coverage[:, None, :]
    canvas += change


def paint_background(factors, x, y, pixels):
    """Returns a canvas `[N, 3, P]` with the background and the distractors, short strokes."""
    canvas = surface(factors, "background_", x, y)
    for index in range(MAX_DISTRACTORS):
        one = {key: factors[f"distractor_{key}"][:, index, None] for key in _DISTRACTOR_RANGES}
        u, v = rotate(x - one["x"], y - one["y"], one["angle"][:, 0])
        width = np.where(factors["distractors"][:, None] > index, one["width"], np.float32(-9))
        u -= np.clip(u, -one["length"], one["length"])
        paint = _color(one["hue"][:, 0], np.float32([1]), one["lightness"][:, 0])[:, :, None]
        blend(canvas, paint, np.sqrt(u * u + v * v) - width, pixels)
    return canvas


def to_pixels(canvas, noise, seed):
    """Returns a canvas `[N, 3, P]` with pixel noise as uint8 pictures `[N, S, S, 3]`."""
    drawn = np.random.default_rng(seed).standard_normal(canvas.shape, np.float32)
    canvas += drawn * noise[:, None, None]
    size = round(canvas.shape[-1] ** 0.5)
    pixels = np.clip(canvas * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels.reshape(-1, 3, size, size).transpose(0, 2, 3, 1)


def check_whole(name, value, least):
    """Raises a `ValueError` unless a value is a whole number of `least` or more."""
    if not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"`{name}` is {value!r}: expected a whole number, at least {least}.")
