"""TIFF files: which of their images is used, and what its channels mean."""

import numpy as np
import tifffile
from PIL import Image, ImageOps, TiffImagePlugin

from simclr_utils.data.bounds import check_pixels, check_stream, check_values
from simclr_utils.data.deep import is_mask, make_deep_picture, strange_channels, to_deep
from simclr_utils.data.pictures import DEFAULT_READING, Trait, make_picture

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MAX_PAGES = 64  # pages after these are ignored
REDUCED_OR_MASK = 1 | 4  # bits of the tag NewSubfileType
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
CAMERA_RAW = (32803, 34892)
JPEG = 7
STREAMS = (7, 33003, 33004, 33005, 34712)  # JPEG and JPEG 2000, which state sizes of their own
GDAL_NODATA = 42113
ASSOCIATED, UNASSOCIATED = 1, 2  # kinds of opacity in the tag ExtraSamples


def is_tiff(head):
    """Returns whether a file that begins with these bytes is a TIFF file."""
    return bytes(head[:4]) in MAGIC


class TiffImage:
    """A TIFF file and the one image of it that is used.

    It is the first image, unless that is much smaller than another, as a thumbnail is.

    Args:
        file: File object.
    """

    def __init__(self, file):
        file.seek(0)
        self.file, self.tiff = file, tifffile.TiffFile(file)
        images = _images(self.tiff)
        areas = [page.imagewidth * page.imagelength for _, page in images]
        alike = [2 * area >= max(areas) for area in areas]
        self.index, self.page = images[alike.index(True)]
        self.size = (self.page.imagewidth, self.page.imagelength)
        self.traits = Trait.DECODED
        if sum(alike) > 1 or self.page.imagedepth > 1:
            self.traits |= Trait.PAGES
        if self.index != 0:
            self.traits |= Trait.THUMBNAIL

    def close(self):
        """Closes the reader of tifffile; the file object itself stays open."""
        self.tiff.close()

    def picture(self, image_size, reading=DEFAULT_READING):
        """Decodes the chosen image to a `Picture` by the rules of a `Reading`."""
        if self._is_for_pillow():
            self.file.seek(0)
            with Image.open(self.file, formats=["TIFF"]) as image:
                image.seek(self.index)
                check_pixels(*image.size, reading.max_pixels)  # as Pillow understands the file
                ImageOps.exif_transpose(image, in_place=True)
                return make_picture(image, image_size, reading, self.traits)
        deep, found = read_page(self.page, reading.max_pixels)
        traits = self.traits | found
        if Trait.DEEP in traits:
            return make_deep_picture(deep, image_size, reading, traits)
        return make_picture(_eight_bit_image(deep), image_size, reading, traits)

    def _is_for_pillow(self):
        """Returns whether Pillow reads this correctly: at most 8 bits, no doubtful channel."""
        page = self.page
        kind, bits, channels = page.photometric, page.bitspersample, page.samplesperpixel
        if self.index is None or int(page.compression) not in TiffImagePlugin.COMPRESSION_INFO:
            return False
        if kind in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
            plain = channels == (3 if kind == RGB else 1) and page.sampleformat == 1
            return plain and bits in (1, 2, 4, 8)
        return kind in (PALETTE, CMYK, YCBCR, LAB)


def _images(tiff):
    """Lists the images of a file as pairs of an index (`None` for a subimage) and a page.

    Images that are marked as smaller versions or masks of others are left out.
    """
    found = []
    for index in range(min(len(tiff.pages), MAX_PAGES)):
        page = tiff.pages[index]
        found.append((index, page))
        found += [(None, subimage) for subimage in page.pages or ()]
    found = [(index, page) for index, page in found if page.imagewidth * page.imagelength > 0]
    kept = [(index, page) for index, page in found if not page.subfiletype & REDUCED_OR_MASK]
    if not found:
        raise ValueError("a TIFF file without an image")
    return kept or found


