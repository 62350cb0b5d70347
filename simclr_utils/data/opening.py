"""Opens image files of the supported formats, and says how to convert those of other formats.

Opening a file starts no program and uses no network.
"""

import contextlib
import functools
import importlib
import logging
import os
import warnings
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from simclr_utils.data.bounds import check_pixels
from simclr_utils.data.deep import is_mask, make_deep_picture, split_alpha
from simclr_utils.data.dicom import HOW_TO_INSTALL, DicomImage, has_reader, is_dicom
from simclr_utils.data.pictures import DEFAULT_READING, Trait, make_picture, read_deep
from simclr_utils.data.tiff import TiffImage, is_tiff

# The formats of photographs and scans, whatever the file's name is. Pillow knows more, among them
# formats that start other programs (EPS starts Ghostscript).
FORMATS = (
    *("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000"),
    *("MPO", "PNG", "PPM", "TIFF", "WEBP"),
)
# Their first picture is the photograph, the others are previews or gain maps.
ONE_PICTURE = ("JPEG", "MPO", "HEIF", "AVIF")
# Pillow assumes that the last of four channels is opacity, but the format does not say so.
OPACITY_IS_ASSUMED = ("BMP", "JPEG2000")
HEAD_BYTES = 512

HEIC = (
    "HEIC, the format of iPhone photographs: install its reader with `pip install pillow-heif`, or "
    "export the photographs as JPEG"
)
RAW = "camera raw file: develop it to JPEG, PNG or TIFF first"
DICOM = f"DICOM file: install its reader with `{HOW_TO_INSTALL}`"
UNMARKED = "no DICOM file, though its name says so: it lacks the letters DICM at byte 128"
NIFTI = "NIfTI volume: export its slices as PNG or TIFF with 16 bits first"
VIDEO = "video: save frames of it as PNG or JPEG first"
VECTOR = "vector drawing (SVG, EPS or PDF): export it as PNG first"
PHOTOSHOP = "Photoshop file: export it as PNG or TIFF first"
MICROSCOPE = "microscope file: export its planes as PNG or TIFF first"
ARRAYS = "array file: save each image as PNG or TIFF first"
ARCHIVE = "archive: unpack it first"
JPEG_XL = "JPEG XL: convert it to PNG or JPEG first"
OTHER = "image in an unsupported format: convert it to PNG first"

