"""The files of a user's folder: their names, splits and labels, without opening one."""

import os
import unicodedata
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simclr_utils.data.splits import LABELED, SPLITS
from simclr_utils.data.walk import (
    check_split_names,
    debris_kind,
    find_masks,
    is_no_image,
    kept,
    list_below,
    scan,
)

EXPECTED = (
    "Expected train/<class>/ with images of at least two classes and, optionally, unlabeled/, "
    "validation/<class>/ and test/<class>/; or unlabeled/ alone, to pretrain only."
)


class FileList(NamedTuple):
    """The files of a folder, sorted by name within each split.

    Attributes:
        names: List of N paths relative to the folder, with forward slashes.
        stamps: List of N triples: the size in bytes, and the times in nanoseconds when the
            content and the file's entry last changed (on Windows, its creation).
        codes: Integer array `[N]`, the index into `SPLITS`.
        labels: Int64 array `[N]`, -1 for files without a label.
        class_names: List of strings, empty if nothing is labeled.
        strays: List of `[name, reason]` for files that are not read.
        notes: List of sentences.
    """

    names: list
    stamps: list
    codes: np.ndarray
    labels: np.ndarray
    class_names: list
    strays: list
    notes: list


def list_images(folder):
    """Lists the files of a folder with their splits and labels, without opening them.

    A folder that holds `unlabeled/` alone, or images and no folders, has no labels.

    Args:
        folder: Path of the folder.

    Returns:
        A `FileList`.

    Raises:
        ValueError: If the folder does not have the layout that `data/folder.py` describes.
    """
    folder, ignored = Path(folder), Counter()
    found = {entry.name: os.path.isdir(entry) for entry in kept(scan(folder), ignored)}
    splits = _splits_of(folder, found)
    rows, strays, linked = [], [], 0
    for split in splits:
        for name, problem, outside, *stamp in list_below(folder, split, ignored):
            if not problem and split in LABELED and name.count("/") < 2:
                problem = "in no class folder"
            if is_no_image(name):
                problem = "not an image file, by its name"
            if problem:
                strays.append([name, problem])
            else:
                rows.append((name, tuple(stamp), split))
                linked += outside
    masks, unsure = find_masks([name for name, *_ in rows], _depth)
    strays += [[name, f"a mask of {image}, by its name"] for name, image in masks.items()]
    rows = [row for row in rows if row[0] not in masks]
    class_names = _check_classes(folder, splits, rows, strays)
    numbers = {name: number for number, name in enumerate(class_names)}
    notes = _describe(found, splits, rows, ignored) + _describe_masks(len(masks), len(unsure))
    if linked:
        notes.append(f"{linked} files lie outside the folder and are reached by links.")
    return FileList(
        names=[name for name, *_ in rows],
        stamps=[stamp for _, stamp, _ in rows],
        codes=np.array([SPLITS.index(split or "unlabeled") for *_, split in rows], int),
        labels=np.array([numbers[_class_of(row)] if row[2] in LABELED else -1 for row in rows]),
        class_names=class_names,
        strays=strays,
        notes=notes,
    )


def is_unlabeled(folder):
    """Returns whether a folder has no labels, judged by the names at its top.

    Args:
        folder: Path of the folder.

    Returns:
        A boolean.

    Raises:
        ValueError: If the folder does not have the layout that `data/folder.py` describes.
    """
    top = {entry.name: os.path.isdir(entry) for entry in kept(scan(folder), Counter())}
    return "train" not in _splits_of(Path(folder), top)


def _splits_of(folder, found):
    """Returns the splits that a folder has, or `[""]` for a folder of images and no folders."""
    folders = sorted(name for name, is_folder in found.items() if is_folder)
    check_split_names(folders)
    splits = [name for name in SPLITS if name in found]  # a file with that name is refused later
    if "train" in splits or splits == ["unlabeled"]:
        return splits
    if not folders and any(not is_no_image(name) for name in found):
        return [""]
    hint = ""
    if splits:
        hint = f" Add train/, or move {splits[-1]}/ away: it is of no use without train/."
    elif folders:
        hint = " If those are class folders, move them into train/; if not, into unlabeled/."
    raise ValueError(
        f"{str(folder)!r} has no folder train/; it has {sorted(found)[:8]}. {EXPECTED}{hint}"
    )


