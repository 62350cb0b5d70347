"""What features look like from inside: alignment, uniformity, rank, spread."""

import numpy as np


def normalized(vectors):
    """Rows scaled to length 1, in float64."""
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def alignment(vectors_1, vectors_2):
    """Mean squared distance of positive pairs on the unit sphere: 0 is perfect.

    Different images have 2 where the vectors are centred on 0, and less where they are not, as
    features after a ReLU.

    Args:
        vectors_1, vectors_2: float arrays `[N, D]`; row i of both comes from image i.

    Returns:
        A float in 0..4.

    References:
        Wang and Isola 2020, "Understanding contrastive representation learning through
        alignment and uniformity on the hypersphere".
    """
    gaps = normalized(vectors_1) - normalized(vectors_2)
    return float(np.mean(np.sum(gaps**2, axis=1)))


def uniformity(vectors, scale=2.0):
    """Logarithm of the mean Gaussian potential of all pairs on the unit sphere.

    0 means that all vectors are the same; the more evenly they cover the sphere, the lower.

    Args:
        vectors: float array `[N, D]`, N at least 2; a few thousand rows are enough.
        scale: float > 0, the paper's is 2.

    Returns:
        A float, at most 0.

    References:
        Wang and Isola 2020.
    """
    unit = normalized(vectors)
    squared = np.clip(2 - 2 * unit @ unit.T, 0, 4)[np.triu_indices(len(unit), k=1)]
    return float(np.log(np.mean(np.exp(-scale * squared))))


def effective_rank(vectors):
    """RankMe: the exponential of the entropy of the normalised singular values.

    It counts the directions that the vectors use, between 1 (all on one line) and D. It needs no
    labels, and a collapsing encoder shows in it first.

    Args:
        vectors: float array `[N, D]`, best with N well above D.

    Returns:
        A float, 1 to min(N, D); 0 if all vectors are 0.

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
    """Standard deviation of each dimension on the unit sphere, times sqrt(D).

    Around 1 for vectors that cover the sphere evenly, 0 in every dimension after a collapse.

    Args:
        vectors: float array `[N, D]`.

    Returns:
        A float array `[D]`.

    References:
        Chen and He 2021, "Exploring simple Siamese representation learning", section 4.1.
    """
    unit = normalized(vectors)
    return unit.std(axis=0) * np.sqrt(unit.shape[1])


def describe(vectors_1, vectors_2):
    """The four numbers for two views of the same images.

    Args:
        vectors_1, vectors_2: float arrays `[N, D]`, features or projections of the two views.

    Returns:
        A dict of floats: `alignment`, the same `of other images`, `uniformity`, `effective rank`,
        `dimensions`, and the median and smallest `spread`.
    """
    spreads = spread(vectors_1)
    return {
        "alignment": alignment(vectors_1, vectors_2),
        "of other images": alignment(vectors_1, np.roll(vectors_2, 1, axis=0)),
        "uniformity": uniformity(vectors_1),
        "effective rank": effective_rank(vectors_1),
        "dimensions": float(np.shape(vectors_1)[1]),
        "median spread": float(np.median(spreads)),
        "smallest spread": float(spreads.min()),
    }


def accuracy_under(operations, fit, train, validation, batch_size=512):
    """Finds operations that destroy the label: what a classifier reaches on views of each.

    Args:
        operations: dict from a name to a function of uint8 images that returns views, float in
            0..1; for instance `on_every_image(build_augmenter(...))`.
        fit: function of views `[N, H, W, C]` and labels that returns something with `predict`.
        train, validation: pairs of uint8 images `[N, H, W, C]` and int labels `[N]`.
        batch_size: int, images that an operation gets at a time.

    Returns:
        A dict of floats in 0..1, validation accuracy: `nothing` for the plain images, then each
        name. The classifier is fitted under the same operation, so that it can get used to what
        changes all classes alike; what it cannot make up for is gone from the images.
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
