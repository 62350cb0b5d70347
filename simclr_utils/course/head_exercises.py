"""The check of the exercise on the projection head."""

from collections.abc import Callable, Iterator

import keras
import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt

FEATURE_DIM, HIDDEN_DIM, OUTPUT_DIM = 100, 64, 32


def check_head(function: Callable) -> str:
    """Tells whether a function builds the projection head that the exercise describes.

    Args:
        function: Function of the number of features, an integer. It returns a `keras.Model`
            with a hidden layer of 64 units and 32 outputs, both without biases, and batch
            normalization and ReLU between them.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    model, complaint = attempt(function, FEATURE_DIM)
    if complaint:
        return f"Not yet: {complaint}"
    if not isinstance(model, keras.Model):
        return f"Not yet: return a keras.Model, not {type(model).__name__}."
    right, complaint = attempt(behaves, model)
    if right:
        return "Right: this is a projection head."
    if complaint and (getattr(model, "input_shape", None) or [None])[-1] != FEATURE_DIM:
        return "Not yet: the head has to take `feature_dim` features."
    mistake = next((words for found, words in head_mistakes(parts_of(model)) if found), None)
    return f"Not yet: {mistake or complaint or PUZZLE}."


def behaves(model) -> bool:
    """Returns whether a model with random weights computes what the head should, in both modes."""
    random = np.random.default_rng(0)
    features = random.normal(size=(8, FEATURE_DIM)).astype("float32")
    model(features)  # builds it
    names = [weight.name for weight in model.weights]
    for weight in model.weights:
        spread = random.uniform(0.5, 1.5, weight.shape)  # also of a variance, hence positive
        sign = 1 if "variance" in weight.name else random.choice([-1, 1], weight.shape)
        weight.assign(spread * sign)
    if names.count("kernel") != 2 or names.count("bias") or names.count("moving_mean") != 1:
        return False
    values = {name: np.array(w) for name, w in zip(names[::-1], model.weights[::-1], strict=True)}
    kernels = [np.array(w) for w in model.weights if w.name == "kernel"]
    hidden = features @ kernels[0]
    for training in (False, True):
        mean, variance = values["moving_mean"], values["moving_variance"]
        if training:
            mean, variance = hidden.mean(axis=0), hidden.var(axis=0)
        normal = (hidden - mean) / np.sqrt(variance) * values.get("gamma", 1)
        expected = np.maximum(normal + values.get("beta", 0), 0) @ kernels[1]
        found = np.array(keras.ops.cast(model(features, training=training), "float32"))
        shape = (len(features), OUTPUT_DIM)
        if found.shape != shape or np.abs(found - expected).max() > 0.02 * np.abs(expected).max():
            return False
    return kernels[0].shape[1] == HIDDEN_DIM


def parts_of(model) -> list[tuple[str, object]]:
    """Returns the layers of a head as pairs of a kind and a layer, its activations apart."""
    parts = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            parts += parts_of(layer)
        elif isinstance(layer, keras.layers.Dense):
            parts.append(("dense", layer))
        elif type(layer).__name__ not in ("InputLayer", "Identity", "Activation"):
            parts.append((type(layer).__name__.lower(), layer))
        activation = getattr(layer, "activation", None)
        if callable(activation) and type(layer).__name__ != "ReLU":
            name = getattr(activation, "__name__", type(activation).__name__).lower()
            parts += [(name, layer)] if name != "linear" else []
    return parts


def head_mistakes(parts) -> Iterator[tuple[bool, str]]:
    """Yields for each usual mistake whether a head makes it, and the words that name it."""
    kinds = [kind for kind, _ in parts]
    dense = [layer for kind, layer in parts if kind == "dense"]
    yield not dense, "a head has dense layers"
    yield dense[-1].units != OUTPUT_DIM, f"{OUTPUT_DIM} outputs are asked for"
    yield len(dense) < 2, "the hidden layer is missing"
    yield len(dense) > 2, "there is more than one hidden layer"
    yield dense[0].units != HIDDEN_DIM, f"the hidden layer has {HIDDEN_DIM} units"
    yield any(layer.use_bias for layer in dense), "the dense layers have biases: use_bias=False"
    last = len(kinds) - 1 - kinds[::-1].index("dense")
    between, after = kinds[kinds.index("dense") + 1 : last], kinds[last + 1 :]
    extra = [kind for kind in between if kind not in ("relu", "batchnormalization")]
    if "relu" in after:
        yield True, "a ReLU after the output cuts half of it off; its place is before that layer"
    yield bool(after), f"the output layer comes last, but {' and '.join(after)} follows it"
    yield kinds[0] != "dense", f"the dense layer comes first, but {kinds[0]} stands before it"
    if "relu" not in between:
        yield bool(extra), f"ReLU is asked for between the dense layers, not {' and '.join(extra)}"
        yield True, "the head is linear: ReLU is missing"
    yield "batchnormalization" not in between, "batch normalization is missing"
    yield between[0] == "relu", "batch normalization comes before ReLU"
    yield bool(extra), f"{' and '.join(extra)} was not asked for"
    yield len(between) > 2, "a layer stands twice between the dense layers"
