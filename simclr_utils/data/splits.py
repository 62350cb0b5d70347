"""Who goes where: stratified splits, limits, and images that must not be on both sides.

Everything here works on labels and digests, never on pixels, so that a folder is split
before a single file is decoded.
"""

import numpy as np

# The order in which the images of a dataset lie in memory or in the cache file. The pool for
# pretraining, unlabeled + train, is therefore one contiguous slice.
SPLITS = ("unlabeled", "train", "validation", "test")
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
LEAST_OF_A_CLASS = 2  # train images, where a limit would leave classes without any


def assign_splits(split_codes, labels, limits=None, seed=0):
    """Chooses the images of each split.

    A missing test split (20 %) and a missing validation split (10 %) are taken from train,
    stratified by class, with at least one image of each class that has two or more. Then each
    split is cut to its limit by a seeded sample, stratified where there are labels. Train
    images beyond their limit lose their label and join the unlabeled ones. A limit below the
    number of classes is raised to two train images for each. Without train images nothing is
    split.

    Args:
        split_codes: integer array `[N]`, the index into `SPLITS` where each item was found.
        labels: integer array `[N]`; the values of unlabeled items are not read.
        limits: `None`, or a dictionary from names in `SPLITS` to the largest number of images;
            `None` and a missing name mean no limit.
        seed: integer; equal seeds give equal splits.

    Returns:
        A dictionary from each name in `SPLITS` to a sorted integer array of item indices, and
        a list of sentences that say what was done.

    Raises:
        ValueError: for a limit that is not understood, or classes too small to split.
    """
    limits = check_limits(limits)
    split_codes, labels = np.asarray(split_codes), np.asarray(labels)
    groups = {name: np.flatnonzero(split_codes == code) for code, name in enumerate(SPLITS)}
    notes = []
    if len(groups["train"]):
        own_test = len(groups["test"]) > 0
        if not own_test:
            notes.append(_split_off(groups, "test", TEST_SHARE, labels, (seed, 0)))
        if not len(groups["validation"]):
            spare = () if own_test else groups["test"]
            notes.append(
                _split_off(groups, "validation", VALIDATION_SHARE, labels, (seed, 1), spare)
            )
    for step, name in enumerate(("train", "validation", "test"), start=2):
        if limits[name] is not None and limits[name] < len(groups[name]):
            notes += _cut(groups, name, limits[name], labels, (seed, step))
    limit, members = limits["unlabeled"], groups["unlabeled"]
    if limit is not None and limit < len(members):
        generator = np.random.default_rng([seed, 5])
        groups["unlabeled"] = np.sort(generator.choice(members, limit, replace=False))
        notes.append(f"unlabeled: {limit} of {len(members)} images, seed {seed}.")
    return groups, notes


def _split_off(groups, name, share, labels, seeds, spare=()):
    """Takes a missing split from train, in place; returns a sentence that says so.

    Args:
        groups: as `assign_splits` returns them.
        name, share: of the split.
        labels, seeds: what the choice is made from.
        spare: test images that were train images; half of them serve where train has none.
    """
    generator = np.random.default_rng(seeds)
    held = hold_out(labels[groups["train"]], share, generator)
    if not held.any() and len(spare) > 1:
        half = np.isin(np.arange(len(spare)), generator.permutation(len(spare))[::2])
        groups[name], groups["test"] = spare[half], spare[~half]
        return (
            f"The source has no {name} split, and no class of train has two images left: half of "
            f"the test images ({half.sum()}, seed {seeds[0]}) became the {name} images."
        )
    if not held.any():
        raise ValueError(
            f"There is no {name} image: a class gives one only where train has two images of it, "
            "and three for test and validation together. Add images until a class has three or "
            f"more, or a folder {name}/ of your own."
        )
    groups[name] = groups["train"][held]
    groups["train"] = groups["train"][~held]
    return (
        f"The source has no {name} split: {share:.0%} of each class of train "
        f"({held.sum()} images, seed {seeds[0]}) became the {name} images."
    )


