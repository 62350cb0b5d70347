"""What pretraining has to beat: the same encoder trained from scratch, tuned on validation."""

import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.training.batches import image_batches, without_autotune
from simclr_utils.training.networks import build_classifier
from simclr_utils.training.optimizers import build_optimizer, warmup_cosine

# Chosen last, in trainings of full length: what keeps a network from learning its images by heart
# shows its worth only over as many epochs as it will be used for. It multiplies the strengths of
# the views' operations; 0 leaves only the flips, which have no strength.
CHOSEN_AT_FULL_LENGTH = "augmentation_strength"
# The rest is chosen in trainings of a fifth of the steps, and of at least as many as it takes for
# an order to show.
TUNING_SHARE, MIN_TUNING_STEPS = 1 / 5, 60
BATCH_SIZE = 64
NUM_CHECKS = 5  # how often validation accuracy is taken during a training


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
    """What one training of the baseline ended in.

    Attributes:
        weights: list of arrays, of the classifier after the last step.
        settings: dict, a value for each of the trainer's `axes`.
        num_steps: int, update steps.
        validation_curve: list of floats, accuracy at even distances over the training; empty
            without validation images.
        minutes: float, how long it took.
    """

    weights: list
    settings: dict
    num_steps: int
    validation_curve: list
    minutes: float


class SupervisedBaseline:
    """The same encoder trained from scratch, as often as a comparison needs it.

    One model for each weight decay and augmentation is compiled and used again for every
    training: its weights, its optimizer and its random state start anew each time. Tracing a
    model takes longer than a short training.

    Args:
        build_model: function of the augmentation strength, a float, that returns a fresh
            `AugmentedClassifier`.
        batch_size: int; fewer images than that make one batch.

    Attributes:
        axes: dict from the name of a setting to the values that `tune` tries, in its order. The
            search starts from the first of each.
        callbacks: list, of every `fit`.
    """

    axes = {
        "learning_rate": (1e-2, 3e-3, 3e-2),
        "weight_decay": (1e-1, 1e-4),
        CHOSEN_AT_FULL_LENGTH: (0.5, 0.0, 1.0),
    }

    def __init__(self, build_model, batch_size=BATCH_SIZE):
        self.build_model = build_model
        self.batch_size = batch_size
        self.models = {}
        self.callbacks = []

    def fresh_model(self, settings, seed):
        """The compiled model for some settings, as if it had just been built with `seed`."""
        keras.utils.set_random_seed(seed)
        fresh, key = self.build_model(settings["augmentation_strength"]), model_key(settings)
        if key not in self.models:
            fresh.compile(
                optimizer=self.optimizer(settings),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
            )
            # It and the metric have their variables now, so that the step is traced once.
            fresh.optimizer.build(fresh.trainable_variables)
            self.models[key] = fresh
            return fresh
        model = self.models[key]
        for variable, start in zip(network_variables(model), network_variables(fresh), strict=True):
            variable.assign(start)
        for variable in model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        return model

    @classmethod
    def tuning_lengths(cls, num_steps):
        """Update steps of each training that `tune` makes for one of `num_steps`, a list."""
        short = {name: axis for name, axis in cls.axes.items() if name != CHOSEN_AT_FULL_LENGTH}
        num_short = 1 + sum(len(axis) - 1 for axis in short.values())
        num_full = len(cls.axes[CHOSEN_AT_FULL_LENGTH])
        if tuning_steps(num_steps) == num_steps:
            num_short -= 1  # one of them is of full length already
        return [tuning_steps(num_steps)] * num_short + [num_steps] * num_full

    @classmethod
    def num_models(cls):
        """How many models `tune` compiles, an int: the learning rate needs none of its own."""
        return 1 + sum(len(axis) - 1 for name, axis in cls.axes.items() if name != "learning_rate")

    def optimizer(self, settings):
        """A fresh optimizer; `FollowSchedule` sets its learning rate."""
        return build_optimizer("adamw", 0.0, weight_decay=settings["weight_decay"])

    def start(self, model, train, validation):
        """Where a training starts: from scratch, at the weights the model was built with."""

    def train(self, train, validation, num_steps, settings, seed=0):
        """Trains with augmentation, AdamW, warm-up and cosine decay, to the last step.

        The weights after the last step are the result: no epoch is picked.

        Args:
            train: pair of uint8 images `[N, H, W, C]` and int labels `[N]`.
            validation: a pair likewise, scored five times on the way, or `None`.
            num_steps: int, update steps; rounded to a multiple of five.
            settings: dict, a value for each of `axes`.
            seed: int, of weights, augmentation and the order of the images.

        Returns:
            A `SupervisedRun`.
        """
        started, (images, labels) = time.monotonic(), train
        model = self.fresh_model(settings, seed)
        self.start(model, train, validation)
        steps_per_check = max(1, round(num_steps / NUM_CHECKS))
        num_steps = steps_per_check * NUM_CHECKS
        if validation is not None:
            validation = tf.data.Dataset.from_tensor_slices(validation).batch(512)
            validation = without_autotune(validation)
        history = model.fit(
            image_batches(images, min(self.batch_size, len(images)), seed, labels),
            steps_per_epoch=steps_per_check,
            epochs=NUM_CHECKS,
            validation_data=validation,
            callbacks=[
                FollowSchedule(warmup_cosine(settings["learning_rate"], num_steps)),
                *self.callbacks,
            ],
            verbose=0,
            shuffle=False,
        )
        curve = history.history.get("val_accuracy", [])
        minutes = (time.monotonic() - started) / 60
        return SupervisedRun(model.classifier.get_weights(), settings, num_steps, curve, minutes)

    def tune(self, train, validation, num_steps, seed=0):
        """Chooses one setting after the other by the validation accuracy at the last step.

        The strength of augmentation comes last, in trainings of full length, the others before
        it in short ones.

        Args:
            train, validation: pairs of uint8 images and int labels.
            num_steps: int, update steps of the training that the settings are for.
            seed: int.

        Returns:
            The best `SupervisedRun` of full length, and the list of all.
        """
        settings = {name: axis[0] for name, axis in self.axes.items()}
        runs = {}
        for name, axis in self.axes.items():
            length = num_steps if name == CHOSEN_AT_FULL_LENGTH else tuning_steps(num_steps)
            keys = [(*{**settings, name: value}.values(), length) for value in axis]
            for key in keys:
                if key not in runs:
                    point = dict(zip(settings, key[:-1], strict=True))
                    runs[key] = self.train(train, validation, length, point, seed)
            best = max((runs[key] for key in keys), key=lambda run: run.validation_curve[-1])
            settings = best.settings
        return best, list(runs.values())

    def predict(self, run, images, batch_size=512):
        """Class numbers `[N]` by a run's weights, for uint8 images `[N, H, W, C]`."""
        model = self.models[model_key(run.settings)]
        model.classifier.set_weights(run.weights)
        parts = [
            np.argmax(model(images[start : start + batch_size], training=False), axis=1)
            for start in range(0, len(images), batch_size)
        ]
        return np.concatenate(parts)


