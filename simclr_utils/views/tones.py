"""The random operations on tones: equal values of an image stay equal."""

import math

import keras
import tensorflow as tf

from simclr_utils.views.layers import (
    KerasOperation,
    RandomMixture,
    RandomOperation,
    operation_seed,
)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomEqualization(RandomMixture):
    """Spreads the values of each channel, so that all 256 levels are about equally frequent.

    A value becomes the share of pixels that are darker, where the brightest pixels are not
    counted. A channel of a single value stays as it is. `keras.layers.Equalization` takes one
    histogram of the whole batch, so an image would depend on its neighbors.

    Args:
        amount: Float in [0, 1], the share of the equalized version that is mixed in.
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
    """

    def other(self, images):
        height, width, channels = images.shape[1:]
        planes = tf.reshape(tf.transpose(images, [0, 3, 1, 2]), [-1, height * width])
        levels = tf.cast(tf.round(255 * tf.clip_by_value(planes, 0.0, 1.0)), tf.int32)
        # One count for all planes: each has 256 places of its own.
        places = levels + 256 * tf.range(tf.shape(levels)[0])[:, None]
        counts = tf.math.bincount(tf.reshape(places, [-1]), minlength=256 * tf.shape(levels)[0])
        darker = tf.cumsum(tf.reshape(counts, [-1, 256]), axis=1, exclusive=True)
        darker = tf.gather(darker, levels, batch_dims=1)
        most = tf.reduce_max(darker, axis=1, keepdims=True)  # all but the brightest pixels
        spread = tf.where(most > 0, tf.cast(darker / tf.maximum(most, 1), tf.float32), planes)
        spread = tf.reshape(spread, [-1, channels, height, width])
        return tf.transpose(spread, [0, 2, 3, 1])


@keras.saving.register_keras_serializable("simclr_utils")
class RandomAutoContrast(RandomMixture):
    """Stretches the values of each channel, so that they reach from 0 to 1.

    `keras.layers.AutoContrast` does the same, but has no strength.

    Args:
        amount: Float in [0, 1], the share of the stretched version that is mixed in.
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
    """

    def other(self, images):
        low = tf.reduce_min(images, axis=[1, 2], keepdims=True)
        width = tf.reduce_max(images, axis=[1, 2], keepdims=True) - low
        stretched = (images - low) / tf.where(width > 0, width, 1.0)
        return tf.where(width > 0, stretched, images)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomSolarization(RandomOperation):
    """Inverts all values above a threshold, as in an overexposed photograph.

    `keras.layers.Solarization` draws its threshold from 0 on, whatever range it is given.

    Args:
        threshold: Float in [0, 1]. At 1, nothing changes. Grill et al. use 0.5.
        probability: Float in [0, 1], the chance of each image to be changed. Grill et al. use
            0.2, for one of the two views.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.

    Raises:
        ValueError: If `threshold` is not in [0, 1].

    References:
        Grill et al. 2020, "Bootstrap your own latent", appendix B.
    """

    def __init__(self, threshold=0.5, probability=0.2, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)
        if not 0 <= threshold <= 1:
            raise ValueError(f"`threshold` must be in 0 to 1. Received: {threshold}")
        self.threshold = threshold

    def transform(self, images):
        return tf.where(images > self.threshold, 1 - images, images)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


def build_posterization(
    strength: float = 1.0, probability: float = 0.5, seed: int | None = None
) -> KerasOperation:
    """Builds the layer that drops the last bits of all values.

    Args:
        strength: Float, at least 0. Of 8 bits, an image loses 1 to `4 * strength`, rounded up, but
            at most 7. At 0, nothing changes.
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.

    Returns:
        A `KerasOperation`.
    """
    most = min(math.ceil(4 * strength), 7)
    if most == 0:  # Keras' layer would still round to 8 bits
        return KerasOperation(keras.layers.Identity(dtype="float32"), probability, seed)
    own = operation_seed(seed, "bits")
    layer = keras.layers.RandomPosterization((8 - most, 8), (0, 1), seed=own, dtype="float32")
    return KerasOperation(layer, probability, seed)
