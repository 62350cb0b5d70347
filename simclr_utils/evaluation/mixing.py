"""Classifiers for training with labels, with and without MixUp or CutMix."""

from typing import Any

import keras
import tensorflow as tf

MIXING = "mixing"  # the name of the setting
NO_MIXING = "none"


class AugmentedClassifier(keras.Model):
    """Classifies uint8 images, which are augmented during training only.

    Args:
        augmenter: Layer, uint8 images -> one random view of each, float32 in 0..1.
        classifier: `keras.Model`, float images in 0..1 -> logits.
        **kwargs: Passed to `keras.Model`.
    """

    def __init__(self, augmenter: keras.layers.Layer, classifier: keras.Model, **kwargs: Any):
        super().__init__(**kwargs)
        self.augmenter = augmenter
        self.classifier = classifier

    def call(self, images, training=False):
        pixels = self.augmenter(images) if training else tf.cast(images, tf.float32) / 255
        return self.classifier(pixels, training=training)


class MixedClassifier(AugmentedClassifier):
    """Trains on mixtures of two views each, with the share of each view's class as the target.

    The augmenter draws a view of each image, the mixer makes new images of the views of the batch.
    Only training is changed: images to predict are not mixed.

    Args:
        augmenter: Layer, as `AugmentedClassifier` takes it.
        classifier: `keras.Model`, as `AugmentedClassifier` takes it.
        mixer: Layer, float views `[N, H, W, C]` and targets `[N, num_classes]` -> the same of the
            mixtures.
        **kwargs: Passed to `keras.Model`.
    """

    def __init__(
        self,
        augmenter: keras.layers.Layer,
        classifier: keras.Model,
        mixer: keras.layers.Layer,
        **kwargs: Any,
    ):
        super().__init__(augmenter, classifier, **kwargs)
        self.mixer = mixer

    def train_step(self, batch: tuple) -> dict:
        """Updates the weights once, and returns the loss of the batch and the metrics so far.

        Args:
            batch: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`, or a triple with
                the weights `[N]` of the images. A mixture has shares of two weights.

        Returns:
            A dict of scalar tensors. The accuracy is the share of mixtures that are taken for the
            class of their first view.
        """
        images, labels, *weights = batch
        targets = tf.one_hot(labels, self.classifier.output_shape[-1])
        if weights:
            targets *= weights[0][:, None]
        views, targets = self.mixer(self.augmenter(images), targets)
        with tf.GradientTape() as tape:
            logits = self.classifier(views, training=True)
            if weights:  # TensorFlow's own loss has another gradient unless targets sum to 1
                losses = -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=1)
            else:
                losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {**self.compute_metrics(images, labels, logits, *weights), "loss": loss}


class MixUp(keras.layers.Layer):
    """Adds two views: Keras' `MixUp`, with one weight for each image.

    The weights are uniform in 0..1, as the paper has them for images of 32 pixels.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Example:

    >>> mixed, targets = MixUp()(views, tf.one_hot(labels, 10))

    References:
        Zhang et al. 2018, "mixup: beyond empirical risk minimization", section 3.2.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.layer = keras.layers.MixUp(alpha=1.0, dtype="float32")

    def call(self, views: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mixes each view with one of another image of the batch.

        Args:
            views: Float tensor `[N, H, W, C]`.
            targets: Float tensor `[N, num_classes]`, the shares of the classes in each view.

        Returns:
            A pair of float32 tensors of the same shapes.
        """
        mixed = self.layer({"images": views, "labels": targets})
        return mixed["images"], mixed["labels"]


class CutMix(keras.layers.Layer):
    """Pastes a box of one view into another: Keras' `CutMix`, with targets that fit the pixels.

    Keras' layer computes the targets from the box before it is rounded to pixels. They differ from
    the pasted area by up to 6 % of an image of 32 pixels. Here the number of the image is one more
    channel of the views, and after the cut its values say where each pixel comes from.

    The area of the box is uniform in 0..1 before rounding, as in the paper. The box lies inside of
    the image; the paper cuts off what lies beyond the edge.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Example:

    >>> mixed, targets = CutMix()(views, tf.one_hot(labels, 10))

    References:
        Yun et al. 2019, "CutMix: regularization strategy to train strong classifiers with
        localizable features".
    """

    def __init__(self, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.layer = keras.layers.CutMix(factor=(1.0, 1.0), dtype="float32")

    def call(self, views: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Pastes a box of another view of the batch into each view.

        Args:
            views: Float tensor `[N, H, W, C]`.
            targets: Float tensor `[N, num_classes]`, the shares of the classes in each view.

        Returns:
            A pair of float32 tensors of the same shapes.
        """
        numbers = tf.range(tf.shape(views)[0])
        channel = tf.ones_like(views[..., :1]) * tf.cast(numbers, views.dtype)[:, None, None, None]
        mixed = self.layer(tf.concat([views, channel], axis=-1))
        origins = tf.cast(mixed[..., -1], tf.int32)
        pasted = origins != numbers[:, None, None]
        area = tf.reduce_mean(tf.cast(pasted, tf.float32), axis=(1, 2))[:, None]
        partners = tf.reduce_max(tf.where(pasted, origins, 0), axis=(1, 2))
        targets = (1 - area) * targets + area * tf.gather(targets, partners)
        return mixed[..., :-1], targets


MIXERS = {"mixup": MixUp, "cutmix": CutMix}


def with_mixing(model: AugmentedClassifier, mixing: str) -> AugmentedClassifier:
    """Returns a classifier that trains on mixtures of images.

    Args:
        model: `AugmentedClassifier`, whose layers are used.
        mixing: String, a key of `MIXERS`, or `"none"`.

    Returns:
        A `MixedClassifier`, or the model itself for `"none"`.

    Raises:
        ValueError: If there is no mixing of that name.
    """
    if mixing == NO_MIXING:
        return model
    if mixing not in MIXERS:
        raise ValueError(f"Unknown mixing {mixing!r}. Choose from {[NO_MIXING, *MIXERS]}.")
    return MixedClassifier(model.augmenter, model.classifier, MIXERS[mixing]())
