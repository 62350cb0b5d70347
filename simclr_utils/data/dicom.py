"""DICOM files: pixels in the units of the scanner, shown in the window that the file states.

Of a header, only what the pixels mean leaves this module: no name, no date, no number of a patient,
not even inside an error. The patient becomes a salted hash, so that groups can be told apart.
"""

import contextlib
import hashlib
import importlib.util
import math
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from simclr_utils.data.bounds import check_stream
from simclr_utils.data.deep import make_deep_picture, strange_channels, to_deep
from simclr_utils.data.pictures import DEFAULT_READING, Trait, make_picture

PLACE, MAGIC = 128, b"DICM"
HOW_TO_INSTALL = 'pip install -e ".[dicom]"'
# The sequences in which newer files keep what older ones state at the top of the header.
NESTED = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
WINDOW_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
SIZES = ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
SMALLEST_COMPRESSED = 72  # bytes of a frame with its head; every compression has tables
LONG_HEAD = 12  # bytes of the element in front of compressed frames
DEFLATED = "a DICOM file that is compressed as a whole (deflated): convert it first"

# Files with these endings are not searched for DICOM's mark.
PICTURE_SUFFIXES = {
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
}


class Frame(NamedTuple):
    """One of several pictures in a file. `open` takes it like a path.

    Attributes:
        path: String.
        number: Integer, 0 for the first.
    """

    path: str
    number: int

    def __fspath__(self):
        return self.path


def is_dicom(head):
    """Returns whether a file that begins with these bytes is a DICOM file."""
    return bytes(head[PLACE : PLACE + len(MAGIC)]) == MAGIC


def has_reader():
    """Returns whether pydicom is installed."""
    return importlib.util.find_spec("pydicom") is not None


def may_be_dicom(name):
    """Returns whether a file's name leaves open that it is a DICOM file."""
    return PurePosixPath(name).suffix.lower() not in PICTURE_SUFFIXES


def read_header(file, tags=None):
    """Reads the header of a DICOM file, up to the pixels.

    Args:
        file: File object.
        tags: List of strings, the only elements to read, or `None`.

    Returns:
        A `pydicom.Dataset`.

    Raises:
        ValueError: If the header is damaged, or must be inflated to be read, to any size. The
            message has nothing of the header.
    """
    import pydicom

    if is_deflated(file):
        raise ValueError(DEFLATED)
    file.seek(0)
    try:
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)
    except Exception as error:  # its message may cite the header
        raise ValueError(_damaged(error)) from None


def is_deflated(file):
    """Returns whether all that follows the first group of a DICOM file is one deflated stream.

    Args:
        file: File object.
    """
    from pydicom.filereader import read_dataset
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    for implicit in (False, True):  # the order in which pydicom tries
        file.seek(PLACE + len(MAGIC))
        with contextlib.suppress(Exception):
            group = read_dataset(file, implicit, True, stop_when=lambda tag, *_: tag >> 16 != 2)
            if values := [element.value for element in group]:
                return DeflatedExplicitVRLittleEndian in values
    return False


def count_frames(header, num_bytes):
    """Returns how many frames a header states.

    Args:
        header: A `pydicom.Dataset` with the elements `SIZES`.
        num_bytes: Integer, the size of the file.

    Returns:
        An integer, 0 if the file has no room for so many.
    """
    frames = max(1, int(header.get("NumberOfFrames") or 1))
    values = int(header.Rows) * int(header.Columns) * int(header.get("SamplesPerPixel") or 1)
    compressed = header.file_meta.TransferSyntaxUID.is_compressed
    one = SMALLEST_COMPRESSED if compressed else values * int(header.BitsAllocated) / 8
    return 0 if frames > 1 and frames * one > num_bytes else frames


def read_patient(path, salt):
    """Reads how many frames a DICOM file has, and a number for its patient.

    Args:
        path: Path of the file.
        salt: Bytes, the same for all files of a folder, and never stored.

    Returns:
        A pair: the number of frames, and bytes that are equal for equal patient IDs, empty if the
        file states none.
    """
    with open(path, "rb") as file:
        try:
            header = read_header(file, [*SIZES, "PatientID"])
            patient = str(header.get("PatientID") or "").strip()
            frames = max(1, count_frames(header, file.seek(0, 2)))
        except Exception:  # the decoder refuses the file with its reason
            return 1, b""
    hashed = hashlib.blake2b(patient.encode(), key=salt, digest_size=16).digest()
    return frames, hashed if patient else b""


