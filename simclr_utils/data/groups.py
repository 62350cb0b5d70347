"""Groups: images of one patient, slide or video. No group is on both sides of a split.

A missing split of a data set is one choice, made here, of a share of the images, and it may not
fail: it takes what comes nearest. The folds of `data/group_folds.py` are several choices within the
labels of a study, do not overlap, and may be none.
"""

import warnings

import numpy as np

# With more, chance alone makes the shares of the classes even, and stratifying takes minutes.
MOST_TO_STRATIFY = 5_000


def number_groups(keys):
    """Numbers the groups of images by their first appearance.

    Args:
        keys: List of N strings or bytes, what stands for the group of each image; empty for an
            image without a group, which gets a number of its own.

    Returns:
        An int64 array `[N]`, or `None` if no image has a group.
    """
    if not any(keys):
        return None
    numbers, found = {}, np.empty(len(keys), np.int64)
    for place, key in enumerate(keys):
        found[place] = numbers.setdefault(key or place, len(numbers))
    return found


def follow_groups(codes, groups, fixed, describe):
    """Moves images into the split that is stated for another image of their group.

    Args:
        codes: Integer array `[N]`, the number of the split where each image was found; 0 for the
            unlabeled images, which may be of any group.
        groups: Int64 array `[N]`.
        fixed: Bool array `[N]`, whether the split of an image is stated.
        describe: Function `(row, other row) -> string` for the error.

    Returns:
        A pair: the new codes, and the new `fixed`.

    Raises:
        ValueError: If two splits are stated for a group.
    """
    stated = np.flatnonzero(fixed & (codes > 0))
    if not len(stated):
        return codes, fixed
    pairs, first = np.unique(np.stack([groups[stated], codes[stated]]), axis=1, return_index=True)
    again = np.flatnonzero(pairs[0, 1:] == pairs[0, :-1])
    if len(again):
        raise ValueError(describe(*stated[first[again[0] : again[0] + 2]]))
    splits = np.zeros(groups.max() + 1, int)
    splits[pairs[0]] = pairs[1]
    follows = ~fixed & (codes > 0) & (splits[groups] > 0)
    return np.where(follows, splits[groups], codes), fixed | follows


def hold_out_groups(labels, groups, share, generator, safe=()):
    """Marks whole groups that together hold about a share of the images of each class.

    Up to twice the share is marked if a class would have no image otherwise.

    Args:
        labels: Integer array `[N]`.
        groups: Int64 array `[N]`.
        share: Float in 0 to 1.
        generator: `np.random.Generator`.
        safe: Labels of other images, which are not held out. All other classes must keep an image.

    Returns:
        A bool array `[N]`. Nothing is marked if every choice would take all images of a class.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    seed = int(generator.integers(2**32))
    num_folds = min(round(1 / share), len(np.unique(groups)), sizes.max(initial=0))
    best, held_out = None, np.zeros(len(labels), bool)
    for number in (num_folds, num_folds // 2):
        if number < 2 or (best is not None and best[0] == 0):
            break
        for rest, held in _folds(labels, groups, number, seed):
            if not len(held) or not {*labels[rest], *safe}.issuperset(classes):
                continue
            absent = len(classes) - len(np.unique(labels[held]))
            rank = (absent, abs(len(held) - share * len(labels)))
            if best is None or rank < best:
                best, held_out = rank, np.isin(np.arange(len(labels)), held)
    return held_out


def _folds(labels, groups, number, seed):
    """Returns pairs of the rows of the other groups and of the groups of a fold."""
    from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

    if len(np.unique(groups)) > MOST_TO_STRATIFY:
        splitter = GroupShuffleSplit(number, test_size=1 / number, random_state=seed)
    else:
        splitter = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class may have fewer images than there are folds
        return list(splitter.split(labels, labels, groups))
