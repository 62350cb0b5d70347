"""The nearest images to one, and near-duplicates in a whole set, by cosine similarity.

Memory for N images of D features: the features as they were read and with length 1, 8·N·D bytes,
and the similarities of a block of images to all, 1,280·N bytes. For 100,000 images of 256 features
these are 0.33 GB.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors

BLOCK = 256  # images that are compared with all others at a time


class Neighbors(NamedTuple):
    """The nearest images to some images, the most similar first.

    Attributes:
        rows: Int array `[M, K]`, the numbers of the neighbors. An image is not its own neighbor.
        cosines: Float array `[M, K]`, their cosine similarities.
    """

    rows: np.ndarray
    cosines: np.ndarray


class NeighborIndex:
    """A set of images in which neighbors are searched, all compared with all.

    Args:
        features: Float array `[N, D]`.

    Raises:
        ValueError: If there are fewer than two images, or a feature is not a number.

    Example:

    >>> index = NeighborIndex(features)
    >>> index.of_rows([0], 5).rows
    """

    def __init__(self, features: np.ndarray):
        if len(features) < 2 or not np.isfinite(features).all():
            raise ValueError(
                f"Expected finite features of at least two images. Received: {features.shape}. "
                "Make the features again with python -m simclr_utils embed."
            )
        self.unit = unit_length(features)
        # Of vectors of length 1, the nearest have the largest cosine similarity.
        self.search = NearestNeighbors(algorithm="brute", metric="euclidean").fit(self.unit)

    def __len__(self) -> int:
        return len(self.unit)

    def of_rows(self, rows: np.ndarray, count: int) -> Neighbors:
        """Returns the nearest images to images of the set.

        Args:
            rows: Integers `[M]`, the numbers of the images.
            count: Integer K, how many neighbors. With fewer images, all others.
        """
        rows, count = np.asarray(rows, int), min(count, len(self) - 1)
        found = self.of_features(self.unit[rows], count + 1)
        own = found.rows == rows[:, None]
        # Among equal images, an image may be missing from its own neighbors.
        own[~own.any(axis=1), -1] = True
        kept = np.argsort(own, axis=1, kind="stable")[:, :count]
        return Neighbors(*(np.take_along_axis(each, kept, 1) for each in found))

    def of_features(self, features: np.ndarray, count: int) -> Neighbors:
        """Returns the nearest images of the set to features of other images.

        Args:
            features: Float array `[M, D]`.
            count: Integer K, how many neighbors. With fewer images, all.
        """
        count = min(count, len(self))
        distances, found = self.search.kneighbors(unit_length(features), count)
        return Neighbors(found, 1 - distances**2 / 2)


def near_duplicates(unit: np.ndarray, smallest: float) -> list[list[int]]:
    """Finds groups of images that are nearly the same; all pairs are compared.

    Images that are linked by similar pairs are one group.

    Args:
        unit: Float32 array `[N, D]`, features of length 1.
        smallest: Float, the smallest cosine similarity of a pair.

    Returns:
        A list of lists of row numbers, the largest group first.
    """
    owners = np.arange(len(unit))  # of each image, the first image of its group
    for start in range(0, len(unit), BLOCK):
        first, second = np.nonzero(unit[start : start + BLOCK] @ unit[start:].T >= smallest)
        if np.any(first != second):
            owners = _merge(owners, first + start, second + start)
    _, groups, sizes = np.unique(owners, return_inverse=True, return_counts=True)
    linked = np.flatnonzero(sizes[groups] > 1)
    order = linked[np.argsort(owners[linked], kind="stable")]
    cuts = np.flatnonzero(np.diff(owners[order])) + 1
    found = [group.tolist() for group in np.split(order, cuts) if len(group)]
    return sorted(found, key=lambda group: (-len(group), group[0]))


def _merge(owners, first, second):
    """Returns the owners after the groups of some pairs were merged."""
    count = len(owners)
    starts, ends = np.append(np.arange(count), first), np.append(owners, second)
    links = coo_array((np.ones(len(starts), bool), (starts, ends)), (count, count))
    _, labels = connected_components(links, directed=False)
    return np.unique(labels, return_index=True)[1][labels]


def unit_length(features: np.ndarray) -> np.ndarray:
    """Returns features as float32 vectors of length 1; vectors of zeros stay.

    Args:
        features: Float array `[N, D]`.
    """
    features = np.asarray(features, np.float32)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, np.finfo(np.float32).tiny)


def bytes_needed(num_images: int, feature_dim: int) -> int:
    """Returns the bytes that a search in memory needs, beside Python and its libraries.

    Args:
        num_images: Integer N.
        feature_dim: Integer D.

    Returns:
        An integer: the features as read and with length 1, and one block of similarities.
    """
    return num_images * (2 * 4 * feature_dim + 5 * BLOCK)
