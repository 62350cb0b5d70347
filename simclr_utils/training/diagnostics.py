"""Diagnostics of features and projections without labels: alignment, uniformity, rank, spread."""

from collections.abc import Callable, Mapping

import numpy as np

from simclr_utils.training.losses import contrastive_accuracy


def normalized(vectors: np.ndarray) -> np.ndarray:
    """Returns the vectors scaled to length 1.

    Args:
        vectors: Float array `[N, D]`.

    Returns:
        A float64 array `[N, D]`.
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def alignment(vectors_1, vectors_2):
    """Computes the mean squared distance of positive pairs on the unit sphere.

    A perfect encoder has 0. Pairs of different images have 2 if the vectors are centered on 0,
    and less if they are not, as features after a ReLU.

    Args:
        vectors_1: Float array `[N, D]`.
        vectors_2: Float array `[N, D]`. Row i comes from the same image as row i of `vectors_1`.

    Returns:
        A float in [0, 4].

    References:
        Wang and Isola 2020, "Understanding contrastive representation learning through
        alignment and uniformity on the hypersphere".
    """
    gaps = normalized(vectors_1) - normalized(vectors_2)
    return float(np.mean(np.sum(gaps**2, axis=1)))


def uniformity(vectors, scale=2.0):
    """Computes the logarithm of the mean Gaussian potential of all pairs on the unit sphere.

    It is 0 if all vectors are the same. The more evenly they cover the sphere, the lower it is.

    Args:
        vectors: Float array `[N, D]`, N at least 2. A few thousand rows are enough.
        scale: Float above 0. The paper's is 2.

    Returns:
        A float, at most 0.

    References:
        Wang and Isola 2020, "Understanding contrastive representation learning through
        alignment and uniformity on the hypersphere".
    """
    unit = normalized(vectors)
    squared = np.clip(2 - 2 * unit @ unit.T, 0, 4)[np.triu_indices(len(unit), k=1)]
    return float(np.log(np.mean(np.exp(-scale * squared))))


def effective_rank(vectors):
    """Computes RankMe, the exponential of the entropy of the normalized singular values.

    It counts the directions that the vectors use, from 1 (all on one line) to D. It needs no
    labels, and it is the first number to show that an encoder collapses.

    Args:
        vectors: Float array `[N, D]`, preferably with N well above D.

    Returns:
        A float from 1 to min(N, D), or 0 if all vectors are 0.

    References:
        Garrido et al. 2023, "RankMe: assessing the downstream performance of pretrained
        self-supervised representations by their rank".
    """
    values = np.linalg.svd(np.asarray(vectors, dtype=np.float64), compute_uv=False)
    if not values.sum():
        return 0.0
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-np.sum(shares * np.log(shares))))


def spread(vectors):
    """Computes the standard deviation of each dimension on the unit sphere, times sqrt(D).

    It is about 1 for vectors that cover the sphere evenly, and 0 in every dimension after a
    collapse.

    Args:
        vectors: Float array `[N, D]`.

    Returns:
        A float array `[D]`.

    References:
        Chen and He 2021, "Exploring simple Siamese representation learning", section 4.1.
    """
    unit = normalized(vectors)
    return unit.std(axis=0) * np.sqrt(unit.shape[1])


def pair_cosines(
    vectors: np.ndarray, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Computes the cosine similarities of pairs that belong together, and of all other pairs.

    Args:
        vectors: Float array `[M, D]`, features or projections.
        labels: Integer array `[M]`. Rows with the same label belong together. By default these
            are the rows `i` and `i + M / 2`, two views of one image.

    Returns:
        Two float64 arrays in [-1, 1]: of the pairs that belong together, and of the others. Each
        pair of rows counts once.

    Example:

    >>> pair_cosines(np.eye(2)[[0, 1, 0, 1]])
    (array([1., 1.]), array([0., 0., 0., 0.]))
    """
    unit, num_rows = normalized(vectors), len(vectors)
    labels = np.arange(num_rows) % (num_rows // 2) if labels is None else np.asarray(labels)
    pairs = np.triu_indices(num_rows, k=1)
    cosines, same = (unit @ unit.T)[pairs], (labels[:, None] == labels)[pairs]
    return cosines[same], cosines[~same]


def describe(vectors_1: np.ndarray, vectors_2: np.ndarray) -> dict[str, float]:
    """Computes all diagnostics for two views of the same images.

    Args:
        vectors_1: Float array `[N, D]`, features or projections of the first views.
        vectors_2: Float array `[N, D]`, features or projections of the second views.

    Returns:
        A dict of floats: `alignment`, `of other images` (the alignment of pairs of different
        images), `uniformity`, `contrastive accuracy`, `effective rank`, `dimensions`,
        `median spread` and `smallest spread`.
    """
    spreads = spread(vectors_1)
    return {
        "alignment": alignment(vectors_1, vectors_2),
        "of other images": alignment(vectors_1, np.roll(vectors_2, 1, axis=0)),
        "uniformity": uniformity(vectors_1),
        "contrastive accuracy": float(contrastive_accuracy(vectors_1, vectors_2)),
        "effective rank": effective_rank(vectors_1),
        "dimensions": float(np.shape(vectors_1)[1]),
        "median spread": float(np.median(spreads)),
        "smallest spread": float(spreads.min()),
    }


def accuracy_under(
    operations: Mapping[str, Callable],
    fit: Callable,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    batch_size: int = 512,
) -> dict[str, float]:
    """Finds operations that destroy the label, by classifying views made with each operation.

    The classifier is fitted under the same operation, so it can get used to changes that affect
    all classes alike. What it still cannot tell apart is no longer in the images.

    Args:
        operations: Mapping from names to functions of uint8 images that return views, float in
            [0, 1], such as `on_every_image(build_augmenter(...))`.
        fit: Function of views `[N, H, W, C]` and labels `[N]` that returns an object with a
            method `predict`.
        train: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`.
        validation: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`.
        batch_size: Integer, the number of images that an operation gets at a time.

    Returns:
        A dict from names to validation accuracies, floats in [0, 1]. The first name, `nothing`,
        stands for the plain images.
    """

    def views_of(images, apply):
        starts = range(0, len(images), batch_size)
        return np.concatenate([np.asarray(apply(images[i : i + batch_size])) for i in starts])

    accuracies = {}
    for name, apply in {"nothing": lambda images: images / np.float32(255), **operations}.items():
        fitted = fit(views_of(train[0], apply), train[1])
        answers = fitted.predict(views_of(validation[0], apply))
        accuracies[name] = float(np.mean(answers == validation[1]))
    return accuracies
