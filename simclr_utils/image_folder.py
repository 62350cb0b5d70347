"""The user's folder of images: listed, split, decoded once, and then served from the cache.

    folder/unlabeled/**           optional, any depth
    folder/train/<class>/**       one folder a class
    folder/test/<class>/**        optional

The folder itself is only read.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simclr_utils.image_cache import (
    new_entry,
    read_entry,
    settle_images,
    write_entry,
    write_refused,
)
from simclr_utils.image_decoding import Trait, decode_files, open_image
from simclr_utils.splits import SPLITS, assign_splits

# Raise it when entries written by an older version must not be used any more.
CACHE_VERSION = 1
SMALLEST_CHOSEN_SIZE, LARGEST_CHOSEN_SIZE = 16, 96  # what an encoder takes; what trains in hours
FILES_TO_MEASURE = 200
IGNORED_NAMES = ("thumbs.db", "desktop.ini", "__macosx")
EXPECTED = (
    "Expected train/<class>/ with images of at least two classes and, if there are any, "
    "unlabeled/ and test/<class>/."
)


class FileList(NamedTuple):
    """The files of a folder, sorted by name within each split.

    Attributes:
        names: list of N paths relative to the folder, with forward slashes.
        stamps: list of N pairs (size in bytes, modification time in nanoseconds).
        codes: integer array `[N]`, index into `SPLITS`.
        labels: int64 array `[N]`, -1 where there is none.
        class_names: list of names.
        strays: list of `[name, reason]` for what is no file of a class or of unlabeled/.
        notes: list of sentences.
    """

    names: list
    stamps: list
    codes: np.ndarray
    labels: np.ndarray
    class_names: list
    strays: list
    notes: list


def load_image_folder(
    folder, image_size=None, cache_dir="runs/cache", seed=0, limits=None, max_refused=0.05
):
    """Loads a folder of images, from the cache if nothing has changed since the last time.

    Args:
        folder: path of the folder; see the top of this module for what it holds.
        image_size: height and width of the images, or `None` to choose it from the files: the
            median of the shorter sides, within 16 to 96.
        cache_dir: folder for the decoded images; not inside `folder`.
        seed: seed of the splits and samples.
        limits: largest number of images of each split, as in `assign_splits`.
        max_refused: largest share of files that may be unreadable.

    Returns:
        A read-only uint8 memory map `[N, image_size, image_size, channels]` in the order
        unlabeled, train, validation, test, and the dictionary of `settle_images` with `refused`,
        a list of `[relative name, reason]`, added.

    Raises:
        ValueError: if the folder is not laid out as described, too many of its files cannot be
            read, or an argument makes no sense.
    """
    folder, cache_dir = Path(folder).resolve(), Path(cache_dir).expanduser().resolve()
    if cache_dir == folder or folder in cache_dir.parents:
        raise ValueError(
            f"cache_dir {str(cache_dir)!r} lies inside the image folder {str(folder)!r}, which is "
            "never written to; choose a cache_dir outside it."
        )
    files = list_images(folder)
    settings = [CACHE_VERSION, str(folder), image_size, seed, limits, max_refused]
    entry = cache_dir / f"{folder.name}-{_cache_key(files, settings)}"
    if read_entry(entry) is None:
        with new_entry(entry) as temporary:
            _fill_entry(temporary, folder, files, image_size, (limits, seed), max_refused)
    return read_entry(entry)


def list_images(folder):
    """Lists the files of a folder with their splits and labels; opens none of them.

    Args:
        folder: path of the folder.

    Returns:
        A `FileList`.

    Raises:
        ValueError: if the folder is not laid out as the top of this module says.
    """
    folder = Path(folder)
    found = sorted(entry.name for entry in _scan(folder) if not _is_hidden(entry.name))
    if "train" not in found:
        hint = ""
        if found and any((folder / name).is_dir() for name in found):
            hint = " If those are class folders, move them into train/."
        raise ValueError(
            f"{str(folder)!r} has no folder train/; it has {found[:8]}. {EXPECTED}{hint}"
        )
    class_names = _class_folders(folder / "train")
    if len(class_names) < 2:
        raise ValueError(f"train/ has the class folders {class_names}. {EXPECTED}")
    if "test" in found:
        _check_test_classes(_class_folders(folder / "test"), class_names)
    rows, strays, linked = [], [], 0
    for code, split in ((0, "unlabeled"), (1, "train"), (3, "test")):
        for name, problem, outside, *stamp in _listed(folder, split) if split in found else ():
            parts = name.split("/")
            if problem:
                strays.append([name, problem])
            elif split != "unlabeled" and len(parts) < 3:
                strays.append([name, "in no class folder"])
            else:
                label = -1 if split == "unlabeled" else class_names.index(parts[1])
                rows.append((name, tuple(stamp), code, label))
                linked += outside
    names, stamps, codes, labels = zip(*rows, strict=True) if rows else ((), (), (), ())
    labels, codes = np.array(labels, np.int64), np.array(codes)
    for label, class_name in enumerate(class_names):
        if not np.any(labels[codes == 1] == label):
            raise ValueError(f"The class folder train/{class_name} is empty; fill or remove it.")
    unused = [name for name in found if name not in SPLITS or name == "validation"]
    notes = [f"Not used: {', '.join(unused)}."] if unused else []
    if linked:
        notes.append(f"{linked} files lie outside the folder, where links lead to.")
    return FileList(list(names), list(stamps), codes, labels, class_names, strays, notes)


def _scan(folder):
    """The entries of a folder.

    Raises:
        ValueError: if it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise ValueError(
            f"The folder {str(folder)!r} cannot be read ({error.strerror}); make it readable, or "
            "move it away."
        ) from error


