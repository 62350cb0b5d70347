"""Which images to label next: typical ones while labels are few, doubtful ones later.

References:
    Hacohen, Dekel, Weinshall 2022, "Active learning on a budget: opposite strategies suit high and
    low budgets" (TypiClust).
    Scheffer, Decomain, Wrobel 2001, "Active hidden Markov models for information extraction"
    (margin).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from simclr_utils.evaluation.features import extract_features
from simclr_utils.evaluation.probes import fit_linear_probe

if TYPE_CHECKING:
    from simclr_utils.data.dataset import Dataset

NUM_NEIGHBORS = 20
SMALLEST_CLUSTER = 5  # smaller ones are outliers
MOST_CLUSTERS = 500
FEW_FOR_MINI_BATCHES = 50  # up to here all images take part in each step of k-means
LABELS_OF_A_CLASS = 50  # up to this mean, typical images; above, doubtful ones


def typical_images(
    features: np.ndarray,
    labeled: np.ndarray,
    count: int,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Picks the most typical image of each cluster that has no label yet.

    The features are clustered by k-means into as many clusters as there will be labels, 500 at
    most. The clusters with the fewest labels come first, the larger ones among them first. An
    image is typical if its nearest neighbors in its cluster are near. With groups, such as
    patients, the images of a cluster whose groups have the fewest labels come first.

    Args:
        features: Float array `[N, D]`, of all images of the pool.
        labeled: Boolean array `[N]`, which images have a label.
        count: Integer, how many images to pick. With fewer images left, all of them are picked.
        seed: Integer, the seed of k-means.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        A DataFrame in the order of picking: `row`, the number of the image; `cluster`; and
        `size`, the number of images in the cluster.
    """
    labeled, features = np.array(labeled, bool), normalize(np.asarray(features, float))
    num_clusters = min(int(labeled.sum()) + count, MOST_CLUSTERS, len(features))
    kind = KMeans if num_clusters <= FEW_FOR_MINI_BATCHES else MiniBatchKMeans
    clusters = kind(num_clusters, n_init=1, random_state=seed).fit_predict(features)
    sizes = np.bincount(clusters, minlength=num_clusters)
    typicality = _typicality(features, clusters)
    known = np.bincount(clusters[labeled], minlength=num_clusters)
    groups = _number_groups(groups, len(features))
    of_group = np.bincount(groups[labeled], minlength=len(features))
    left, picked = ~labeled, []
    while len(picked) < count and left.any():
        open_sizes = np.bincount(clusters[left], minlength=num_clusters)
        # Outliers last, then few labels, then many images.
        keys = (-sizes, known, sizes < SMALLEST_CLUSTER, open_sizes == 0)
        cluster = int(np.lexsort(keys)[0])
        inside = np.flatnonzero(left & (clusters == cluster))
        labels = of_group[groups[inside]]
        inside = inside[labels == labels.min()]
        row = int(inside[np.argmax(typicality[inside])])
        left[row] = False
        known[cluster] += 1
        of_group[groups[row]] += 1
        picked.append({"row": row, "cluster": cluster, "size": int(sizes[cluster])})
    return pd.DataFrame(picked, columns=["row", "cluster", "size"])


def _number_groups(groups, count):
    """Returns groups numbered from 0, or a group for each of `count` images if there are none."""
    return np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]


def _typicality(features, clusters):
    """Returns the inverse of the mean distance to the nearest neighbors in the same cluster."""
    typicality = np.zeros(len(features))
    for cluster in np.unique(clusters):
        inside = np.flatnonzero(clusters == cluster)
        near = min(NUM_NEIGHBORS, len(inside) - 1)
        if near:
            search = NearestNeighbors(n_neighbors=near).fit(features[inside])
            typicality[inside] = 1 / (1e-9 + search.kneighbors()[0].mean(1))
    return typicality


