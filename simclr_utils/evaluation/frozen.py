"""A block of code in which an encoder must not change."""

import contextlib

import numpy as np


class EncoderChangedError(RuntimeError):
    """A frozen encoder is not what it was."""


@contextlib.contextmanager
def frozen(encoder):
    """A block in which an encoder must not change, neither weights nor batch statistics.

    Args:
        encoder: `keras.Model`.

    Raises:
        EncoderChangedError: at the end of the block, naming the first variable that changed.
    """
    before = [np.array(variable) for variable in encoder.variables]
    yield
    for variable, value in zip(encoder.variables, before, strict=True):
        if not np.array_equal(np.asarray(variable), value):
            raise EncoderChangedError(
                f"encoder changed: {variable.path} is not what it was, though the encoder was to "
                "be frozen. Likely cause: training=True, which moves batch statistics. "
                "Cure: call it with training=False, as `extract_features` does."
            )