def _is_hidden(name):
    return name.startswith(".") or name.lower() in IGNORED_NAMES


def _class_folders(folder):
    return sorted(
        entry.name for entry in _scan(folder) if entry.is_dir() and not _is_hidden(entry.name)
    )


def _check_test_classes(test_classes, class_names):
    if not test_classes:
        raise ValueError("test/ has no class folders; fill it, or remove it to split train/.")
    unknown = sorted(set(test_classes) - set(class_names))
    if unknown:
        raise ValueError(
            f"The classes {unknown} occur in test/ but not in train/, which has {class_names}; "
            "class folders must have the same names in both."
        )


def _listed(folder, split):
    root = os.path.realpath(folder)
    return sorted(_walk(folder / split, split, root, (root,)))


def _walk(folder, prefix, root, above):
    """Yields what is below a folder.

    Args:
        folder: path.
        prefix: its name relative to the root.
        root: the real path of the root.
        above: the real paths of the folders that we are inside of.

    Yields:
        Tuples: the relative name, what is wrong with it or "", whether a link has led out of the
        root to it, size and modification time.
    """
    real = os.path.realpath(folder)
    outside = os.path.commonpath([real, root]) != root
    for entry in _scan(folder):
        name = f"{prefix}/{entry.name}"
        if _is_hidden(entry.name):
            continue
        if entry.is_dir():
            if entry.is_symlink() and os.path.realpath(entry.path) in (*above, real):
                yield name, "a link to a folder that it lies in", False, 0, 0
            else:
                yield from _walk(entry.path, name, root, (*above, real))
        elif entry.is_file():
            leads_out = entry.is_symlink() and not os.path.realpath(entry.path).startswith(
                root + os.sep
            )
            yield name, "", outside or leads_out, *_stamp(entry)
        else:
            missing = entry.is_symlink() and not os.path.exists(entry.path)
            yield name, "a link to nothing" if missing else "not a regular file", False, 0, 0


def _stamp(entry):
    """Size and modification time of a file; zeros if it has just vanished, as decoding will say."""
    try:
        status = entry.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _cache_key(files, settings):
    key = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8)
    for name, (size, modified) in zip(files.names, files.stamps, strict=True):
        key.update(f"{name}\t{size}\t{modified}\n".encode("utf-8", "surrogateescape"))
    return key.hexdigest()


