"""What pretraining has to beat: the same encoder trained from scratch, tuned on validation."""

import itertools
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.batches import image_batches
from simclr_utils.networks import build_classifier
from simclr_utils.optimizers import build_optimizer

LEARNING_RATES = (1e-3, 4e-3)
WEIGHT_DECAYS = (1e-4, 1e-1)
NUM_CHECKS = 10  # how often validation accuracy is taken during a training


class AugmentedClassifier(keras.Model):
    """Classifies uint8 images: augmented while training, as they are otherwise.

    Args:
        augmenter: layer, uint8 images -> one random view of each, float32 in 0..1.
        classifier: `keras.Model`, float images in 0..1 -> logits.
    """

    def __init__(self, augmenter, classifier, **kwargs):
        super().__init__(**kwargs)
        self.augmenter = augmenter
        self.classifier = classifier

    def call(self, images, training=False):
        pixels = self.augmenter(images) if training else tf.cast(images, tf.float32) / 255
        return self.classifier(pixels, training=training)


@dataclass(frozen=True)
class SupervisedRun:
    """A trained classifier, with what was tried to get it.

    Attributes:
        model: `AugmentedClassifier`, trained.
        settings: dict with `learning_rate` and `weight_decay`.
        num_steps: int, update steps of this training.
        validation_curve: list of floats, accuracy at even distances over the training.
        tried: list of pairs (settings, last validation accuracy).
    """

    model: AugmentedClassifier
    settings: dict
    num_steps: int
    validation_curve: list
    tried: list

    def predict(self, images, batch_size=512):
        """Class numbers `[N]` for uint8 images `[N, H, W, C]`."""
        parts = [
            np.argmax(self.model(images[start : start + batch_size], training=False), axis=1)
            for start in range(0, len(images), batch_size)
        ]
        return np.concatenate(parts)


def supervised_steps(num_labels, factor=40):
    """Update steps (of 64 images) for a number of labels: `factor * sqrt(num_labels)`, an int.

    More labels carry more to learn, but fewer epochs of them are needed.
    """
    return max(NUM_CHECKS, round(factor * num_labels**0.5))


def train_supervised(model, train, validation, num_steps, settings, seed=0, batch_size=64):
    """Trains a classifier with augmentation, AdamW, warm-up and cosine decay.

    The weights after the last step are the result: no epoch is picked.

    Args:
        model: `AugmentedClassifier`, untrained.
        train: pair of uint8 images `[N, H, W, C]` and int labels `[N]`.
        validation: a pair likewise, measured ten times on the way, or `None`.
        num_steps: int, update steps.
        settings: dict with `learning_rate` and `weight_decay`.
        seed: int, of the order of the images.
        batch_size: int; fewer images than that make one batch.

    Returns:
        The list of validation accuracies, floats in 0..1; empty without validation images.
    """
    images, labels = train
    model.compile(
        optimizer=build_optimizer("adamw", num_steps=num_steps, **settings),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    if validation is not None:
        validation = tf.data.Dataset.from_tensor_slices(validation).batch(512)
    history = model.fit(
        image_batches(images, min(batch_size, len(images)), seed, labels),
        steps_per_epoch=max(1, num_steps // NUM_CHECKS),
        epochs=NUM_CHECKS,
        validation_data=validation,
        verbose=0,
        shuffle=False,
    )
    return history.history.get("val_accuracy", [])


def tune_supervised(build_model, train, validation, num_steps, seed=0):
    """Trains one classifier for each pair of learning rate and weight decay; keeps the best.

    Args:
        build_model: function without arguments that returns a fresh `AugmentedClassifier`.
        train, validation: pairs of uint8 images and int labels.
        num_steps: int, update steps of each training.
        seed: int.

    Returns:
        The `SupervisedRun` with the highest validation accuracy at its last step.
    """
    best, tried = None, []
    for learning_rate, weight_decay in itertools.product(LEARNING_RATES, WEIGHT_DECAYS):
        settings = {"learning_rate": learning_rate, "weight_decay": weight_decay}
        keras.utils.set_random_seed(seed)
        model = build_model()
        curve = train_supervised(model, train, validation, num_steps, settings, seed)
        tried.append((settings, curve[-1]))
        if best is None or curve[-1] > best.validation_curve[-1]:
            best = SupervisedRun(model, settings, num_steps, curve, tried)
    return best


def build_supervised(augmenter, encoder, num_classes):
    """Puts augmenter, encoder and a linear softmax layer together: an `AugmentedClassifier`."""
    return AugmentedClassifier(augmenter, build_classifier(encoder, num_classes))
