"""The random crop that is resized."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from simclr_utils.views.layers import RandomOperation


@keras.saving.register_keras_serializable("simclr_utils")
class RandomResizedCrop(RandomOperation):
    """Cuts a random box out of each image and resizes it.

    The area of the box is uniform in `scale`, and the logarithm of its aspect ratio is uniform
    over `aspect_ratio`. Of ten such draws, the first that fits into the image is taken; if none
    fits, it is the whole image. The resizing is bilinear with aligned pixel centers, so the box
    of a whole image returns the image unchanged.

    Args:
        image_size: Integer, the height and width of the output.
        scale: Pair of floats in (0, 1], the range of the area as a share of the image. The
            paper's is (0.08, 1).
        aspect_ratio: Pair of floats above 0, the range of width / height. The paper's is
            (3/4, 4/3).
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
        **kwargs: Arguments of `RandomOperation` and `keras.Layer`. With a `probability` below 1,
            the other images are resized as a whole.

    Input shape:
        Float32 `[N, height, width, channels]` in [0, 1].

    Output shape:
        Float32 `[N, image_size, image_size, channels]` in [0, 1].

    Raises:
        ValueError: If a range is empty, or `scale` is not within (0, 1].

    Example:

    >>> crop = RandomResizedCrop(32, scale=(0.2, 1.0), seed=0)
    >>> crop(np.zeros([8, 64, 48, 3], dtype="float32")).shape
    TensorShape([8, 32, 32, 3])

    References:
        Szegedy et al. 2015, "Going deeper with convolutions".
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", appendix A.
    """

    ATTEMPTS = 10

    def __init__(
        self,
        image_size: int,
        scale: Sequence[float] = (0.08, 1.0),
        aspect_ratio: Sequence[float] = (3 / 4, 4 / 3),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f"`scale` must be a range within 0 to 1. Received: {scale}")
        if not 0 < aspect_ratio[0] <= aspect_ratio[1]:
            raise ValueError(f"`aspect_ratio` must be a positive range. Received: {aspect_ratio}")
        self.image_size = image_size
        self.scale = tuple(scale)
        self.aspect_ratio = tuple(aspect_ratio)

    def sample_boxes(self, images: tf.Tensor) -> tf.Tensor:
        """Draws a box for each image.

        Args:
            images: Tensor or array `[N, height, width, channels]`; only its shape is read.

        Returns:
            A float32 tensor `[N, 4]`: top, left, height and width as shares of the image.
        """
        height, width = images.shape[1:3]
        area = self.per_image(images, *self.scale, count=self.ATTEMPTS)[:, :, 0, 0]
        log_range = [math.log(ratio) for ratio in self.aspect_ratio]
        ratio = tf.exp(self.per_image(images, *log_range, count=self.ATTEMPTS)[:, :, 0, 0])
        box_width = tf.sqrt(area * ratio * height / width)
        box_height = tf.sqrt(area / ratio * width / height)
        fits = (box_width <= 1) & (box_height <= 1)
        first = tf.argmax(fits, axis=1)[:, None]
        box = tf.stack([box_height, box_width], axis=2)
        box = tf.gather(box, first, axis=1, batch_dims=1)[:, 0]
        box = tf.where(tf.reduce_any(fits, axis=1)[:, None], box, tf.ones_like(box))
        corner = self.per_image(images, 0.0, 1.0, count=2)[:, :, 0, 0] * (1 - box)
        return tf.concat([corner, box], axis=1)

    def call(self, images):
        return self.transform(images)  # an unchanged image may still have to be resized

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Crops all images, float32 `[N, H, W, C]`, to the image size."""
        size = tf.constant([float(length) for length in images.shape[1:3]])
        boxes = self.sample_boxes(images)
        if self.probability < 1:
            chosen = self.per_image(images, 0.0, 1.0)[:, :, 0, 0] < self.probability
            boxes = tf.where(chosen, boxes, [0.0, 0.0, 1.0, 1.0])
        corner, box = boxes[:, :2] * size, boxes[:, 2:] * size  # in pixels
        # `crop_and_resize` takes the centers of the first and the last output pixel.
        step = box / self.image_size
        first = corner + step / 2 - 0.5
        last = first + step * (self.image_size - 1)
        ends = tf.concat([first, last], 1) / tf.tile(size - 1, [2])
        # At 1, rounding may reach beyond the image, where `crop_and_resize` reads black. A whole
        # image that keeps its size needs no rounding.
        exact = (boxes[:, 2:] == 1) & (size == self.image_size)
        ends = tf.clip_by_value(ends, 0, tf.tile(tf.where(exact, 1.0, 1 - 1e-6), [1, 2]))
        index = tf.range(tf.shape(images)[0])
        return tf.image.crop_and_resize(images, ends, index, [self.image_size] * 2)

    def get_config(self):
        config = {**super().get_config(), "image_size": self.image_size}
        return {**config, "scale": self.scale, "aspect_ratio": self.aspect_ratio}
