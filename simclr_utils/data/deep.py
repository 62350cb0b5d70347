"""Images of more than 8 bits: their values, and the range that the dataset maps to 0 to 255."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps

from simclr_utils.data.pictures import (
    Picture,
    Trait,
    cropped_share,
    fit_image,
    hidden_by,
    with_color,
)

# What programs write for "no value" where numbers may be negative, besides NaN and infinity.
NO_VALUES = (-9999, -32768, -(2**31), float(np.finfo(np.float32).min))
# The share of an image's darkest and brightest pixels that its span leaves out, in percent.
SPAN_PERCENT = 0.5
# The share of the images whose span may reach beyond the range, at either end.
OUTERMOST_SHARE = 0.02
CLIPPED_SHARE = 0.1  # of an image's pixels; an image with more beyond the range counts as clipped


class DeepImage(NamedTuple):
    """An image of more than 8 bits, in its own units.

    Attributes:
        values: Float32 array `[height, width, channels]` with 1 or 3 channels, all finite.
        coverage: Float32 array `[height, width]` in 0 to 1: the opacity of each pixel, and 0
            where it has no value. `None` means 1 everywhere.
        orientation: Integer from 1 to 8, as in EXIF.
    """

    values: np.ndarray
    coverage: np.ndarray | None = None
    orientation: int = 1


class ValueRange(NamedTuple):
    """The range of values that became 0 to 255.

    Attributes:
        kind: String, `"integer"` or `"floating-point"`.
        low: Float, the value that became 0.
        high: Float, the value that became 255.
        count: Integer, the number of images.
        typical: Pair of floats, the medians of the lower and upper ends of the images' spans.
        from_pool: Boolean, whether the range was found from pretraining images alone, as it
            should be.
    """

    kind: str
    low: float
    high: float
    count: int
    typical: tuple
    from_pool: bool


def to_deep(values, alpha=None, orientation=1, nodata=None):
    """Makes a `DeepImage` from the numbers in a file.

    Args:
        values: Integer or float array `[height, width, channels]` with 1 or 3 channels.
        alpha: Float array `[height, width]` in 0 to 1, the opacity, or `None`.
        orientation: Integer from 1 to 8, as in EXIF.
        nodata: Number that stands for no value, or `None`. NaN and infinity always do, and so do
            `NO_VALUES` where numbers may be negative.

    Returns:
        A pair: a `DeepImage`, and the `Trait` flags to add.

    Raises:
        ValueError: If no pixel is visible, or the values are not real numbers.
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
        values[empty] = values[~empty].mean(axis=0)  # so that scaling does not blend them in
        return DeepImage(values, alpha.astype(np.float32), orientation), traits
    return DeepImage(values, None, orientation), traits


def is_mask(alpha, full):
    """Returns whether a channel is opacity: at least half of its values above 0 are opaque.

    A channel of near infrared that a program has marked as opacity does not pass this test.

    Args:
        alpha: Array of any shape.
        full: Number that stands for opaque.

    Returns:
        A boolean.
    """
    some = alpha[alpha > 0]
    return some.size > 0 and np.mean(some >= full) >= 0.5


def split_alpha(values, orientation=1, guessed=False):
    """Makes a `DeepImage` from 1 to 4 channels, of which the second or fourth is opacity.

    Args:
        values: Array `[height, width, channels]`.
        orientation: Integer from 1 to 8, as in EXIF.
        guessed: Boolean, whether the format does not say what the last channel is.

    Returns:
        A pair: a `DeepImage`, and the `Trait` flags to add.

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
    """Returns the reason for refusing an image with this number of channels."""
    return (
        f"{channels} channels; expected 1 (gray) or 3 (red, green, blue): save three of them, or "
        "one, as a separate image"
    )


def make_deep_picture(deep, image_size, reading, traits):
    """Scales a `DeepImage` to the image size; `rescale` later maps its values to bytes.

    Args:
        deep: A `DeepImage`.
        image_size: Integer, height and width of the result in pixels.
        reading: A `Reading`.
        traits: `Trait` flags that are known already.

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


def rescale(rows, images, traits, spans, num_pool, reading):
    """Turns the images of more than 8 bits into bytes.

    All images are scaled alike, so that their brightness stays comparable. Integers and
    floating-point numbers have separate ranges.

    Args:
        rows: `DeepRows` of the images.
        images: Uint8 array `[N, size, size, 3]` to write into.
        traits: Integer array `[N]` of `Trait` flags. Flags are added. An image that turns out to
            be invisible gets 0.
        spans: Float array `[N, 2]`, the two values between which nearly all values of an image
            lie.
        num_pool: Integer. The range is found from this many images at the front, those of the
            pretraining pool.
        reading: A `Reading`.

    Returns:
        A pair: a list of `ValueRange`, and a list of `(index, reason)` for refused images.
    """
    ranges, refused = [], []
    background = np.float32(ImageColor.getrgb(reading.background))
    is_deep, is_float = traits & Trait.DEEP > 0, traits & Trait.FLOAT > 0
    for kind, of_kind in (("integer", ~is_float), ("floating-point", is_float)):
        members = np.flatnonzero(is_deep & of_kind)
        if len(members) == 0:
            continue
        pool = members[members < num_pool]
        basis = spans[pool if len(pool) else members]
        low, high = reading.value_range or find_range(basis)
        typical = tuple(np.median(basis, axis=0).tolist())
        ranges.append(ValueRange(kind, low, high, len(members), typical, len(pool) > 0))
        for index in members.tolist():
            pixels, found = _rescale_image(rows, index, int(traits[index]), (low, high), background)
            images[index] = pixels
            traits[index] |= found
            if Trait.TRANSPARENT & traits[index] and found & Trait.BLANK:
                images[index], traits[index] = 0, 0
                refused.append((index, hidden_by(reading.background)))
    return ranges, refused


def find_range(spans):
    """Finds the range of values that a set of images uses.

    The most extreme images do not count, 2 % and at least one at either end: a single bright
    image must not make all others dark.

    Args:
        spans: Float array `[N, 2]`, the two values between which nearly all values of an image
            lie.

    Returns:
        A pair of floats, the lower and the upper end.
    """
    left_out = min(max(1, int(OUTERMOST_SHARE * len(spans))), (len(spans) - 1) // 2)
    lows, highs = np.sort(spans, axis=0).T
    return float(lows[left_out]), float(highs[len(spans) - 1 - left_out])


def _rescale_image(rows, index, traits, value_range, background):
    """Returns an image as bytes, and the `Trait` flags to add."""
    low, high = value_range
    values, coverage = rows.read(index, 1 if traits & Trait.GRAY else 3)
    width = high - low
    scaled = (values.astype(np.float64) - low) * (255 / width if width > 0 else 0.0)
    scaled = 255 - scaled if traits & Trait.INVERTED else scaled
    covered = coverage > 0.5
    beyond = ((scaled < 0) | (scaled > 255)).any(axis=-1) & covered
    clipped = beyond.sum() > CLIPPED_SHARE * covered.sum()
    shares = coverage[..., np.newaxis]
    back = background[:1] if traits & Trait.GRAY else background
    pixels = np.rint(scaled.clip(0, 255) * shares + back * (1 - shares)).astype(np.uint8)
    blank = pixels.min() == pixels.max()
    return pixels, (Trait.CLIPPED if clipped else 0) | (Trait.BLANK if blank else 0)
