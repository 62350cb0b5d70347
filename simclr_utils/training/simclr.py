"""SimCLR as a Keras model: two views, one encoder, one head, one loss."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from simclr_utils.keras_settings import warn_of_overridden
from simclr_utils.training.gradient_caching import cached_gradients
from simclr_utils.training.losses import contrastive_accuracy, nt_xent_loss
from simclr_utils.training.replicas import gather, synchronize_statistics
from simclr_utils.training.view_sizes import Stage, ViewSizes, accept_any_size
from simclr_utils.views.replica_draws import num_replicas, own_seeds

warn_of_overridden()


class SimCLR(keras.Model):
    """Trains an encoder to recognize two views of one image among the views of other images.

    Each training step draws two random views of each image, encodes all views in one pass,
    projects the features, and updates the weights of encoder and projection head with the
    gradient of a contrastive loss. No label is read.

    Train the model with `fit` on batches of uint8 images, such as those of `image_batches`. The
    metrics are `loss` and `contrastive_accuracy`. With `validation_data`, `val_loss` and
    `val_contrastive_accuracy` join them; they are computed in inference mode on random views.

    With `sizes`, the views of the first steps may be smaller, and each image may have small views
    beside its two large ones (multi-crop). The encoder then sees the views of each size in a pass
    of their own, with the same weights. The loss is the mean over all pairs of a large view and
    another view of the same image, so small views are never compared with each other. Each pair
    has the candidates that it has in SimCLR, 2N-1, and so the chance level of the loss stays. The
    contrastive accuracy and the values of `validation_data` are those of the two large views.

    Under a `tf.distribute` strategy, build the model and its parts in the strategy's scope. Each
    replica then encodes its share of the batch, and the candidates are the images of all replicas.
    BatchNormalization has the statistics of all replicas; with `micro_batch_size`, it has those of
    the microbatch. The gradient is that of the whole batch on one device. Each image gets the same
    views there and here, with two exceptions: layers that draw more than a few numbers for each
    image, such as noise, draw other ones, and so does each microbatch. All replicas need batches
    of the same size.

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
        sizes: `ViewSizes`, or `None` if all views have the size that `encoder` was built for.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Raises:
        TypeError: If `loss` is not a function.
        ValueError: If `sizes` has stages, and there is more than one replica.

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
        Caron et al. 2020, "Unsupervised learning of visual features by contrasting cluster
        assignments", section 3.3, for views of several sizes.
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
        sizes: ViewSizes | None = None,
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
        self.any_size, self.sizes = sizes is not None, sizes or ViewSizes()
        self.stage = None  # a `Stage` while its views are drawn
        # In a list, Keras finds the layers: their random states belong in the checkpoints.
        self.other_augmenters = self.sizes.augmenters()
        if self.any_size:
            accept_any_size(encoder)
        self._prepare_replicas(tf.distribute.get_strategy().num_replicas_in_sync)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.accuracy_tracker = keras.metrics.Mean(name="contrastive_accuracy")

    def _prepare_replicas(self, count):
        """Lets the statistics of `count` replicas be those of the whole batch."""
        if count == 1:
            return
        if self.sizes.early:  # replicas cannot exchange anything in a branch of a graph
            raise ValueError(
                f"The sizes of the views change during the run, which {count} devices cannot do "
                "together. Leave out the stages (`view_sizes` in a Config), or use one device."
            )
        if self.micro_batch_size is None:  # nor in a loop over microbatches
            synchronize_statistics(self.encoder)
            synchronize_statistics(self.projection_head)

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

    def build(self, images_shape: tuple) -> None:
        """Builds the augmenters that only training uses, when the shape of the images is known.

        Args:
            images_shape: Tuple `(N, height, width, channels)`.
        """
        for augmenter in self.other_augmenters:
            if not augmenter.built:
                augmenter.build((None, *images_shape[1:]))

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Draws two views of each image, in training also the small ones, and projects them.

        Args:
            images: Uint8 tensor or array `[N, H, W, C]`.
            training: Boolean, whether encoder and head run in training mode. Views are random in
                both modes.

        Returns:
            A list of two float32 tensors `[N, P]`: the projections of the first views and those
            of the second views. In training, those of each small view follow.
        """
        views = self.draw_all_views(images) if training else [self.draw_views(images)]
        num_views = 2 if len(views) == 1 else 2 + self.sizes.num_small
        return tf.split(self.project(views, training), num_views)

    def draw_views(self, images: tf.Tensor) -> tf.Tensor:
        """Draws two views of each image.

        Args:
            images: Uint8 tensor or array `[N, H, W, C]`.

        Returns:
            A float32 tensor `[2N, H, W, C]` in [0, 1]: the first view of each image, then the
            second view of each.
        """
        here = self if self.stage is None else self.stage
        second = here.augmenter if here.second_augmenter is None else here.second_augmenter
        return tf.concat([here.augmenter(images), second(images)], axis=0)

    def draw_all_views(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Draws the two views of each image, and its small views.

        Args:
            images: Uint8 tensor or array `[N, H, W, C]`.

        Returns:
            A list of float32 tensors, one for each size: `[2N, H, W, C]`, and if there are K small
            views of each image, `[K * N, h, w, C]`.
        """
        small = [self.sizes.small_augmenter(images) for _ in range(self.sizes.num_small)]
        return [self.draw_views(images), *([tf.concat(small, axis=0)] if small else [])]

    def project(self, views: list[tf.Tensor], training: bool) -> tf.Tensor:
        """Encodes the views of each size, and projects all features together.

        Args:
            views: List of float tensors, as `draw_all_views` returns it.
            training: Boolean, whether encoder and head run in training mode.

        Returns:
            A float32 tensor `[V, P]`, the projections of all views in their order.
        """
        with own_seeds(self.encoder), own_seeds(self.projection_head):
            # One pass over all views of a size: BatchNormalization sees them as one batch.
            features = [self.encoder(part, training=training) for part in views]
            features = features[0] if len(features) == 1 else tf.concat(features, axis=0)
            return self.projection_head(features, training=training)

    def loss_of_views(self, projections: list[tf.Tensor]) -> tf.Tensor:
        """Computes the mean loss over the pairs of a large view and any other view of an image.

        Args:
            projections: List of two or more float tensors `[N, P]`: of the first and the second
                views, then of each small view.

        Returns:
            A scalar tensor.
        """
        first, second, *small = projections
        pairs = [(first, second), *((large, view) for large in (first, second) for view in small)]
        losses = [self.contrastive_loss(*pair) for pair in pairs]
        return losses[0] if len(losses) == 1 else tf.add_n(losses) / len(losses)

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
            blocks = {"block_size": self.block_size(projections_1)}
        return self.loss_function(projections_1, projections_2, self.temperature, **blocks)

    def block_size(self, projections: tf.Tensor) -> int | None:
        """Returns how many anchors are compared with all candidates at once.

        Args:
            projections: Float tensor `[N, P]`, of one side, from all replicas.

        Returns:
            An integer, or `None` for all of them.
        """
        if self.micro_batch_size is None and num_replicas() > 1 and projections.shape[0]:
            return projections.shape[0] // num_replicas()  # the batch may be too large for a device
        return self.micro_batch_size

    def train_step(self, images: tf.Tensor) -> dict:
        """Updates the weights once, and returns the metrics so far.

        Args:
            images: Uint8 tensor `[N, H, W, C]`.

        Returns:
            A dict from the names of the metrics to scalar tensors.
        """
        found = self.sizes.at_step(
            self.optimizer.iterations, lambda stage: self.loss_and_gradients(images, stage)
        )
        loss, projections_1, projections_2, gradients = found
        self.optimizer.apply(gradients, self.trainable_variables)
        return self.update_metrics(loss, projections_1, projections_2)

    def loss_and_gradients(self, images: tf.Tensor, stage: Stage | None = None) -> tuple:
        """Computes the loss of a batch, and what a step needs besides.

        Args:
            images: Uint8 tensor `[N, H, W, C]`.
            stage: `Stage` whose views are drawn, or `None` for the model's own.

        Returns:
            A tuple of four: the loss, a scalar tensor; the projections of the first views and those
            of the second views, two tensors `[N, P]`; and the gradients of the trainable variables,
            a list of tensors, scaled by the optimizer's `scale_loss`. Under several replicas, loss
            and projections are those of the whole batch, and the gradients add up to its gradient.
        """
        self.stage = stage
        try:
            if self.micro_batch_size is not None:
                return cached_gradients(self, images, self.micro_batch_size)
            with tf.GradientTape() as tape:
                projections = [gather(side) for side in self(images, training=True)]
                loss = self.loss_of_views(projections)
                scaled_loss = self.optimizer.scale_loss(loss)  # matters under float16 only
            return loss, *projections[:2], tape.gradient(scaled_loss, self.trainable_variables)
        finally:
            self.stage = None

    def test_step(self, images: tf.Tensor) -> dict:
        """Evaluates one batch, and returns the metrics so far.

        Args:
            images: Uint8 tensor `[N, H, W, C]`.

        Returns:
            A dict from the names of the metrics to scalar tensors.
        """
        projections_1, projections_2 = [gather(side) for side in self(images, training=False)]
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
        blocks = self.block_size(projections_1)
        accuracy = contrastive_accuracy(projections_1, projections_2, blocks)
        self.accuracy_tracker.update_state(accuracy)
        return {metric.name: metric.result() for metric in self.metrics}
