"""Batch normalization of images in one operation, where Keras takes a dozen."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="simclr_utils")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, whose statistics, scaling and gradient in training are one kernel each.

    Variables, configuration and values are Keras' own, up to rounding. Only training on images
    `[N, H, W, C]`, normalized over their channels with center and scale, differs; everything else,
    `synchronized` and `renorm` included, is left to Keras. Networks are saved with Keras' layer
    in its place, so that a file needs nothing of ours: `networks.as_float32`.
    """

    def call(self, inputs, training=None, mask=None):
        images = len(inputs.shape) == 4 and self.axis in (-1, 3)
        plain = images and self.center and self.scale and not self.synchronized and mask is None
        if not (training and self.trainable and plain) or getattr(self, "renorm", False):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
        )
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), variance.dtype)
        variance *= (count - 1) / count  # the kernel's is that of a sample, Keras keeps the images'
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return outputs
