"""SimCLR as a Keras model: two views, one encoder, one head, one loss."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from simclr_utils.keras_settings import warn_of_overridden
from simclr_utils.training.gradient_caching import cached_gradients
from simclr_utils.training.losses import contrastive_accuracy, nt_xent_loss

warn_of_overridden()


class SimCLR(keras.Model):
    """Trains an encoder to recognize two views of one image among the views of other images.

    Each training step draws two random views of each image, encodes all views in one pass,
    projects the features, and updates the weights of encoder and projection head with the
    gradient of a contrastive loss. No label is read.

    Train the model with `fit` on batches of uint8 images, such as those of `image_batches`. The
    metrics are `loss` and `contrastive_accuracy`. With `validation_data`, `val_loss` and
    `val_contrastive_accuracy` join them; they are computed in inference mode on random views.

    Args:
        augmenter: Layer that takes uint8 images `[N, H, W, C]` and returns one random view of
            each, float32 in [0, 1], such as that of `build_augmenter`.
        encoder: `keras.Model` that takes views and returns features, float `[N, D]`. It is
            the part to keep after pretraining.
        projection_head: `keras.Model` that takes features and returns projections, float
            `[N, P]`. It is discarded after pretraining.
        temperature: Float above 0. The temperature of the loss.
        loss: Function `(projections_1, projections_2, temperature)` that returns a scalar tensor.
            If it has a parameter `block_size`, it is given `micro_batch_size` as well.
        micro_batch_size: Integer that divides the batch size, or `None`. The number of images
            that are in the encoder at once. Use it for batches that do not fit into memory; each
            step then needs a second forward pass. `None` encodes the whole batch at once.
        second_augmenter: Layer like `augmenter` that draws the second view of each image. `None`
            draws both views with `augmenter`.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Raises:
        TypeError: If `loss` is not a function.

    Example:

    >>> augmenter = build_augmenter(32)
    >>> encoder = build_encoder((32, 32, 3))
    >>> head = build_projection_head(encoder.output_shape[-1])
    >>> model = SimCLR(augmenter, encoder, head, temperature=0.2)
    >>> model.compile(optimizer=build_optimizer("adamw", learning_rate=1e-3))
    >>> steps = len(images) // 256
    >>> model.fit(image_batches(images, 256), steps_per_epoch=steps, epochs=10, shuffle=False)
    >>> features = encoder(images / 255)

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", algorithm 1.
    """

    def __init__(
        self,
        augmenter: keras.Layer,
        encoder: keras.Model,
        projection_head: keras.Model,
        temperature: float = 0.1,
        loss: Callable = nt_xent_loss,
        micro_batch_size: int | None = None,
        second_augmenter: keras.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(loss):
            raise TypeError(
                "`loss` must be a function of two batches of projections and a temperature, such "
                f"as `nt_xent_loss`. Received: {loss!r}"
            )
        self.augmenter = augmenter
        self.encoder = encoder
        self.projection_head = projection_head
        self.temperature = temperature
        self.loss_function = loss  # Keras' `compile` writes to `loss`
        self.micro_batch_size = micro_batch_size
        self.second_augmenter = second_augmenter
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.accuracy_tracker = keras.metrics.Mean(name="contrastive_accuracy")

    @property
    def metrics(self):
        return [self.loss_tracker, self.accuracy_tracker]

    def compile(self, *args, **kwargs):
        """Configures the model for training, as Keras' `compile` does.

        Args:
            *args: Arguments of Keras' `compile`.
            **kwargs: Arguments of Keras' `compile`, such as `optimizer`.
        """
        super().compile(*args, **kwargs)
        # A function that creates variables in its first call is traced twice, which takes seconds.
        self.optimizer.build(self.trainable_variables)

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Draws two views of each image and projects them.

        Args:
            images: Uint8 tensor or array `[N, H, W, C]`.
            training: Boolean, whether encoder and head run in training mode. Views are random in
                both modes.

        Returns:
            A list of two float32 tensors `[N, P]`: the projections of the first views and those
            of the second views.
        """
        # One pass over both views: BatchNormalization sees them as one batch.
        features = self.encoder(self.draw_views(images), training=training)
        return tf.split(self.projection_head(features, training=training), 2)

    def draw_views(self, images: tf.Tensor) -> tf.Tensor:
        """Draws two views of each image.

        Args:
            images: Uint8 tensor or array `[N, H, W, C]`.

        Returns:
            A float32 tensor `[2N, H, W, C]` in [0, 1]: the first view of each image, then the
            second view of each.
        """
        second = self.augmenter if self.second_augmenter is None else self.second_augmenter
        return tf.concat([self.augmenter(images), second(images)], axis=0)

    def contrastive_loss(self, projections_1: tf.Tensor, projections_2: tf.Tensor) -> tf.Tensor:
        """Computes the loss of a batch at the model's temperature.

        Args:
            projections_1: Float tensor `[N, P]`, of the first views.
            projections_2: Float tensor `[N, P]`, of the second views.

        Returns:
            A scalar tensor.
        """
        blocks = {}
        if "block_size" in inspect.signature(self.loss_function).parameters:
            blocks = {"block_size": self.micro_batch_size}
        return self.loss_function(projections_1, projections_2, self.temperature, **blocks)

    def train_step(self, images: tf.Tensor) -> dict:
        """Updates the weights once, and returns the metrics so far.

        Args:
            images: Uint8 tensor `[N, H, W, C]`.

        Returns:
            A dict from the names of the metrics to scalar tensors.
        """
        if self.micro_batch_size is not None:
            loss, *projections, gradients = cached_gradients(self, images, self.micro_batch_size)
            self.optimizer.apply(gradients, self.trainable_variables)
            return self.update_metrics(loss, *projections)
        with tf.GradientTape() as tape:
            projections_1, projections_2 = self(images, training=True)
            loss = self.contrastive_loss(projections_1, projections_2)
            scaled_loss = self.optimizer.scale_loss(loss)  # matters under float16 only
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self.update_metrics(loss, projections_1, projections_2)

    def test_step(self, images: tf.Tensor) -> dict:
        """Evaluates one batch, and returns the metrics so far.

        Args:
            images: Uint8 tensor `[N, H, W, C]`.

        Returns:
            A dict from the names of the metrics to scalar tensors.
        """
        projections_1, projections_2 = self(images, training=False)
        loss = self.contrastive_loss(projections_1, projections_2)
        return self.update_metrics(loss, projections_1, projections_2)

    def update_metrics(
        self, loss: tf.Tensor, projections_1: tf.Tensor, projections_2: tf.Tensor
    ) -> dict:
        """Adds a batch to the metrics, and returns their values so far.

        Args:
            loss: Scalar tensor, the loss of the batch.
            projections_1: Float tensor `[N, P]`, of the first views.
            projections_2: Float tensor `[N, P]`, of the second views.

        Returns:
            A dict from the names of the metrics to scalar tensors.
        """
        self.loss_tracker.update_state(loss)
        accuracy = contrastive_accuracy(projections_1, projections_2, self.micro_batch_size)
        self.accuracy_tracker.update_state(accuracy)
        return {metric.name: metric.result() for metric in self.metrics}
