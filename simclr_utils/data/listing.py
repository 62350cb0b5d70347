"""The files of a user's folder: their names, splits and labels, without opening one."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np

from simclr_utils.data.file_list import FileList, describe_names, few
from simclr_utils.data.splits import LABELED, SPLITS
from simclr_utils.data.table import TABLE_NAME, match_rows, read_table
from simclr_utils.data.table_listing import describe_table, list_by_table
from simclr_utils.data.walk import (
    check_split_names,
    debris_kind,
    find_masks,
    is_no_image,
    kept,
    list_below,
    scan,
)
from simclr_utils.reading import ALL_FINDINGS

EXPECTED = (
    "Expected train/<class>/ with images of at least two classes and, optionally, unlabeled/, "
    "validation/<class>/ and test/<class>/; or a table labels.csv with the columns file and label; "
    "or unlabeled/ alone, to pretrain only."
)


def list_images(folder, finding=None):
    """Lists the files of a folder with their splits and labels, without opening them.

    A folder that holds `unlabeled/` alone, or images and no folders, has no labels.

    Args:
        folder: Path of the folder.
        finding: String, as in `Reading`, or `None`.

    Returns:
        A `FileList`.

    Raises:
        ValueError: If the folder does not have the layout that `data/folder.py` describes, or its
            `labels.csv` is not valid.
    """
    table = read_table(folder)
    if table is not None and _beside_classes(table, folder, finding):
        table = table.without_findings()
    if table is not None and finding in table.unused:
        raise ValueError(
            f"The column {finding!r} of {TABLE_NAME} states no finding: expected 1 (present), 0 "
            "(absent), -1 or nothing (unknown) in every line, and no column 'label' beside it."
        )
    if table is not None and table.has_labels:
        return list_by_table(Path(folder), table)
    files = _list_by_folders(Path(folder))
    if table is None:
        return files
    rows = match_rows(table, files.names + [name for name, _ in files.strays], folder)
    groups = [rows[name].group if name in rows else "" for name in files.names]
    notes = [*files.notes, *describe_table(table)]
    strays = [stray for stray in files.strays if stray[0] != TABLE_NAME]
    return files._replace(groups=groups, notes=notes, strays=strays, digest=table.digest)


def _beside_classes(table, folder, finding):
    """Returns whether a table states groups alone, though it has columns of 1 and 0.

    With groups and train/, such a column may say anything, unless it is asked for.
    """
    unclear = table.findings and {"label", "group"} & set(table.columns) == {"group"}
    if not unclear or not os.path.isdir(os.path.join(folder, "train")):
        return False
    asked = {name.casefold() for name in (*table.findings, ALL_FINDINGS)}
    return finding is None or finding.casefold() not in asked


def _list_by_folders(folder):
    """Lists the files of a folder whose folders are splits and classes."""
    ignored = Counter()
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
    notes = _describe(found, splits, rows)
    notes += describe_names(ignored, len(masks), len(unsure), linked)
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
    table = read_table(folder)
    if table is not None and table.has_labels:
        return not any(row.label for row in table.rows.values())
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
                f"The classes {few(unknown)} occur in {split}/ but not in train/, which has "
                f"{few(class_names)}; class folders must have the same names in both."
            )
    return class_names


def _class_folders(folder, filled):
    """Returns the names of class folders. A name that begins with a dot counts if it has images."""
    names = [_composed(entry.name) for entry in scan(folder) if os.path.isdir(entry)]
    names = [name for name in names if not debris_kind(name)]
    return sorted(name for name in names if name in filled or not name.startswith("."))


def _describe(found, splits, rows):
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
    unused = sorted(set(found) - {*splits, TABLE_NAME}) if splits != [""] else []
    if unused:
        notes.append(f"Not used: {', '.join(unused)}.")
    return notes