class DicomImage:
    """A DICOM file and the one frame of it that is used.

    Args:
        file: File object.
        number: Integer, the frame, 0 for the first.

    Raises:
        ValueError: If the file is damaged or has no image.
    """

    def __init__(self, file, number=0):
        self.file, self.number, self.traits = file, number, Trait.DECODED
        self.header = read_header(file)
        self.place = file.tell()
        try:
            self.size = (int(self.header.Columns), int(self.header.Rows))
            self.kind = str(self.header.PhotometricInterpretation)
            if self.header.get("BurnedInAnnotation") == "YES":
                self.traits |= Trait.BURNED
            lift_nested(self.header, number)
        except Exception:
            raise ValueError("a DICOM file without an image, such as a report") from None

    def picture(self, image_size, reading=DEFAULT_READING):
        """Decodes the frame to a `Picture` by the rules of a `Reading`."""
        check_decoder(self.header)
        self._check_size(reading.max_pixels)
        missing, traits = None, self.traits
        try:
            values = self._stored()
            if values.ndim == 2:
                traits |= Trait.INVERTED if self.kind == "MONOCHROME1" else 0
                values, missing = in_units(values, self.header)
                shown = None if reading.value_range else show_in_window(values, self.header)
                if shown is not None:
                    values, traits = shown, traits | Trait.WINDOW
        except Exception as error:
            raise ValueError(_damaged(error)) from None
        if values.dtype == np.uint8:
            values = 255 - values if Trait.INVERTED in traits else values
            return make_picture(Image.fromarray(values), image_size, reading, traits)
        deep, found = to_deep(np.atleast_3d(values), nodata=missing)
        return make_deep_picture(deep, image_size, reading, traits | found)

    def _check_size(self, max_pixels):
        """Checks how large the pixels will be, before they are decoded."""
        try:
            samples = int(self.header.get("SamplesPerPixel") or 1)
            frames = count_frames(self.header, self.file.seek(0, 2))
            stream = self._find_stream(frames) if frames else None
        except Exception as error:
            raise ValueError(_damaged(error)) from None
        if not frames:
            raise ValueError("a damaged DICOM file: it has no room for the frames that it states")
        if samples not in (1, 3):
            raise ValueError(strange_channels(samples))
        if stream is not None:
            check_stream(stream, max_pixels)

    def _find_stream(self, frames):
        """Returns the stream of the frame if it states a size of its own, or `None`."""
        from pydicom.encaps import get_frame
        from pydicom.uid import RLELossless

        syntax = self.header.file_meta.TransferSyntaxUID
        if not syntax.is_compressed or syntax == RLELossless:
            return None
        names = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
        offsets = tuple(self.header.get(name) for name in names)
        asked = {"number_of_frames": frames, "extended_offsets": offsets if all(offsets) else None}
        self.file.seek(self.place + LONG_HEAD)
        return get_frame(self.file, self.number, **asked)

    def _stored(self):
        """Returns the numbers in the file: `[height, width]`, or colors `[height, width, 3]`."""
        from pydicom.pixels import apply_color_lut, pixel_array

        self.file.seek(0)
        stored = pixel_array(self.file, index=self.number)
        if self.kind == "PALETTE COLOR":
            stored = apply_color_lut(stored, self.header)[..., :3]
            if stored.dtype != np.uint8:  # 16 bits in the palette, most often 8 of them used
                stored = (stored >> 8 if stored.max() > 255 else stored).astype(np.uint8)
        elif stored.dtype == np.uint8 and int(self.header.BitsStored) < 8:
            stored = stored.astype(np.uint16)  # so that its range is found, as for 16 bits
        return stored


