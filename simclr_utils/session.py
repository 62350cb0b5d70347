"""Starting a session: a quiet TensorFlow, seeds, and the precision to train in."""

import contextlib
import os
import sys

from simclr_utils.keras_settings import override_settings
from simclr_utils.parameters import check_parameters
from simclr_utils.system.processor import (
    PRECISION_VARIABLE,
    available_cores,
    bfloat16_features,
    caps,
    processor_flags,
    processor_name,
)
from simclr_utils.system.provenance import commit

# What the variable may say.
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@contextlib.contextmanager
def quiet_stderr():
    """Swallows what native code writes to file descriptor 2; Python exceptions still surface."""
    sys.stderr.flush()
    saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def print_anything():
    """Lets text reach a terminal that lacks some of its letters, which then get their codes.

    A name in Cyrillic letters does not end a program where the terminal takes Western ones only.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # streams that tests or notebooks put there may not
            stream.reconfigure(errors="backslashreplace")


def set_environment():
    """Sets what TensorFlow reads while it is imported; what is set already stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "avx2" in processor_flags():
        # TensorFlow turns oneDNN's kernels on by itself from AVX-512 on only; a step of SimCLR
        # takes less than half the time with them on processors before that too.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # One operation at a time, on every core. With two side by side, gradients on a processor come
    # out in one of several roundings, deterministic operations or not.
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def start(seed=0, precision="auto", parameters=None):
    """Imports TensorFlow quietly, sets every seed, and chooses the precision of training.

    Call it first in a notebook. Operations are made deterministic, so that a seed gives the same
    numbers again on the same machine.

    Args:
        seed: int, for Python, NumPy and Keras.
        precision: `"auto"`, or the name of a Keras dtype policy such as `"float32"`.
            `"auto"` is what the environment variable `SIMCLR_PRECISION` says. Where that is not
            set, or `auto` too, it is `mixed_bfloat16` where the processor (AVX512_BF16, AMX) or
            an NVIDIA GPU of compute capability 8.0 or more computes in it, otherwise `float32`.
        parameters: dict, a notebook's `globals()`, whose parameters are checked before anything
            else, and in whose paths `~` is expanded; `None` checks nothing.

    Returns:
        A sentence with versions, devices and the precision and its reason, to be printed; and
        with what a keras.json of the user's was overridden in.

    Raises:
        ParameterError: if a parameter has a name or value that it cannot have.
        ValueError: if Keras does not know the policy, or `SIMCLR_PRECISION` has a value that it
            cannot have.
    """
    if parameters is not None:
        check_parameters(parameters)
    set_environment()
    asked = environment_precision()
    commit()  # of what is loaded now, whatever is committed while it runs
    with quiet_stderr():
        import keras
        import tensorflow as tf

        overridden = override_settings()
        tf.zeros(1) + 1  # the first operation is what prints the rest of the noise
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    if precision != "auto":
        chosen, reason = precision, "as asked"
    elif asked != "auto":
        chosen, reason = asked, f"as {PRECISION_VARIABLE} says"
    else:
        chosen, reason = choose_precision(tf)
    keras.config.set_dtype_policy(chosen)
    gpus = tf.config.list_physical_devices("GPU")
    devices = f"{len(gpus)} GPU" if gpus else f"{available_cores()} CPU cores ({processor_name()})"
    return (
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {devices}, seed {seed}, "
        f"precision {chosen} ({reason})" + (f"; {overridden}" if overridden else "")
    )


def environment_precision():
    """Returns what `SIMCLR_PRECISION` says, a string; "auto" where it is not set.

    Raises:
        ValueError: if it says something else than one of `PRECISIONS`.
    """
    asked = os.environ.get(PRECISION_VARIABLE) or "auto"
    if asked not in PRECISIONS:
        raise ValueError(
            f"The environment variable {PRECISION_VARIABLE} is {asked!r}; expected one of "
            f"{', '.join(PRECISIONS)}. Set it to one of them, or unset it."
        )
    return asked


def choose_precision(tf):
    """The policy for this machine and the reason, two strings."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability")
        if capability and capability[0] >= 8:
            return "mixed_bfloat16", f"GPU of compute capability {capability[0]}.{capability[1]}"
        return "float32", "this GPU has no bfloat16 units"
    features = bfloat16_features()
    if features:
        return "mixed_bfloat16", f"this processor has {', '.join(sorted(features))}"
    under = f" under {', '.join(caps())}" if caps() else ""
    return "float32", f"this processor does not compute in bfloat16{under}"
