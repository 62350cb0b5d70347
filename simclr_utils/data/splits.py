"""Which split an image belongs to: stratified splits, limits, and nested subsets of labels.

Everything here works on labels alone, so that a folder is split before a single file is decoded.
"""

import numpy as np

from simclr_utils.data.group_folds import by_group, group_folds, has_groups
from simclr_utils.data.groups import hold_out_groups

# The order of a dataset's images in memory and on disk. It makes the pretraining pool, which is
# unlabeled + train, one contiguous slice.
SPLITS = ("unlabeled", "train", "validation", "test")
LABELED = SPLITS[1:]
SHARES = {"test": 0.2, "validation": 0.1}  # of train, for a split that the source lacks
LEAST_OF_A_CLASS = 2  # train images, where a limit would leave classes without any
NUM_FOLDS = 5  # a fold is a fifth of the labels


def assign_splits(split_codes, labels, limits=None, seed=0, groups=None, fixed=None):
    """Chooses the images of each split.

    A missing test split (20 %) and a missing validation split (10 %) are taken from train,
    stratified by class, with at least one image of each class that has two or more. Then each
    split is cut to its limit by a seeded sample, stratified where there are labels. Train images
    beyond their limit lose their label and join the unlabeled images. A limit below the number of
    classes is raised to two train images of each class. Without train images nothing is split.

    With groups, whole groups are taken from train, and unlabeled images are left out if their
    group has an image in validation or test.

    Args:
        split_codes: Integer array `[N]`, the index into `SPLITS` where each image was found.
        labels: Integer array `[N]`. The values of unlabeled images are ignored.
        limits: Dict from names in `SPLITS` to the largest number of images. `None` and a missing
            name mean no limit.
        seed: Integer. Equal seeds give equal splits.
        groups: Int64 array `[N]`, equal for images that belong together, or `None`.
        fixed: Bool array `[N]`, whether the split of an image is stated. If some train images are
            not fixed, the missing splits are taken from these alone. `None` means that all may be
            taken.

    Returns:
        A pair: a dict from each name in `SPLITS` to a sorted integer array of image indices, and
        a list of sentences that say what was done.

    Raises:
        ValueError: If a limit is not valid, or the classes are too small to split.
    """
    limits = check_limits(limits)
    split_codes, labels = np.asarray(split_codes), np.asarray(labels)
    parts = {name: np.flatnonzero(split_codes == code) for code, name in enumerate(SPLITS)}
    notes = []
    if len(parts["train"]):
        loose = np.ones(len(labels), bool) if fixed is None else ~fixed
        if not loose[parts["train"]].any():
            loose = np.ones(len(labels), bool)
        own_test = len(parts["test"]) > 0
        if not own_test:
            notes.append(_split_off(parts, "test", labels, (seed, 0), groups, loose))
        if not len(parts["validation"]):
            spare = () if own_test or groups is not None else parts["test"]
            notes.append(_split_off(parts, "validation", labels, (seed, 1), groups, loose, spare))
    if groups is not None:
        notes += _part_groups(parts, groups)
    for step, name in enumerate(("train", "validation", "test"), start=2):
        if limits[name] is not None and limits[name] < len(parts[name]):
            notes += _cut(parts, name, limits[name], labels, (seed, step))
    limit, members = limits["unlabeled"], parts["unlabeled"]
    if limit is not None and limit < len(members):
        generator = np.random.default_rng([seed, 5])
        parts["unlabeled"] = np.sort(generator.choice(members, limit, replace=False))
        notes.append(f"unlabeled: {limit} of {len(members)} images, a random sample (seed {seed}).")
    return parts, notes


