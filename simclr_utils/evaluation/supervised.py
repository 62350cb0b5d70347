"""The baseline that pretraining has to beat: the same encoder trained from scratch, and tuned."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax

from simclr_utils.evaluation.class_weights import with_weights
from simclr_utils.evaluation.mixing import MIXING, NO_MIXING, AugmentedClassifier, with_mixing
from simclr_utils.evaluation.predictions import with_argmax
from simclr_utils.training.activations import images_at_once
from simclr_utils.training.batches import image_batches, without_autotune
from simclr_utils.training.callbacks import FollowSchedule
from simclr_utils.training.networks import build_classifier
from simclr_utils.training.optimizers import build_optimizer, warmup_cosine

# Multiplies the strengths of the views' operations; at 0 only `flip` remains, which has none.
STRENGTH = "augmentation_strength"
LENGTH = "length"  # multiplies the update steps
BATCH_SIZE = 64
SHORTEST_AT = 100  # labels, with which a run has the fewest steps
NUM_CHECKS = 5  # measurements of validation accuracy during a run


@dataclass(frozen=True)
class SupervisedRun:
    """The result of one training run.

    Attributes:
        weights: List of arrays, the classifier's weights after the last step.
        settings: Dict, a value for each of the trainer's `axes`.
        num_steps: Integer, the update steps.
        validation_curve: List of floats, the validation accuracy at equal intervals during the
            run. It is empty without validation images.
        minutes: Float, the duration.
    """

    weights: list
    settings: dict
    num_steps: int
    validation_curve: list
    minutes: float


class SupervisedBaseline:
    """Trains the same encoder from scratch, as often as a comparison needs it.

    One model for each weight decay, augmentation and mixing is compiled, and reused for every run,
    because tracing a model takes longer than a short run. Weights, optimizer and random state are
    reset before each run, to values that are kept for the runs with the same seed.

    Args:
        build_model: Function of the augmentation strength, a float, that returns a fresh
            `AugmentedClassifier`.
        batch_size: Integer. If there are fewer images, they make one batch.
        class_weight: String. With "balanced", every class counts equally in the loss and in the
            accuracy on validation images; with "none", every image does.

    Attributes:
        axes: Dict from the name of a setting to the values that are tried, in order. The middle
            number is the default, and the first name if the values are names. The settings are
            chosen one after the other, in this order.
        callbacks: List of callbacks that are passed to every `fit`.
    """

    axes = {
        "learning_rate": (3e-3, 1e-2, 3e-2),
        "weight_decay": (1e-2, 1e-1, 1.0),
        STRENGTH: (0.5, 1.0, 1.5),
        MIXING: (NO_MIXING, "mixup", "cutmix"),
        LENGTH: (0.5, 1.0, 2.0),
    }

    def __init__(
        self,
        build_model: Callable[[float], AugmentedClassifier],
        batch_size: int = BATCH_SIZE,
        class_weight: str = "none",
    ):
        self.build_model = build_model
        self.batch_size, self.class_weight = batch_size, class_weight
        self.models, self.starts = {}, {}
        self.callbacks = []

    def fresh_model(self, settings: dict, seed: int) -> AugmentedClassifier:
        """Returns the compiled model for some settings, reset as if just built with `seed`."""
        key = model_key(settings)
        if key not in self.starts or self.starts[key][0] != seed:
            # Only where it has to be: setting the seed makes TensorFlow prepare every kernel anew.
            keras.utils.set_random_seed(seed)
            fresh = with_mixing(self.build_model(settings[STRENGTH]), mixing_of(settings))
            self.starts[key] = seed, [np.asarray(each) for each in network_variables(fresh)]
            if key not in self.models:
                self.models[key] = self.compiled(fresh, settings)
        model = self.models[key]
        for variable, start in zip(network_variables(model), self.starts[key][1], strict=True):
            variable.assign(start)
        for variable in model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        return model

    def compiled(self, model: AugmentedClassifier, settings: dict) -> AugmentedClassifier:
        """Compiles a model for all runs with the weight decay of some settings, and returns it."""
        weighted = "metrics" if self.class_weight == "none" else "weighted_metrics"
        model.compile(
            optimizer=self.optimizer(settings),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            **{weighted: [keras.metrics.SparseCategoricalAccuracy("accuracy")]},
        )
        # With its variables built beforehand, the training step is traced once.
        model.optimizer.build(model.trainable_variables)
        return model

    def optimizer(self, settings: dict) -> keras.optimizers.Optimizer:
        """Returns a fresh optimizer, whose learning rate `FollowSchedule` sets."""
        return build_optimizer("adamw", 0.0, weight_decay=settings["weight_decay"])

    def start(self, model: AugmentedClassifier, train: tuple) -> None:
        """Sets the weights that a run starts from. Here they stay as initialized."""

    def train(
        self,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray] | None,
        num_steps: int,
        settings: dict,
        seed: int = 0,
    ) -> SupervisedRun:
        """Trains with augmentation, AdamW, warm-up and cosine decay.

        The weights after the last step are the result. No earlier epoch is selected.

        Args:
            train: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`. A third array, the
                numbers of their groups, matters to `FineTuning` only.
            validation: Pair of uint8 images and integer labels on which accuracy is measured five
                times during the run, or `None`. Nothing is learned from them.
            num_steps: Integer, the update steps; rounded to a multiple of five.
            settings: Dict, a value for each of `axes`. The steps are `num_steps`, whatever its
                `length` is. Without `mixing`, images are not mixed.
            seed: Integer, the seed of weights, augmentation and the order of the images.

        Returns:
            A `SupervisedRun`.
        """
        started, (images, labels) = time.monotonic(), train[:2]
        model = self.fresh_model(settings, seed)
        self.start(model, train)
        num_steps = whole_checks(num_steps)
        if validation is not None:
            answers = validation[1]
            validation = tf.data.Dataset.from_tensor_slices(validation).batch(512)
            validation = with_weights(validation, answers, self.class_weight)
            validation = without_autotune(validation)
        batches = image_batches(images, min(self.batch_size, len(images)), seed, labels)
        history = model.fit(
            with_weights(batches, labels, self.class_weight),
            steps_per_epoch=num_steps // NUM_CHECKS,
            epochs=NUM_CHECKS,
            validation_data=validation,
            callbacks=[
                # Traced: one call of the bare schedule takes a tenth of a step.
                FollowSchedule(tf.function(warmup_cosine(settings["learning_rate"], num_steps))),
                *self.callbacks,
            ],
            verbose=0,
            shuffle=False,
        )
        curve = history.history.get("val_accuracy", [])
        minutes = (time.monotonic() - started) / 60
        return SupervisedRun(model.classifier.get_weights(), settings, num_steps, curve, minutes)

    def predict_probabilities(
        self, run: SupervisedRun, images: np.ndarray, batch_size: int | None = None
    ) -> np.ndarray:
        """Predicts class probabilities with the weights of a run.

        Args:
            run: A `SupervisedRun` of this trainer.
            images: Uint8 array `[N, H, W, C]`.
            batch_size: Integer, how many images to classify at a time, or `None` for as many as
                need half a gigabyte, but at most 512.

        Returns:
            A float array `[N, C]`. The argmax of each row is that of the logits.
        """
        model = self.models[model_key(run.settings)]
        model.classifier.set_weights(run.weights)
        batch_size = batch_size or images_at_once(model.classifier)
        logits = np.concatenate(
            [
                np.asarray(model(images[start : start + batch_size], training=False))
                for start in range(0, len(images), batch_size)
            ]
        )
        # A run that diverged has NaN logits. It is scored with equal probabilities.
        finite = np.isfinite(logits).all(axis=1, keepdims=True)
        probabilities = softmax(np.where(finite, logits, 0).astype(np.float64), axis=1)
        return with_argmax(probabilities, logits.argmax(axis=1))


def whole_checks(num_steps):
    """Returns update steps rounded to a multiple of `NUM_CHECKS`, but not to 0."""
    return max(1, round(num_steps / NUM_CHECKS)) * NUM_CHECKS


def model_key(settings):
    """Returns the key of a compiled model: all settings that the graph depends on."""
    settings = {**settings, MIXING: mixing_of(settings)}
    free = ("learning_rate", LENGTH)
    return tuple(settings[name] for name in sorted(settings) if name not in free)


def mixing_of(settings):
    """Returns how images are mixed with some settings. Without an entry, they are not."""
    return settings.get(MIXING, NO_MIXING)


def network_variables(model):
    """Returns all variables of a model's layers: weights, batch statistics and random state."""
    return [variable for layer in model.layers for variable in layer.variables]


def supervised_steps(num_labels: int, factor: float) -> int:
    """Returns the update steps for a number of labels, N.

    From 100 labels on these are `factor * sqrt(N)`: more labels take more steps, but fewer epochs.
    Below, they are `factor * 100 / sqrt(N)`: with ever new views of a few images, accuracy goes on
    rising for longer.

    Args:
        num_labels: Integer, the number of labeled images.
        factor: Float, the preset's `supervised_steps_factor`.

    Returns:
        An integer.
    """
    root = num_labels**0.5
    return max(NUM_CHECKS, round(factor * max(root, SHORTEST_AT / root)))


def build_supervised(
    augmenter: keras.layers.Layer, encoder: keras.Model, num_classes: int
) -> AugmentedClassifier:
    """Builds a classifier from an augmenter, an encoder and a new linear layer.

    Args:
        augmenter: Layer, uint8 images -> one random view of each, float32 in 0..1.
        encoder: `keras.Model`, float images in 0..1 -> features `[N, D]`.
        num_classes: Integer, the number of classes.

    Returns:
        An `AugmentedClassifier`, uint8 images -> logits `[N, num_classes]`.
    """
    return AugmentedClassifier(augmenter, build_classifier(encoder, num_classes))
