"""The files of a folder whose table `labels.csv` says which split and label each of them has."""

from collections import Counter

import numpy as np

from simclr_utils.data.file_list import FileList, describe_names, few
from simclr_utils.data.splits import LABELED, SPLITS
from simclr_utils.data.table import TABLE_NAME, Row, match_rows
from simclr_utils.data.walk import find_masks, is_no_image, list_below

NOT_SCORED = "is in {} by labels.csv, but without a label"


def list_by_table(folder, table):
    """Lists the files of a folder by its table. The names of folders do not count.

    Files without a label are unlabeled images. Those that the table puts into validation or test
    are left out: they cannot be scored, and are not meant to be learned from.

    Args:
        folder: `Path` of the folder.
        table: A `Table` with the column `label`.

    Returns:
        A `FileList`.

    Raises:
        ValueError: If the table names files that are not there, or has fewer than two classes, or
            there is no image.
    """
    ignored = Counter()
    found = [entry for entry in list_below(folder, "", ignored) if entry[0] != TABLE_NAME]
    stated = match_rows(table, [name for name, *_ in found], folder)
    masks, unsure = find_masks([name for name, *_ in found], lambda name: 0)
    masks = {name: image for name, image in masks.items() if name not in stated}
    rows, strays, linked = [], [], 0
    for name, problem, outside, *stamp in found:
        row = stated.get(name, Row())
        if is_no_image(name):
            problem = "not an image file, by its name"
        if name in masks:
            problem = f"a mask of {masks[name]}, by its name"
        if row.split in ("validation", "test") and not row.label:
            problem = NOT_SCORED.format(row.split)
        if problem:
            strays.append([name, problem])
        else:
            rows.append((name, tuple(stamp), row))
            linked += outside
    if not rows:
        raise ValueError(f"{str(folder)!r} holds {TABLE_NAME} but no image that can be used.")
    splits = [_split_of(row) for *_, row in rows]
    class_names = _check_classes(splits, rows, bool(table.findings))
    _check_folders(table, rows)
    labels = {name: number for number, name in enumerate(class_names)}
    return FileList(
        names=[name for name, *_ in rows],
        stamps=[stamp for _, stamp, _ in rows],
        codes=np.array([SPLITS.index(split) for split in splits], int),
        labels=np.array(
            [
                labels[row.label] if split in LABELED else -1
                for split, (*_, row) in zip(splits, rows, strict=True)
            ]
        ),
        class_names=class_names,
        strays=strays,
        notes=describe_table(table, len(rows), sum(name in stated for name, *_ in rows))
        + describe_names(ignored, len(masks), len(set(unsure) - set(stated)), linked),
        groups=[row.group for *_, row in rows] if "group" in table.columns else None,
        fixed=np.array([row.split in LABELED for *_, row in rows], bool),
        digest=table.digest,
        findings={
            finding: [values[name] for name in class_names]
            for finding, values in table.findings.items()
        },
    )


def _split_of(row):
    """Returns the split of a row. Without a stated one, labeled files are in train at first."""
    if not row.label or row.split == "unlabeled":
        return "unlabeled"
    return row.split or "train"


def _check_classes(splits, rows, combined):
    """Returns the names of the classes, those of train; of all splits if they are combinations.

    Raises:
        ValueError: If there is one class, or validation or test has a class that train lacks.
    """
    found = {each: set() for each in SPLITS}
    for split, (*_, row) in zip(splits, rows, strict=True):
        found[split].add(row.label)
    class_names = sorted(found["train"])
    if not any(found[split] for split in LABELED):
        return []
    if combined:
        return sorted(set().union(*(found[split] for split in LABELED)))
    if len(class_names) < 2:
        raise ValueError(
            f"{TABLE_NAME} has the labels {few(class_names)} for train; expected at least two "
            "classes. Leave the label empty for files without one."
        )
    for split in ("validation", "test"):
        unknown = sorted(found[split] - found["train"])
        if unknown:
            raise ValueError(
                f"The labels {few(unknown)} of {TABLE_NAME} occur in {split} but not in train, "
                f"which has {few(class_names)}; they must be spelled alike in both."
            )
    return class_names


def _check_folders(table, rows):
    """Refuses labeled files in folders called test/ or validation/ whose split is not stated.

    Raises:
        ValueError: If there are such files.
    """
    for name, _, row in rows:
        top = name.split("/")[0]
        if row.label and not row.split and top in ("validation", "test") and "/" in name:
            raise ValueError(
                f"{name!r} has a label in {TABLE_NAME} but no split, and lies in a folder {top}/. "
                f"Beside a table, the names of folders do not count: write {top} into the column "
                "split, or rename the folder."
            )


def describe_table(table, num_files=0, num_stated=0):
    """Returns sentences on how the table was understood.

    Args:
        table: A `Table`.
        num_files: Integer, the number of images of the folder.
        num_stated: Integer, how many of them the table names.

    Returns:
        A list of sentences.
    """
    notes = []
    if table.has_labels:
        notes.append(
            f"{TABLE_NAME} states the labels, so the names of folders do not count. It names "
            f"{num_stated:,} of {num_files:,} images; the others are unlabeled."
        )
        if not any(row.label for row in table.rows.values()):
            notes.append("Nothing is labeled: the column label is empty.")
    if table.findings:
        notes.append(f"{TABLE_NAME} states {len(table.findings)} findings for each image.")
    if table.unused:
        notes.append(f"Not used: the columns {few(table.unused)} of {TABLE_NAME}.")
    return notes
