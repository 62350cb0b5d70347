"""How many images may pass through a network at once without filling the memory."""

import math

import keras

BUDGET = 2**29  # bytes of activations
MOST = 512


def activation_bytes(model: keras.Model) -> int:
    """Returns the bytes that the outputs of all layers take for one image.

    Outside a `tf.function`, Keras keeps the output of every layer until the last one has run.

    Args:
        model: `keras.Model` of the functional kind. Models inside it count with their layers.
            Layers without a known output shape count nothing.

    Returns:
        An integer.
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += activation_bytes(layer)
            continue
        try:
            outputs = keras.tree.flatten(layer.output)
        except (AttributeError, ValueError):  # never called, or called more than once
            continue
        total += sum(4 * math.prod(size or 1 for size in each.shape[1:]) for each in outputs)
    return total


def images_at_once(model: keras.Model, most: int = MOST) -> int:
    """Returns how many images to encode at a time: their activations fit into 512 MB.

    Args:
        model: `keras.Model`, as in `activation_bytes`.
        most: Integer, the largest number.

    Returns:
        An integer from 1 to `most`.
    """
    return max(1, min(most, BUDGET // max(1, activation_bytes(model))))
