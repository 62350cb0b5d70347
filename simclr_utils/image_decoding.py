"""From image files to uint8 arrays of one size, in parallel, every file opened once."""

import enum
import errno
import math
import multiprocessing
import os
import shutil
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm.auto import tqdm

from simclr_utils.cores import available_cores

FILES_PER_TASK = 256
# Starting a process costs about half a second: not worth it for fewer files.
FILES_FOR_A_POOL = 1024
BACKGROUND = "white"
# What photographs and scans come in, whatever their file is called. Pillow knows more, among them
# formats that start other programs (EPS starts Ghostscript).
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")


class Trait(enum.IntFlag):
    """What was met while decoding a file; 0 stands for a file that was refused."""

    DECODED = 1
    GRAY = 2
    TRANSPARENT = 4
    SIXTEEN_BIT = 8
    DIM = 16  # a 16-bit image that uses 12 bits at most


def open_image(path):
    """Opens a file of one of `FORMATS` with Pillow."""
    Image.init()  # registers what this build of Pillow has
    return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])


def decode_image(path, image_size):
    """Decodes one file to a square uint8 image.

    The orientation stored in EXIF is applied. Palettes, CMYK and other colour spaces become
    RGB; transparent pixels are laid on white; one channel stays one channel. 16-bit values are
    divided by 257, so that 65535 becomes 255 in every image alike. The shorter side is scaled to
    `image_size` with a bicubic filter and the longer side cropped at the centre. Of several
    frames or pages, the first is used.

    Args:
        path: path of the file.
        image_size: height and width of the result, in pixels.

    Returns:
        A uint8 array `[image_size, image_size, channels]` with 1 or 3 channels, and the `Trait`
        flags of the file.

    Raises:
        ValueError: for pixel types without a stated range (floating point, wider than 16 bits).
        Exception: whatever Pillow raises for a broken file.
    """
    with open_image(path) as image:
        # Lets the JPEG decoder drop detail that the scaling would drop anyway.
        image.draft(None, (3 * image_size, 3 * image_size))
        ImageOps.exif_transpose(image, in_place=True)
        image, traits = _to_gray_or_rgb(image)
        return fit_image(image, image_size), traits


def fit_image(image, image_size):
    """Scales the shorter side to `image_size` and crops the centre: uint8 `[S, S, channels]`."""
    if image.size != (image_size, image_size):
        image = ImageOps.fit(image, (image_size, image_size), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels


def _to_gray_or_rgb(image):
    """Brings any Pillow mode to "L" or "RGB"."""
    traits = Trait.DECODED
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("pixel values outside 0 to 65535")
        traits |= Trait.GRAY | Trait.SIXTEEN_BIT
        if values.max() < 4096:
            traits |= Trait.DIM
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)), traits
    if image.mode == "F":
        raise ValueError("floating-point pixels have no stated range")
    if image.mode in ("1", "L", "LA", "La"):
        traits |= Trait.GRAY
    if image.has_transparency_data:
        traits |= Trait.TRANSPARENT
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image)
    mode = "L" if Trait.GRAY in traits else "RGB"
    return image if image.mode == mode else image.convert(mode), traits


def decode_files(paths, image_size, map_path):
    """Decodes files into a raw uint8 file of shape `[N, image_size, image_size, 3]`.

    The work is shared by one process a core; each writes its rows straight into the memory map,
    and only flags and errors travel back. Gray images are repeated to three channels. The row
    of a refused file stays zero.

    Args:
        paths: list of N paths.
        image_size: height and width of the result.
        map_path: path of the file to create.

    Returns:
        A uint8 array `[N]` of `Trait` flags (0: refused) and a list of `(index, reason)` for the
        refused files.

    Raises:
        OSError: if the disk has no room for the images.
        RuntimeError: if a worker process dies.
    """
    shape = (len(paths), image_size, image_size, 3)
    create_map(map_path, shape)
    starts = range(0, len(paths), FILES_PER_TASK)
    tasks = [(paths[start : start + FILES_PER_TASK], start, map_path, shape) for start in starts]
    traits, refused = np.zeros(len(paths), np.uint8), []
    with tqdm(total=len(paths), desc="Decoding images", unit=" files", leave=False) as bar:
        for start, task_traits, task_refused in _run_tasks(tasks, len(paths)):
            traits[start : start + len(task_traits)] = task_traits
            refused.extend(task_refused)
            bar.update(len(task_traits))
    return traits, refused


def create_map(path, shape):
    """Creates a file for a uint8 memory map, and all of it: writing into one kills the process
    when the disk turns out to be full.

    Raises:
        OSError: if it is full, with what is needed and what there is.
    """
    size = math.prod(shape)
    free = shutil.disk_usage(os.path.dirname(path) or ".").free
    try:
        with open(path, "wb") as file:
            if hasattr(os, "posix_fallocate") and size:
                os.posix_fallocate(file.fileno(), 0, size)
            elif size > free:  # not claimed here, but at least asked
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            else:
                file.truncate(size)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: the decoded images take {size / 1e9:.3f} GB and {free / 1e9:.3f} "
            "are free; free some space, or name another cache_dir",
            str(path),
        ) from error
    return np.memmap(path, np.uint8, "r+", shape=shape)


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
    paths, start, map_path, shape = task
    images = np.memmap(map_path, np.uint8, "r+", shape=shape)
    traits, refused = np.zeros(len(paths), np.uint8), []
    with warnings.catch_warnings():
        # Pillow warns of odd but readable files; only the warning of a bomb is a refusal.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for offset, path in enumerate(paths):
            try:
                pixels, traits[offset] = decode_image(path, shape[1])
                images[start + offset] = pixels
            # Broken files make Pillow's readers raise nearly anything.
            except Exception as error:
                traits[offset] = 0
                refused.append((start + offset, _reason(path, error)))
    return start, traits, refused


def _reason(path, error):
    """One plain phrase for a refused file, without the machine's paths."""
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return f"more than {Image.MAX_IMAGE_PIXELS} pixels, Pillow's limit against bombs"
    if isinstance(error, UnidentifiedImageError):
        empty = os.path.getsize(path) == 0
        return "empty file" if empty else f"not an image in any of {', '.join(FORMATS)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
