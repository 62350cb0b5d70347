"""One memory-mapped file per dataset: unlabeled, train, validation, test, one after the other.

An entry is a folder with `images.bin` (raw uint8), `dataset.json` (shape, sizes, labels, class
names, fingerprint, notes), `refused.csv` and `conflicts.csv`. It is written under a temporary name
and renamed when it is complete, so that two runs at once, or a run that was killed, leave no broken
entry.
"""

import contextlib
import csv
import hashlib
import json
import math
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from simclr_utils.data.conflicts import CONFLICT_COLUMNS, find_conflicts, list_conflicts, set_aside
from simclr_utils.data.splits import SPLITS, find_overlaps

IMAGES_PER_BLOCK = 1024
SECONDS_TO_LIVE = 24 * 3600


def settle_images(images, sizes, labels, class_names, keep=None, channels=None, names=None):
    """Removes images that occur on both sides of a split, and describes what is left.

    An image that occurs under two labels has none that can be trusted: it goes out of train,
    validation and test. What was train stays in the pool, once, without its label.

    The images are compacted in place, block by block, so that this also works on a memory map
    that is larger than memory.

    Args:
        images: writable, contiguous uint8 array `[N, height, width, channels]`, in the order of
            `SPLITS`.
        sizes: dictionary from each name in `SPLITS` to its number of images.
        labels: integer array `[N]`; the values of unlabeled images are not read.
        class_names: list of names, one a label.
        keep: optional bool array `[N]`, `False` for images to leave out from the start.
        channels: number of channels to keep of each image. Defaults to all.
        names: optional list of N names, for the list of images with two labels.

    Returns:
        The images that are left `[M, height, width, channels]`, and a dictionary with the keys
        `shape`, `sizes`, `labels`, `class_names`, `overlaps`, `notes`, `fingerprint` and
        `conflicts`, a list of `[name, class, picture]` in which equal pictures have equal numbers.

    Raises:
        ValueError: if a class has no train image, or validation or test no image, at the end.
    """
    codes = np.repeat(np.arange(len(SPLITS)), [sizes[name] for name in SPLITS])
    keep = np.ones(len(images), bool) if keep is None else np.array(keep, bool)
    digests, labels = digest_images(images), np.array(labels, np.int64)
    in_conflict = find_conflicts(digests, labels, codes, keep)
    conflicts = list_conflicts(in_conflict, digests, names, labels, class_names)
    order = set_aside(images, in_conflict, digests, codes, keep)
    labels, digests = labels[order], digests[order]
    keep, overlaps = find_overlaps(digests, codes, keep)
    codes, labels, digests = codes[keep], labels[keep], digests[keep]
    parts = {name: labels[codes == code].tolist() for code, name in enumerate(SPLITS)}
    _check_parts(parts, class_names, overlaps, len(conflicts))
    images = _compact(images, keep, channels or images.shape[-1])
    removed = [f"{count} {key.replace('_', ' ')}" for key, count in overlaps.items() if count]
    found = "Removed as repetitions by decoded content: " + ", ".join(removed)
    notes = [f"{found}." if removed else "No image of one split occurs in another."]
    if conflicts:
        pictures = len({picture for *_, picture in conflicts})
        notes.append(
            f"{pictures} pictures occur under two or more labels, in {len(conflicts)} images: they "
            "are left out of validation and test; those of train are used without a label."
        )
    notes += _name_absent_classes(parts, class_names)
    description = {
        "shape": list(images.shape),
        "sizes": {name: len(part) for name, part in parts.items()},
        "labels": {name: parts[name] for name in SPLITS[1:]},
        "class_names": list(class_names),
    }
    content = hashlib.blake2b(json.dumps(description).encode(), digest_size=6)
    content.update(digests.astype("<u8").tobytes())
    return images, {
        **description,
        "conflicts": conflicts,
        "overlaps": overlaps,
        "notes": notes,
        "fingerprint": content.hexdigest(),
    }


