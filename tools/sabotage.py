"""Injects the historical bugs of SimCLR tutorials into a small run, one at a time."""

import contextlib
import tempfile
import warnings

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.data.dataset import load_dataset
from simclr_utils.data.shapes import render_shapes
from simclr_utils.evaluation import probes
from simclr_utils.evaluation.features import EncoderChangedError, frozen
from simclr_utils.evaluation.protocol import Protocol
from simclr_utils.evaluation.results import Results
from simclr_utils.training import doctor, simclr
from simclr_utils.training.batches import image_batches
from simclr_utils.training.networks import build_encoder, build_projection_head
from simclr_utils.training.optimizers import build_optimizer
from simclr_utils.views.recipe import build_augmenter

SIZE, BATCH, STEPS, EPOCHS = 16, 32, 30, 2
STRENGTH = 0.5  # at 1, sixty steps teach a network of this size hardly anything


class FaultyAugmenter(keras.layers.Layer):
    """Replaces the views of an augmenter by those of `fault(augmenter, images)`."""

    def __init__(self, augmenter, fault):
        super().__init__()
        self.augmenter, self.fault = augmenter, fault

    def build(self, input_shape):
        self.augmenter.build(input_shape)

    def call(self, images):
        return self.fault(self.augmenter, images)


def train(seed=0, fault=None, learning_rate=3e-3, optimizer="adamw", batch_size=BATCH, loss=None,
          same_view=False, copies=False, steps=STEPS, epochs=EPOCHS):  # fmt: skip
    """Pretrains for sixty steps with a run doctor and with one thing wrong.

    Args:
        seed: Integer.
        fault: Function of an augmenter and images that returns the views, or `None`.
        learning_rate: Float.
        optimizer: String, as in `build_optimizer`.
        batch_size: Integer.
        loss: Function of two projections and a temperature that `contrastive_loss` computes in
            place of NT-Xent, or `None`.
        same_view: Boolean, whether the second view is the first.
        copies: Boolean, whether the pool is one image, many times.
        steps: Integer, the number of steps per epoch.
        epochs: Integer. One step of one epoch is enough for the checks before the first step.

    Returns:
        A list of strings, the findings of the run doctor.
    """
    keras.utils.set_random_seed(seed)
    images = render_shapes(320, seed=seed, image_size=SIZE).images
    if copies:
        images = np.repeat(images[:1], len(images), axis=0)
    augmenter = build_augmenter(SIZE, STRENGTH, seed=seed)
    if fault is not None:
        augmenter = FaultyAugmenter(augmenter, fault)
    encoder = build_encoder((SIZE, SIZE, 3), width=8)
    kind = SameViewSimCLR if same_view else simclr.SimCLR
    if loss is not None:
        kind = overriding(loss)
    model = kind(augmenter, encoder, build_projection_head(encoder.output_shape[-1], 32, 16))
    model.compile(build_optimizer(optimizer, learning_rate))
    said = []
    watcher = doctor.RunDoctor(images, batch_size, said.append)
    with contextlib.suppress(doctor.TrainingFailedError):
        model.fit(
            image_batches(images, batch_size, seed),
            steps_per_epoch=steps,
            epochs=epochs,
            callbacks=[watcher],
            verbose=0,
            shuffle=False,
        )
    return said


def overriding(loss):
    """Returns a `SimCLR` class that claims to compute NT-Xent and computes another loss."""

    class WrongLossSimCLR(simclr.SimCLR):
        def contrastive_loss(self, projections_1, projections_2):
            return loss(projections_1, projections_2, self.temperature)

    return WrongLossSimCLR


class SameViewSimCLR(simclr.SimCLR):
    """Uses one view twice."""

    def call(self, images, training=False):
        view = self.augmenter(images)
        views = tf.concat([view, view], axis=0)
        features = self.encoder(views, training=training)
        return tf.split(self.projection_head(features, training=training), 2)


def wrong_loss(normalize=True, axis=1, divide=True, mask=True, cross_only=False, scale=1.0, sign=1):
    """Returns NT-Xent with one mistake."""

    def loss(projections_1, projections_2, temperature):
        count = tf.shape(projections_1)[0]
        z = tf.concat([projections_1, projections_2], axis=0)
        z = tf.math.l2_normalize(z, axis=axis) if normalize else z
        logits = sign * tf.matmul(z, z, transpose_b=True)
        logits = logits / temperature if divide else logits * temperature
        if mask:
            logits = tf.linalg.set_diag(logits, tf.fill([2 * count], tf.cast(-1e9, z.dtype)))
        if cross_only:
            side = tf.range(2 * count) // count
            logits = tf.where(side[:, None] == side[None], tf.cast(-1e9, z.dtype), logits)
        positives = (tf.range(2 * count) + count) % (2 * count)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
        return scale * tf.reduce_mean(each)

    return loss


def pull_only(projections_1, projections_2, temperature):
    """Computes a loss without negatives."""
    units = [tf.math.l2_normalize(part, axis=1) for part in (projections_1, projections_2)]
    return -tf.reduce_mean(tf.reduce_sum(units[0] * units[1], axis=1))


