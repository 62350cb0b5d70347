"""The random operations that exaggerate one quality of an image, or take it away."""

from typing import Any

import keras
import tensorflow as tf

from simclr_utils.views.color import luma
from simclr_utils.views.layers import RandomMixture


class RandomEnhancement(RandomMixture):
    """Moves each image away from a version without some quality, or towards it; a base class.

    A subclass defines `other(images)`, the version without the quality. The result is
    `other + factor * (images - other)`, clipped to [0, 1], and `factor` is uniform in
    `[1 - amount, 1 + amount]`. Pillow's `ImageEnhance` is built in the same way.

    Args:
        amount: Float in [0, 1]. At 0, nothing changes.
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
        **kwargs: Arguments of `keras.Layer`.

    Raises:
        ValueError: If `amount` or `probability` is not in [0, 1].
    """

    def __init__(
        self,
        amount: float = 0.9,
        probability: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(amount, probability, seed, **kwargs)

    def transform(self, images):
        factor = self.per_image(images, 1 - self.amount, 1 + self.amount)
        # Written so that a factor of 1 returns the very image.
        changed = images + (factor - 1) * (images - self.other(images))
        return tf.clip_by_value(changed, 0.0, 1.0)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomBrightness(RandomEnhancement):
    """Makes images brighter or darker. The arguments are those of `RandomEnhancement`."""

    def other(self, images):
        return tf.zeros_like(images)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomContrast(RandomEnhancement):
    """Moves values away from the mean of their image. The arguments: see `RandomEnhancement`."""

    def other(self, images):
        return tf.reduce_mean(luma(images), axis=[1, 2], keepdims=True)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomSaturation(RandomEnhancement):
    """Makes colors stronger or paler. The arguments are those of `RandomEnhancement`."""

    def other(self, images):
        return luma(images)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomSharpness(RandomEnhancement):
    """Makes images sharper or softer. The arguments are those of `RandomEnhancement`.

    The soft version is the mean of 3 x 3 pixels, in which the middle one counts five times, as in
    Pillow. `keras.layers.RandomSharpness` has the same kernel, but makes the frame darker.
    """

    def other(self, images):
        total = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        total = total[:, :-2] + total[:, 1:-1] + total[:, 2:]
        total = total[:, :, :-2] + total[:, :, 1:-1] + total[:, :, 2:]
        return (total + 4 * images) / 13
