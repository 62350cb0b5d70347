"""The random filters, blur and Sobel, and noise."""

import keras
import tensorflow as tf

from simclr_utils.views.layers import RandomMixture, RandomOperation
from simclr_utils.views.replica_draws import own_seeds


@keras.saving.register_keras_serializable("simclr_utils")
class RandomGaussianBlur(RandomOperation):
    """Blurs each image with a Gaussian of random width.

    The kernel spans a tenth of the image, as in the paper, but at least 3 pixels. Edges are
    mirrored.

    Args:
        sigma: Pair of floats above 0, the range of the standard deviation in pixels. The paper's
            is (0.1, 2).
        probability: Float in [0, 1], the chance of each image to be changed. The paper's is 0.5.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.

    Raises:
        ValueError: If `sigma` is not a positive range.
    """

    def __init__(self, sigma=(0.1, 2.0), probability=0.5, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)
        if not 0 < sigma[0] <= sigma[1]:
            raise ValueError(f"`sigma` must be a positive range. Received: {sigma}")
        self.sigma = tuple(sigma)

    def transform(self, images):
        radius = max(1, images.shape[1] // 20)
        sigma = self.per_image(images, *self.sigma)
        taps = tf.range(-radius, radius + 1, dtype=tf.float32)[None, :, None, None]
        kernel = tf.exp(-(taps**2) / (2 * sigma**2))
        kernel = kernel / tf.reduce_sum(kernel, axis=1, keepdims=True)
        for axis in (1, 2):
            margins = [[0, 0]] * 4
            margins[axis] = [radius, radius]
            padded = tf.pad(images, margins, "SYMMETRIC")
            length = images.shape[axis]
            shifted = [
                tf.gather(padded, tf.range(tap, tap + length), axis=axis)
                for tap in range(2 * radius + 1)
            ]
            images = tf.add_n([kernel[:, tap, None] * part for tap, part in enumerate(shifted)])
        return images

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma}


@keras.saving.register_keras_serializable("simclr_utils")
class RandomGaussianNoise(RandomOperation):
    """Adds Gaussian noise to each pixel, with a random standard deviation for each image.

    Args:
        max_stddev: Float, at least 0. The standard deviation is uniform in `[0, max_stddev]`, for
            pixels in [0, 1].
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
    """

    def __init__(self, max_stddev=0.1, probability=0.5, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)
        self.max_stddev = max_stddev

    def transform(self, images):
        with own_seeds(self):
            noise = keras.random.normal(tf.shape(images), seed=self.seed_generator)
        stddev = self.per_image(images, 0.0, self.max_stddev)
        return tf.clip_by_value(images + stddev * noise, 0.0, 1.0)

    def get_config(self):
        return {**super().get_config(), "max_stddev": self.max_stddev}


@keras.saving.register_keras_serializable("simclr_utils")
class RandomSobel(RandomMixture):
    """Replaces some images with their edges: the length of the gradient in each channel.

    An edge from 0 to 1 along a row or a column has the value 1. Places without an edge are black.

    Args:
        amount: Float in [0, 1], the share of the edges that is mixed in.
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
    """

    def other(self, images):
        slopes = tf.image.sobel_edges(images) / 4  # [N, H, W, C, 2]
        return tf.minimum(tf.norm(slopes, axis=-1), 1.0)
