"""The check of the exercise on the training step."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.course.checks import PUZZLE, attempt
from simclr_utils.training.losses import nt_xent_loss

NUM_IMAGES, TEMPERATURE = 6, 0.5
# A message, and the arguments with which `reference_step` makes that mistake.
STEP_ANSWERS = {
    "Right: this is the training step of SimCLR.": {},
    "Not yet: the loss is right, but no weight has changed.": {"trained": ()},
    "Not yet: only the encoder has changed; the projection head has to learn as well.": {
        "trained": ("encoder",)
    },
    "Not yet: only the projection head has changed; the encoder has to learn as well.": {
        "trained": ("head",)
    },
    "Not yet: both views are the same; call the augmenter once for each.": {"same": True},
    "Not yet: the loss increases; pass the gradient unchanged: the optimizer subtracts it.": {
        "sign": -1
    },
    "Not yet: pass `training=True` to encoder and head, for their BatchNormalization.": {
        "training": False
    },
    "Not yet: put both views through the networks in one pass, so that BatchNormalization sees "
    "them as one batch.": {"one_pass": False},
    "Not yet: use the temperature that the function is given.": {"temperature": 0.1},
    "Not yet: both views have to be augmented; one of yours is the image itself.": {"raw": True},
}
# What `reference_step` does unless told otherwise.
RIGHT_STEP = {
    "trained": ("encoder", "head"),
    "same": False,
    "raw": False,
    "sign": 1,
    "training": True,
    "one_pass": True,
    "temperature": TEMPERATURE,
}


def check_training_step(function: Callable) -> str:
    """Tells whether a function trains encoder and head by one step, and if not, what is wrong.

    Args:
        function: Function `(images, augmenter, encoder, head, optimizer, temperature)` of a
            float tensor `[N, D]`, three functions of tensors, a Keras optimizer and a float. It
            returns the loss, a scalar.

    Returns:
        A sentence that begins with "Right", "Nearly" or "Not yet".
    """
    images = np.random.default_rng(0).normal(size=(NUM_IMAGES, 4)).astype("float32")
    parts = make_parts()

    def step():
        loss = function(tf.constant(images), *parts, TEMPERATURE)
        return None if loss is None else float(loss)

    loss, complaint = attempt(step)
    if complaint:
        return f"Not yet: {complaint}"
    moved = weights_of(parts)
    for message, mistake in STEP_ANSWERS.items():
        expected_parts = make_parts()
        expected = reference_step(images, *expected_parts, **mistake)
        if np.allclose(moved, weights_of(expected_parts), atol=1e-5):
            if loss is not None and np.isclose(loss, expected, rtol=1e-4):
                return message
            if message.startswith("Right"):
                other = "nothing is returned" if loss is None else "another number is returned"
                return f"Nearly: the weights are right, but {other}; return the loss."
    return f"Not yet: the new weights differ from the expected ones; {PUZZLE}."


def make_parts() -> tuple:
    """Returns augmenter, encoder, head and optimizer, with the same numbers at every call."""
    draws = np.random.default_rng(1)
    shifts = iter(draws.normal(size=(10, NUM_IMAGES, 4)).astype("float32"))
    networks = []
    for inputs, outputs in ((4, 5), (5, 3)):
        # Always float32: the rounding errors of bfloat16 would hide mistakes.
        dense = keras.layers.Dense(outputs, use_bias=False, dtype="float32")
        normalization = keras.layers.BatchNormalization(momentum=0.5, dtype="float32")
        start = keras.Input((inputs,))
        networks.append(keras.Model(start, normalization(dense(start))))
        dense.set_weights([draws.normal(size=(inputs, outputs))])
    return (lambda images: images + next(shifts)), *networks, keras.optimizers.SGD(0.1)


def weights_of(parts: tuple) -> np.ndarray:
    """Returns all numbers in encoder and head, batch statistics included, as one array."""
    return np.concatenate([np.ravel(each) for part in parts[1:3] for each in part.get_weights()])


def reference_step(images, augmenter, encoder, head, optimizer, **mistake):
    """Makes the training step, with a switch for each usual mistake, and returns the loss."""
    how = {**RIGHT_STEP, **mistake}
    first = images if how["raw"] else augmenter(images)
    views = [first, first if how["same"] else augmenter(images)]
    with tf.GradientTape() as tape:
        batches = [tf.concat(views, axis=0)] if how["one_pass"] else views
        projections = [
            head(encoder(batch, training=how["training"]), training=how["training"])
            for batch in batches
        ]
        pair = tf.split(tf.concat(projections, axis=0), 2)
        loss = nt_xent_loss(*pair, how["temperature"])
    networks = {"encoder": encoder, "head": head}
    weights = [weight for name in how["trained"] for weight in networks[name].trainable_variables]
    if weights:
        optimizer.apply([how["sign"] * slope for slope in tape.gradient(loss, weights)], weights)
    return float(loss)