def _split_off(parts, name, labels, seeds, groups, loose, spare=()):
    """Takes a missing split from train, in place.

    Args:
        parts: Dict as returned by `assign_splits`.
        name: String, the missing split.
        labels: Integer array `[N]`.
        seeds: Pair of integers, the seed of the choice.
        groups: Int64 array `[N]` or `None`.
        loose: Bool array `[N]`, the images that may be taken.
        spare: Integer array of test images that came from train. Half of them become the split
            if train has none to give.

    Returns:
        A sentence that says what was done.
    """
    generator, share = np.random.default_rng(seeds), SHARES[name]
    members, stay = (parts["train"][loose[parts["train"]] == each] for each in (True, False))
    if groups is None:
        held = hold_out(labels[members], share, generator)
    else:
        held = hold_out_groups(labels[members], groups[members], share, generator, labels[stay])
    if not held.any() and len(spare) > 1:
        half = np.isin(np.arange(len(spare)), generator.permutation(len(spare))[::2])
        parts[name], parts["test"] = spare[half], spare[~half]
        return (
            f"The source has no {name} split, and no class of train has two images left: half of "
            f"the test images ({half.sum()}, seed {seeds[0]}) became the {name} images."
        )
    if not held.any():
        raise ValueError(_too_few(name, groups is not None))
    parts[name] = members[held]
    parts["train"] = np.union1d(stay, members[~held])
    taken = f"{share:.0%} of each class of train ({held.sum()} images, seed {seeds[0]})"
    if groups is not None:
        num_groups = len(np.unique(groups[parts[name]]))
        taken = (
            f"about {share:.0%} of train in whole groups ({held.sum()} images in {num_groups} "
            f"groups, seed {seeds[0]})"
        )
    return f"The source has no {name} split: {taken} became the {name} images." + (
        " A study counts them among its labeled images." if name == "validation" else ""
    )


def _too_few(name, grouped):
    """Returns the message for classes that are too small to take a split from train."""
    if grouped:
        return (
            f"There is no {name} image, and none can be taken: whole groups are taken, and every "
            "choice would take all train images of a class. A class needs two groups for one "
            "split, three for test and validation. Add images of other groups, or state the "
            f"{name} images yourself."
        )
    return (
        f"There is no {name} image, and every class has too few train images to take one: "
        "two for one split, three for test and validation. Add images until a class has three "
        f"or more, or add a folder {name}/ of your own."
    )


def _part_groups(parts, groups):
    """Removes unlabeled images whose group is in validation or test, in place."""
    num_groups = len(np.unique(groups[np.concatenate([*parts.values()])]))
    notes = [f"The images are of {num_groups:,} groups. No group is in two splits."]
    held_out = np.concatenate([parts["validation"], parts["test"]])
    shared = np.isin(groups[parts["unlabeled"]], groups[held_out])
    parts["unlabeled"] = parts["unlabeled"][~shared]
    if shared.any():
        notes.append(
            f"{shared.sum():,} unlabeled images were left out, because their groups are in "
            "validation or test."
        )
    return notes


def _cut(parts, name, limit, labels, seeds):
    """Reduces a split to its limit, in place, and returns sentences that say so."""
    members, notes = parts[name], []
    num_classes = len(np.unique(labels[members]))
    if name == "train" and limit < num_classes:  # a preset does not know the number of classes
        notes.append(
            f"The limit of {limit:,} train images is below the number of classes, "
            f"{num_classes:,}: up to {LEAST_OF_A_CLASS} of each are used."
        )
        limit = LEAST_OF_A_CLASS * num_classes
    if limit >= len(members):
        return notes
    chosen = stratified_sample(labels[members], limit, np.random.default_rng(seeds))
    parts[name] = members[chosen]
    notes.append(
        f"{name}: {limit} of {len(members)} images, a stratified sample (seed {seeds[0]})."
    )
    if name == "train":
        parts["unlabeled"] = np.union1d(parts["unlabeled"], members[~chosen])
        notes[-1] += f" The other {np.sum(~chosen)} are used without their labels."
    return notes


def check_limits(limits):
    """Checks limits and fills in the missing names.

    Args:
        limits: Dict from names in `SPLITS` to integers or `None`; or `None`.

    Returns:
        A dict from each name in `SPLITS` to an integer or `None`.

    Raises:
        ValueError: If a name is unknown, or a limit is not a whole number or is too small.
    """
    limits = dict(limits or {})
    unknown = sorted(set(limits) - set(SPLITS))
    if unknown:
        raise ValueError(f"limits has the unknown names {unknown}; expected some of {SPLITS}.")
    for name, limit in limits.items():
        smallest = 0 if name == "unlabeled" else 1
        whole = isinstance(limit, (int, np.integer)) and not isinstance(limit, bool)
        if limit is not None and (not whole or limit < smallest):
            raise ValueError(
                f"limits[{name!r}] is {limit!r}; expected a whole number of at least {smallest}, "
                "or None for no limit."
            )
    return {name: None if limits.get(name) is None else int(limits[name]) for name in SPLITS}


def hold_out(labels, share, generator):
    """Marks a share of each class, and at least one image where the class has two.

    Args:
        labels: Integer array `[N]`.
        share: Float in 0 to 1.
        generator: `np.random.Generator`.

    Returns:
        A bool array `[N]`.
    """
    ranks, class_sizes = _rank_in_class(labels, generator)
    counts = np.maximum(1, np.rint(share * class_sizes))
    return (ranks < counts) & (class_sizes >= 2)


