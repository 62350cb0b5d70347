"""Distillation: a small encoder learns, without labels, to predict the features of a large one."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.config import Config
from simclr_utils.data.dataset import Dataset
from simclr_utils.training import networks, optimizers
from simclr_utils.training.batches import image_batches
from simclr_utils.training.checkpoints import Checkpoints
from simclr_utils.training.pretraining import (
    Pretraining,
    describe_pretraining,
    in_float32,
    plan_epochs,
    run_identity,
)
from simclr_utils.views import recipe

# The views are milder than those of SimCLR. The teacher saw the whole image, and a small crop may
# not show what the teacher's features describe.
VIEW_STRENGTH = 0.5


class Distillation(keras.Model):
    """Trains an encoder so that a linear layer can predict the features of a teacher from its own.

    Each step draws one random view of each image. The loss is 1 minus the cosine similarity of
    the predicted and the teacher's features.

    Args:
        augmenter: Layer, uint8 images -> one random view of each, float32 in 0..1.
        encoder: `keras.Model`, views -> features `[N, D]`. It is the part to keep.
        projection_head: `keras.Model`, features -> predictions `[N, T]` of the teacher's features.
        **kwargs: Arguments of `keras.Model`.

    References:
        Hinton, Vinyals, Dean 2015, "Distilling the knowledge in a neural network".
        Romero et al. 2015, "FitNets: hints for thin deep nets".
    """

    def __init__(
        self,
        augmenter: keras.Layer,
        encoder: keras.Model,
        projection_head: keras.Model,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.augmenter = augmenter
        self.encoder = encoder
        self.projection_head = projection_head
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def call(self, images, training=False):
        features = self.encoder(self.augmenter(images), training=training)
        return self.projection_head(features, training=training)

    def train_step(self, batch: tuple) -> dict:
        """Updates the weights once, and returns the mean loss so far.

        Args:
            batch: Pair of uint8 images `[N, H, W, C]` and the teacher's features `[N, T]`, whose
                rows have length 1.

        Returns:
            A dict with the scalar tensor `loss`.
        """
        images, targets = batch
        with tf.GradientTape() as tape:
            predictions = tf.math.l2_normalize(self(images, training=True), axis=1)
            loss = tf.reduce_mean(1 - tf.reduce_sum(predictions * targets, axis=1))
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


def distill(
    targets: np.ndarray,
    dataset: Dataset,
    config: Config,
    seed: int = 0,
    preset: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint_folder: str | Path | None = None,
) -> Pretraining:
    """Trains the encoder of a config on the pool to match the features of a teacher.

    It makes as many steps as the SimCLR pretraining, with the same batches and optimizer, on one
    view of each image in place of two, at half the strength. No label is read.

    Args:
        targets: Float array `[N, T]`, the teacher's features of the pool, as `as_targets` returns
            them.
        dataset: `Dataset` whose `unlabeled` images are the pool.
        config: `Config` with encoder, views, optimizer, batch size and steps.
        seed: Integer, at least 0, as in `pretrain`.
        preset: String, the name of the preset for the record, or `None`.
        callbacks: Keras callbacks for `fit`.
        checkpoint_folder: Path, as in `pretrain`. The same call resumes a run that was stopped.

    Returns:
        A `Pretraining`. Its `projection_head` is the linear layer.

    Raises:
        ValueError: If there is not one row of targets for each image of the pool.
    """
    if len(targets) != len(dataset.unlabeled):
        raise ValueError(
            f"Received {len(targets)} rows of targets for {len(dataset.unlabeled)} images. Compute "
            "the teacher's features of this pool."
        )
    keras.utils.set_random_seed(seed)
    model = build_distillation(dataset.image_shape, config, targets.shape[1], seed)
    batch_size, steps_per_epoch, epochs = plan_epochs(len(dataset.unlabeled), config)
    rate = (config.optimizer, config.base_learning_rate, batch_size)
    peak = optimizers.peak_learning_rate(*rate)
    schedule = optimizers.warmup_cosine(peak, epochs * steps_per_epoch)
    model.compile(optimizers.build_optimizer(config.optimizer, schedule, config.weight_decay))
    model.optimizer.build(model.trainable_variables)
    first, seconds, history = 0, 0.0, keras.callbacks.History()
    if checkpoint_folder is not None:
        wanted = {**run_identity(dataset, config, seed, epochs), "teacher": _digest(targets)}
        history = Checkpoints(checkpoint_folder, wanted)
        first = history.restore(model)
        seconds = history.seconds
    started = time.monotonic()
    model.fit(
        target_batches(dataset.unlabeled, targets, batch_size, seed, first * steps_per_epoch),
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
        initial_epoch=first,
        callbacks=[*callbacks, history],
        verbose=0,
        shuffle=False,
    )
    seconds += time.monotonic() - started
    steps = epochs * steps_per_epoch
    details = describe_pretraining(dataset, config, preset, seed, steps, seconds)
    return in_float32(model, history.history, details)


def build_distillation(image_shape, config, teacher_dim, seed=0):
    """Builds a `Distillation` of the encoder and the views of a config, without compiling it."""
    height, _, channels = image_shape
    operations = dict(config.operations)
    augmenter = recipe.build_augmenter(height, VIEW_STRENGTH, operations, channels, seed)
    encoder = networks.build_encoder(image_shape, config.encoder, config.width)
    head = networks.build_projection_head(
        encoder.output_shape[-1], output_dim=teacher_dim, num_layers=1
    )
    return Distillation(augmenter, encoder, head)


def as_targets(features: np.ndarray) -> np.ndarray:
    """Returns a teacher's features, standardized and then scaled to length 1.

    Without their common mean, the features of two images differ in direction, so that the cosine
    similarity has something to tell apart.

    Args:
        features: Float array `[N, T]`.

    Returns:
        A float16 array `[N, T]`.
    """
    features = np.asarray(features, np.float32)
    centered = (features - features.mean(0)) / (features.std(0) + 1e-6)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    return (centered / np.maximum(lengths, 1e-6)).astype(np.float16)


def _digest(targets):
    return hashlib.blake2b(np.ascontiguousarray(targets), digest_size=8).hexdigest()


def target_batches(images, targets, batch_size, seed, first_step=0):
    """Returns endless batches of images and targets, in the order of `image_batches`."""
    rows = np.arange(len(images))

    def look_up(pixels, chosen):
        (found,) = tf.numpy_function(
            lambda n: [targets[n].astype(np.float32)], [chosen], [tf.float32]
        )
        found.set_shape((batch_size, targets.shape[1]))
        return pixels, found

    return image_batches(images, batch_size, seed, rows, first_step).map(look_up)
