"""One picture under two labels: found by content, listed, and taken out of the labeled splits."""

import numpy as np

from simclr_utils.data.splits import SPLITS

CONFLICT_COLUMNS = ("file", "class", "picture")


def find_conflicts(digests, labels, codes, keep):
    """Finds images that carry more than one label, within a split or across.

    Args:
        digests: uint64 array `[N]`, equal for images of equal content.
        labels: integer array `[N]`; the values of unlabeled items are not read.
        codes: integer array `[N]`, the index into `SPLITS` of each image.
        keep: bool array `[N]`; `False` for images that are already out.

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
        in_conflict: bool array `[N]`, of `find_conflicts`.
        digests: uint64 array `[N]`.
        names: list of N names, or `None` for the numbers of the images.
        labels: integer array `[N]`.
        class_names: strings, one a label.

    Returns:
        A list of rows with `CONFLICT_COLUMNS`; equal pictures have equal numbers, from 1.
    """
    rows = np.flatnonzero(in_conflict)
    pictures = np.unique(digests[rows], return_inverse=True)[1]
    listed = sorted((int(picture), int(row)) for picture, row in zip(pictures, rows, strict=True))
    return [
        [str(row) if names is None else names[row], class_names[labels[row]], picture + 1]
        for picture, row in listed
    ]


def set_aside(images, in_conflict, digests, codes, keep):
    """Takes images with two labels out of the labeled splits, in place.

    The first of each picture in train changes places with a train image at the front, where train
    borders on the unlabeled images, and becomes one of those.

    Args:
        images, codes, keep: as in `settle_images`; all three change.
        in_conflict: bool array `[N]`.
        digests: uint64 array `[N]`.

    Returns:
        An integer array `[N]`, where each image was before.
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
