"""Groups of images, such as those of one patient: drawn together, and never split.

These are folds and orders of the labels of a study: folds do not overlap, and there may be none.
`data/groups.py` makes the missing splits of a data set: one choice near a share, which has to work.
"""

import warnings

import numpy as np


def has_groups(groups: np.ndarray | None) -> bool:
    """Returns whether a group has two images or more. Else groups change nothing.

    Args:
        groups: Integer array `[N]`, the number of each image's group, or `None`.
    """
    return groups is not None and len(np.unique(groups)) < len(groups)


def group_folds(
    labels: np.ndarray, groups: np.ndarray, num_folds: int, seed: int
) -> list[np.ndarray]:
    """Deals whole groups to folds, stratified by class.

    The folds are those of scikit-learn's `StratifiedGroupKFold`. A group with all images of a class
    is in no fold, and a fold that would take a whole class is left out: what remains to learn from
    has every class. If the folds held out images of a single class, there are none: they could
    choose nothing but to answer that class.

    Args:
        labels: Integer array `[N]`.
        groups: Integer array `[N]`, the number of each image's group.
        num_folds: Integer, the largest number of folds.
        seed: Integer seed, 0 or more.

    Returns:
        A list of bool arrays `[N]`, which may be empty.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second, and few need it

    labels, groups = np.asarray(labels), np.asarray(groups)
    kept = np.array([len(np.unique(groups[labels == label])) > 1 for label in np.unique(labels)])
    lonely = groups[~kept[np.unique(labels, return_inverse=True)[1]]]
    rows = np.flatnonzero(~np.isin(groups, lonely))
    largest = np.bincount(labels[rows]).max(initial=0)
    num_folds = min(num_folds, len(np.unique(groups[rows])), largest)
    if num_folds < 2:
        return []
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # a class may have fewer images than there are folds
        warnings.simplefilter("ignore", UserWarning)
        parts = [rows[held] for _, held in splitter.split(rows, labels[rows], groups[rows])]
    folds = [np.isin(np.arange(len(labels)), part) for part in parts]
    folds = [each for each in folds if len(np.unique(labels[~each])) == len(kept)]
    held = np.unique(labels[np.any(folds, axis=0)]) if folds else ()
    return folds if len(held) > 1 else []


def by_group(
    rows: list[np.ndarray], groups: np.ndarray, random: np.random.Generator
) -> list[np.ndarray]:
    """Sorts the images of each class by a random order of the groups, which all classes share.

    Args:
        rows: List of integer arrays, the images of each class in a random order.
        groups: Integer array `[N]`, the number of each image's group.
        random: `np.random.Generator`.

    Returns:
        A list of integer arrays. The images of a group keep their order.
    """
    _, places = np.unique(groups, return_inverse=True)
    ranks = random.permutation(places.max() + 1)[places]
    return [part[np.argsort(ranks[part], kind="stable")] for part in rows]


def group_halves(groups: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divides groups at random into two halves.

    Args:
        groups: Integer array `[N]`, the number of each image's group, of two groups or more.
        seed: Integer seed, 0 or more.

    Returns:
        Two integer arrays of places in 0..N-1. No group is in both.
    """
    from sklearn.model_selection import GroupShuffleSplit

    splitter = GroupShuffleSplit(1, test_size=0.5, random_state=seed)
    return next(splitter.split(groups, groups=groups))
