"""The features of all images of a folder, computed batch by batch."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from simclr_utils import files
from simclr_utils.data.folder import printable
from simclr_utils.deploy.feature_files import check_target, record_path, write_features
from simclr_utils.deploy.image_files import (
    ImageFiles,
    as_channels,
    list_image_files,
    read_image_files,
)
from simclr_utils.deploy.ready import ReadyEncoder
from simclr_utils.evaluation.features import extract_features
from simclr_utils.training.activations import images_at_once

ROWS = 2048  # images of a part: at most these are in memory at once


class Embedded(NamedTuple):
    """What `embed_folder` did.

    Attributes:
        path: `Path` of the file of features.
        count: Integer, the number of images in it.
        refused: List of `(name, reason)` for the files that were left out.
        seconds: Float, the time that it took.
    """

    path: Path
    count: int
    refused: list[tuple[str, str]]
    seconds: float


def embed_folder(
    folder: str | Path, ready: ReadyEncoder, out: str | Path, overwrite: bool = False
) -> Embedded:
    """Writes the features of all images of a folder, with a record of what made them.

    The folder may have any layout. Files are read by the rules of the encoder's study, in
    parallel, into a temporary file beside the output: 3 bytes for each pixel of an image of the
    encoder's size. Memory holds one part of at most 2,048 images.

    Args:
        folder: Path of a folder of images.
        ready: `ReadyEncoder`.
        out: Path of a file that ends in `.parquet`, `.npz` or `.csv`. A record with this name and
            `.json` after it is written beside it.
        overwrite: Boolean, whether the file may exist.

    Returns:
        An `Embedded`.

    Raises:
        ValueError: If there is no image, the file exists, or its format is unknown.
        OSError: If the disk is full.

    Example:

    >>> embed_folder("pictures", open_ready("data/pretrained"), "features.npz")
    """
    started, path = time.monotonic(), check_target(out, overwrite)
    names, left_out = list_image_files(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as temporary:
        found = read_image_files(folder, names, ready, Path(temporary) / "images.bin")
        count = write_features(path, parts(found, ready), ready.encoder.output_shape[-1])
        refused = [(printable(name), reason) for name, reason in found.refused + left_out]
        del found  # Windows does not remove a file that is mapped
    files.save_json(record_path(path), describe(ready, count, refused))
    return Embedded(path, count, refused, time.monotonic() - started)


def parts(found: ImageFiles, ready: ReadyEncoder) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yields the features of images part by part, with their names.

    Args:
        found: `ImageFiles`.
        ready: `ReadyEncoder`.

    Yields:
        Pairs: a list of N names, and a float32 array `[N, D]`.
    """
    refused = {name for name, _ in found.refused}
    rows = [row for row, name in enumerate(found.names) if name not in refused]
    batch_size = images_at_once(ready.encoder)
    with tqdm(total=len(rows), desc="Computing features", unit=" images", leave=False) as bar:
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            images = as_channels(found.images[part], ready.image_shape[-1])
            features = extract_features(ready.encoder, images, batch_size)
            bar.update(len(part))
            yield [printable(found.names[row]) for row in part], features


def describe(ready: ReadyEncoder, count: int, refused: list[tuple[str, str]]) -> dict:
    """Returns what made a file of features, for the record beside it.

    Args:
        ready: `ReadyEncoder`.
        count: Integer, the number of images.
        refused: List of `(name, reason)`.
    """
    return {
        "encoder": ready.name,
        "image_shape": list(ready.image_shape),
        "feature_dim": ready.encoder.output_shape[-1],
        "reading": ready.record.get("decoding", {}),
        "images": count,
        "refused": [list(each) for each in refused],
    }
