"""The weak views of FixMatch."""

from typing import Any

import keras
import tensorflow as tf

from simclr_utils.views.geometry import RandomFlip
from simclr_utils.views.layers import RandomOperation, operation_seed


@keras.saving.register_keras_serializable("simclr_utils")
class RandomShift(RandomOperation):
    """Shifts each image by whole pixels; what moves in is mirrored at the edge.

    Args:
        share: Float in (0, 1), the largest shift as a share of height and width.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
        **kwargs: Arguments of `RandomOperation`.
    """

    def __init__(self, share: float = 1 / 8, seed: int | None = None, **kwargs: Any):
        super().__init__(seed=seed, **kwargs)
        self.share = share

    def transform(self, images):
        height, width = images.shape[1:3]
        most = [max(1, int(self.share * length)) for length in (height, width)]
        padded = tf.pad(images, [[0, 0], [most[0]] * 2, [most[1]] * 2, [0, 0]], "REFLECT")
        draws = self.per_image(images, 0.0, 1.0, count=2)[:, :, 0, 0]
        first = tf.cast(draws * (2 * tf.constant(most, tf.float32) + 1), tf.int32)
        rows = first[:, :1] + tf.range(height)
        columns = first[:, 1:] + tf.range(width)
        shifted = tf.gather(padded, rows, axis=1, batch_dims=1)
        return tf.gather(shifted, columns, axis=2, batch_dims=1)

    def get_config(self):
        return {**super().get_config(), "share": self.share}


def build_weak_augmenter(flip: bool = True, seed: int | None = None) -> keras.Sequential:
    """Builds the layer that makes weak views: a flip, and a shift by up to an eighth.

    Args:
        flip: Boolean, whether images are mirrored. Leave it out where a mirrored image may be of
            another class.
        seed: Integer, at least 0, that makes the sequence of views repeatable, or `None`.

    Returns:
        A `keras.Sequential`: uint8 `[N, H, W, C]` -> float32 `[N, H, W, C]` in [0, 1].

    References:
        Sohn et al. 2020, "FixMatch: simplifying semi-supervised learning with consistency and
        confidence", section 2.3.
    """
    steps = [keras.layers.Rescaling(1 / 255, dtype="float32")]
    if flip:
        steps.append(RandomFlip(0.5, operation_seed(seed, "flip")))
    steps.append(RandomShift(seed=operation_seed(seed, "shift")))
    return keras.Sequential(steps, name="weak_augmenter")
