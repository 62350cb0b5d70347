"""Checks of the exercises on fine-tuning: what a head holds, what is frozen, the folded layer."""

import warnings
from collections.abc import Callable

import keras
import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt, first_match


def check_head_size(function: Callable) -> str:
    """Tells whether a function counts the weights of a linear head.

    Args:
        function: Function of the number of features and the number of classes, integers. It
            returns an integer.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    features, classes = np.array([128, 64]), np.array([10, 7])
    sizes = list(zip(features.tolist(), classes.tolist(), strict=True))
    given, complaint = attempt(lambda: [float(function(*size)) for size in sizes])
    if complaint:
        return f"Not yet: {complaint}"
    answers = {
        "Right: a row of weights for each feature, and the biases.": (features + 1) * classes,
        "Not yet: the biases are missing.": features * classes,
        "Not yet: each class has a bias of its own.": features * classes + 1,
        "Not yet: a bias belongs to an output, not to a feature.": features * (classes + 1),
        "Not yet: a bias belongs to each class only.": (features + 1) * (classes + 1),
        "Not yet: every feature is connected to every class: multiply.": features + classes,
        "Not yet: count the biases too, and multiply features by classes.": (
            features + 2 * classes
        ),
        "Not yet: use the number of classes that the function is given.": (features + 1) * 10,
    }
    return first_match(answers, lambda value: np.allclose(given, value), f"Not yet: {PUZZLE}.")


def check_frozen(function: Callable) -> str:
    """Tells whether a function builds a model in which training moves the head only.

    Args:
        function: Function of an encoder and a head, both `keras.Model`. It returns a
            `keras.Model` from images to `head(encoder(images))`.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    encoder, head = small_networks()
    draws = np.random.default_rng(0)
    images = draws.normal(size=(16, 6, 6, 2)).astype("float32") + 1
    targets = draws.normal(size=(16, 3)).astype("float32")
    expected = head(encoder(images, training=False)).numpy()
    before = {weight.path: weight.numpy() for weight in encoder.weights + head.weights}

    def train():
        model = function(encoder, head)
        if not isinstance(model, keras.Model):
            raise TypeError(f"expected a keras.Model, got {type(model).__name__}")
        output = np.asarray(model(images, training=False))
        rounding = 0.05 * np.abs(expected).max()  # a model in bfloat16 rounds the images
        if output.shape == expected.shape and np.allclose(output, expected, atol=rounding):
            model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
            model.fit(images, targets, batch_size=16, verbose=0)
            return True
        return False

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights without a gradient: that is the purpose
        same, complaint = attempt(train)
    if complaint:
        return f"Not yet: {complaint}"
    if not same:
        return "Not yet: the model has to compute head(encoder(images))."
    moved = {
        weight.name
        for weight in encoder.weights
        if not np.allclose(before[weight.path], weight.numpy(), atol=1e-7)
    }
    learned = all(np.abs(before[w.path] - w.numpy()).max() > 1e-7 for w in head.weights)
    return words_for_moved(moved, learned)


def small_networks() -> tuple[keras.Model, keras.Model]:
    """Returns an encoder with batch normalization and a linear head, in float32."""
    keras_layers, float32 = keras.layers, {"dtype": "float32"}
    encoder = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras_layers.Conv2D(4, 3, use_bias=False, **float32),
            keras_layers.BatchNormalization(**float32),
            keras_layers.ReLU(**float32),
            keras_layers.GlobalAveragePooling2D(**float32),
        ],
        name="encoder",
    )
    head = keras.Sequential([keras.Input((4,)), keras_layers.Dense(3, **float32)], name="head")
    return encoder, head


def words_for_moved(moved: set[str], learned: bool) -> str:
    """Returns the verdict for the names of the encoder's moved weights and a head that learned."""
    statistics = bool(moved & {"moving_mean", "moving_variance"})
    affine = bool(moved & {"gamma", "beta"})
    if not learned and not moved:
        return "Not yet: nothing moves, not even the head; freeze the encoder alone."
    if not learned:
        return "Not yet: the head has to learn; freeze the encoder alone."
    if "kernel" in moved:
        if statistics:
            return "Not yet: the encoder's kernels and batch statistics move; it is not frozen."
        return (
            "Not yet: the batch statistics stand still, but the encoder's weights are trained; "
            "`training=False` does not freeze them."
        )
    if affine:
        return "Not yet: BatchNormalization still learns its scale and offset; freeze it too."
    if statistics:
        return "Not yet: no weight is trained, but the batch statistics of the encoder move."
    return "Right: only the head moves."


def check_folded_layer(function: Callable) -> str:
    """Tells whether a function folds a probe's standardization into a dense layer.

    Args:
        function: Function `(weights, intercept, mean, spread)` of float arrays `[D, C]`, `[C]`,
            `[D]` and `[D]`. It returns a pair, kernel `[D, C]` and bias `[C]`.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    random = np.random.default_rng(0)
    weights, intercept = random.normal(size=(4, 3)), random.normal(size=3)
    mean, spread = random.normal(size=4), random.uniform(0.5, 2, 4)
    features, parts = random.normal(size=(6, 4)), (weights, intercept, mean, spread)

    pair, complaint = attempt(
        lambda: [np.asarray(part, float) for part in function(*map(np.copy, parts))]
    )
    if complaint:
        return f"Not yet: {complaint}"
    shapes = [part.shape for part in pair]
    if shapes == [(3, 4), (3,)]:
        return "Not yet: the kernel has to be [D, C], features by classes; yours is [C, D]."
    if shapes != [(4, 3), (3,)]:
        return f"Not yet: return a kernel (4, 3) and a bias (3,) here; yours have {shapes}."
    given = features @ pair[0] + pair[1]
    kernel = weights / spread[:, None]
    folded, shift = features @ kernel, mean @ kernel
    answers = {
        "Right: this layer gives the probe's logits.": folded + intercept - shift,
        "Not yet: the standardization is missing.": features @ weights + intercept,
        "Not yet: the mean is missing from the bias.": folded + intercept,
        "Not yet: the mean reaches the bias through the folded kernel.": (
            folded + intercept - mean @ weights
        ),
        "Not yet: subtract what the mean contributes; you add it.": folded + intercept + shift,
        "Not yet: divide by the spread; you multiply.": (
            (features - mean) @ (weights * spread[:, None]) + intercept
        ),
        "Not yet: divide by the spread once, not twice.": (
            (features - mean) @ (kernel / spread[:, None]) + intercept
        ),
        "Not yet: the spread is missing.": (features - mean) @ weights + intercept,
        "Not yet: the intercept is missing from the bias.": folded - shift,
    }
    return first_match(
        answers,
        lambda values: np.allclose(given, values),
        f"Not yet: the logits differ from the probe's; {PUZZLE}.",
    )
