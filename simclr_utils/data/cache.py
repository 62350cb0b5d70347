"""Decoded images on disk: one memory-mapped file for each dataset.

An entry is a folder with `images.bin` (raw uint8, in the order unlabeled, train, validation,
test), `dataset.json`, `refused.csv` and `conflicts.csv`. It is written under a temporary name and
renamed when it is complete. So neither two runs at once nor a killed run leave a broken entry.
"""

import contextlib
import csv
import errno
import json
import math
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from simclr_utils.data.repeats import CONFLICT_COLUMNS
from simclr_utils.reading import how_to_set

SECONDS_TO_LIVE = 24 * 3600


@contextmanager
def new_entry(entry):
    """Yields a temporary folder that becomes the folder `entry` if no error occurs.

    Args:
        entry: Path of the new entry.

    Yields:
        The path of the temporary folder.
    """
    entry = Path(entry)
    entry.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(entry.parent)
    folder = Path(tempfile.mkdtemp(prefix=".writing-", dir=entry.parent))
    try:
        yield folder
        # Windows cannot shorten a file while a memory map of it is open, so it happens last.
        with contextlib.suppress(FileNotFoundError):
            shape = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["shape"]
            os.truncate(folder / "images.bin", math.prod(shape))
        try:
            os.rename(folder, entry)
        except OSError:
            # Another run may have just finished the same entry: then use that one.
            if read_entry(entry) is None:
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(cache_dir):
    """Removes temporary folders of killed runs."""
    for folder in cache_dir.glob(".writing-*"):
        with contextlib.suppress(FileNotFoundError):  # it has just become an entry
            # The folder's own time does not change while a file in it grows.
            written = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if time.time() - written > SECONDS_TO_LIVE:
                shutil.rmtree(folder, ignore_errors=True)


def create_map(path, shape):
    """Creates a file for a uint8 memory map and reserves its disk space.

    Without the reservation, a full disk would kill the process that writes into the map.

    Args:
        path: Path of the file to create.
        shape: Tuple of integers, the shape of the array.

    Returns:
        A writable `np.memmap`.

    Raises:
        OSError: If the disk is full; the message says how much is needed and how much is free.
    """
    size = math.prod(shape)
    free = shutil.disk_usage(os.path.dirname(path) or ".").free
    try:
        with open(path, "wb") as file:
            if hasattr(os, "posix_fallocate") and size:
                os.posix_fallocate(file.fileno(), 0, size)
            elif size > free:  # this system cannot reserve space, but it can tell what is free
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            else:
                file.truncate(size)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: the decoded images take {size / 1e9:.3f} GB and {free / 1e9:.3f} "
            f"are free; free some space, or use another disk: {how_to_set('cache_dir', '/path')}",
            str(path),
        ) from error
    return np.memmap(path, np.uint8, "r+", shape=shape)


def write_entry(folder, images, metadata):
    """Completes an entry around the memory map `images` of `folder/images.bin`.

    Args:
        folder: Path of the temporary folder from `new_entry`.
        images: `np.memmap` of the images.
        metadata: Dict from `settle_images`, with `refused`, a list of `(file, reason)`, added.
    """
    folder = Path(folder)
    images.flush()
    write_list(folder / "refused.csv", ("file", "reason"), metadata["refused"])
    write_list(folder / "conflicts.csv", CONFLICT_COLUMNS, metadata["conflicts"])
    (folder / "dataset.json").write_text(json.dumps(metadata), encoding="utf-8")


def write_list(path, columns, rows):
    """Writes rows as CSV with a header."""
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def read_entry(entry):
    """Opens an entry. An entry whose files do not fit together is removed.

    Args:
        entry: Path of the entry.

    Returns:
        A pair: the images as a read-only memory map, and the metadata. `None` if there is no
        valid entry.
    """
    entry = Path(entry)
    if not entry.is_dir():
        return None
    try:
        metadata = json.loads((entry / "dataset.json").read_text(encoding="utf-8"))
        shape = tuple(metadata["shape"])
        if (entry / "images.bin").stat().st_size != np.prod(shape, dtype=np.int64):
            raise ValueError("images.bin has the wrong size")
        return np.memmap(entry / "images.bin", np.uint8, "r", shape=shape), metadata
    except (FileNotFoundError, ValueError, KeyError):
        shutil.rmtree(entry)
        return None
