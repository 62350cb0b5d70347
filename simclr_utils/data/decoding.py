"""From image files to uint8 arrays of one size: in parallel, each file opened once."""

import multiprocessing
import os
import struct
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from simclr_utils.data.cache import create_map
from simclr_utils.data.deep import rescale
from simclr_utils.data.opening import open_image, quiet
from simclr_utils.data.pictures import DEFAULT_READING, Trait
from simclr_utils.reading import how_to_set
from simclr_utils.system.processor import available_cores

FILES_PER_TASK = 256
# Starting a process takes about half a second, which does not pay for fewer files.
FILES_FOR_A_POOL = 1024
# What readers raise when damaged files confuse them. The messages are for the programmers of a
# reader, not for its users.
INTERNAL_ERRORS = (
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    struct.error,
)


class Decoded(NamedTuple):
    """What was found in N files.

    Attributes:
        traits: Integer array `[N]` of `Trait` flags, 0 for a refused file.
        cropped: Float array `[N]`, the share of each file's pixels that was cropped away.
        refused: List of `(index, reason)`, in the order of the files.
        ranges: List of `ValueRange`, one for the integers and one for the floating-point numbers
            among the images of more than 8 bits.
    """

    traits: np.ndarray
    cropped: np.ndarray
    refused: list
    ranges: list


class DeepRows:
    """A sparse file of float32 images: three planes of values and one of missing coverage.

    Coverage, as in `DeepImage`, is stored as `1 - coverage`, so that what was never written means
    full coverage.

    Args:
        path: Path of the file, which need not exist.
        image_size: Integer, height and width of the images.
    """

    def __init__(self, path, image_size):
        self.path, self.shape = path, (4, image_size, image_size)
        self.row_bytes = 4 * 4 * image_size**2

    def write(self, index, picture):
        """Writes a `Picture`. Several processes may write at once.

        Args:
            index: Integer, the row.
            picture: A `Picture` with float32 pixels.

        Raises:
            OSError: If the disk is full.
        """
        planes = [*np.moveaxis(picture.pixels, -1, 0)]
        if Trait.GRAY in picture.traits:
            planes = planes[:1]
        try:
            self._write_at(index * self.row_bytes, np.array(planes, "<f4"))
            if picture.coverage is not None:
                place = index * self.row_bytes + self.row_bytes // 4 * 3
                self._write_at(place, np.array(1 - picture.coverage, "<f4"))
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: images of more than 8 bits take up to {self.row_bytes:,} bytes "
                "each until all are decoded; free some space, or use another disk: "
                f"{how_to_set('cache_dir', '/path')}",
                str(self.path),
            ) from error

    def _write_at(self, place, values):
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(self.path, flags, 0o600), "r+b") as file:
            file.seek(place)
            file.write(values.tobytes())

    def read(self, index, channels):
        """Reads an image.

        Args:
            index: Integer, the row.
            channels: Integer, 1 or 3.

        Returns:
            A pair of float32 arrays: values `[size, size, channels]`, coverage `[size, size]`.
        """
        with open(self.path, "rb") as file:
            file.seek(index * self.row_bytes)
            content = file.read(self.row_bytes).ljust(self.row_bytes, b"\0")
        planes = np.frombuffer(content, "<f4").reshape(self.shape)
        return np.moveaxis(planes[:channels], 0, -1), 1 - planes[3]


def decode_image(path, image_size, reading=DEFAULT_READING):
    """Decodes one file to a square image.

    The orientation stored in EXIF is applied. Palettes, CMYK and other color spaces become RGB.
    Transparent pixels are laid on a background. One channel stays one channel. Of several pages,
    the first is used, unless it is much smaller than another.

    Args:
        path: Path of the file, or a file object.
        image_size: Integer, height and width of the result in pixels.
        reading: A `Reading`.

    Returns:
        A `Picture`: uint8, or float32 in the units of the file if it has more than 8 bits.

    Raises:
        ValueError: If the image is of an unsupported kind.
        Exception: Whatever a reader raises for a damaged file.
    """
    with open_image(path, reading.max_pixels) as image:
        return image.picture(image_size, reading)


