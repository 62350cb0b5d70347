"""The examinations of the run doctor: each looks for one kind of fault and names it."""

import numpy as np
import tensorflow as tf

from simclr_utils.training.diagnostics import effective_rank, spread
from simclr_utils.training.findings import Finding

FEWEST_IMAGES = 32  # per batch; smaller batches have few negatives
FIRST_STEPS = 50  # a loss, a rank or a learning rate cannot be judged earlier
CHANCE_SHARE = 0.99  # with a loss above this share of its chance level, nothing was learned
FAR_ABOVE = 1.5  # times the chance level: only confident wrong answers cause such a loss
LOWEST, HIGHEST = 0.01, 5.0  # plausible temperatures; the paper tried 0.05 to 1
OTHER_TEMPERATURE = (
    "use a temperature between 0.05 and 1, such as 0.1 (in a notebook settings = "
    "{'temperature': 0.1}, on the command line --set temperature=0.1), and start in a new folder."
)
LOWER_RATE = "divide base_learning_rate by ten"
SMALLEST_RANK, SMALLEST_SPREAD = 1.2, 0.05  # of projections; below, they have collapsed
SMALLEST_CHANGE, LARGEST_GROWTH = 1e-3, 20.0  # of the weights, relative to their initial size


def kernels(model):
    """Returns the weight matrices of encoder and head, without scales and biases, as arrays."""
    variables = [*model.encoder.trainable_variables, *model.projection_head.trainable_variables]
    return [np.asarray(variable) for variable in variables if len(variable.shape) > 1]


def examine_model(model, images, loss):
    """Looks for faults in the views, the pairs and the loss of a model.

    Args:
        model: `keras.Model` with the attributes and methods of `SimCLR`; only `contrastive_loss`
            may be missing.
        images: Uint8 array `[N, H, W, C]`, N at least 2.
        loss: Function, the loss that the model has to compute, or `None`.

    Returns:
        A list of `Finding`.
    """
    state = [(variable, variable.numpy()) for variable in _random_state(model)]
    small = getattr(getattr(model, "sizes", None), "small_augmenter", None)
    found = examine_views(model.augmenter, images, getattr(model, "any_size", False))
    if not found and small is not None:
        found = examine_views(small, images, any_size=True)
    found = found or examine_pairs(model, images)
    for variable, value in state:
        variable.assign(value)
    fault = examine_loss(model, loss)
    return found if fault is None else [*found, fault]


def _random_state(model):
    """Returns the variables of a model's augmenters."""
    others = [getattr(model, "second_augmenter", None), *getattr(model, "other_augmenters", ())]
    known = [model.augmenter, *(each for each in others if each is not None)]
    return [variable for each in known for variable in each.variables]


def examine_views(augmenter, images, any_size=False):
    """Looks for an augmenter that does nothing, or that draws too few random numbers.

    Args:
        augmenter: Layer, uint8 images -> one random view of each.
        images: Uint8 array `[N, H, W, C]`.
        any_size: Boolean, whether the views may have another height and width than the images.

    Returns:
        A list with the first fault as a `Finding`, or an empty list.
    """
    most_varied = images.std(axis=(1, 2, 3)).argmax()  # views of a plain image all look the same
    copies = np.repeat(images[most_varied, None], len(images), axis=0)
    batch = tf.constant(copies)
    # Called as a concrete function: of others, TensorFlow warns after several runs in a process.
    draw = tf.function(lambda batch: augmenter(batch)).get_concrete_function(batch)
    first, second = (draw(batch).numpy() for _ in range(2))
    if any_size and first.ndim == 4 and first.shape != copies.shape:
        copies = tf.image.resize(copies, first.shape[1:3]).numpy()
    if first.min() < -1e-3 or first.max() > 1 + 1e-3 or first.shape != copies.shape:
        return [
            Finding(
                "views out of range",
                f"Views have shape {first.shape} and values from {first.min():.2f} to "
                f"{first.max():.2f}; expected shape {copies.shape} and values from 0 to 1.",
                "an operation expects pixels from 0 to 255, or does not clip its result.",
                "divide by 255 first, and clip after each operation.",
            )
        ]
    return _examine_draws(copies / np.float32(255), first, second)


def _examine_draws(copies, first, second):
    """Compares copies of one image with the views from two calls; returns as `examine_views`."""
    if np.allclose(first, copies, atol=1e-3) and np.allclose(second, copies, atol=1e-3):
        return [
            Finding(
                "augmentation off",
                "The views are the images themselves.",
                "an operation that works in training mode only, or strengths of 0.",
                "pass training=True to the operations, or raise their strengths.",
            )
        ]
    if np.allclose(first, second):
        return [
            Finding(
                "views identical",
                "Two calls of the augmenter give the same views.",
                "a fixed seed, or random numbers drawn in Python while the graph was traced.",
                "draw with tf.random or a keras.random.SeedGenerator inside the operation.",
            )
        ]
    if len(copies) > 1 and np.allclose(first, first[:1]):
        return [
            Finding(
                "one draw for the batch",
                "All copies of an image get the same view.",
                "random numbers without a batch axis.",
                "draw one number for each image.",
            )
        ]
    return []


def examine_pairs(model, images):
    """Looks for a model that uses one view twice.

    Args:
        model: `SimCLR`.
        images: Uint8 array `[N, H, W, C]`.

    Returns:
        A list with a `Finding`, or an empty list.
    """
    pair = [np.asarray(part) for part in model(images, training=False)]
    if not np.allclose(*pair, rtol=1e-5, atol=1e-6):
        return []
    return [
        Finding(
            "same view twice",
            "The two projections of each image are equal.",
            "one view is used twice, or the second view is not drawn anew.",
            "call the augmenter once for each view.",
        )
    ]


