"""From an image that Pillow has opened to pixels: all of its bits, scaled to the image size."""

import enum
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import Image, ImageColor, ImageOps

from simclr_utils.data.bounds import check_stream, find_jpeg2000
from simclr_utils.reading import Reading, how_to_set

DEFAULT_READING = Reading()
# A transparent image that spans fewer levels than this on the background is invisible.
FAINT_LEVELS = 16


class Trait(enum.IntFlag):
    """What was found while decoding a file. 0 stands for a refused file."""

    DECODED = 1
    GRAY = 2
    TRANSPARENT = 4
    DEEP = 8  # more than 8 bits: the values are rescaled by the range of the dataset
    FLOAT = 16  # the same, in floating point
    PAGES = 32  # more pages, frames or planes than the one that is used
    THUMBNAIL = 64  # a much smaller picture came first
    EXTRA = 128  # channels beside red, green and blue, left out
    BANDS = 256  # three channels without a stated meaning, taken for red, green and blue
    MISSING = 512  # pixels without a value
    BLANK = 1024  # one value everywhere
    CLIPPED = 2048  # many values lie beyond the range of the dataset
    WINDOW = 4096  # shown in the window that the DICOM file states
    INVERTED = 8192  # 0 is white in the file
    BURNED = 16384  # the DICOM file says that text is part of its pixels


class Picture(NamedTuple):
    """A decoded image, scaled to the image size.

    Attributes:
        pixels: Uint8 array `[size, size, channels]` with 1 or 3 channels; float32 in the units of
            the file if `traits` has `Trait.DEEP`.
        traits: `Trait` flags.
        cropped: Float in 0 to 1, the share of the file's pixels that was cropped away.
        coverage: Float32 array `[size, size]` in 0 to 1 for a deep image. `None` means 1.
        span: Pair of floats. Nearly all values of a deep image lie between them.
    """

    pixels: np.ndarray
    traits: Trait
    cropped: float = 0.0
    coverage: np.ndarray | None = None
    span: tuple = (0.0, 0.0)


def fit_image(image, image_size, reading=DEFAULT_READING):
    """Scales a Pillow image to the image size by the rule `reading.resize`.

    Args:
        image: Pillow image of mode "L", "RGB" or "F". An image of mode "F" is padded with 0.
        image_size: Integer, height and width of the result in pixels.
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
    """Converts an 8-bit Pillow image of any mode to a `Picture`.

    Palettes, CMYK and other color spaces become RGB. Transparent pixels are laid on
    `reading.background`. A single channel stays a single channel.

    Args:
        image: Pillow image.
        image_size: Integer, height and width of the result in pixels.
        reading: A `Reading`.
        traits: `Trait` flags that are known already.

    Returns:
        A `Picture` with uint8 pixels.

    Raises:
        ValueError: If a transparent image is invisible on this background.
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
    """Lays a transparent Pillow image on a color.

    Args:
        image: Pillow image.
        background: String, a color that Pillow knows.

    Returns:
        A pair: the image, and whether any of the background shows.

    Raises:
        ValueError: If the image is invisible on this background.
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
    """Returns the reason for refusing an image that is invisible on the background."""
    other = "gray" if background != "gray" else "black"
    return (
        f"a transparent image in the color of the background ({background}), so it is invisible; "
        f"choose another background, such as {how_to_set('background', other)}"
    )


def cropped_share(size, reading):
    """Returns the share of an image's pixels that `reading.resize` crops away, in 0 to 1."""
    return 1 - min(size) / max(size) if reading.resize == "crop" else 0.0


def with_color(traits, background):
    """Returns the traits, without `Trait.GRAY` if the background has a color."""
    gray = len(set(ImageColor.getrgb(background))) == 1
    return traits if gray else traits & ~Trait.GRAY


def read_deep(image, file, max_pixels=DEFAULT_READING.max_pixels):
    """Reads all bits of an image that Pillow has opened; Pillow itself drops some.

    Args:
        image: Pillow image that is not loaded yet.
        file: The file object that it was opened from.
        max_pixels: Integer, as in `Reading`.

    Returns:
        An array `[height, width, channels]` of more than 8 bits, or `None` if the image has 8.

    Raises:
        ValueError: If the file holds a stream that is larger than it says.
    """
    if image.format == "JPEG2000":  # Pillow took the size from the box around the stream
        check_stream(_content(file), max_pixels)
    arguments = image.tile[0][3] if image.tile else None
    if image.format == "PNG" and str(arguments).endswith("16B"):
        values = imagecodecs.png_decode(_content(file))
    elif image.format == "JPEG2000" and _jpeg2000_bits(_content(file)) > 8:
        values = imagecodecs.jpeg2k_decode(_content(file))
    elif image.format == "PPM" and image.mode in ("I", "RGB") and _ppm_maximum(arguments) > 255:
        values = _read_ppm(image, _content(file))
    elif image.mode[0] in "IF":
        values = np.asarray(image)
    else:
        return None
    return values if values.ndim == 3 else values[..., np.newaxis]


def _content(file):
    file.seek(0)
    return file.read()


def _jpeg2000_bits(content):
    """Returns the bits of the first component."""
    return (content[find_jpeg2000(content) + 42] & 0x7F) + 1


def _ppm_maximum(arguments):
    return arguments[-1] if isinstance(arguments, tuple) else 65535 * (arguments == "I;16B")


def _read_ppm(image, content):
    codec, _, start, _ = image.tile[0]
    plain = codec == "ppm_plain"
    values = (
        np.array(content[start:].split(), int)
        if plain
        else np.frombuffer(content[start : start + (len(content) - start) // 2 * 2], ">u2")
    )
    width, height = image.size
    channels = 3 if image.mode == "RGB" else 1
    return values[: width * height * channels].reshape(height, width, channels)
