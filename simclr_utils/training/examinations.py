"""The examinations of the run doctor: each looks for one kind of fault and names it."""

import numpy as np
import tensorflow as tf

from simclr_utils.training.diagnostics import effective_rank, spread
from simclr_utils.training.findings import Finding
from simclr_utils.training.losses import check_nt_xent

FEWEST_IMAGES = 32  # of a batch, below which there are few negatives
FIRST_STEPS = 50  # before which a loss, a rank or a learning rate cannot be judged
CHANCE_SHARE = 0.99  # a loss above this share of log(2N-1) has learned nothing
FAR_ABOVE = 1.5  # times log(2N-1): a loss that only wrong answers given with certainty can have
LOWEST, HIGHEST = 0.01, 5.0  # temperatures that can be meant; the paper tried 0.05 to 1
OTHER_TEMPERATURE = (
    "a temperature between 0.05 and 1, such as 0.1: the notebook's parameter `temperature`, or "
    "--set temperature=0.1, in a new folder"
)
SMALLEST_RANK, SMALLEST_SPREAD = 1.2, 0.05  # of projections, below which they have collapsed
SMALLEST_CHANGE, LARGEST_GROWTH = 1e-3, 20.0  # of the weights, as a share of what they were


def kernels(model):
    """The weight matrices of encoder and head, without scales and biases: a list of arrays."""
    variables = [*model.encoder.trainable_variables, *model.projection_head.trainable_variables]
    return [np.asarray(variable) for variable in variables if len(variable.shape) > 1]


def examine_model(model, images):
    """Looks for faults in the views, the pairing and the loss of a `SimCLR` model.

    Args:
        model: a `SimCLR`.
        images: uint8 array `[N, H, W, C]`, N at least 2.

    Returns:
        A list of `Finding`.
    """
    state = [(variable, variable.numpy()) for variable in model.augmenter.variables]
    found = examine_views(model.augmenter, images)
    if not found:
        pair = [np.asarray(part) for part in model(images, training=False)]
        if np.allclose(*pair, rtol=1e-5, atol=1e-6):
            found.append(
                Finding(
                    "same view twice",
                    "Both projections of each image are equal.",
                    "the second view is not drawn anew, or one view is used twice.",
                    "call the augmenter once for each view.",
                )
            )
    for variable, value in state:
        variable.assign(value)
    fault = examine_loss(model)
    return found if fault is None else [*found, fault]


def examine_views(augmenter, images):
    """Looks for an augmenter that does nothing, or draws too rarely.

    Args:
        augmenter: layer, uint8 images -> one random view of each.
        images: uint8 array `[N, H, W, C]`.

    Returns:
        A list of at most one `Finding`, the first fault.
    """
    liveliest = images.std(axis=(1, 2, 3)).argmax()  # an even one looks the same in every view
    copies = np.repeat(images[liveliest, None], len(images), axis=0)
    traced = tf.function(lambda batch: augmenter(batch))
    first, second = (traced(copies).numpy() for _ in range(2))
    floats = copies / np.float32(255)
    if first.min() < -1e-3 or first.max() > 1 + 1e-3 or first.shape != copies.shape:
        return [
            Finding(
                "views out of range",
                f"Views have shape {first.shape} and values {first.min():.2f} to "
                f"{first.max():.2f}; expected {copies.shape} and 0 to 1.",
                "an operation does not clip, or works on 0 to 255.",
                "divide by 255 first, and clip after each operation.",
            )
        ]
    if np.allclose(first, floats, atol=1e-3) and np.allclose(second, floats, atol=1e-3):
        return [
            Finding(
                "augmentation off",
                "The views are the images themselves.",
                "an operation that works only when training, or strengths of 0.",
                "pass training=True to the operations, or raise their strengths.",
            )
        ]
    if np.allclose(first, second):
        return [
            Finding(
                "views identical",
                "Two calls give the same views.",
                "a fixed seed, or random numbers drawn in Python while the graph was traced.",
                "draw with tf.random or a keras SeedGenerator inside the operation.",
            )
        ]
    if len(copies) > 1 and np.allclose(first, first[:1]):
        return [
            Finding(
                "one draw for the batch",
                "All copies of an image get the same view.",
                "random numbers without a batch axis.",
                "draw as many numbers as there are images.",
            )
        ]
    return []


