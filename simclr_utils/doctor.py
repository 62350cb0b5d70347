"""The run doctor: watches a pretraining and says in plain words what is wrong with it."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.diagnostics import effective_rank, spread
from simclr_utils.exercises import check_nt_xent

NUM_IMAGES = 256  # that the doctor looks at after an epoch
FEWEST_IMAGES = 32  # of a batch, below which there are few negatives
FIRST_STEPS = 50  # before which a loss, a rank or a learning rate cannot be judged
CHANCE_SHARE = 0.99  # a loss above this share of log(2N-1) has learned nothing
SMALLEST_RANK, SMALLEST_SPREAD = 1.2, 0.05  # of projections, below which they have collapsed
SMALLEST_CHANGE, LARGEST_GROWTH = 1e-3, 20.0  # of the weights, as a share of what they were


@dataclass(frozen=True)
class Finding:
    """Something wrong with a run.

    Attributes:
        name: str, one or two words.
        seen: str, what was measured.
        cause: str, what is behind it most often.
        cure: str, what to try.
    """

    name: str
    seen: str
    cause: str
    cure: str

    def __str__(self):
        return f"{self.name}: {self.seen} Likely cause: {self.cause} Cure: {self.cure}"


class TrainingFailedError(RuntimeError):
    """A training cannot go on; the message is that of a `Finding`."""


class RunDoctor(keras.callbacks.Callback):
    """Examines a `SimCLR` model before it is trained, after each step, and now and then.

    Each finding is reported once. A healthy run hears nothing. The state of the random generators
    is what it was after every examination, so that the training is the same with a doctor.

    Args:
        images: uint8 array `[N, H, W, C]`, of which a few are looked at.
        batch_size: int, images of a step.
        report: function of a string.

    Attributes:
        findings: list of `Finding`.

    Raises:
        TrainingFailedError: as soon as the loss is no number, or, at the end of an epoch, a
            weight. Checkpoints stay as they were.
    """

    def __init__(self, images, batch_size, report=print):
        super().__init__()
        # From all of the pool: files in the order of their names may begin with one class.
        self.images = np.asarray(images[:: max(1, len(images) // NUM_IMAGES)][:NUM_IMAGES])
        self.batch_size, self.report = batch_size, report
        self.findings, self.steps, self.examined = [], 0, 0

    def tell(self, finding):
        """Reports a finding, unless it is `None` or known."""
        if finding is not None and finding.name not in [known.name for known in self.findings]:
            self.findings.append(finding)
            self.report(str(finding))

    def on_train_begin(self, logs=None):
        # A training that goes on may be near its end, where a schedule moves weights no more.
        self.resumed = int(self.model.optimizer.iterations) > 0
        self.start = kernels(self.model)
        for finding in examine_model(self.model, self.images[:16]):
            self.tell(finding)
        self.tell(examine_batch_size(self.batch_size))

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        self.stop_at(examine_value("loss", (logs or {}).get("loss", 0.0), self.steps))

    def stop_at(self, finding):
        """Reports a finding and ends the training, unless it is `None`."""
        self.tell(finding)
        if finding is not None:
            raise TrainingFailedError(str(finding))

    def on_epoch_end(self, epoch, logs=None):
        now = kernels(self.model)
        largest = np.max([np.abs(kernel).max() for kernel in now])
        self.stop_at(examine_value("largest weight", largest, self.steps))  # by the last update
        if self.steps - self.examined < FIRST_STEPS:  # epochs may be short
            return
        self.examined = self.steps
        change = None
        if not self.resumed:
            change = examine_weights(self.start, now, self.steps)
            self.tell(change)
        pixels = self.images.astype("float32") / 255
        features = self.model.encoder(pixels, training=False)
        collapse = examine_projections(self.model.projection_head(features, training=False))
        self.tell(collapse)
        if change is None and collapse is None and logs:  # these two explain a loss by themselves
            self.tell(examine_loss_level(logs["loss"], self.batch_size, self.steps))


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
        "compare with `nt_xent_loss` in simclr_utils/losses.py.",
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


def examine_value(name, value, step):
    """A `Finding` for a loss or a weight that is no number, or `None`."""
    if np.isfinite(value):
        return None
    return Finding(
        "not a number",
        f"The {name} is {float(value)} at step {step}.",
        "a learning rate far too high, or a temperature close to 0.",
        "a tenth of base_learning_rate, in a new folder; the last good checkpoint is kept.",
    )


def examine_loss_level(loss, batch_size, steps):
    """A `Finding` for a loss at its chance level, or `None`."""
    chance = np.log(2 * batch_size - 1)
    if loss < CHANCE_SHARE * chance:
        return None
    return Finding(
        "nothing learned",
        f"After {steps} steps the loss is {loss:.3f}; chance is log(2N-1) = {chance:.3f}.",
        "a normalisation over the wrong axis, views that share nothing, or a temperature far off.",
        "look at a few views in notebook 01; go back to the preset's temperature.",
    )


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