class FollowSchedule(keras.callbacks.Callback):
    """Sets the learning rate before every step; a schedule inside the optimizer is traced once.

    Args:
        schedule: function of the step, an int -> the learning rate.
    """

    def __init__(self, schedule):
        super().__init__()
        self.schedule, self.step = schedule, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = float(self.schedule(self.step))
        self.step += 1


def tuning_steps(num_steps):
    """Update steps of a training that tries settings for one of `num_steps`."""
    return min(num_steps, max(MIN_TUNING_STEPS, round(TUNING_SHARE * num_steps)))


def model_key(settings):
    """What a compiled model is made for; the learning rate is set step by step."""
    return tuple(settings[name] for name in sorted(settings) if name != "learning_rate")


def network_variables(model):
    """All variables of augmenter and classifier: weights, batch statistics, random state."""
    return [*model.augmenter.variables, *model.classifier.variables]


def supervised_steps(num_labels, factor):
    """Update steps (of 64 images) for a number of labels: `factor * sqrt(num_labels)`, an int.

    More labels carry more to learn, but fewer epochs of them are needed.
    """
    return max(NUM_CHECKS, round(factor * num_labels**0.5))


def build_supervised(augmenter, encoder, num_classes):
    """Puts augmenter, encoder and a linear softmax layer together: an `AugmentedClassifier`."""
    return AugmentedClassifier(augmenter, build_classifier(encoder, num_classes))