def digest_images(images):
    """Content hash of each image: uint64 `[N]`, equal for equal pixels."""
    digests = np.empty(len(images), np.uint64)
    for start in range(0, len(images), IMAGES_PER_BLOCK):
        block = np.ascontiguousarray(images[start : start + IMAGES_PER_BLOCK])
        for offset, image in enumerate(block.reshape(len(block), -1)):
            digest = hashlib.blake2b(image, digest_size=8).digest()
            digests[start + offset] = int.from_bytes(digest, "little")
    return digests


def _check_parts(parts, class_names, overlaps, num_conflicts):
    if not class_names:
        if len(parts["unlabeled"]) < 2:
            raise ValueError(
                f"{len(parts['unlabeled'])} images could be read; pretraining tells images apart "
                "and needs two at least, better thousands."
            )
        return
    present = set(parts["train"])
    for label, name in enumerate(class_names):
        if label not in present:
            raise ValueError(
                f"Class {name!r} has no train image left. Add images to it: unreadable images and "
                "images that also occur in validation or test, or in another class, are left out "
                f"(repetitions found: {overlaps}; in two classes: {num_conflicts})."
            )
    for name in ("validation", "test"):
        if not parts[name]:
            raise ValueError(
                f"There is no {name} image. Add images: a split is taken from train only where a "
                "class has at least two."
            )


def _name_absent_classes(parts, class_names):
    """Sentences on the classes of which validation or test has no image."""
    for name in ("validation", "test"):
        present = set(parts[name])
        absent = [known for label, known in enumerate(class_names) if label not in present]
        if absent:
            more = f" and {len(absent) - 5:,} more classes" if len(absent) > 5 else ""
            listed = ", ".join(absent[:5]) + more
            yield f"{name} has no image of {listed}: accuracy there says nothing of such images."


def _compact(images, keep, channels):
    """Moves what is kept to the front. A row is never written before it was read."""
    if keep.all() and channels == images.shape[-1]:
        return images
    flat, end = images.reshape(-1), 0
    for start in range(0, len(images), IMAGES_PER_BLOCK):
        block = slice(start, start + IMAGES_PER_BLOCK)
        rows = images[block][keep[block]][..., :channels]
        flat[end : end + rows.size] = rows.reshape(-1)
        end += rows.size
    return flat[:end].reshape(-1, *images.shape[1:3], channels)


@contextmanager
def new_entry(entry):
    """Gives a temporary folder that becomes the folder `entry` if the block ends well."""
    entry = Path(entry)
    entry.parent.mkdir(parents=True, exist_ok=True)
    for left_over in entry.parent.glob(".writing-*"):  # by a run that was killed
        with contextlib.suppress(FileNotFoundError):  # it has just become an entry
            if time.time() - _last_written(left_over) > SECONDS_TO_LIVE:
                shutil.rmtree(left_over, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=".writing-", dir=entry.parent))
    try:
        yield folder
        # Shortened only now: Windows refuses as long as a map of the file is open.
        with contextlib.suppress(FileNotFoundError):
            shape = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["shape"]
            os.truncate(folder / "images.bin", math.prod(shape))
        try:
            os.rename(folder, entry)
        except OSError:
            # Another run has just finished the same entry: use that one.
            if read_entry(entry) is None:
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _last_written(folder):
    """When something was last written in a folder; its own time stands still while files grow."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))


def write_entry(folder, images, metadata):
    """Completes an entry around the memory map `images` of `folder/images.bin`."""
    folder = Path(folder)
    images.flush()
    write_list(folder / "refused.csv", ("file", "reason"), metadata["refused"])
    write_list(folder / "conflicts.csv", CONFLICT_COLUMNS, metadata["conflicts"])
    (folder / "dataset.json").write_text(json.dumps(metadata), encoding="utf-8")


def write_list(path, columns, rows):
    """Writes rows as CSV, the names of the columns first."""
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def read_entry(entry):
    """Opens an entry: its images as a read-only memory map, and its metadata; `None` if absent.

    An entry whose files do not fit together counts as absent and is removed.
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