def _cut(groups, name, limit, labels, seeds):
    """Cuts a split to its limit, in place; returns sentences that say so."""
    members, notes = groups[name], []
    num_classes = len(np.unique(labels[members]))
    if name == "train" and limit < num_classes:  # of a preset, which knows nothing of the classes
        notes.append(
            f"The limit of {limit:,} train images is below the number of classes, "
            f"{num_classes:,}: up to {LEAST_OF_A_CLASS} of each are used."
        )
        limit = LEAST_OF_A_CLASS * num_classes
    if limit >= len(members):
        return notes
    chosen = stratified_sample(labels[members], limit, np.random.default_rng(seeds))
    groups[name] = members[chosen]
    notes.append(
        f"{name}: {limit} of {len(members)} images, a stratified sample (seed {seeds[0]})."
    )
    if name == "train":
        groups["unlabeled"] = np.union1d(groups["unlabeled"], members[~chosen])
        notes[-1] += f" The other {np.sum(~chosen)} are used without their labels."
    return notes


def check_limits(limits):
    """Fills in the missing names of a dictionary of limits and refuses what makes no sense."""
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
    """Marks `share` of each class, at least one image where the class has two: bool `[N]`."""
    ranks, class_sizes = _rank_in_class(labels, generator)
    counts = np.maximum(1, np.rint(share * class_sizes))
    return (ranks < counts) & (class_sizes >= 2)


def stratified_sample(labels, size, generator):
    """Marks `size` items, in proportion to the classes and one of each class first: bool `[N]`.

    Where `size` is below the number of classes, chance decides which of them have an item.
    """
    ranks, class_sizes = _rank_in_class(labels, generator)
    # Taking items by their relative rank keeps every prefix of the order in proportion.
    first = -generator.random(len(labels)) - 1
    priority = np.where(ranks == 0, first, (ranks + 0.5) / class_sizes)
    chosen = np.zeros(len(labels), bool)
    chosen[np.argsort(priority, kind="stable")[:size]] = True
    return chosen


def _rank_in_class(labels, generator):
    """Random rank of each item among those of its class, and the size of that class."""
    shuffled = generator.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    ranks, class_sizes = np.empty(len(labels), int), np.empty(len(labels), int)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    class_sizes[by_class] = np.repeat(counts, counts)
    return ranks, class_sizes


def find_overlaps(digests, codes, keep):
    """Finds images that also occur in the splits on which results are reported.

    Images of unlabeled, train and validation that occur in test go; then images of unlabeled
    and train that occur in validation. Repetitions inside one split, and between unlabeled and
    train, are harmless to a result and stay.

    Args:
        digests: uint64 array `[N]`, equal for images of equal content.
        codes: integer array `[N]`, the index into `SPLITS` of each image.
        keep: bool array `[N]`; `False` for images that are already out.

    Returns:
        A new bool array `[N]` of what to keep, and a dictionary of counts such as
        `{"train_in_test": 3, ...}`.
    """
    keep, counts = keep.copy(), {}
    for protected in ("test", "validation"):
        protected_code = SPLITS.index(protected)
        repeated = np.isin(digests, digests[(codes == protected_code) & keep])
        for code in range(protected_code):
            found = repeated & (codes == code) & keep
            counts[f"{SPLITS[code]}_in_{protected}"] = int(found.sum())
            keep &= ~found
    return keep, counts


def label_subset(labels, count, seed):
    """Picks `count` training images with their labels, stratified by class, nested in `count`.

    The order is a function of the seed alone, so that a smaller subset is part of a larger one.

    Args:
        labels: int array `[N]`.
        count: int, 1 to N.
        seed: int.

    Returns:
        An int array `[count]` of row numbers.

    Raises:
        ValueError: if there are not that many labels, or not one for each class.
    """
    classes = np.unique(labels)
    if not len(classes) <= count <= len(labels):
        raise ValueError(
            f"A subset needs {len(classes)} labels (one a class) to {len(labels)}. Got {count}."
        )
    random = np.random.default_rng([seed, 9176])
    rows = [random.permutation(np.flatnonzero(labels == label)) for label in classes]
    # Each image's place is its rank as a share of its class, so that every prefix of the order
    # is stratified; the first of each class goes in front, so that none is missing.
    places = [
        np.where(np.arange(len(part)) == 0, -1, np.arange(len(part)) + random.random()) / len(part)
        for part in rows
    ]
    order = np.argsort(np.concatenate(places), kind="stable")
    return np.concatenate(rows)[order][:count]
