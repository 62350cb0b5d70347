"""Opens image files of every format that is read, and nothing else: no program, no network."""

import contextlib
import functools
import importlib
import logging
import os
import warnings
from contextlib import contextmanager

import imagecodecs
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from simclr_utils.data.deep import is_mask, make_deep_picture, split_alpha
from simclr_utils.data.foreign_formats import HEIC, RAW, name_format
from simclr_utils.data.pictures import DEFAULT_READING, Trait, make_picture
from simclr_utils.data.tiff import TiffImage, is_tiff
from simclr_utils.reading import how_to_set

# What photographs and scans come in, whatever their file is called. Pillow knows more, among them
# formats that start other programs (EPS starts Ghostscript).
FORMATS = (
    *("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000"),
    *("MPO", "PNG", "PPM", "TIFF", "WEBP"),
)
# Their first picture is the photograph, the others are previews or maps of brightness.
ONE_PICTURE = ("JPEG", "MPO", "HEIF", "AVIF")
# Pillow takes the last of four channels for opacity, which the format does not say.
OPACITY_IS_SUPPOSED = ("BMP", "JPEG2000")
HEAD_BYTES = 512


@contextmanager
def open_image(path, max_pixels=DEFAULT_READING.max_pixels):
    """Opens a file of one of `FORMATS`; only its header is read.

    Args:
        path: Path of the file, or a file object.
        max_pixels: Integer, as in `Reading`.

    Yields:
        An object with the attributes `size`, a pair `(width, height)` of the picture that will be
        used, and `traits`, and a method `picture(image_size, reading)` that returns a `Picture`.

    Raises:
        ValueError: If the image has too many pixels, or is of a kind that is not read.
        UnidentifiedImageError: If it is no image, with the name of the format if it is known.
        Exception: Whatever a reader raises for a broken file.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_own_limit())
        file = path if hasattr(path, "read") else stack.enter_context(open(path, "rb"))
        head = file.read(HEAD_BYTES)
        name = "" if file is path else os.fspath(path)
        if is_tiff(head):
            if name_format(name, b"") == RAW:  # a TIFF file, too, of which only previews are RGB
                raise UnidentifiedImageError(RAW)
            opened = stack.enter_context(contextlib.closing(TiffImage(file)))
        else:
            opened = PillowImage(stack.enter_context(_open_with_pillow(file, name, head)), file)
        width, height = opened.size
        if width * height > max_pixels:
            raise ValueError(too_many_pixels(width, height, max_pixels))
        Image.MAX_IMAGE_PIXELS = max_pixels  # for frames that turn out larger than the header says
        yield opened


def too_many_pixels(width, height, max_pixels):
    """Returns the reason for refusing an image, with the setting that allows it."""
    allowed = 100_000_000
    while allowed < width * height:
        allowed *= 2
    return (
        f"{width:,}x{height:,} pixels, more than max_pixels={max_pixels:,} allows as a guard "
        f"against bombs; allow more: {how_to_set('max_pixels', allowed)}"
    )


class PillowImage:
    """A file that Pillow has opened."""

    def __init__(self, image, file):
        self.image, self.file, self.size = image, file, image.size
        pages = image.format not in ONE_PICTURE and getattr(image, "is_animated", False)
        self.traits = Trait.DECODED | (Trait.PAGES if pages else 0)

    def picture(self, image_size, reading=DEFAULT_READING):
        """Decodes the file to a `Picture`."""
        image, traits = self.image, self.traits
        if (values := read_deep(image, self.file)) is not None:
            orientation = image.getexif().get(0x0112, 1)
            deep, found = split_alpha(values, orientation, guessed=image.format == "JPEG2000")
            return make_deep_picture(deep, image_size, reading, traits | found)
        # Lets the JPEG decoder drop detail that the scaling would drop anyway.
        image.draft(None, (3 * image_size, 3 * image_size))
        ImageOps.exif_transpose(image, in_place=True)
        supposed = image.format in OPACITY_IS_SUPPOSED and image.mode in ("RGBA", "LA")
        if supposed and not is_mask(np.asarray(image)[..., -1], 255):
            image, traits = image.convert(image.mode[:-1]), traits | Trait.EXTRA
        return make_picture(image, image_size, reading, traits)


def read_deep(image, file):
    """Reads what Pillow has opened with all its bits, of which Pillow drops some.

    Args:
        image: Pillow image that is not loaded yet.
        file: The file object it was opened from.

    Returns:
        An array `[height, width, channels]` of more than 8 bits, or `None` if the image has 8.
    """
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
    """Returns the bits of the first component: the SIZ marker follows the start of the stream."""
    start = content.find(b"\xff\x4f\xff\x51")
    return (content[start + 42] & 0x7F) + 1 if 0 <= start < len(content) - 42 else 0


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


def _open_with_pillow(file, name, head):
    Image.init()  # registers what this build of Pillow has
    _register_heif()
    file.seek(0)
    try:
        return Image.open(file, formats=[kind for kind in FORMATS if kind in Image.OPEN])
    except UnidentifiedImageError:
        unknown = f"not an image in any of {', '.join(FORMATS)}"
        reason = name_format(name, head) or (unknown if head else "empty file")
        if reason == HEIC and "HEIF" in Image.OPEN:
            reason = "a damaged HEIC file"
        raise UnidentifiedImageError(reason) from None


@functools.cache
def _register_heif():
    """Adds HEIC to what Pillow opens, where the optional package is installed."""
    with contextlib.suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()


@contextmanager
def quiet():
    """Keeps the readers of broken and odd files from filling the terminal."""
    loggers = [logging.getLogger(name) for name in ("PIL", "tifffile")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _own_limit():
    """Sets Pillow's limit of pixels aside, and puts it back at the end."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
