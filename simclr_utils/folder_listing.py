"""What lies in a user's folder of images: names, splits and labels, without opening a file."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simclr_utils.splits import SPLITS

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


def list_images(folder):
    """Lists the files of a folder with their splits and labels; opens none of them.

    Args:
        folder: path of the folder.

    Returns:
        A `FileList`.

    Raises:
        ValueError: if the folder is not laid out as the top of `image_folder` says.
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
        entry.name for entry in _scan(folder) if os.path.isdir(entry) and not _is_hidden(entry.name)
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
    for entry in _scan(folder):
        name = f"{prefix}/{entry.name}"
        if _is_hidden(entry.name):
            continue
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:  # a link in a circle, or into a folder that is closed to us
            yield name, f"it cannot be followed ({error.strerror})", False, 0, 0
            continue
        if is_folder:
            if entry.is_symlink() and os.path.realpath(entry.path) in (*above, real):
                yield name, "a link to a folder that it lies in", False, 0, 0
            else:
                yield from _walk(entry.path, name, root, (*above, real))
        elif is_file:
            outside = not os.path.realpath(entry.path).startswith(root + os.sep)
            yield name, "", outside, *_stamp(entry)
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