FROZEN_DRAWS = np.random.default_rng(0)


def frozen_at_trace(augmenter, images):
    """Draws from NumPy: once, while the graph is traced."""
    shift = FROZEN_DRAWS.integers(1, 6, 2).tolist()
    return tf.roll(tf.cast(images, tf.float32) / 255, shift, axis=[1, 2])


def probe_in_training_mode():
    """Computes features with training=True, which moves the batch statistics."""
    encoder = build_encoder((SIZE, SIZE, 3), width=8)
    images = render_shapes(64, seed=0, image_size=SIZE).images / np.float32(255)
    try:
        with frozen(encoder):
            encoder(images, training=True)
    except EncoderChangedError as error:
        return [str(error)]
    return []


def small_shapes():
    return load_dataset(
        "shapes", limits={"unlabeled": 60, "train": 60, "validation": 20, "test": 40}
    )


def test_looked_at_twice():
    """Scores a row a second time, as if its setting were chosen by the test score."""
    dataset = small_shapes()
    with tempfile.TemporaryDirectory() as folder:
        results = Results(f"{folder}/results.csv", dataset="shapes", preset="tiny", fingerprint="x")
        protocol = Protocol(dataset, results, folder)
        row = {"method": "linear_probe", "labels": 60, "subset_seed": 0}
        protocol.score(np.zeros(40, int), **row)
        try:
            protocol.score(np.ones(40, int), **row)
        except RuntimeError as error:
            return [f"{type(error).__name__}: {error}".replace(folder, "...")]
    return []


def constant_labels():
    features, labels = np.random.default_rng(0).normal(size=(50, 4)), np.zeros(50, int)
    try:
        probes.fit_linear_probe(features, labels, (features, labels))
    except ValueError as error:
        return [f"labels constant: {error}"]
    return []


def probe_not_converged():
    random = np.random.default_rng(0)
    data = random.normal(size=(200, 30)), random.integers(0, 5, 200)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            probes.fit_linear_probe(*data, data, max_iterations=1)
    except RuntimeError as error:
        return [f"probe not converged: {error}"]
    return []


def glance(**options):
    """Makes a run of one step, for the checks that the run doctor makes before it."""
    return train(steps=1, epochs=1, **options)


# A bug, the name of the finding that it has to cause, and a function that injects it.
SABOTAGES = [
    ("self-similarity not masked", "wrong loss", lambda: glance(loss=wrong_loss(mask=False))),
    ("cross-view candidates only", "wrong loss", lambda: glance(loss=wrong_loss(cross_only=True))),
    ("both directions summed", "wrong loss", lambda: glance(loss=wrong_loss(scale=2.0))),
    ("temperature multiplied", "wrong loss", lambda: glance(loss=wrong_loss(divide=False))),
    ("normalized over the wrong axis", "wrong loss", lambda: glance(loss=wrong_loss(axis=0))),
    ("not normalized", "wrong loss", lambda: glance(loss=wrong_loss(normalize=False))),
    ("Keras' negative cosine similarity", "wrong loss", lambda: glance(loss=wrong_loss(sign=-1))),
    ("no negatives", "wrong loss", lambda: glance(loss=pull_only)),
    ("a pool of one image, many times", "collapse", lambda: train(copies=True)),
    ("augmentation off", "augmentation off",
     lambda: glance(fault=lambda augmenter, images: tf.cast(images, tf.float32) / 255)),
    ("random numbers frozen at trace time", "views identical",
     lambda: glance(fault=frozen_at_trace)),
    ("one draw for the whole batch", "one draw for the batch",
     lambda: glance(fault=lambda augmenter, images: tf.roll(
         tf.cast(images, tf.float32) / 255, tf.random.uniform([2], 1, 9, tf.int32), [1, 2]))),
    ("pixels not divided by 255", "views out of range",
     lambda: glance(fault=lambda augmenter, images: 255 * augmenter(images))),
    ("the same view twice", "same view twice", lambda: glance(same_view=True)),
    ("learning rate a million times too low", "learning rate too low",
     lambda: train(learning_rate=3e-9)),
    ("learning rate a thousand times too high", "learning rate too high",
     lambda: train(learning_rate=30.0)),
    ("exploding gradients", "not a number",
     lambda: train(optimizer="sgd", learning_rate=1e30)),
    ("views that share nothing", "nothing learned",
     lambda: train(fault=lambda augmenter, images: tf.random.uniform(
         [BATCH if images.shape[0] is None else images.shape[0], SIZE, SIZE, 3]))),
    ("a batch of 8", "few negatives", lambda: glance(batch_size=8)),
    ("labels constant", "labels constant", constant_labels),
    ("batch statistics move during the probe", "encoder changed", probe_in_training_mode),
    ("best epoch picked on the test set", "ScoredBefore", test_looked_at_twice),
    ("probe stopped before it converged", "probe not converged", probe_not_converged),
]  # fmt: skip
HEALTHY_SEEDS = range(5)