def stratified_sample(labels, size, generator):
    """Marks a sample in proportion to the classes, with one image of each class first.

    If `size` is below the number of classes, chance decides which classes get an image.

    Args:
        labels: Integer array `[N]`.
        size: Integer, the number of images to mark.
        generator: `np.random.Generator`.

    Returns:
        A bool array `[N]`.
    """
    ranks, class_sizes = _rank_in_class(labels, generator)
    # Sorting by relative rank keeps every prefix of the order in proportion to the classes.
    first = -generator.random(len(labels)) - 1
    priority = np.where(ranks == 0, first, (ranks + 0.5) / class_sizes)
    chosen = np.zeros(len(labels), bool)
    chosen[np.argsort(priority, kind="stable")[:size]] = True
    return chosen


def held_out_folds(
    labels: np.ndarray, at_least: int, seed: int, groups: np.ndarray | None = None
) -> list[np.ndarray]:
    """Marks the images to hold out, fold after fold, so that settings can be chosen without more.

    The images are dealt to five folds, stratified by class. No image is in two folds, and an image
    that is the only one of its class is in none. There are as many folds as it takes to hold out
    `at_least` images, and at most five.

    With groups, whole groups are dealt, as `group_folds` describes it: no group has images on both
    sides of a fold.

    Args:
        labels: Integer array `[N]`.
        at_least: Integer, the number of images to hold out in all folds together.
        seed: Integer seed, 0 or more.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        A list of bool arrays `[N]`. It is empty if each class has one image, or one group.

    Example:

    >>> for held_out in held_out_folds(labels, 50, seed=0):
    ...     learn_from, measure_on = labels[~held_out], labels[held_out]
    """
    generator = np.random.default_rng([seed, 4421])
    ranks, class_sizes = _rank_in_class(labels, generator)
    order = np.lexsort((ranks, labels))
    order = order[class_sizes[order] > 1]
    folds = []
    # Neighbors in this order are dealt to different folds, so no fold takes a whole class.
    dealt = [np.isin(np.arange(len(labels)), order[n::NUM_FOLDS]) for n in range(NUM_FOLDS)]
    if has_groups(groups):
        dealt = group_folds(labels, groups, NUM_FOLDS, seed)
    for fold in (dealt[n] for n in generator.permutation(len(dealt))):
        if fold.any() and sum(map(np.sum, folds)) < at_least:
            folds.append(fold)
    return folds


def _rank_in_class(labels, generator):
    """Draws a random rank of each image within its class, and returns it with the class size."""
    shuffled = generator.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    ranks, class_sizes = np.empty(len(labels), int), np.empty(len(labels), int)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    class_sizes[by_class] = np.repeat(counts, counts)
    return ranks, class_sizes


def label_subset(
    labels: np.ndarray, count: int, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Picks training images that keep their labels, stratified by class.

    The order in which images are picked depends on the seed alone, so that a smaller subset is
    part of a larger one.

    With groups, the images of a group are picked one after the other, as when patients are labeled
    one by one. Labels are still counted by image, so the last group of a class may be picked in
    part. Ten labels may then come from two patients, and teach less than ten labels of ten.

    Args:
        labels: Integer array `[N]`.
        count: Integer, the number of images to pick, from the number of classes to N.
        seed: Integer seed, 0 or more.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        An integer array `[count]` of row numbers.

    Raises:
        ValueError: If `count` is above N or below the number of classes.

    Example:

    >>> images, labels = dataset.train
    >>> rows = label_subset(labels, 100, seed=0)
    >>> few_images, few_labels = images[rows], labels[rows]
    """
    classes = np.unique(labels)
    if not len(classes) <= count <= len(labels):
        raise ValueError(
            f"A subset needs from {len(classes)} labels (one per class) to {len(labels)}. "
            f"Received: {count}"
        )
    random = np.random.default_rng([seed, 9176])
    rows = [random.permutation(np.flatnonzero(labels == label)) for label in classes]
    if has_groups(groups):
        rows = by_group(rows, groups, random)
    # Sorting by rank as a share of the class stratifies every prefix of the order. The first
    # image of each class goes in front, so that no class is missing.
    places = [
        np.where(np.arange(len(part)) == 0, -1, np.arange(len(part)) + random.random()) / len(part)
        for part in rows
    ]
    order = np.argsort(np.concatenate(places), kind="stable")
    return np.concatenate(rows)[order][:count]
