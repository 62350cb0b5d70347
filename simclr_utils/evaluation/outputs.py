"""What an encoder and its projection head say about images, and a split of these images."""

import keras
import numpy as np

from simclr_utils.data.group_folds import group_halves, has_groups
from simclr_utils.evaluation.features import extract_features


def extract_outputs(
    encoder: keras.Model, head: keras.Model, images: np.ndarray
) -> dict[str, np.ndarray]:
    """Computes the features and the projections of images, in inference mode.

    Args:
        encoder: `keras.Model`, float images in 0..1 -> features `[N, D]`.
        head: `keras.Model`, features `[N, D]` -> projections `[N, P]`.
        images: Uint8 array `[N, H, W, C]`.

    Returns:
        A dict from "features" and "projections" to float32 arrays `[N, D]` and `[N, P]`.

    Raises:
        ValueError: If the images do not fit the encoder, or the head does not.

    Example:

    >>> outputs = extract_outputs(encoder, head, dataset.test[0])
    >>> outputs["features"].shape, outputs["projections"].shape
    ((2000, 128), (2000, 128))
    """
    given, expected = encoder.output_shape[-1], head.input_shape[-1]
    if given != expected:
        raise ValueError(
            f"The encoder gives {given} features, and the head takes {expected}. Load both from "
            "the same folder."
        )
    features = extract_features(encoder, images)
    projections = np.asarray(head(features, training=False), "float32")
    return {"features": features, "projections": projections}


def split_in_halves(
    num_images: int, seed: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Divides images at random into those that a probe is fitted on, and those that score it.

    Args:
        num_images: Integer, N.
        seed: Integer, at least 0.
        groups: Integer array `[N]`, the number of each image's group, or `None`. No group is in
            both parts, which then are halves of the groups.

    Returns:
        Two integer arrays of places in 0..N-1, without a common element.
    """
    if has_groups(groups):
        return group_halves(groups, seed)
    order = np.random.default_rng(seed).permutation(num_images)
    return order[: num_images // 2], order[num_images // 2 :]
