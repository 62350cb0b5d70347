"""The check of the exercise in which a learner writes the training step."""

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.training.losses import nt_xent_loss

NUM_IMAGES, TEMPERATURE = 6, 0.5
# What to say, and what the reference does where somebody makes that mistake.
ANSWERS = {
    "Right: this is the training step of SimCLR.": {},
    "Not yet: the loss is there, but no weight has moved.": {"trained": ()},
    "Not yet: the projection head has to learn as well; only the encoder moved.": {
        "trained": ("encoder",)
    },
    "Not yet: the encoder has to learn; only the projection head moved.": {"trained": ("head",)},
    "Not yet: the same view stands twice: call the augmenter for each.": {"same": True},
    "Not yet: the weights climb the loss; an optimizer subtracts the gradient itself.": {
        "sign": -1
    },
    "Not yet: pass `training=True` to encoder and head, for their BatchNormalization.": {
        "training": False
    },
    "Not yet: put both views through the networks in one pass, so that BatchNormalization sees "
    "them as one batch.": {"one_pass": False},
}


def check_training_step(function):
    """Tells whether a function trains encoder and head by one step, and if not, what is wrong.

    Args:
        function: `function(images, augmenter, encoder, head, optimizer, temperature)` of a float
            tensor `[N, D]`, three functions of tensors, a Keras optimizer and a float -> the
            loss, a scalar.

    Returns:
        A sentence.
    """
    images = np.random.default_rng(0).normal(size=(NUM_IMAGES, 4)).astype("float32")
    parts = make_parts()
    try:
        loss = function(tf.constant(images), *parts, TEMPERATURE)
        loss = None if loss is None else float(loss)
    except Exception as error:  # a learner's code may raise anything: tell, do not stop
        return f"Not yet: your function raised {type(error).__name__}: {error}"
    moved = weights_of(parts)
    for message, mistake in ANSWERS.items():
        expected_parts = make_parts()
        expected = reference_step(images, *expected_parts, **mistake)
        if np.allclose(moved, weights_of(expected_parts), atol=1e-5):
            if loss is not None and np.isclose(loss, expected, rtol=1e-4):
                return message
            if message.startswith("Right"):
                return f"Nearly: the weights are right; return the loss, {expected:.4f}."
    return "Not yet: the weights end elsewhere, by none of the usual mistakes."


def make_parts():
    """Augmenter, encoder, head and optimizer, the same ones at every call."""
    draws = np.random.default_rng(1)
    shifts = iter(draws.normal(size=(10, NUM_IMAGES, 4)).astype("float32"))
    networks = []
    for inputs, outputs in ((4, 5), (5, 3)):
        # float32 also where the course trains in bfloat16, whose roundings would hide mistakes.
        dense = keras.layers.Dense(outputs, use_bias=False, dtype="float32")
        normalization = keras.layers.BatchNormalization(momentum=0.5, dtype="float32")
        start = keras.Input((inputs,))
        networks.append(keras.Model(start, normalization(dense(start))))
        dense.set_weights([draws.normal(size=(inputs, outputs))])
    return (lambda images: images + next(shifts)), *networks, keras.optimizers.SGD(0.1)


def weights_of(parts):
    """All numbers in encoder and head, batch statistics included, as one array."""
    return np.concatenate([np.ravel(each) for part in parts[1:3] for each in part.get_weights()])


def reference_step(
    images, augmenter, encoder, head, optimizer,
    trained=("encoder", "head"), same=False, sign=1, training=True, one_pass=True,
):  # fmt: skip
    """The training step, with a switch for each mistake that the check knows."""
    first = augmenter(images)
    views = [first, first if same else augmenter(images)]
    with tf.GradientTape() as tape:
        batches = [tf.concat(views, axis=0)] if one_pass else views
        projections = [
            head(encoder(batch, training=training), training=training) for batch in batches
        ]
        loss = nt_xent_loss(*tf.split(tf.concat(projections, axis=0), 2), TEMPERATURE)
    networks = {"encoder": encoder, "head": head}
    weights = [weight for name in trained for weight in networks[name].trainable_variables]
    if weights:
        optimizer.apply([sign * slope for slope in tape.gradient(loss, weights)], weights)
    return float(loss)