def check_decoder(header):
    """Checks that the pixels can be decompressed.

    Args:
        header: A `pydicom.Dataset`.

    Raises:
        ValueError: If they cannot; the message says what to do.
    """
    from pydicom.pixels import get_decoder

    try:
        syntax = header.file_meta.TransferSyntaxUID
        decoder = get_decoder(syntax)
    except Exception:
        raise ValueError(
            "a DICOM file with an unknown compression, or with a video: convert it first"
        ) from None
    if not decoder.is_available:
        raise ValueError(
            f"a DICOM file compressed as {syntax.name}: install the decoders with "
            f"`{HOW_TO_INSTALL}`"
        )


def lift_nested(header, number):
    """Copies the scale and the window of a frame to the top of the header, if they are nested.

    Args:
        header: A `pydicom.Dataset`. It changes.
        number: Integer, the frame.
    """
    shared = header.get("SharedFunctionalGroupsSequence") or []
    own = header.get("PerFrameFunctionalGroupsSequence") or []
    for group in (*shared[:1], *own[number : number + 1]):
        for name in NESTED:
            for item in group.get(name) or []:
                header.update(item)


def in_units(stored, header):
    """Converts stored numbers into the units of the scanner, such as Hounsfield units.

    Args:
        stored: Integer or float array `[height, width]`.
        header: A `pydicom.Dataset` with, perhaps, a rescale slope and intercept or a table.

    Returns:
        A pair: an array of the same shape, of integers if all values are whole, and the value that
        stands for pixels outside the picture, or `None`.
    """
    from pydicom.pixels import apply_modality_lut

    values, missing = apply_modality_lut(stored, header), None
    for padding in _numbers(header, "PixelPaddingValue")[:1]:
        # It may be read as unsigned where the pixels are signed.
        padding = np.full((1, 1), int(padding)).astype(stored.dtype)
        missing = float(apply_modality_lut(padding, header)[0, 0])
    if values.dtype.kind == "f" and stored.dtype.kind != "f":
        if np.array_equal(values, stored):
            return stored, missing
        if (values == np.rint(values)).all():
            values = values.astype(np.int64)
    return values, missing


def show_in_window(values, header):
    """Maps values to what a viewer shows: by the first window that is valid, or by a table.

    Args:
        values: Array `[height, width]` from `in_units`.
        header: A `pydicom.Dataset`.

    Returns:
        A uint8 array `[height, width]`, or `None` if the file states neither.
    """
    from pydicom import Dataset
    from pydicom.pixels import apply_voi, apply_windowing

    window = find_window(header)
    if window is not None:
        view = Dataset()  # whose own range is 0 to 255
        view.PhotometricInterpretation, view.BitsStored = "MONOCHROME2", 8
        view.PixelRepresentation = 0
        view.WindowCenter, view.WindowWidth, view.VOILUTFunction = window
        shown = apply_windowing(values, view)
    elif header.get("VOILUTSequence") and values.dtype.kind != "f":
        bits = int(header.VOILUTSequence[0].LUTDescriptor[2])
        shown = apply_voi(values, header) * (255 / (2**bits - 1))
    else:
        return None
    return np.rint(shown).clip(0, 255).astype(np.uint8)


def find_window(header):
    """Returns the first window of a header that is valid: center, width and function, or `None`."""
    function = str(header.get("VOILUTFunction") or "LINEAR").upper()
    narrowest = 1 if function == "LINEAR" else np.finfo(float).tiny
    if function not in WINDOW_FUNCTIONS:
        return None
    for center, width in zip(
        *(_numbers(header, tag) for tag in ("WindowCenter", "WindowWidth")), strict=False
    ):
        if math.isfinite(center) and narrowest <= width < math.inf:
            return center, width, function
    return None


def _numbers(header, tag):
    """Returns the numbers of an element as a list, empty if it holds none."""
    try:
        value = header.get(tag)
        return [] if value is None else [float(each) for each in np.atleast_1d(value)]
    except (ValueError, TypeError, ArithmeticError):
        return []


def _damaged(error):
    """Returns a reason for refusing a file. The error's own message may cite the header."""
    return f"a damaged DICOM file, or one of an unsupported kind ({type(error).__name__})"
