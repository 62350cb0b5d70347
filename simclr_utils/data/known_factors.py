"""The embedded datasets with what their images were made from, ready to be predicted."""

from typing import NamedTuple

import numpy as np

from simclr_utils.data import glyphs, shapes
from simclr_utils.data.splits import SPLITS

SURFACE = ("hue", "saturation", "lightness", "texture")
BOTH_SURFACES = (*SURFACE, *(f"background_{name}" for name in SURFACE))
FACTORS = {
    "shapes": ("x", "y", "scale", "angle", *BOTH_SURFACES, "distractors", "noise"),
    "glyphs": (
        *("x", "y", "scale", "angle", "slant", "stroke_width", "wobble"),
        *(*BOTH_SURFACES, "distractors", "noise"),
    ),
}
# The largest value of a factor is next to its smallest. The angle of a sign does not go around.
PERIODS = {
    "shapes": {"angle": 2 * np.pi, "hue": 1.0, "background_hue": 1.0},
    "glyphs": {"hue": 1.0, "background_hue": 1.0},
}
# Shapes that look the same only after a whole turn: their angle can be seen.
WITHOUT_SYMMETRY = ("arrow", "crescent", "ell")


class KnownFactors(NamedTuple):
    """Images and the factors that made them; see `render_known_factors`."""

    images: np.ndarray
    factors: dict[str, np.ndarray]
    periods: dict[str, float]


def render_known_factors(
    source: str, num_images: int, seed: int = 0, image_size: int = 32
) -> KnownFactors:
    """Draws images of an embedded dataset that belong to none of its splits, and their factors.

    Args:
        source: String, "shapes" or "glyphs". The signs are those of the ten deciphered kinds.
        num_images: Integer, the number of images, N.
        seed: Integer, at least 0.
        image_size: Integer, height and width in pixels, at least 8.

    Returns:
        A `KnownFactors` tuple: `images` uint8 `[N, S, S, 3]`; `factors`, a dict from a name to an
        array `[N]`; and `periods`, a dict from the name of a circular factor to its period.
        Integers and strings are classes, floats are quantities. The first factor is the class,
        "shape" or "sign". NaN stands for a factor that does not show: the angle of a shape that
        looks the same after a part of a turn.

    Raises:
        ValueError: If the source is unknown, or an argument is out of range.

    Example:

    >>> images, factors, periods = render_known_factors("shapes", 1000)
    >>> factors["hue"].shape, periods["hue"]
    ((1000,), 1.0)
    """
    if source not in FACTORS:
        raise ValueError(
            f"The factors of {source!r} are not known. Choose from {list(FACTORS)}, whose images "
            "are drawn from factors."
        )
    seeds = [seed, len(SPLITS)]  # `load_dataset` draws split i from [seed, i]
    if source == "shapes":
        images, labels, drawn = shapes.render_shapes(num_images, seeds, image_size)
        seen = np.isin(np.array(shapes.CLASS_NAMES)[labels], WITHOUT_SYMMETRY)
        drawn = drawn | {"angle": np.where(seen, drawn["angle"], np.float32(np.nan))}
    else:
        num_kinds = len(glyphs.CLASS_NAMES)
        images, labels, drawn = glyphs.render_glyphs(num_images, seeds, image_size, num_kinds)
    kept = {name: drawn[name] for name in FACTORS[source]}
    kept["distractors"] = kept["distractors"].astype(np.float32)  # a number, not a class
    kind = "shape" if source == "shapes" else "sign"
    return KnownFactors(images, {kind: labels, **kept}, dict(PERIODS[source]))
