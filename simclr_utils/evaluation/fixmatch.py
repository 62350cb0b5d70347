"""FixMatch: a network learns from labels, and from a pool that it labels where it is certain."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.evaluation.class_weights import with_weights
from simclr_utils.evaluation.mixing import AugmentedClassifier
from simclr_utils.evaluation.supervised import (
    BATCH_SIZE,
    NUM_CHECKS,
    SupervisedBaseline,
    SupervisedRun,
    model_key,
)
from simclr_utils.training.batches import image_batches
from simclr_utils.training.callbacks import FollowSchedule
from simclr_utils.training.optimizers import build_optimizer

# The paper's values for CIFAR-10 (table 4).
THRESHOLD = 0.95
UNLABELED_RATIO = 7
UNLABELED_WEIGHT = 1.0
LEARNING_RATE = 0.03
WEIGHT_DECAY = 5e-4
AVERAGING = 0.999


class FixMatch(keras.Model):
    """Trains a classifier with labeled images and with its own certain answers for a pool.

    The classifier predicts the class of a weak view of each image of the pool. Where its
    probability is at least `threshold`, this class is the label of a strong view of the same
    image. The other images of the pool do not count.

    Args:
        weak: Layer, uint8 images -> weak views, float32 in 0..1.
        strong: Layer, uint8 images -> strong views, float32 in 0..1.
        classifier: `keras.Model`, float images in 0..1 -> logits.
        threshold: Float in 0..1.
        unlabeled_weight: Float, at least 0, the weight of the pool's loss. With 0, the labels
            alone teach the classifier.
        **kwargs: Arguments of `keras.Model`.

    Attributes:
        averaged: List of variables, the moving average of the classifier's weights and batch
            statistics, which is evaluated.

    References:
        Sohn et al. 2020, "FixMatch: simplifying semi-supervised learning with consistency and
        confidence".
    """

    def __init__(
        self,
        weak: keras.layers.Layer,
        strong: keras.layers.Layer,
        classifier: keras.Model,
        threshold: float = THRESHOLD,
        unlabeled_weight: float = UNLABELED_WEIGHT,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.weak, self.strong, self.classifier = weak, strong, classifier
        self.threshold, self.unlabeled_weight = threshold, unlabeled_weight
        self.averaged = [tf.Variable(weight, trainable=False) for weight in classifier.weights]
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.share_tracker = keras.metrics.Mean(name="share_certain")

    @property
    def metrics(self):
        return [self.loss_tracker, self.share_tracker]

    def call(self, images, training=False):
        pixels = self.weak(images) if training else tf.cast(images, tf.float32) / 255
        return self.classifier(pixels, training=training)

    def train_step(self, batch: tuple) -> dict:
        """Updates the weights and their average once, and returns the metrics so far.

        Args:
            batch: `((images, labels), pool)`: labeled uint8 images, their integer labels, and
                uint8 images of the pool. Or `((images, labels, weights), pool)`, with the weight
                of each labeled image in the loss.

        Returns:
            A dict of scalar tensors: `loss`, and `share_certain`, the share of the pool's images
            that count.
        """
        (images, labels, *weights), pool = batch
        numbers = [images.shape[0], pool.shape[0], pool.shape[0]]
        with tf.GradientTape() as tape:
            # One pass, as in the paper's code: batch normalization sees all images together.
            views = tf.concat([self.weak(images), self.weak(pool), self.strong(pool)], axis=0)
            logits = tf.split(self.classifier(views, training=True), numbers)
            labeled_loss = cross_entropy(labels, logits[0]) * (weights[0] if weights else 1)
            pool_loss, share = pseudo_label_loss(logits[1], logits[2], self.threshold)
            loss = tf.reduce_mean(labeled_loss) + self.unlabeled_weight * pool_loss
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.classifier.trainable_variables)
        self.optimizer.apply(gradients, self.classifier.trainable_variables)
        self.update_average()
        self.loss_tracker.update_state(loss)
        self.share_tracker.update_state(share)
        return {metric.name: metric.result() for metric in self.metrics}

    def update_average(self) -> None:
        """Moves the averages towards the weights; faster in the first steps than later."""
        step = tf.cast(self.optimizer.iterations, tf.float32)
        kept = tf.minimum(AVERAGING, (1 + step) / (10 + step))
        for average, weight in zip(self.averaged, self.classifier.weights, strict=True):
            average.assign(kept * average + (1 - kept) * tf.cast(weight, average.dtype))


def cross_entropy(labels, logits):
    """Returns the cross-entropy `[N]` of integer labels `[N]` and logits `[N, C]`."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def pseudo_label_loss(
    weak_logits: tf.Tensor, strong_logits: tf.Tensor, threshold: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the loss of strong views whose labels are the certain answers for weak views.

    Args:
        weak_logits: Float tensor `[N, C]`. No gradient passes through it.
        strong_logits: Float tensor `[N, C]`, of the same images.
        threshold: Float in 0..1, the probability from which an answer counts.

    Returns:
        Two scalar tensors: the sum of the losses that count divided by N, and the share of images
        that count.
    """
    probabilities = tf.stop_gradient(tf.nn.softmax(weak_logits))
    certain = tf.cast(tf.reduce_max(probabilities, axis=1) >= threshold, tf.float32)
    losses = cross_entropy(tf.argmax(probabilities, axis=1), strong_logits)
    return tf.reduce_mean(certain * losses), tf.reduce_mean(certain)


class FixMatchTrainer(SupervisedBaseline):
    """Runs FixMatch as often as a comparison needs it, with the settings of the paper.

    Learning rate 0.03 with Nesterov momentum 0.9, weight decay 0.0005, seven images of the pool
    for each labeled one, threshold 0.95, weight 1 and an averaged network are the paper's. So is
    the schedule, cos(7 pi k / 16 K) at step k of K. The number of steps is smaller, the network is
    the study's, and the strong views are what `build_views` returns.

    Args:
        build_model: Function of the augmentation strength, as `SupervisedBaseline` takes it. Its
            augmenter is not used.
        build_views: Function that returns a pair of fresh layers, for weak and for strong views.
        pool: Uint8 array `[N, H, W, C]`, images without labels.
        batch_size: Integer, the number of labeled images in a batch.
        unlabeled_weight: Float, as in `FixMatch`.
        class_weight: String, as in `SupervisedBaseline`. The answers for the pool all count alike.
    """

    # One point: nothing is tuned.
    axes = {"augmentation_strength": (1.0,)}

    def __init__(
        self,
        build_model: Callable[[float], AugmentedClassifier],
        build_views: Callable[[], tuple],
        pool: np.ndarray,
        batch_size: int = BATCH_SIZE,
        unlabeled_weight: float = UNLABELED_WEIGHT,
        class_weight: str = "none",
    ):
        super().__init__(build_model, batch_size, class_weight)
        self.build_views, self.pool = build_views, pool
        self.unlabeled_weight = unlabeled_weight

    def fresh_model(self, settings: dict, seed: int) -> FixMatch:
        """Returns a compiled `FixMatch` model with weights and views of a seed."""
        keras.utils.set_random_seed(seed)
        classifier = self.build_model(settings["augmentation_strength"]).classifier
        model = FixMatch(*self.build_views(), classifier, unlabeled_weight=self.unlabeled_weight)
        model.compile(build_optimizer("sgd", LEARNING_RATE, WEIGHT_DECAY))
        model.optimizer.build(classifier.trainable_variables)
        self.models = {model_key(settings): model}
        return model

    def train(
        self,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray] | None,
        num_steps: int,
        settings: dict,
        seed: int = 0,
    ) -> SupervisedRun:
        """Trains with labels and pool; the averaged weights after the last step are the result.

        Args:
            train: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`.
            validation: Not used.
            num_steps: Integer, the update steps; rounded to a multiple of five.
            settings: Dict with `augmentation_strength`.
            seed: Integer, the seed of weights, views and the order of the images.

        Returns:
            A `SupervisedRun` without a validation curve.
        """
        started, (images, labels) = time.monotonic(), train[:2]
        model = self.fresh_model(settings, seed)
        steps = max(1, round(num_steps / NUM_CHECKS))
        batch_size = min(self.batch_size, len(images))
        pool_size = min(UNLABELED_RATIO * batch_size, len(self.pool))
        batches = tf.data.Dataset.zip(
            with_weights(
                image_batches(images, batch_size, seed, labels), labels, self.class_weight
            ),
            image_batches(self.pool, pool_size, seed),
        )
        schedule = falling_cosine(LEARNING_RATE, NUM_CHECKS * steps)
        model.fit(
            batches,
            steps_per_epoch=steps,
            epochs=NUM_CHECKS,
            callbacks=[FollowSchedule(schedule), *self.callbacks],
            verbose=0,
            shuffle=False,
        )
        weights = [np.asarray(average) for average in model.averaged]
        minutes = (time.monotonic() - started) / 60
        return SupervisedRun(weights, settings, NUM_CHECKS * steps, [], minutes)


def falling_cosine(learning_rate: float, num_steps: int) -> Callable[[int], float]:
    """Returns the paper's schedule, a function of the step: it ends at a fifth of the peak."""
    return lambda step: learning_rate * float(np.cos(7 * np.pi * int(step) / (16 * num_steps)))
