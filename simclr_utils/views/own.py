"""An operation of a user's own: any Keras layer, tried once before it is used."""

import keras
import numpy as np

from simclr_utils.views.layers import KerasOperation, RandomOperation

TOLERANCE = 1e-3  # of the values


def adopt(
    layer: keras.Layer, name: str, shape: tuple[int, int, int], seed: int | None = None
) -> RandomOperation:
    """Makes an operation of a user's own layer, after a trial on random images.

    Args:
        layer: `keras.Layer`, as in `build_augmenter`.
        name: String, the operation's name, for messages.
        shape: Tuple `(height, width, channels)` of the images.
        seed: Integer, at least 0, the seed of the choice of images, or `None`.

    Returns:
        A `RandomOperation`.

    Raises:
        ValueError: If the layer changes the shape of the images, or returns values that are
            outside [0, 1] or no numbers.
    """
    own = layer if isinstance(layer, RandomOperation) else KerasOperation(layer, seed=seed)
    images = np.random.default_rng(0).uniform(size=(16, *shape)).astype("float32")
    chance, own.probability = own.probability, 1.0
    changed = np.asarray(own(images))
    own.probability = chance
    if changed.shape != images.shape:
        raise ValueError(
            f"The operation {name!r} turns images of the shape {shape} into {changed.shape[1:]}. "
            "It has to keep their shape."
        )
    low, high = changed.min(), changed.max()
    if not (low > -TOLERANCE and high < 1 + TOLERANCE):  # False for nan as well
        raise ValueError(
            f"The operation {name!r} gets values from 0 to 1 and returns values from {low:.3g} to "
            f"{high:.3g}. It has to return 0 to 1. Many layers take `value_range=(0, 1)`."
        )
    return own
