"""SimCLR: two views, one encoder, one head, one loss. Algorithm 1 of the paper as a Keras model."""

import keras
import tensorflow as tf

from simclr_utils.keras_settings import warn_of_overridden
from simclr_utils.training.gradient_caching import cached_gradients
from simclr_utils.training.losses import contrastive_accuracy, nt_xent_loss

warn_of_overridden()


class SimCLR(keras.Model):
    """Trains an encoder to recognise two views of one image among the views of others.

    Args:
        augmenter: layer, uint8 images `[N, H, W, C]` -> one random view of each, float32 in 0..1.
        encoder: `keras.Model`, views -> features `[N, D]`; what one keeps.
        projection_head: `keras.Model`, features -> projections; thrown away after pretraining.
        temperature: float > 0, of the loss.
        micro_batch_size: int, images in the encoder at once in training, a divisor of the batch:
            for batches that do not fit into memory, by a second forward pass; `cached_gradients`.
            `None` takes the whole batch at once.

    `fit` takes batches of uint8 images without labels, such as `image_batches` yields. Its
    metrics are `loss` and `contrastive_accuracy`; with `validation_data` also `val_loss` and
    `val_contrastive_accuracy`, computed on random views in inference mode. Chance level of the
    loss is log(2N-1).

    Example:
        model = SimCLR(augmenter, encoder, projection_head, temperature=0.2)
        model.compile(optimizer=build_optimizer(...))
        steps = len(images) // 256
        model.fit(image_batches(images, 256), steps_per_epoch=steps, epochs=10, shuffle=False)

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", algorithm 1.
    """

    def __init__(
        self,
        augmenter,
        encoder,
        projection_head,
        temperature=0.1,
        micro_batch_size=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.augmenter = augmenter
        self.encoder = encoder
        self.projection_head = projection_head
        self.temperature = temperature
        self.micro_batch_size = micro_batch_size
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.accuracy_tracker = keras.metrics.Mean(name="contrastive_accuracy")

    @property
    def metrics(self):
        return [self.loss_tracker, self.accuracy_tracker]

    def compile(self, *args, **kwargs):
        """As Keras' `compile`. The optimizer makes its variables here: a function that makes
        variables in its first call is traced twice, which takes seconds."""
        super().compile(*args, **kwargs)
        self.optimizer.build(self.trainable_variables)

    def call(self, images, training=False):
        """Two views of each image -> their projections, two float32 tensors `[N, D]`."""
        views = tf.concat([self.augmenter(images), self.augmenter(images)], axis=0)
        # One pass over both views: BatchNormalization sees them as one batch.
        projections = self.projection_head(
            self.encoder(views, training=training), training=training
        )
        return tf.split(projections, 2)

    def contrastive_loss(self, projections_1, projections_2):
        """NT-Xent at this model's temperature, a scalar."""
        return nt_xent_loss(projections_1, projections_2, self.temperature, self.micro_batch_size)

    def train_step(self, images):
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

    def test_step(self, images):
        projections_1, projections_2 = self(images, training=False)
        loss = self.contrastive_loss(projections_1, projections_2)
        return self.update_metrics(loss, projections_1, projections_2)

    def update_metrics(self, loss, projections_1, projections_2):
        self.loss_tracker.update_state(loss)
        accuracy = contrastive_accuracy(projections_1, projections_2, self.micro_batch_size)
        self.accuracy_tracker.update_state(accuracy)
        return {metric.name: metric.result() for metric in self.metrics}
