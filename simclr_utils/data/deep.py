"""Images of more than 8 bits: their values, which pixels there are, and their span."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from simclr_utils.data.pictures import Picture, Trait, cropped_share, fit_image, with_color

# What programs write for "no value" where numbers may be negative, besides NaN and infinity.
NO_VALUES = (-9999, -32768, -(2**31), float(np.finfo(np.float32).min))
# The share of an image's darkest and brightest pixels that its span leaves out, in percent.
SPAN_PERCENT = 0.5


class DeepImage(NamedTuple):
    """An image of more than 8 bits, in its own units.

    Attributes:
        values: Float32 array `[height, width, channels]`, 1 or 3 channels, all finite.
        coverage: Float32 array `[height, width]` in 0 to 1, how much of a pixel there is: its
            opacity, and 0 where it has no value. `None` means 1 everywhere.
        orientation: Integer from 1 to 8, as in EXIF.
    """

    values: np.ndarray
    coverage: np.ndarray | None = None
    orientation: int = 1


def to_deep(values, alpha=None, orientation=1, nodata=None):
    """Makes a `DeepImage` of the numbers in a file.

    Args:
        values: Array `[height, width, channels]` of integers or floats, 1 or 3 channels.
        alpha: Float array `[height, width]` in 0 to 1, the opacity, or `None`.
        orientation: Integer from 1 to 8, as in EXIF.
        nodata: Number that stands for no value, or `None`. NaN and infinity always do, and
            `NO_VALUES` where numbers may be negative.

    Returns:
        A `DeepImage`, and the `Trait` flags that this adds.

    Raises:
        ValueError: If there is no pixel to see, or the values are no real numbers.
    """
    if values.dtype.kind not in "uif":
        raise ValueError(f"pixels of the type {values.dtype}; expected integers or real numbers")
    traits = Trait.DEEP if values.dtype != np.uint8 else Trait(0)
    traits |= Trait.FLOAT if values.dtype.kind == "f" else 0
    signed = values.dtype.kind in "if"
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    missing = ~np.isfinite(values).all(axis=-1)
    if signed:
        missing |= np.isin(values, np.float32(NO_VALUES)).all(axis=-1)
    if nodata is not None:
        missing |= (values == np.float32(nodata)).all(axis=-1)
    if missing.all():
        raise ValueError("no pixel has a value: all are NaN, infinite, or marked as missing")
    if missing.any():
        traits |= Trait.MISSING
        alpha = np.where(missing, 0, 1 if alpha is None else alpha).astype(np.float32)
    if alpha is not None and (alpha < 1).any():
        empty = alpha == 0
        if empty.all():
            raise ValueError(
                "every pixel is transparent; save it without transparency to use its colors"
            )
        values[empty] = values[~empty].mean(axis=0)  # so that they do not bleed into the others
        return DeepImage(values, alpha.astype(np.float32), orientation), traits
    return DeepImage(values, None, orientation), traits


def is_mask(alpha, full):
    """Whether a channel is opacity: where it is not 0, it is mostly the largest value.

    Near infrared that a program has marked as opacity is not.

    Args:
        alpha: Array of any shape.
        full: The value that stands for opaque.
    """
    some = alpha[alpha > 0]
    return some.size > 0 and np.mean(some >= full) >= 0.5


def split_alpha(values, orientation=1, guessed=False):
    """Makes a `DeepImage` of 1 to 4 channels, of which the second or fourth is opacity.

    Args:
        values: Array `[height, width, channels]`.
        orientation: Integer, as in EXIF.
        guessed: Whether the format leaves open what the last channel is.

    Returns:
        A `DeepImage` and the `Trait` flags that this adds.

    Raises:
        ValueError: If there are more channels.
    """
    channels = values.shape[-1]
    if channels not in (1, 2, 3, 4):
        raise ValueError(strange_channels(channels))
    if channels in (1, 3):
        return to_deep(values, None, orientation)
    alpha, values = values[..., -1], values[..., :-1]
    full = alpha.max() if guessed else np.iinfo(alpha.dtype).max
    if guessed and not is_mask(alpha, full):
        deep, traits = to_deep(values, None, orientation)
        return deep, traits | Trait.EXTRA
    deep, traits = to_deep(values, alpha / np.float32(full), orientation)
    return deep, traits | (Trait.TRANSPARENT if deep.coverage is not None else 0)


def strange_channels(channels):
    """Returns the reason for refusing an image of so many channels."""
    return (
        f"{channels} channels; expected 1 (gray) or 3 (red, green, blue): save three of them, or "
        "one, as an image of its own"
    )


def make_deep_picture(deep, image_size, reading, traits):
    """Makes a `Picture` of a `DeepImage`; its values are rescaled when those of the set are known.

    Returns:
        A `Picture` with float32 pixels, their coverage and their span.
    """
    pixels = np.dstack(
        [_fit_plane(plane, deep, image_size, reading) for plane in np.moveaxis(deep.values, -1, 0)]
    )
    coverage, height, width = deep.coverage, *deep.values.shape[:2]
    if coverage is None and reading.resize == "pad" and height != width:
        coverage = np.ones((height, width), np.float32)
    if coverage is not None:
        coverage = _fit_plane(coverage, deep, image_size, reading).clip(0, 1)[..., 0]
    traits |= Trait.DEEP | (Trait.GRAY if pixels.shape[-1] == 1 else 0)
    if coverage is not None:
        traits = with_color(traits, reading.background)
    pixels = pixels if Trait.GRAY in traits else np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    seen = pixels if coverage is None or not (coverage > 0.5).any() else pixels[coverage > 0.5]
    span = tuple(np.percentile(seen, (SPAN_PERCENT, 100 - SPAN_PERCENT)).tolist())
    return Picture(pixels, traits, cropped_share((width, height), reading), coverage, span)


def _fit_plane(plane, deep, image_size, reading):
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    if deep.orientation != 1:
        image.getexif()[0x0112] = deep.orientation
        ImageOps.exif_transpose(image, in_place=True)
    return fit_image(image, image_size, reading)