def read_page(page, max_pixels):
    """Reads a page with all its bits and interprets its channels.

    Args:
        page: Page of tifffile.
        max_pixels: Integer, as in `Reading`.

    Returns:
        A pair: a `DeepImage`, even for 8 bits, and the `Trait` flags to add.

    Raises:
        ValueError: If the channels are not those of a gray or a color image.
    """
    kind, extra = page.photometric, [int(sample) for sample in page.extrasamples]
    _check_kind(kind, page.compression)
    colors, alpha, traits = _meaning(kind, page.samplesperpixel, extra)
    for shape in (page.shaped, page.chunks):  # a tile may be larger than the image
        check_values(np.prod(shape, dtype=float), max_pixels)
    if page.compression in STREAMS:
        for place, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            if not count:  # a tile without pixels
                continue
            page.parent.filehandle.seek(place)
            check_stream(page.parent.filehandle.read(count), max_pixels)
    values = _pixels(page)
    full = 2.0**page.bitspersample - 1 if values.dtype.kind == "u" else 1.0
    if kind == WHITE_IS_ZERO:
        if values.dtype.kind != "u":
            raise ValueError(
                "signed or floating-point pixels in which 0 is white; save it with 0 as black"
            )
        values[..., 0] = full - values[..., 0]
    opacity = None
    if alpha is not None and not is_mask(values[..., alpha], full):
        traits |= Trait.EXTRA
    elif alpha is not None:
        opacity = np.clip(values[..., alpha] / np.float32(full), 0, 1)
        if extra[alpha - colors] == ASSOCIATED:  # the file has multiplied the colors by it
            shares = np.maximum(opacity, 1 / np.float32(full))[..., np.newaxis]
            values = np.minimum(values[..., :colors] / shares, full).astype(values.dtype)
    if page.bitspersample < 8:
        values = values.astype(np.uint16)  # so that its range is found, as for 16 bits
    deep, found = to_deep(values[..., :colors], opacity, _orientation(page), _nodata(page))
    transparent = opacity is not None and deep.coverage is not None
    return deep, traits | found | (Trait.TRANSPARENT if transparent else 0)


def _check_kind(kind, compression):
    if kind in CAMERA_RAW:
        raise ValueError("camera raw pixels in a TIFF file: develop it to 8 or 16 bits first")
    read = kind in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB) or (kind == YCBCR and compression == JPEG)
    if not read:
        raise ValueError("a TIFF file in an unsupported color space; save it as RGB")


def _meaning(kind, channels, extra):
    """Interprets the channels: how many are colors, and which one is opacity.

    Args:
        kind: Integer, the tag PhotometricInterpretation.
        channels: Integer, the number of channels.
        extra: List of integers, the tag ExtraSamples.

    Returns:
        A triple: the number of color channels, 1 or 3; the index of the channel with the opacity,
        or `None`; and `Trait` flags.

    Raises:
        ValueError: If the file does not say what its channels are.
    """
    if kind in (WHITE_IS_ZERO, BLACK_IS_ZERO) and channels == 3:
        return 3, None, Trait.BANDS
    colors = 1 if kind in (WHITE_IS_ZERO, BLACK_IS_ZERO) else 3
    alphas = [colors + i for i, sample in enumerate(extra) if sample in (ASSOCIATED, UNASSOCIATED)]
    alpha = alphas[0] if alphas and alphas[0] < channels else None
    known = colors + (alpha is not None)
    if channels < colors or (colors == 1 and channels > known):
        raise ValueError(strange_channels(channels))
    return colors, alpha, Trait.EXTRA if channels > known else Trait(0)


def _pixels(page):
    """Reads the first plane of a page: `[height, width, channels]`."""
    separate, depth, height, width, together = page.shaped
    values = page.asarray(maxworkers=1).reshape(separate, depth, height, width, together)[:, 0]
    return np.array(values.transpose(1, 2, 0, 3).reshape(height, width, separate * together))


def _orientation(page):
    return int(page.tags.valueof(274, 1))


def _nodata(page):
    """Returns the value that GDAL marks as missing, or `None`."""
    try:
        return float(page.tags.valueof(GDAL_NODATA, ""))
    except ValueError:
        return None


def _eight_bit_image(deep):
    """Returns a Pillow image of 8-bit values, turned upright."""
    pixels = np.rint(deep.values.clip(0, 255)).astype(np.uint8)
    if deep.coverage is not None:
        opacity = np.rint(deep.coverage * 255).astype(np.uint8)
        pixels = np.dstack([pixels, opacity])
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.getexif()[0x0112] = deep.orientation
    return ImageOps.exif_transpose(image)
