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


NUM_DIFFERENT, NUM_COPIES, SIDE = 16, 16, 32


def check_views(function):
    """Tells whether a function makes two views by crop and flip, and if not, what is wrong.

    Args:
        function: `function(images)` of a uint8 array `[N, H, W, C]` -> a pair of float arrays of
            that shape in 0..1: random crops, enlarged to the full size, every other one mirrored.

    Returns:
        A sentence.
    """
    images = colored_slopes()
    try:
        pairs = [[np.asarray(view) for view in function(images.copy())] for _ in range(2)]
    except Exception as error:  # a learner's code may raise anything: tell, do not stop
        return f"Not yet: your function raised {type(error).__name__}: {error}"
    if any(len(pair) != 2 for pair in pairs):
        return f"Not yet: return two views, as in `return view_1, view_2`, not {len(pairs[0])}."
    for view in pairs[0]:
        if view.shape != images.shape:
            return f"Not yet: the shape has to stay {images.shape}; yours is {view.shape}."
    mistake = next((words for found, words in mistakes(images, pairs) if found), None)
    return f"Not yet: {mistake}." if mistake else "Right: these are two views."


def mistakes(images, pairs):
    """Yields for each known mistake whether it was made, and the words for it.

    Args:
        images: what `colored_slopes` returned.
        pairs: the views of two calls.
    """
    views = np.stack(pairs[0])
    yield not np.issubdtype(views.dtype, np.floating), "views are floats: divide by 255"
    yield views.min() < 0 or views.max() > 1 + 1e-3, "values lie in 0..1: divide by 255"
    floats = images / 255
    yield np.allclose(views, floats, atol=1e-3), "the views are the images, nothing was changed"
    yield np.allclose(views[0], views[1]), "the same view stands twice: draw anew for the second"
    yield np.allclose(views, pairs[1]), "every call gives the same views: draw without a seed"
    # Crops and flips leave the colours: red and green tell which image a view is of.
    colors, expected = (
        views[..., :2].mean(axis=(2, 3)),
        floats[:NUM_DIFFERENT, ..., :2].mean((1, 2)),
    )
    distance = np.linalg.norm(colors[:, :NUM_DIFFERENT, None] - expected, axis=-1)
    matched = distance.argmin(axis=-1) == np.arange(NUM_DIFFERENT)
    yield not matched.all(), "row i of each view has to show image i, in its colours"
    copies = views[0, NUM_DIFFERENT:]
    yield np.allclose(copies, copies[0]), "one draw serves the whole batch: draw for each image"
    # Blue rises to the right, and red to the bottom.
    rises = np.diff(views[..., 2].mean(axis=2), axis=-1).mean(axis=-1)
    sinks = np.diff(views[..., 0].mean(axis=3), axis=-1).mean(axis=-1)
    yield (sinks < -1e-4).any(), "some are upside down: mirror left and right only"
    yield (rises > 0).all(), "none is mirrored: flip about half of them"
    yield (rises < 0).all(), "all are mirrored: flip about half of them"
    whole = np.isclose(np.abs(rises), np.abs(np.diff(floats[0, 0, :, 2]).mean()), rtol=0.02)
    yield whole.all(), "none is cropped: cut out a part and enlarge it"


def colored_slopes():
    """Images whose red and green tell them apart and whose slopes tell what was done to them.

    Returns:
        A uint8 array `[32, 32, 32, 3]`; the second half are copies of one image.
    """
    levels = np.array([50, 100, 150, 200])
    red, green = (part.ravel() for part in np.meshgrid(levels, levels))
    slope = np.linspace(-1, 1, SIDE)
    images = np.zeros((NUM_DIFFERENT, SIDE, SIDE, 3))
    images[..., 0] = red[:, None, None] + 15 * slope[:, None]
    images[..., 1] = green[:, None, None]
    images[..., 2] = 128 + 100 * slope
    copies = np.repeat(images[5:6], NUM_COPIES, axis=0)
    return np.uint8(np.concatenate([images, copies]))
