"""Readouts: what a probe on a frozen encoder gets to see of it."""

import contextlib
from collections.abc import Callable

import keras
import numpy as np

READOUTS = ("pooled", "mirror", "pyramid")
CELLS = 2  # a larger last map is averaged to this many cells in height and in width


class NoMapsError(ValueError):
    """An encoder has no maps for the readout `"pyramid"`."""


def build_readout(encoder: keras.Model, readout: str = "pooled") -> Callable:
    """Builds the function from images to features of a frozen encoder.

    - `"pooled"` is the output of the encoder: the mean of its last map over all places.
    - `"mirror"` is the mean of the pooled features of an image and of its mirror image.
    - `"pyramid"` keeps places and an earlier stage: the last map, averaged in its four quarters,
      beside the mean of the last larger map. These features, too, are the mean over an image and
      its mirror image.

    Args:
        encoder: `keras.Model`, float images in 0..1 -> features `[N, D]`. It is not changed.
        readout: String, one of `"pooled"`, `"mirror"` and `"pyramid"`.

    Returns:
        A function of float32 images `[N, H, W, C]` in 0..1 that returns a float32 array `[N, F]`.
        F is D for the first two. For `"pyramid"` it is the number of channels of the earlier map
        and up to four times that of the last map.

    Raises:
        ValueError: If there is no such readout.
        NoMapsError: If the encoder has no maps for `"pyramid"`. It is a `ValueError`.

    Example:

    >>> read = build_readout(build_encoder((32, 32, 3), width=16), "pyramid")
    >>> read(np.zeros([8, 32, 32, 3], dtype="float32")).shape  # 4 * 128 + 64
    (8, 576)

    References:
        Lazebnik et al. 2006, "Beyond bags of features: spatial pyramid matching for recognizing
        natural scene categories", for cells of a map.
    """
    if readout not in READOUTS:
        raise ValueError(f"Unknown readout {readout!r}. Choose from {list(READOUTS)}.")

    def pooled(pixels):
        return np.asarray(encoder(pixels, training=False), dtype="float32")

    compute = pyramid_of(encoder) if readout == "pyramid" else pooled
    if readout == "pooled":
        return compute
    return lambda pixels: (compute(pixels) + compute(pixels[:, :, ::-1])) / 2


def pyramid_of(encoder):
    """Returns the function from images to the last map in cells, beside the mean of an earlier one.

    Args:
        encoder: `keras.Model`, images -> features.

    Raises:
        NoMapsError: If the encoder has no such maps.
    """
    inner = _model_inside(encoder)
    if inner is not None:
        before = keras.Model(encoder.inputs[0], _input_of(inner))
        compute = pyramid_of(inner)
        return lambda pixels: compute(before(pixels, training=False))
    maps = keras.Model(encoder.inputs[0], find_maps(encoder))

    def compute(pixels):
        earlier, last = (np.asarray(part, "float32") for part in maps(pixels, training=False))
        return np.concatenate([in_cells(last), earlier.mean(axis=(1, 2))], axis=1)

    return compute


def find_maps(encoder):
    """Finds the last map of an encoder, and the map of the stage before.

    The last map is the input of the operation that makes a vector of it. The map before is the
    output of the last activation with more places, or of any operation if there is none.

    Args:
        encoder: `keras.Model`, images -> features.

    Returns:
        A pair of symbolic tensors `[N, H, W, D]`: the earlier map and the last one.

    Raises:
        NoMapsError: If the encoder has no such maps.
    """
    steps = _steps(encoder)
    maps = [(op, out) for op, out in steps if len(out.shape) == 4]
    tokens = any(len(out.shape) == 3 for _, out in steps)
    fixed = [(op, out) for op, out in maps if None not in out.shape[1:]]
    if tokens or not fixed or len(fixed) < len(maps):
        raise _no_maps(encoder)
    last = fixed[-1][1]
    larger = [(op, out) for op, out in fixed[1:] if _places(out) > _places(last)]
    if not larger or _places(last) >= _places(fixed[0][1]):
        raise _no_maps(encoder)
    active = [out for op, out in larger if _is_activation(op)]
    return (active or [out for _, out in larger])[-1], last


def in_cells(maps, cells=CELLS):
    """Averages maps in a grid of cells, and flattens them.

    Args:
        maps: Float array `[N, H, W, D]`. An odd row or column in the middle belongs to both sides.
        cells: Integer, the largest number of cells in height and in width.

    Returns:
        A float array `[N, cells * cells * D]`. A smaller map is flattened as it is.
    """
    rows, columns = (
        [slice(k * size // n, -(-(k + 1) * size // n)) for k in range(n)]
        for size, n in ((size, min(size, cells)) for size in maps.shape[1:3])
    )
    means = [maps[:, row, column].mean(axis=(1, 2)) for row in rows for column in columns]
    return np.concatenate(means, axis=1)


def _steps(encoder):
    """Returns the operations of an encoder in order, as pairs with their output."""
    graph, steps = keras.Model(encoder.inputs[0], encoder.outputs[0]), []
    for op in graph.operations:
        with contextlib.suppress(AttributeError):  # of a layer that is used twice
            if hasattr(op.output, "shape"):
                steps.append((op, op.output))
    return steps


def _model_inside(encoder):
    """Returns the model inside an encoder that makes its last map or its features, or `None`."""
    steps = _steps(encoder)
    makes = [op for op, out in steps if isinstance(op, keras.Model) or len(out.shape) == 4]
    return makes[-1] if makes and isinstance(makes[-1], keras.Model) else None


def _input_of(model):
    """Returns the tensor on which a model was called inside another model."""
    return model._inbound_nodes[-1].input_tensors[0]


def _is_activation(op):
    """Returns whether an operation is an activation, or has one that is not linear."""
    if isinstance(op, keras.layers.ReLU | keras.layers.LeakyReLU | keras.layers.PReLU):
        return True
    return getattr(op, "activation", None) not in (None, keras.activations.linear)


def _places(tensor):
    return tensor.shape[1] * tensor.shape[2]


def _no_maps(encoder):
    return NoMapsError(
        f"The encoder {encoder.name!r} has no two feature maps [N, H, W, D] of fixed and different "
        "size before its pooling, which readout='pyramid' reads. Use readout='mirror' or 'pooled'."
    )