def decode_files(paths, image_size, map_path, reading=DEFAULT_READING, num_pool=None):
    """Decodes files into a raw uint8 file of shape `[N, image_size, image_size, 3]`.

    Each core runs one process. Gray images are repeated to three channels. The row of a
    refused file stays zero. Images of more than 8 bits wait in a second file, as float32, until
    the range of their values is known.

    Args:
        paths: List of N paths.
        image_size: Integer, height and width of the result in pixels.
        map_path: Path of the file to create.
        reading: A `Reading`.
        num_pool: Integer. The range of values is found from this many files at the front, those
            of the pretraining pool. Defaults to all.

    Returns:
        A `Decoded`.

    Raises:
        OSError: If the disk has no room for the images.
        RuntimeError: If a worker process dies.
    """
    shape = (len(paths), image_size, image_size, 3)
    images = create_map(map_path, shape)
    starts = range(0, len(paths), FILES_PER_TASK)
    tasks = [(paths[at : at + FILES_PER_TASK], at, map_path, shape, reading) for at in starts]
    traits, cropped = np.zeros(len(paths), np.uint16), np.zeros(len(paths), np.float32)
    spans, refused = np.zeros((len(paths), 2)), []
    try:
        with tqdm(total=len(paths), desc="Decoding images", unit=" files", leave=False) as bar:
            for start, *columns, task_refused in _run_tasks(tasks, len(paths)):
                rows = slice(start, start + len(columns[0]))
                traits[rows], cropped[rows], spans[rows] = columns
                refused.extend(task_refused)
                bar.update(len(columns[0]))
        rows = DeepRows(_deep_path(map_path), image_size)
        num_pool = len(paths) if num_pool is None else num_pool
        ranges, hidden = rescale(rows, images, traits, spans, num_pool, reading)
    finally:
        Path(_deep_path(map_path)).unlink(missing_ok=True)
    return Decoded(traits, cropped, sorted(refused + hidden), ranges)


def _deep_path(map_path):
    return f"{map_path}.deep"


def _run_tasks(tasks, num_files):
    workers = min(available_cores(), len(tasks))
    if num_files < FILES_FOR_A_POOL or workers == 1:
        yield from map(_decode_task, tasks)
        return
    # "spawn", because forking a process in which TensorFlow runs threads can hang.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            yield from pool.map(_decode_task, tasks)
    except BrokenProcessPool as error:
        raise RuntimeError(
            "A process that decodes images died. In a script, call load_dataset below "
            '`if __name__ == "__main__":`; otherwise the machine may have run out of memory.'
        ) from error


def _decode_task(task):
    """Decodes some files; returns the first index, traits, cropped shares, spans and refusals."""
    paths, start, map_path, shape, reading = task
    images = np.memmap(map_path, np.uint8, "r+", shape=shape)
    traits, cropped = np.zeros(len(paths), np.uint16), np.zeros(len(paths), np.float32)
    spans, refused = np.zeros((len(paths), 2)), []
    deep = DeepRows(_deep_path(map_path), shape[1])
    with quiet():
        for offset, path in enumerate(paths):
            try:
                picture = decode_image(path, shape[1], reading)
            except Exception as error:  # damaged files make readers raise nearly anything
                refused.append((start + offset, _reason(error, reading)))
                continue
            traits[offset], cropped[offset] = picture.traits, picture.cropped
            if Trait.DEEP in picture.traits:
                spans[offset] = picture.span
                deep.write(start + offset, picture)
            else:
                images[start + offset] = picture.pixels
    return start, traits, cropped, spans, refused


def _reason(error, reading):
    """Returns the reason for refusing a file as one plain phrase, without the machine's paths."""
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return (
            f"more than twice max_pixels={reading.max_pixels:,}, a guard against bombs; allow "
            f"more: {how_to_set('max_pixels', 10 * reading.max_pixels)}"
        )
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join(str(error).split()) or type(error).__name__
    return f"damaged file ({said})" if isinstance(error, INTERNAL_ERRORS) else said