# Unsupported formats: offset in the file, the bytes there, the format.
MAGIC = (
    *((128, b"DICM", DICOM), (344, b"n+1\0", NIFTI), (344, b"ni1\0", NIFTI)),
    *((4, b"ftypcrx ", RAW), (0, b"FUJIFILMCCD-RAW", RAW)),
    *((0, b"%PDF", VECTOR), (0, b"%!PS", VECTOR), (0, b"\xc5\xd0\xd3\xc6", VECTOR)),
    *((0, b"<svg", VECTOR), (0, b"8BPS", PHOTOSHOP), (0, b"\x1aE\xdf\xa3", VIDEO)),
    *((8, b"AVI ", VIDEO), (0, b"\0\0\1\xba", VIDEO), (0, b"ZISRAWFILE", MICROSCOPE)),
    *((0, b"\x89HDF", ARRAYS), (0, b"\x93NUMPY", ARRAYS), (0, b"PK\3\4", ARCHIVE)),
    *((0, b"7z\xbc\xaf", ARCHIVE), (0, b"Rar!", ARCHIVE), (0, b"\xff\x0a", JPEG_XL)),
    *((0, b"\0\0\0\x0cJXL ", JPEG_XL), (0, b"SIMPLE  =", OTHER), (0, b"\x76\x2f\x31\x01", OTHER)),
    (0, b"\0\0\1\0", OTHER),
)
SUFFIXES = {
    RAW: ".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .3fr .iiq .raw",
    DICOM: ".dcm .dicom",
    NIFTI: ".nii .nii.gz",
    VIDEO: ".mp4 .mov .avi .mkv .webm .m4v .mpg .mpeg .wmv",
    VECTOR: ".svg .svgz .eps .ps .pdf .ai",
    PHOTOSHOP: ".psd .psb",
    MICROSCOPE: ".czi .lif .nd2 .oib .oif .vsi .mrxs",
    ARRAYS: ".npy .npz .h5 .hdf5 .mat .nrrd .mha .mhd",
    ARCHIVE: ".zip .gz .tar .tgz .7z .rar",
    JPEG_XL: ".jxl",
    OTHER: ".exr .hdr .fits .fit .ico .tga .dds .xcf .pcx",
    HEIC: ".heic .heif .hif",
}
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@contextmanager
def open_image(path, max_pixels=DEFAULT_READING.max_pixels):
    """Opens a file of one of `FORMATS` and reads only its header.

    Args:
        path: Path of the file, or a file object.
        max_pixels: Integer, as in `Reading`.

    Yields:
        An object with the attributes `size`, a pair `(width, height)` of the picture that will be
        used, and `traits`, and with a method `picture(image_size, reading)` that returns a
        `Picture`.

    Raises:
        ValueError: If the image has too many pixels, or is of an unsupported kind.
        UnidentifiedImageError: If it is not an image in one of `FORMATS`; the message names its
            format, if it is known, and the cure.
        Exception: Whatever a reader raises for a damaged file.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_own_limit())
        file = path if hasattr(path, "read") else stack.enter_context(open(path, "rb"))
        head = file.read(HEAD_BYTES)
        name = "" if file is path else os.fspath(path)
        if is_tiff(head):
            if name_format(name, b"") == RAW:  # also a TIFF file, but only its previews are RGB
                raise UnidentifiedImageError(RAW)
            opened = stack.enter_context(contextlib.closing(TiffImage(file)))
        elif is_dicom(head) and has_reader():
            opened = DicomImage(file, getattr(path, "number", 0))
        else:
            opened = PillowImage(stack.enter_context(_open_with_pillow(file, name, head)), file)
        check_pixels(*opened.size, max_pixels)
        Image.MAX_IMAGE_PIXELS = max_pixels  # a frame may be larger than the header says
        yield opened


class PillowImage:
    """A file that Pillow has opened.

    Args:
        image: Pillow image that is not loaded yet.
        file: The file object that it was opened from.
    """

    def __init__(self, image, file):
        self.image, self.file, self.size = image, file, image.size
        pages = image.format not in ONE_PICTURE and getattr(image, "is_animated", False)
        self.traits = Trait.DECODED | (Trait.PAGES if pages else 0)

    def picture(self, image_size, reading=DEFAULT_READING):
        """Decodes the file to a `Picture` of `image_size` pixels by the rules of a `Reading`."""
        image, traits = self.image, self.traits
        if (values := read_deep(image, self.file, reading.max_pixels)) is not None:
            orientation = image.getexif().get(0x0112, 1)
            deep, found = split_alpha(values, orientation, guessed=image.format == "JPEG2000")
            return make_deep_picture(deep, image_size, reading, traits | found)
        # The JPEG decoder may drop detail that scaling would drop anyway.
        image.draft(None, (3 * image_size, 3 * image_size))
        ImageOps.exif_transpose(image, in_place=True)
        assumed = image.format in OPACITY_IS_ASSUMED and image.mode in ("RGBA", "LA")
        if assumed and not is_mask(np.asarray(image)[..., -1], 255):
            image, traits = image.convert(image.mode[:-1]), traits | Trait.EXTRA
        return make_picture(image, image_size, reading, traits)


def _open_with_pillow(file, name, head):
    Image.init()  # registers the formats of this build of Pillow
    _register_heif()
    file.seek(0)
    try:
        return Image.open(file, formats=[kind for kind in FORMATS if kind in Image.OPEN])
    except UnidentifiedImageError:
        unknown = f"not an image in any of {', '.join(FORMATS)}"
        reason = name_format(name, head) or (unknown if head else "empty file")
        if reason == HEIC and "HEIF" in Image.OPEN:
            reason = "a damaged HEIC file"
        if reason == DICOM and not is_dicom(head):
            reason = UNMARKED
        raise UnidentifiedImageError(reason) from None


def name_format(name, head):
    """Names an unsupported format, judged by the first bytes of a file or by its name.

    Args:
        name: String, name or path of the file.
        head: Bytes, the first few hundred of the file. If it is empty, the name alone decides.

    Returns:
        A phrase that names the format and the cure, or `None` if the format is unknown.
    """
    head = bytes(head)
    if head[4:8] == b"ftyp":
        if head[8:12] in HEIC_BRANDS:
            return HEIC
        if head[8:12] != b"crx ":
            return VIDEO
    for place, magic, kind in MAGIC:
        if head[place : place + len(magic)] == magic:
            return kind
    if b"<svg" in head:
        return VECTOR
    lower = os.path.basename(name).lower()
    for kind, suffixes in SUFFIXES.items():
        if lower.endswith(tuple(suffixes.split())):
            return kind
    return None


@functools.cache
def _register_heif():
    """Adds HEIC to the formats of Pillow if the optional package is installed."""
    with contextlib.suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()


@contextmanager
def quiet():
    """Silences the warnings of readers, which damaged files would print by the thousand."""
    loggers = [logging.getLogger(name) for name in ("PIL", "tifffile", "pydicom")]
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
    """Suspends Pillow's own pixel limit and restores it at the end."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
