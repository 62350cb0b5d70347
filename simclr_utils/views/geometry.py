"""The random operations on places: flips, turns and cutout."""

from typing import Any

import keras
import tensorflow as tf

from simclr_utils.views.layers import KerasOperation, RandomOperation, operation_seed


@keras.saving.register_keras_serializable("simclr_utils")
class RandomFlip(RandomOperation):
    """Mirrors some images left to right.

    Args:
        probability: Float in [0, 1], the chance of each image to be mirrored.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
    """

    def __init__(self, probability=0.5, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)

    def transform(self, images):
        return tf.reverse(images, axis=[2])


@keras.saving.register_keras_serializable("simclr_utils")
class RandomCutout(RandomOperation):
    """Covers a square of each image with gray; the square may reach beyond the edge.

    The box of `keras.layers.RandomErasing` lies within the image, so that it rarely covers a
    corner, and it is no square.

    Args:
        share: Float in [0, 1], the largest side of the square as a share of the image's.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
        **kwargs: Arguments of `RandomOperation`.

    Raises:
        ValueError: If `share` is not in [0, 1].

    References:
        DeVries, Taylor 2017, "Improved regularization of convolutional neural networks with
        cutout".
    """

    def __init__(self, share: float = 0.5, seed: int | None = None, **kwargs: Any):
        super().__init__(seed=seed, **kwargs)
        if not 0 <= share <= 1:
            raise ValueError(f"`share` must be in 0 to 1. Received: {share}")
        self.share = share

    def transform(self, images):
        side = self.per_image(images, 0.0, self.share)
        covered = tf.ones([1, 1, 1, 1], tf.bool)
        for axis in (1, 2):
            length = images.shape[axis]
            shape = [1, length, 1, 1] if axis == 1 else [1, 1, length, 1]
            place = tf.reshape((tf.range(length, dtype=tf.float32) + 0.5) / length, shape)
            covered &= tf.abs(place - self.per_image(images, 0.0, 1.0)) < side / 2
        return tf.where(covered, 0.5, images)

    def get_config(self):
        return {**super().get_config(), "share": self.share}


@keras.saving.register_keras_serializable("simclr_utils")
class RandomVerticalFlip(RandomFlip):
    """Mirrors some images top to bottom.

    Args:
        probability: Float in [0, 1], the chance of each image to be mirrored.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
    """

    def transform(self, images):
        return tf.reverse(images, axis=[1])


@keras.saving.register_keras_serializable("simclr_utils")
class RandomQuarterTurns(RandomOperation):
    """Turns some images by 90, 180 or 270 degrees, each with the same chance.

    Args:
        probability: Float in [0, 1], the chance of each image to be turned. At 3/4, the four
            positions of an image are equally frequent.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.

    Raises:
        ValueError: If it is called on images that are not square.

    References:
        Gidaris et al. 2018, "Unsupervised representation learning by predicting image rotations".
    """

    def __init__(self, probability=0.75, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)

    def transform(self, images):
        height, width = images.shape[1:3]
        if height != width:
            raise ValueError(
                f"A rotation by 90 degrees needs square images, but these have {height} x {width} "
                "pixels. Put a crop into the operations, which makes them square."
            )
        quarter, half = tf.reverse(tf.transpose(images, [0, 2, 1, 3]), [1]), images[:, ::-1, ::-1]
        turns = tf.cast(1 + self.per_image(images, 0.0, 3.0)[:, 0, 0, 0], tf.int32)
        turned = tf.raw_ops.Select(condition=turns == 1, x=quarter, y=half)
        return tf.raw_ops.Select(condition=turns == 3, x=quarter[:, ::-1, ::-1], y=turned)


def build_tilt(degrees: float, probability: float = 0.5, seed: int | None = None) -> KerasOperation:
    """Builds the layer that turns images by a few degrees. Edges are mirrored.

    Args:
        degrees: Float in 0..180. The angle is uniform in `[-degrees, degrees]`.
        probability: Float in [0, 1], the chance of each image to be turned.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.

    Returns:
        A `KerasOperation`.
    """
    # A seed of its own: with the same draws, the angle would decide which images are turned.
    turn = keras.layers.RandomRotation(
        degrees / 360, seed=operation_seed(seed, "angle"), dtype="float32"
    )
    return KerasOperation(turn, probability, seed)
