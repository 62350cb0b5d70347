"""Rare classes: every image counts once, or every class counts as much as every other."""

import numpy as np
import tensorflow as tf
from sklearn.utils.class_weight import compute_sample_weight

CLASS_WEIGHTS = {"none": "every image counts once", "balanced": "every class counts equally"}


def image_weights(labels: np.ndarray, class_weight: str) -> np.ndarray | None:
    """Returns how much each image counts.

    With "balanced", it is the number of images divided by that of its class and by the number of
    classes, as in scikit-learn. The weights have a mean of 1.

    Args:
        labels: Integer array `[N]`.
        class_weight: String, a name in `CLASS_WEIGHTS`.

    Returns:
        A float32 array `[N]`, or `None` if every image counts once.

    Raises:
        ValueError: If there is no class weight of that name.
    """
    if class_weight not in CLASS_WEIGHTS:
        raise ValueError(f"class_weight={class_weight!r}. Choose from {list(CLASS_WEIGHTS)}.")
    if class_weight == "none":
        return None
    return compute_sample_weight("balanced", labels).astype("float32")


def with_weights(
    batches: tf.data.Dataset, labels: np.ndarray, class_weight: str
) -> tf.data.Dataset:
    """Adds the weights of the images to batches of images and labels.

    Args:
        batches: `tf.data.Dataset` of pairs of images and integer labels.
        labels: Integer array `[N]`, all labels of a training, which give the weights.
        class_weight: String, a name in `CLASS_WEIGHTS`.

    Returns:
        A `tf.data.Dataset` of triples. With "none", the batches as they are.
    """
    weights = image_weights(labels, class_weight)
    if weights is None:
        return batches
    of_class = np.zeros(np.max(labels) + 1, "float32")
    of_class[labels] = weights
    return batches.map(lambda images, known: (images, known, tf.gather(of_class, known)))


def weighted_share(right: np.ndarray, labels: np.ndarray, class_weight: str) -> float:
    """Returns the share of images that are right; with "balanced", the mean over the classes.

    Args:
        right: Boolean array `[N]`.
        labels: Integer array `[N]`, the true classes.
        class_weight: String, a name in `CLASS_WEIGHTS`.
    """
    return float(np.average(right, weights=image_weights(labels, class_weight)))
