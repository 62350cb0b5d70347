"""The random operations that exaggerate one quality of an image, or take it away."""

from typing import Any

import keras
import tensorflow as tf

from simclr_utils.views.color import luma
from simclr_utils.views.layers import RandomOperation


class RandomEnhancement(RandomOperation):
    """Moves each image away from a version without some quality, or towards it; a base class.

    A subclass defines `without(images)`, the version without the quality. The result is
    `without + factor * (images - without)`, clipped to [0, 1], and `factor` is uniform in
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
        super().__init__(probability, seed, **kwargs)
        if not 0 <= amount <= 1:
            raise ValueError(f"`amount` must be in 0 to 1. Received: {amount}")
        self.amount = amount

    def without(self, images: tf.Tensor) -> tf.Tensor:
        """Computes the version of images without the quality, float32, of a shape that fits."""
        raise NotImplementedError(f"{type(self).__name__} must define `without(images)`.")

    def transform(self, images):
        factor = self.per_image(images, 1 - self.amount, 1 + self.amount)
        # Written so that a factor of 1 returns the very image.
        changed = images + (factor - 1) * (images - self.without(images))
        return tf.clip_by_value(changed, 0.0, 1.0)

    def get_config(self):
        return {**super().get_config(), "amount": self.amount}


@keras.saving.register_keras_serializable("simclr_utils")
class RandomBrightness(RandomEnhancement):
    """Makes images brighter or darker. The arguments are those of `RandomEnhancement`."""

    def without(self, images):
        return tf.zeros_like(images)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomContrast(RandomEnhancement):
    """Moves values away from the mean of their image. The arguments: see `RandomEnhancement`."""

    def without(self, images):
        return tf.reduce_mean(luma(images), axis=[1, 2], keepdims=True)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomSaturation(RandomEnhancement):
    """Makes colors stronger or paler. The arguments are those of `RandomEnhancement`."""

    def without(self, images):
        return luma(images)


@keras.saving.register_keras_serializable("simclr_utils")
class RandomSharpness(RandomEnhancement):
    """Makes images sharper or softer. The arguments are those of `RandomEnhancement`.

    The soft version is the mean of 3 x 3 pixels, in which the middle one counts five times, as in
    Pillow. `keras.layers.RandomSharpness` has the same kernel, but makes the frame darker.
    """

    def without(self, images):
        total = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        total = total[:, :-2] + total[:, 1:-1] + total[:, 2:]
        total = total[:, :, :-2] + total[:, :, 1:-1] + total[:, :, 2:]
        return (total + 4 * images) / 13