def _class_of(row):
    return _composed(row[0].split("/")[1])


def _composed(name):
    """Returns a name in Unicode's composed form; macOS writes "é" as two characters."""
    return unicodedata.normalize("NFC", name)


def _depth(name):
    """Returns how many folders at the front of a path are those of split and class."""
    first, *rest = name.split("/")
    return min(len(rest), 2 if first in LABELED else 1)


def _check_classes(folder, splits, rows, strays):
    """Returns the names of the classes.

    Raises:
        ValueError: If there are fewer than two, one is empty, or another split has more.
    """
    filled = {split: {_class_of(row) for row in rows if row[2] == split} for split in LABELED}
    if "train" not in splits:
        if not rows:
            raise ValueError(f"{str(folder)!r} holds no image. {EXPECTED}")
        return []
    class_names = _class_folders(folder / "train", filled["train"])
    if len(class_names) < 2:
        raise ValueError(f"train/ has the class folders {class_names}. {EXPECTED}")
    for class_name in class_names:
        if class_name not in filled["train"]:
            others = [name for name, _ in strays if name.startswith(f"train/{class_name}/")]
            state = f"holds no image, only files such as {others[0]}" if others else "is empty"
            raise ValueError(f"The class folder train/{class_name} {state}; fill or remove it.")
    for split in ("validation", "test"):
        if split not in splits:
            continue
        classes = _class_folders(folder / split, filled[split])
        if not filled[split]:
            missing = "images" if classes else "class folders"
            raise ValueError(f"{split}/ has no {missing}; fill it, or remove it to split train/.")
        unknown = sorted(set(classes) - set(class_names))
        if unknown:
            raise ValueError(
                f"The classes {_few(unknown)} occur in {split}/ but not in train/, which has "
                f"{_few(class_names)}; class folders must have the same names in both."
            )
    return class_names


def _class_folders(folder, filled):
    """Returns the names of class folders. A name that begins with a dot counts if it has images."""
    names = [_composed(entry.name) for entry in scan(folder) if os.path.isdir(entry)]
    names = [name for name in names if not debris_kind(name)]
    return sorted(name for name in names if name in filled or not name.startswith("."))


def _few(names, most=8):
    """Formats a list of names, at most `most` of them."""
    more = f", and {len(names) - most:,} more" if len(names) > most else ""
    return f"[{', '.join(map(repr, names[:most]))}{more}]"


def _describe(found, splits, rows, ignored):
    """Returns sentences on how the names in a folder were understood."""
    notes = []
    if "train" not in splits:
        notes.append(
            "Nothing is labeled: there is no train/. The images can be used for pretraining; a "
            "comparison or a verdict needs train/<class>/."
        )
    if "validation" in splits:
        number = sum(row[2] == "validation" for row in rows)
        notes.append(f"The {number:,} images of validation/ are the validation images.")
    unused = sorted(set(found) - set(splits)) if splits != [""] else []
    if unused:
        notes.append(f"Not used: {', '.join(unused)}.")
    if +ignored:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted((+ignored).items()))
        notes.append(f"Files ignored because of their names: {kinds}.")
    return notes


def _describe_masks(left_out, read):
    """Returns sentences on files whose names mark them as masks of the images beside them."""
    notes = []
    if left_out:
        notes.append(
            f"{left_out:,} files are masks of the images beside them, judged by their names, and "
            "were left out. Rename them if they are images of their own."
        )
    if read:
        notes.append(
            f"{read:,} files have names like masks of the images beside them, but most files in "
            "their folders have no mask, so they are read as images. Move them away if they are "
            "masks."
        )
    return notes
