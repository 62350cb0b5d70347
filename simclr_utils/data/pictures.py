"""From an opened image of any size and depth to one of the image size."""

import enum
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps

from simclr_utils.reading import Reading, how_to_set

DEFAULT_READING = Reading()
# A transparent image whose picture spans fewer levels than this on the background cannot be seen.
FAINT_LEVELS = 16


class Trait(enum.IntFlag):
    """What was met while decoding a file; 0 stands for a file that was refused."""

    DECODED = 1
    GRAY = 2
    TRANSPARENT = 4
    DEEP = 8  # more than 8 bits: the values are rescaled by the range of the set
    FLOAT = 16  # ... of floating point
    PAGES = 32  # more pages, frames or planes than the one that is used
    THUMBNAIL = 64  # a much smaller picture came first
    EXTRA = 128  # channels beside red, green and blue, left out
    BANDS = 256  # three channels without a stated meaning, taken for red, green and blue
    MISSING = 512  # pixels without a value
    BLANK = 1024  # one value everywhere
    CLIPPED = 2048  # many values lie beyond the range of the set


class Picture(NamedTuple):
    """An image of the image size.

    Attributes:
        pixels: Uint8 array `[size, size, channels]`, 1 or 3 channels; float32 in the units of the
            file where `traits` has `Trait.DEEP`.
        traits: `Trait` flags.
        cropped: Float in 0 to 1, the share of the file's pixels that was cropped away.
        coverage: Float32 array `[size, size]` in 0 to 1 of a deep image, or `None` for 1.
        span: Pair of floats, between which nearly all values of a deep image lie.
    """

    pixels: np.ndarray
    traits: Trait
    cropped: float = 0.0
    coverage: np.ndarray | None = None
    span: tuple = (0.0, 0.0)


def fit_image(image, image_size, reading=DEFAULT_READING):
    """Brings a Pillow image to `image_size` by the rule `reading.resize`.

    Args:
        image: Image of mode "L", "RGB" or "F". Around one of mode "F", 0 is padded.
        image_size: Height and width of the result, in pixels.
        reading: A `Reading`.

    Returns:
        An array `[image_size, image_size, channels]`, uint8, or float32 for mode "F".
    """
    size, bicubic = (image_size, image_size), Image.Resampling.BICUBIC
    if reading.resize == "pad" and image.width != image.height:
        image = ImageOps.pad(image, size, bicubic, 0 if image.mode == "F" else reading.background)
    elif image.size != size:
        squash = reading.resize == "squash"
        image = image.resize(size, bicubic) if squash else ImageOps.fit(image, size, bicubic)
    pixels = np.asarray(image)
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels


def make_picture(image, image_size, reading, traits=Trait.DECODED):
    """Makes a `Picture` of an 8-bit Pillow image of any mode.

    Palettes, CMYK and other color spaces become RGB, transparent pixels are laid on
    `reading.background`, and a single channel stays one.

    Raises:
        ValueError: If nothing can be seen of a transparent image on this background.
    """
    if image.mode in ("1", "L", "LA", "La"):
        traits |= Trait.GRAY
    if image.has_transparency_data:
        image, transparent = lay_on_background(image, reading.background)
        traits |= Trait.TRANSPARENT if transparent else 0
    if Trait.TRANSPARENT in traits or reading.resize == "pad":
        traits = with_color(traits, reading.background)
    mode = "L" if Trait.GRAY in traits else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    pixels = fit_image(image, image_size, reading)
    traits |= Trait.BLANK if pixels.min() == pixels.max() else 0
    return Picture(pixels, traits, cropped_share(image.size, reading))


def lay_on_background(image, background):
    """Lays a transparent Pillow image on a color: the image, and whether any of it shows.

    Raises:
        ValueError: If nothing can be seen of the image then.
    """
    image = image.convert("RGBA")
    lowest, highest = image.getchannel("A").getextrema()
    if lowest == 255:
        return image, False
    if highest == 0:
        raise ValueError(
            "every pixel is transparent; save it without transparency to use its colors"
        )
    laid = Image.alpha_composite(Image.new("RGBA", image.size, background), image).convert("RGB")
    faint = all(high - low < FAINT_LEVELS for low, high in laid.getextrema())
    if faint and highest - lowest >= 128:
        raise ValueError(hidden_by(background))
    return laid, True


def hidden_by(background):
    """Returns the reason for refusing an image that cannot be seen on a background."""
    other = "gray" if background != "gray" else "black"
    return (
        f"a transparent image in the color of the background ({background}): nothing of it can be "
        f"seen; choose another, such as {how_to_set('background', other)}"
    )


def cropped_share(size, reading):
    """Returns the share of an image's pixels that `reading.resize` crops away, in 0 to 1."""
    return 1 - min(size) / max(size) if reading.resize == "crop" else 0.0


def with_color(traits, background):
    """Returns the traits, without `Trait.GRAY` where the background has a color."""
    gray = len(set(ImageColor.getrgb(background))) == 1
    return traits if gray else traits & ~Trait.GRAY