def doubtful_images(
    probabilities: np.ndarray, labeled: np.ndarray, count: int, groups: np.ndarray | None = None
) -> pd.DataFrame:
    """Picks the images of which the two most probable classes are closest.

    With groups, such as patients, one image of each group comes before the second one of any.

    Args:
        probabilities: Float array `[N, C]`, the class probabilities of all images of the pool.
        labeled: Boolean array `[N]`, which images have a label.
        count: Integer, how many images to pick. With fewer images left, all of them are picked.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        A DataFrame in the order of picking: `row`, the number of the image; `first` and `second`,
        the two most probable classes; and `margin`, how much more probable the first one is.
    """
    rows = np.flatnonzero(~np.asarray(labeled, bool))
    order = np.argsort(-probabilities[rows], axis=1, kind="stable")[:, :2]
    two = np.take_along_axis(probabilities[rows], order, axis=1)
    margins = two[:, 0] - two[:, 1]
    found = {"row": rows, "first": order[:, 0], "second": order[:, 1], "margin": margins}
    table = pd.DataFrame(found).sort_values("margin", kind="stable")
    turns = table.groupby(_number_groups(groups, len(probabilities))[table["row"]]).cumcount()
    return table.iloc[np.argsort(turns, kind="stable")[:count]].reset_index(drop=True)


def images_to_label(
    dataset: "Dataset", encoder: keras.Model, count: int, seed: int = 0
) -> pd.DataFrame:
    """Lists the images of a pool that are worth a label most.

    With up to 50 labels of a class on average, these are the typical ones; with more, those
    of which a linear probe is in doubt. Images that have a label, in a table or by their folder,
    are never listed. With groups, such as patients, the list is spread over them, and images are
    left out if their group is in validation or test.

    Args:
        dataset: A `Dataset` of a folder of images. It may be unlabeled.
        encoder: A `keras.Model`, images -> features.
        count: Integer, how many images to list.
        seed: Integer, the seed of k-means.

    Returns:
        A DataFrame, the most useful image first: `rank`, `file` and `reason`.

    Raises:
        ValueError: If the images have no file names, or all of them are labeled.
    """
    if not dataset.files:
        raise ValueError(
            f"The images of {dataset.name} have no file names: only a folder of images has a list "
            "of what to label next."
        )
    num_labels = len(dataset.train[1])
    # Labeled files may be in the pool without their labels, such as those beyond a limit.
    if dataset.labeled_files is None:
        labeled = np.array([name.startswith("train/") for name in dataset.files])
    else:
        labeled = np.isin(dataset.files, dataset.labeled_files)
    labeled[len(labeled) - num_labels :] = True
    if labeled.all():
        others = " of groups that are not in validation or test" if dataset.groups else ""
        raise ValueError(f"Every image of the pool has a label. Add images{others} to unlabeled/.")
    groups = dataset.groups.get("unlabeled")
    features = extract_features(encoder, dataset.unlabeled)
    if num_labels <= LABELS_OF_A_CLASS * dataset.num_classes or not dataset.is_labeled:
        picked = typical_images(features, labeled, count, seed, groups)
        reasons = [f"typical of {size:,} similar images" for size in picked["size"]]
    else:
        probabilities = probe_pool(dataset, features, encoder)
        picked = doubtful_images(probabilities, labeled, count, groups)
        reasons = _describe_doubts(picked, dataset.class_names)
    names = [dataset.files[row] for row in picked["row"]]
    return pd.DataFrame({"rank": range(1, len(names) + 1), "file": names, "reason": reasons})


def probe_pool(dataset, features, encoder):
    """Returns the class probabilities of the pool, from a probe on all training labels."""
    labels = dataset.train[1]
    validation = extract_features(encoder, dataset.validation[0]), dataset.validation[1]
    probe = fit_linear_probe(features[len(features) - len(labels) :], labels, validation)
    return probe.predict_probabilities(features, dataset.num_classes)


def _describe_doubts(picked: pd.DataFrame, class_names: Sequence[str]) -> list[str]:
    """Returns a reason for each image that `doubtful_images` picked."""
    return [
        f"between {class_names[row.first]} and {class_names[row.second]}: the probe gives them "
        f"probabilities {100 * row.margin:.1f} points apart"
        for row in picked.itertuples()
    ]
