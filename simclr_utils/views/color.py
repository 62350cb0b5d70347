"""The random operations on color: jitter and grayscale."""

import math

import keras
import tensorflow as tf

from simclr_utils.views.layers import RandomMixture, RandomOperation

# Weights of red, green and blue in luma, and the color space YIQ that is built on them.
LUMA = (0.299, 0.587, 0.114)
RGB_TO_YIQ = (LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def luma(images):
    """Computes the luma of each pixel of images `[N, H, W, C]`, one channel `[N, H, W, 1]`."""
    if images.shape[-1] == 1:
        return images
    red, green, blue = (images[..., channel, None] for channel in range(3))
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


@keras.saving.register_keras_serializable("simclr_utils")
class RandomColorJitter(RandomOperation):
    """Changes brightness, contrast, saturation and hue of each image.

    The factors of brightness, contrast and saturation are uniform in `[1 - x, 1 + x]`, but not
    below 0. The hue is rotated by an angle that is uniform in `[-hue, hue]` of the color circle.
    All four are linear in the color, so together they are one 3x3 matrix per image: saturation
    scales the two color axes of YIQ, and hue rotates them. The order is fixed (the paper shuffles
    it), and values are clipped to [0, 1] once, at the end. Images with one channel get brightness
    and contrast only.

    Args:
        brightness: Float, at least 0. The paper's is 0.8 at strength 1.
        contrast: Float, at least 0. The paper's is 0.8 at strength 1.
        saturation: Float, at least 0. The paper's is 0.8 at strength 1.
        hue: Float in [0, 0.5]. The paper's is 0.2 at strength 1.
        probability: Float in [0, 1], the chance of each image to be changed. The paper's is 0.8.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.

    Raises:
        ValueError: If a value is negative, or `hue` is above 0.5.

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", appendix A. The rotation of the hue in YIQ follows the `hsv` operation
        of NVIDIA DALI.
    """

    def __init__(self, brightness, contrast, saturation, hue, probability=0.8, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)
        self.ranges = {
            "brightness": brightness,
            "contrast": contrast,
            "saturation": saturation,
            "hue": hue,
        }
        if min(self.ranges.values()) < 0 or hue > 0.5:
            raise ValueError(
                f"Strengths must be at least 0, and `hue` at most 0.5. Received: {self.ranges}"
            )

    def factor(self, images, name):
        """Draws the factor of a change for each image, float32 `[N, 1, 1, 1]`."""
        strength = self.ranges[name]
        return self.per_image(images, max(0.0, 1 - strength), 1 + strength)

    def color_matrix(self, images):
        """Draws saturation and hue as matrices `[N, 3, 3]` that multiply rows of colors."""
        saturation = self.factor(images, "saturation")[:, 0, 0, 0]
        turn = self.ranges["hue"]
        angle = 2 * math.pi * self.per_image(images, -turn, turn)[:, 0, 0, 0]
        cos, sin = saturation * tf.cos(angle), saturation * tf.sin(angle)
        zero, one = tf.zeros_like(cos), tf.ones_like(cos)
        rows = [[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]]
        turned = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)
        to_yiq = tf.constant(RGB_TO_YIQ)
        matrix = tf.linalg.inv(to_yiq) @ turned @ to_yiq
        return tf.transpose(matrix, [0, 2, 1])

    def transform(self, images):
        brightness, contrast = self.factor(images, "brightness"), self.factor(images, "contrast")
        mean = tf.reduce_mean(luma(images), axis=[1, 2], keepdims=True)
        if images.shape[-1] == 3:
            matrix = self.color_matrix(images)[:, None]
            images = tf.matmul(images, tf.tile(matrix, [1, images.shape[1], 1, 1]))
        changed = brightness * (contrast * images + (1 - contrast) * mean)
        return tf.clip_by_value(changed, 0.0, 1.0)

    def get_config(self):
        return {**super().get_config(), **self.ranges}


@keras.saving.register_keras_serializable("simclr_utils")
class RandomGrayscale(RandomMixture):
    """Replaces some images with their gray version, which keeps three channels.

    Args:
        amount: Float in [0, 1], the share of the gray version that is mixed in.
        probability: Float in [0, 1], the chance of each image to be changed. The paper's is 0.2.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
    """

    def __init__(self, amount=1.0, probability=0.2, seed=None, **kwargs):
        super().__init__(amount, probability, seed, **kwargs)

    def other(self, images):
        return luma(images)
