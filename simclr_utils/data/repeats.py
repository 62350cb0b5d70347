"""Removes images that occur in two splits, or under two labels."""

import hashlib
import json
from typing import NamedTuple

import numpy as np

from simclr_utils.data.splits import SPLITS

IMAGES_PER_BLOCK = 1024
CONFLICT_COLUMNS = ("file", "class", "picture")


class Origins(NamedTuple):
    """Where N images of a folder come from.

    Attributes:
        names: List of N strings, the names of the files, or `None`.
        groups: Int64 array `[N]`, equal for images that belong together, or `None`.
        combined: Boolean, whether the labels are combinations of findings. Then a split need not
            have all of them.
    """

    names: list | None = None
    groups: np.ndarray | None = None
    combined: bool = False


def settle_images(images, sizes, labels, class_names, keep=None, channels=None, origins=None):
    """Removes images that occur in more than one split, and describes the images that are left.

    An image that occurs under two labels has no label that can be trusted. It is removed from
    train, validation and test. If it was in train, one copy stays in the pool without its label.

    A picture that occurs in two groups does not join them, since a blank image would join all of
    them. A note counts such pictures.

    The images are compacted in place, block by block, so that a memory map may be larger than
    the memory of the machine.

    Args:
        images: Uint8 array `[N, height, width, channels]`, writable and contiguous, in the order
            of `SPLITS`.
        sizes: Dict from each name in `SPLITS` to its number of images.
        labels: Integer array `[N]`. The values of unlabeled images are ignored.
        class_names: List of strings, one for each label.
        keep: Bool array `[N]`, `False` for images to leave out. Defaults to all `True`.
        channels: Integer, how many channels of each image to keep. Defaults to all.
        origins: An `Origins`. Without it, `files` is empty, and the list of conflicts has the
            images' numbers.

    Returns:
        A pair: the images that are left, `[M, height, width, channels]`, and a dict with the keys
        `shape`, `sizes`, `labels`, `class_names`, `overlaps`, `notes`, `fingerprint`, `files`,
        the names of the images of unlabeled and train that are left, and `conflicts`, a list of
        `[name, class, picture]` in which equal pictures have equal numbers; with groups, also
        `groups`, a list for all images that are left.

    Raises:
        ValueError: If a class has no train image left, or validation or test no image.
    """
    names, groups, combined = origins or Origins()
    codes = np.repeat(np.arange(len(SPLITS)), [sizes[name] for name in SPLITS])
    keep = np.ones(len(images), bool) if keep is None else np.array(keep, bool)
    digests, labels = digest_images(images), np.array(labels, np.int64)
    in_conflict = find_conflicts(digests, labels, codes, keep)
    conflicts = list_conflicts(in_conflict, digests, names, labels, class_names)
    order = set_aside(images, in_conflict, digests, codes, keep)
    labels, digests = labels[order], digests[order]
    groups = None if groups is None else groups[order]
    shared = 0 if groups is None else count_shared(digests[keep], groups[keep])
    keep, overlaps = find_overlaps(digests, codes, keep)
    codes, labels, digests = codes[keep], labels[keep], digests[keep]
    parts = {name: labels[codes == code].tolist() for code, name in enumerate(SPLITS)}
    _check_parts(parts, class_names, overlaps, len(conflicts), combined)
    images = _compact(images, keep, channels or images.shape[-1])
    description = {
        "shape": list(images.shape),
        "sizes": {name: len(part) for name, part in parts.items()},
        "labels": {name: parts[name] for name in SPLITS[1:]},
        "class_names": list(class_names),
    }
    if groups is not None:
        description["groups"] = groups[keep].tolist()
    pool = len(parts["unlabeled"]) + len(parts["train"])
    files = [] if names is None else [names[row] for row in order[keep][:pool]]
    content = hashlib.blake2b(json.dumps(description).encode(), digest_size=6)
    content.update(digests.astype("<u8").tobytes())
    return images, {
        **description,
        "conflicts": conflicts,
        "overlaps": overlaps,
        "notes": [
            *_describe(overlaps, conflicts, shared),
            *_name_absent_classes(parts, () if combined else class_names),
        ],
        "fingerprint": content.hexdigest(),
        "files": files,
    }


def digest_images(images: np.ndarray) -> np.ndarray:
    """Computes a hash of the content of each image.

    Args:
        images: Uint8 array `[N, height, width, channels]`.

    Returns:
        A uint64 array `[N]`, equal for images with equal pixels.

    Example:

    >>> digests = digest_images(dataset.unlabeled)
    >>> num_different = len(np.unique(digests))
    """
    digests = np.empty(len(images), np.uint64)
    for start in range(0, len(images), IMAGES_PER_BLOCK):
        block = np.ascontiguousarray(images[start : start + IMAGES_PER_BLOCK])
        for offset, image in enumerate(block.reshape(len(block), -1)):
            digest = hashlib.blake2b(image, digest_size=8).digest()
            digests[start + offset] = int.from_bytes(digest, "little")
    return digests