def examine_loss(model, loss):
    """Checks the loss that a model computes with the check that comes with a loss function.

    Args:
        model: `keras.Model`. The result of its `contrastive_loss` has to agree with `loss`. A model
            without this method is not checked.
        loss: Function, or `None`. A function without a check is not checked.

    Returns:
        A `Finding` that names the mistake, or `None`.
    """
    find_mistake = getattr(loss, "find_mistake", None)
    if find_mistake is None or not hasattr(model, "contrastive_loss"):
        return None

    def computed(projections_1, projections_2, temperature):
        model.temperature = temperature
        return model.contrastive_loss(projections_1, projections_2)

    kept = model.temperature
    try:
        mistake = find_mistake(computed)
    finally:
        model.temperature = kept
    if mistake is None:
        return None
    name = getattr(loss, "__name__", "the loss")
    return Finding(
        "wrong loss",
        f"On random vectors the model's loss differs from `{name}`. {mistake}",
        "one of the usual mistakes in writing this loss.",
        f"compare your `contrastive_loss` with `{name}`.",
    )


def examine_batch_size(batch_size):
    """Returns a `Finding` for batches with few negatives, or `None`."""
    if batch_size >= FEWEST_IMAGES:
        return None
    return Finding(
        "few negatives",
        f"In a batch of {batch_size} images, each view has {2 * batch_size - 2} negatives.",
        "a small pool, or a batch size lowered to save memory.",
        f"use batches of at least {FEWEST_IMAGES} images (of smaller size if memory is short), or "
        "a higher temperature.",
    )


def examine_value(name, value, step, temperature):
    """Looks for a value that is not a finite number.

    Args:
        name: String, what the value is.
        value: Float.
        step: Integer, the number of steps so far.
        temperature: Float, the temperature of the loss.

    Returns:
        A `Finding`, or `None`.
    """
    if np.isfinite(value):
        return None
    seen = f"The {name} is {float(value)} at step {step}."
    cause, cure = (
        "a learning rate that is far too high.",
        f"{LOWER_RATE} and start in a new folder.",
    )
    if temperature < LOWEST:
        cause = f"the temperature, {temperature:g}: cosines divided by it are too large to compute."
        cure = OTHER_TEMPERATURE
    return Finding("not a number", seen, cause, f"{cure} The last good checkpoint is kept.")


def examine_loss_level(loss, chance, steps, temperature):
    """Looks for a loss near its chance level or far above it.

    Args:
        loss: Float, the mean of an epoch.
        chance: Float, the chance level of the loss.
        steps: Integer, the number of steps so far.
        temperature: Float, the temperature of the loss.

    Returns:
        A `Finding`, or `None`.
    """
    if loss < chance - (1 - CHANCE_SHARE) * abs(chance):
        return None
    seen = f"After {steps} steps the loss is {loss:.3f}; its chance level is {chance:.3f}."
    if loss > chance + (FAR_ABOVE - 1) * abs(chance):
        cause = "views whose pairs are mixed up, or a learning rate that is too high."
        cure = f"look at a few views in notebook 01, or {LOWER_RATE}."
        if temperature < LOWEST:
            cause = (
                f"the temperature, {temperature:g}, which makes every wrong answer a confident one."
            )
            cure = OTHER_TEMPERATURE
        return Finding("loss far above chance", seen, cause, cure)
    cause = "normalization over the wrong axis, or views that share nothing."
    cure = "look at a few views in notebook 01."
    if temperature > HIGHEST:
        cause = f"the temperature, {temperature:g}, which makes all answers equally likely."
        cure = OTHER_TEMPERATURE
    return Finding("nothing learned", seen, cause, cure)


def examine_projections(projections):
    """Looks for projections that are all alike.

    Args:
        projections: Float array `[N, P]`, of N different images.

    Returns:
        A `Finding`, or `None`.
    """
    projections = np.asarray(projections)
    rank, median = effective_rank(projections), float(np.median(spread(projections)))
    if rank >= SMALLEST_RANK and median >= SMALLEST_SPREAD:
        return None
    return Finding(
        "collapse",
        f"The projections use {rank:.1f} of {projections.shape[1]} directions. Their median "
        f"spread is {median:.3f}; evenly spread projections have 1.",
        "a loss without negatives, a learning rate that is far too high, or images that are all "
        "alike.",
        "check the loss, lower the learning rate, and look for duplicates in the pool.",
    )


def examine_weights(start, now, steps):
    """Looks for weights that hardly moved or grew too large.

    Args:
        start: List of arrays, the result of `kernels` before training.
        now: List of arrays, the result of `kernels` at present.
        steps: Integer, the number of steps between the two.

    Returns:
        A `Finding`, or `None`.
    """
    before = np.sqrt(sum(np.sum(np.square(part, dtype=np.float64)) for part in start))
    after = np.sqrt(sum(np.sum(np.square(part, dtype=np.float64)) for part in now))
    pairs = zip(start, now, strict=True)
    moved = np.sqrt(sum(np.sum(np.square(b - a, dtype=np.float64)) for a, b in pairs))
    if moved < SMALLEST_CHANGE * before:
        return Finding(
            "learning rate too low",
            f"In {steps} steps the weights moved by {moved / before:.4%} of their size.",
            "a learning rate that is far too low, or weights that are not trained.",
            "multiply base_learning_rate by ten, and check that the layers are trainable.",
        )
    if after > LARGEST_GROWTH * before:
        return Finding(
            "learning rate too high",
            f"In {steps} steps the weights grew to {after / before:.0f} times their size.",
            "a learning rate that is far too high.",
            f"{LOWER_RATE}.",
        )
    return None
