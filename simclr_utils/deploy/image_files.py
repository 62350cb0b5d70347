"""The image files of any folder, read as the study of an encoder read its own."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from simclr_utils.data.dataset import load_dataset
from simclr_utils.data.decoding import decode_files
from simclr_utils.data.splits import SPLITS
from simclr_utils.data.walk import find_masks, is_no_image, list_below
from simclr_utils.deploy.ready import ReadyEncoder
from simclr_utils.places import user_path

FOLDERS_OF_A_CLASS = 2  # such as train/cat: names of these folders never mark a mask


class ImageFiles(NamedTuple):
    """The images that were found in a folder, decoded.

    Attributes:
        names: List of N relative names, with forward slashes.
        images: Uint8 memory map `[N, H, W, 3]`.
        refused: List of `(name, reason)` for the files that were left out.
    """

    names: list[str]
    images: np.ndarray
    refused: list[tuple[str, str]]


def list_image_files(folder: str | Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Lists the image files below a folder, whatever its layout, without opening one.

    Hidden files, leftovers of other programs and files of other kinds are ignored. Masks, judged
    by their names, are left out, as in `load_dataset`.

    Args:
        folder: Path of the folder.

    Returns:
        A pair: a sorted list of relative names, and a list of `(name, reason)` for what is left
        out.

    Raises:
        ValueError: If the folder cannot be read, or holds no image.
    """
    folder = user_path(folder)
    found = [(name, problem) for name, problem, *_ in list_below(folder, "", Counter())]
    found = [(name, problem) for name, problem in found if not is_no_image(name)]
    names = [name for name, problem in found if not problem]
    masks, _ = find_masks(names, lambda name: min(name.count("/"), FOLDERS_OF_A_CLASS))
    if not names:
        raise ValueError(f"{folder} holds no image. Give a folder with image files.")
    refused = [(name, problem) for name, problem in found if problem]
    refused += [(name, f"a mask of {image}, by its name") for name, image in masks.items()]
    return [name for name in names if name not in masks], refused


def read_image_files(
    folder: str | Path, names: Sequence[str], ready: ReadyEncoder, map_path: str | Path
) -> ImageFiles:
    """Decodes image files to the size of an encoder, into a file on the disk.

    Args:
        folder: Path of the folder.
        names: Strings, names relative to the folder.
        ready: `ReadyEncoder`, whose size and reading are used.
        map_path: Path of the file to create: 3 bytes for each pixel of each image.

    Returns:
        An `ImageFiles`.

    Raises:
        ValueError: If the encoder's images are not square, or no file can be read.
        OSError: If the disk is full.
    """
    height, width, _ = ready.image_shape
    if height != width:
        raise ValueError(
            f"{ready.name} takes images of {height}x{width} pixels. Files are read as squares: "
            "bring the images to that size yourself, and use extract_features."
        )
    folder = user_path(folder).resolve()
    paths = [str(folder / name) for name in names]
    decoded = decode_files(paths, height, str(map_path), ready.reading)
    images = np.memmap(map_path, np.uint8, "r", shape=(len(paths), height, width, 3))
    refused = [(names[index], reason) for index, reason in decoded.refused]
    if len(refused) == len(names):
        name, reason = refused[0]
        raise ValueError(f"No file of {folder} can be read, such as {name}: {reason}.")
    return ImageFiles(list(names), images, refused)


def as_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Returns images with the channels that an encoder takes.

    Args:
        images: Uint8 array `[N, H, W, C]` with 1 or 3 channels.
        channels: Integer, 1 or 3. Color becomes gray by Pillow's rule, gray is repeated.

    Returns:
        A uint8 array `[N, H, W, channels]`.
    """
    if channels == images.shape[-1]:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    gray = [np.asarray(Image.fromarray(image).convert("L")) for image in images]
    return np.stack(gray)[..., np.newaxis]


def sample_images(source: str, ready: ReadyEncoder, count: int) -> np.ndarray:
    """Returns some images of a source in the form that an encoder takes.

    Args:
        source: String, a folder of images of any layout, or the name of a dataset.
        ready: `ReadyEncoder`.
        count: Integer, how many images, spread over the source.

    Returns:
        A uint8 array `[N, H, W, C]` with at most `count` images.

    Raises:
        ValueError: If there is no such source, or its images do not fit the encoder.
    """
    if not user_path(source).is_dir():
        limits = dict.fromkeys(SPLITS, count)
        images = load_dataset(source, ready.image_shape[0], limits=limits).examples
        images = np.asarray(spread(images, count))
        return as_channels(images, ready.image_shape[-1])
    names = spread(list_image_files(source)[0], count)
    with tempfile.TemporaryDirectory() as temporary:
        read = read_image_files(source, names, ready, Path(temporary) / "images.bin")
        refused = {name for name, _ in read.refused}
        rows = [row for row, name in enumerate(names) if name not in refused]
        images = np.array(read.images[rows])
        del read  # Windows does not remove a file that is mapped
    return as_channels(images, ready.image_shape[-1])


def spread(items: Sequence, count: int) -> Sequence:
    """Returns at most `count` items, evenly spread.

    Args:
        items: A sequence, or an array.
        count: Integer, at least 1.
    """
    return items[:: max(1, -(-len(items) // count))]