def find_overlaps(digests, codes, keep):
    """Finds images that also occur in validation or test.

    Images of unlabeled, train and validation that occur in test are removed, then images of
    unlabeled and train that occur in validation. Repeats inside one split, and between unlabeled
    and train, do no harm and stay.

    Args:
        digests: Uint64 array `[N]`, equal for images with equal pixels.
        codes: Integer array `[N]`, the index into `SPLITS` of each image.
        keep: Bool array `[N]`, `False` for images that are already removed.

    Returns:
        A pair: a new bool array `[N]` of the images to keep, and a dict of counts such as
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


def count_shared(digests, groups):
    """Returns how many pictures occur in more than one group.

    Args:
        digests: Uint64 array `[N]`, equal for images with equal pixels.
        groups: Int64 array `[N]`.

    Returns:
        A number.
    """
    pairs = np.unique(np.stack([digests, groups.astype(np.uint64)]), axis=1)
    return int(np.sum(np.unique(pairs[0], return_counts=True)[1] > 1))


def find_conflicts(digests, labels, codes, keep):
    """Finds images that carry more than one label, within a split or across splits.

    Args:
        digests: Uint64 array `[N]`, equal for images with equal pixels.
        labels: Integer array `[N]`. The values of unlabeled images are ignored.
        codes: Integer array `[N]`, the index into `SPLITS` of each image.
        keep: Bool array `[N]`, `False` for images that are already removed.

    Returns:
        A bool array `[N]`.
    """
    rows = np.flatnonzero((codes > 0) & keep)
    pairs = np.unique(np.stack([digests[rows], labels[rows].astype(np.uint64)]), axis=1)
    images, counts = np.unique(pairs[0], return_counts=True)
    return (codes > 0) & keep & np.isin(digests, images[counts > 1])


def list_conflicts(in_conflict, digests, names, labels, class_names):
    """Lists the images that carry more than one label.

    Args:
        in_conflict: Bool array `[N]` from `find_conflicts`.
        digests: Uint64 array `[N]`.
        names: List of N strings, or `None` for the numbers of the images.
        labels: Integer array `[N]`.
        class_names: Sequence of strings, one for each label.

    Returns:
        A list of rows with `CONFLICT_COLUMNS`. Equal pictures have equal numbers, from 1.
    """
    rows = np.flatnonzero(in_conflict)
    pictures = np.unique(digests[rows], return_inverse=True)[1]
    listed = sorted((int(picture), int(row)) for picture, row in zip(pictures, rows, strict=True))
    return [
        [str(row) if names is None else names[row], class_names[labels[row]], picture + 1]
        for picture, row in listed
    ]


def set_aside(images, in_conflict, digests, codes, keep):
    """Removes images with two labels from the labeled splits, in place.

    The first copy of each picture in train changes places with a train image next to the
    unlabeled images, and becomes one of them.

    Args:
        images: Uint8 array as in `settle_images`. It changes.
        in_conflict: Bool array `[N]`.
        digests: Uint64 array `[N]`.
        codes: Integer array `[N]`, the index into `SPLITS` of each image. It changes.
        keep: Bool array `[N]`. It changes.

    Returns:
        An integer array `[N]`, the former position of each image.
    """
    order, train = np.arange(len(images)), SPLITS.index("train")
    keep &= ~in_conflict
    rows = np.flatnonzero(in_conflict & (codes == train))
    rows = rows[np.sort(np.unique(digests[rows], return_index=True)[1])]
    first = np.searchsorted(codes, train)
    for place, row in enumerate(rows, start=first):
        for array in (images, order, keep):
            array[[place, row]] = array[[row, place]]
        codes[place], keep[place] = SPLITS.index("unlabeled"), True
    return order


def _check_parts(parts, class_names, overlaps, num_conflicts, combined):
    if not class_names:
        if len(parts["unlabeled"]) < 2:
            raise ValueError(
                f"Only {len(parts['unlabeled'])} images could be read. Pretraining compares "
                "images with each other: add images, two at least and better thousands."
            )
        return
    present = set(parts["train"])
    for label, name in enumerate(class_names):
        if label not in present and not (combined and present):
            raise ValueError(
                f"Class {name!r} has no train image left. Images are left out if they cannot be "
                "read, or also occur in validation, test or another class (repeats found: "
                f"{overlaps}; in two classes: {num_conflicts}). Add images to this class."
            )
    for name in ("validation", "test"):
        if not parts[name]:
            raise ValueError(
                f"There is no {name} image. A split is taken only from classes with at least two "
                "train images: add images."
            )


def _describe(overlaps, conflicts, shared):
    removed = [f"{count} {key.replace('_', ' ')}" for key, count in overlaps.items() if count]
    if removed:
        yield f"Removed because another split has the same image: {', '.join(removed)}."
    else:
        yield "No image of one split occurs in another."
    if conflicts:
        pictures = len({picture for *_, picture in conflicts})
        yield (
            f"{pictures} pictures occur under two or more labels, in {len(conflicts)} images. They "
            "are left out of validation and test; those of train are used without a label."
        )
    if shared:
        yield (
            f"{shared:,} pictures occur in more than one group. The groups stay apart; if such a "
            "picture means that two groups are one, give them one name."
        )


def _name_absent_classes(parts, class_names):
    for name in ("validation", "test"):
        present = set(parts[name])
        absent = [known for label, known in enumerate(class_names) if label not in present]
        if absent:
            more = f" and {len(absent) - 5:,} more classes" if len(absent) > 5 else ""
            listed = ", ".join(absent[:5]) + more
            yield f"{name} has no image of {listed}: its accuracy says nothing about them."


def _compact(images, keep, channels):
    """Moves the images to keep to the front. No row is written before it has been read."""
    if keep.all() and channels == images.shape[-1]:
        return images
    flat, end = images.reshape(-1), 0
    for start in range(0, len(images), IMAGES_PER_BLOCK):
        block = slice(start, start + IMAGES_PER_BLOCK)
        rows = images[block][keep[block]][..., :channels]
        flat[end : end + rows.size] = rows.reshape(-1)
        end += rows.size
    return flat[:end].reshape(-1, *images.shape[1:3], channels)