def examine_loss(model):
    """Sets a model's loss against NT-Xent in NumPy: a `Finding` that names the mistake, or `None`.

    Args:
        model: with `contrastive_loss(projections_1, projections_2)` and `temperature`.
    """

    def loss(view_1, view_2, temperature):
        model.temperature = temperature
        return model.contrastive_loss(view_1, view_2)

    kept = model.temperature
    try:
        answer = check_nt_xent(loss)
    finally:
        model.temperature = kept
    if answer.startswith("Right"):
        return None
    return Finding(
        "not NT-Xent",
        f"On random vectors the loss is another: {answer.removeprefix('Not yet: ')}",
        "one of the classic slips in writing the loss.",
        "compare with `nt_xent_loss` in simclr_utils/training/losses.py.",
    )


def examine_batch_size(batch_size):
    """A `Finding` for batches with few negatives, or `None`."""
    if batch_size >= FEWEST_IMAGES:
        return None
    return Finding(
        "few negatives",
        f"A batch of {batch_size} images gives each view {2 * batch_size - 2} negatives.",
        "a small pool, or a batch cut down to fit the memory.",
        f"use at least {FEWEST_IMAGES} images a batch, smaller ones if memory is short; or a "
        "higher temperature.",
    )


def examine_value(name, value, step, temperature):
    """A `Finding` for a loss or a weight that is no number, or `None`."""
    if np.isfinite(value):
        return None
    seen = f"The {name} is {float(value)} at step {step}."
    cause, cure = "a learning rate far too high.", "a tenth of base_learning_rate, in a new folder"
    if temperature < LOWEST:
        cause = f"the temperature, {temperature:g}: cosines divided by it are too large to compute."
        cure = OTHER_TEMPERATURE
    return Finding("not a number", seen, cause, f"{cure}; the last good checkpoint is kept.")


def examine_loss_level(loss, batch_size, steps, temperature):
    """A `Finding` for a loss at its chance level or far above it, or `None`.

    Args:
        loss: float, mean of an epoch.
        batch_size: int, N images of a step.
        steps: int, that were made so far.
        temperature: float, of the loss.
    """
    chance = np.log(2 * batch_size - 1)
    if loss < CHANCE_SHARE * chance:
        return None
    seen = f"After {steps} steps the loss is {loss:.3f}; chance is log(2N-1) = {chance:.3f}."
    if loss > FAR_ABOVE * chance:
        cause = "views without a pair, or a learning rate too high: answers are certain and wrong."
        cure = "look at a few views in notebook 01; a tenth of base_learning_rate."
        if temperature < LOWEST:
            cause = f"the temperature, {temperature:g}: it makes each wrong answer a certain one."
            cure = f"{OTHER_TEMPERATURE}."
        return Finding("loss far above chance", seen, cause, cure)
    cause = "a normalisation over the wrong axis, or views that share nothing."
    cure = "look at a few views in notebook 01."
    if temperature > HIGHEST:
        cause = f"the temperature, {temperature:g}: it levels right and wrong answers."
        cure = f"{OTHER_TEMPERATURE}."
    return Finding("nothing learned", seen, cause, cure)


def examine_projections(projections):
    """A `Finding` for projections of different images that are all alike, or `None`.

    Args:
        projections: float array `[N, D]`, of N different images.
    """
    projections = np.asarray(projections)
    rank, median = effective_rank(projections), float(np.median(spread(projections)))
    if rank >= SMALLEST_RANK and median >= SMALLEST_SPREAD:
        return None
    return Finding(
        "collapse",
        f"The projections use {rank:.1f} of {projections.shape[1]} directions, with a median "
        f"spread of {median:.3f} (1: even).",
        "a loss without negatives, a learning rate far too high, or images that are all alike.",
        "check the loss, lower the learning rate, and look for duplicates in the pool.",
    )


def examine_weights(start, now, steps):
    """A `Finding` for weights that hardly moved or that grew out of bounds, or `None`.

    Args:
        start, now: lists of arrays, as `kernels` returns them.
        steps: int, between the two.
    """
    before = np.sqrt(sum(np.sum(np.square(part, dtype=np.float64)) for part in start))
    after = np.sqrt(sum(np.sum(np.square(part, dtype=np.float64)) for part in now))
    pairs = zip(start, now, strict=True)
    moved = np.sqrt(sum(np.sum(np.square(b - a, dtype=np.float64)) for a, b in pairs))
    if moved < SMALLEST_CHANGE * before:
        return Finding(
            "learning rate too low",
            f"In {steps} steps the weights moved by {moved / before:.4%} of their size.",
            "a learning rate far too low, or weights that are not trained.",
            "ten times base_learning_rate; check that layers are trainable.",
        )
    if after > LARGEST_GROWTH * before:
        return Finding(
            "learning rate too high",
            f"In {steps} steps the weights grew to {after / before:.0f} times their size.",
            "a learning rate far too high.",
            "a tenth of base_learning_rate.",
        )
    return None
