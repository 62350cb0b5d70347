"""Starts a session: TensorFlow without log noise, the seeds, and the numeric precision."""

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

# The values that the environment variable may have.
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@contextlib.contextmanager
def quiet_stderr():
    """Discards what native code writes to stderr. Python exceptions are still raised."""
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
    """Makes the terminal print characters that it does not support as escape codes.

    Otherwise a Cyrillic file name would crash a program in a terminal with a Western encoding.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # tests and notebooks replace these streams
            stream.reconfigure(errors="backslashreplace")


def set_environment():
    """Sets the environment variables that TensorFlow reads on import, unless they are set."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "avx2" in processor_flags():
        # TensorFlow itself enables oneDNN's kernels only with AVX-512. On older processors, too,
        # they more than halve the time of a step.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # One operation at a time, on all cores. Two at once make the rounding of gradients vary from
    # run to run, even with deterministic operations.
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def start(
    seed: int = 0,
    precision: str = "auto",
    parameters: dict[str, object] | None = None,
    cpu_devices: int = 1,
) -> str:
    """Imports TensorFlow without log noise, sets every seed, and chooses the precision.

    Call it first in a notebook or script. It makes operations deterministic, so that the same
    seed gives the same numbers on the same machine.

    Args:
        seed: Integer seed for Python, NumPy and Keras.
        precision: String, the name of a Keras dtype policy such as `"float32"`, or `"auto"`.
            `"auto"` takes the value of the environment variable `SIMCLR_PRECISION`. If that is not
            set, or is `auto` too, it chooses `mixed_bfloat16` on hardware that computes in
            bfloat16 (a processor with AVX512_BF16 or AMX, or an NVIDIA GPU of compute capability
            8.0 or more), and otherwise `float32`.
        parameters: Dict, a notebook's `globals()`. Its parameters are checked first, and `~` is
            expanded in their paths. `None` checks nothing.
        cpu_devices: Integer, the number of devices that TensorFlow makes of the processor. With
            more than one, training on several devices can be tried without a GPU; it is not
            faster.

    Returns:
        A string to print: versions, devices, the precision and the reason for it, and the settings
        of the user's keras.json that were changed.

    Raises:
        ParameterError: If a parameter has an impossible name or value.
        ValueError: If Keras does not know the policy, or `SIMCLR_PRECISION` has an impossible
            value.
        RuntimeError: If the number of devices changes after TensorFlow has begun to compute.

    Example:

    >>> print(start(seed=0, precision="float32"))
    """
    if parameters is not None:
        check_parameters(parameters)
    set_environment()
    asked = environment_precision()
    commit()  # looked up now, because it may change while the session runs
    with quiet_stderr():
        import keras
        import tensorflow as tf

        overridden = override_settings()
        if cpu_devices > 1:
            divide_processor(tf, cpu_devices)
        tf.zeros(1) + 1  # the first operation prints the rest of the log noise
    import pandas as pd

    # If pyarrow is there, pandas stores text with it, and pyarrow refuses undecodable file names.
    pd.set_option("mode.string_storage", "python")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    if precision != "auto":
        chosen, reason = precision, "as requested"
    elif asked != "auto":
        chosen, reason = asked, f"set by {PRECISION_VARIABLE}"
    else:
        chosen, reason = choose_precision(tf)
    keras.config.set_dtype_policy(chosen)
    gpus = tf.config.list_physical_devices("GPU")
    devices = f"{len(gpus)} GPU" if gpus else f"{available_cores()} CPU cores ({processor_name()})"
    return (
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {devices}, seed {seed}, "
        f"precision {chosen} ({reason})" + (f"; {overridden}" if overridden else "")
    )


def divide_processor(tf, count):
    """Makes several devices of the processor, before TensorFlow computes anything.

    Args:
        tf: The module `tensorflow`.
        count: Integer, the number of devices.

    Raises:
        RuntimeError: If TensorFlow has computed something.
    """
    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(processor, parts)
    except RuntimeError as error:
        raise RuntimeError(
            f"`cpu_devices` is {count}, and TensorFlow has already begun to compute. Restart the "
            "kernel, and call `start` before everything else."
        ) from error


def environment_precision():
    """Returns the value of `SIMCLR_PRECISION`, or "auto" if it is not set.

    Raises:
        ValueError: If the value is not one of `PRECISIONS`.
    """
    asked = os.environ.get(PRECISION_VARIABLE) or "auto"
    if asked not in PRECISIONS:
        raise ValueError(
            f"The environment variable {PRECISION_VARIABLE} is {asked!r}; expected one of "
            f"{', '.join(PRECISIONS)}. Set it to one of them, or unset it."
        )
    return asked


def choose_precision(tf):
    """Chooses the dtype policy for this machine.

    Args:
        tf: The module `tensorflow`.

    Returns:
        A pair of strings: the policy and the reason.
    """
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