def _fill_entry(temporary, folder, files, image_size, sampling, max_refused):
    """Decodes the files of a folder into a new cache entry."""
    groups, split_notes = assign_splits(files.codes, files.labels, *sampling)
    order = np.concatenate([groups[name] for name in SPLITS])
    names = [files.names[index] for index in order]
    paths = [str(folder / name) for name in names]
    notes = files.notes + split_notes
    if image_size is None:
        image_size, size_note = choose_image_size(paths)
        notes.append(size_note)
    map_path = str(temporary / "images.bin")
    traits, errors = decode_files(paths, image_size, map_path)
    refused = [[names[index], reason] for index, reason in errors]
    if len(refused) > max_refused * len(names):
        # The entry will not come to be; its list is what the user needs.
        list_path = temporary.parent / f"{folder.name}-refused.csv"
        write_refused(list_path, refused)
        first = "; ".join(f"{printable(name)}: {reason}" for name, reason in refused[:5])
        raise ValueError(
            f"{len(refused)} of {len(names)} files cannot be read, more than max_refused="
            f"{max_refused:.0%}. The first: {first}. Mend or remove them; {list_path} names all."
        )
    channels = 1 if np.all(traits[traits > 0] & Trait.GRAY) else 3
    images, metadata = settle_images(
        np.memmap(map_path, np.uint8, "r+", shape=(len(names), image_size, image_size, 3)),
        {name: len(groups[name]) for name in SPLITS},
        files.labels[order],
        [printable(name) for name in files.class_names],
        keep=traits > 0,
        channels=channels,
    )
    metadata["refused"] = [[printable(name), why] for name, why in refused + files.strays]
    metadata["notes"] = notes + _describe(traits, image_size, channels) + metadata["notes"]
    if metadata["refused"]:
        metadata["notes"].append(f"Left out: {len(metadata['refused'])} files, see refused.csv.")
    write_entry(temporary, images, metadata)


def printable(name):
    """A file's name as text: bytes that are no UTF-8 are written as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def choose_image_size(paths):
    """Chooses the image size from the headers of up to 200 files, spread over the list."""
    sides = []
    for path in paths[:: max(1, len(paths) // FILES_TO_MEASURE)]:
        try:
            with open_image(path) as image:
                sides.append(min(image.size))
        except Exception:  # decode_files reports it with its reason
            continue
    if not sides:
        raise ValueError(f"None of the files looked at is an image, among them {paths[:3]}.")
    median = round(float(np.median(sides)))
    size = max(SMALLEST_CHOSEN_SIZE, min(median, LARGEST_CHOSEN_SIZE))
    return size, (
        f"image_size was not given: {size} was chosen, the median of the shorter sides of "
        f"{len(sides)} images ({median}), within {SMALLEST_CHOSEN_SIZE} to {LARGEST_CHOSEN_SIZE}."
    )


def _describe(traits, image_size, channels):
    """Says what the decoder did to the images."""
    gray, sixteen_bit, dim, transparent = (
        int(np.sum(traits & trait > 0))
        for trait in (Trait.GRAY, Trait.SIXTEEN_BIT, Trait.DIM, Trait.TRANSPARENT)
    )
    notes = [
        f"Shorter side scaled to {image_size} pixels (bicubic), longer side cropped at the centre."
    ]
    if channels == 1:
        notes.append("Every image has a single channel, and keeps it.")
    elif gray:
        notes.append(f"{gray} images with a single channel were repeated to three channels.")
    if transparent:
        notes.append(f"{transparent} images with transparency were laid on a white background.")
    if sixteen_bit:
        notes.append(f"{sixteen_bit} images with 16 bits were scaled to 8 (65535 becomes 255).")
    if dim and dim == sixteen_bit:
        notes[-1] += " None of them uses more than 12 bits, so they are dark: rescale the files."
    return notes
