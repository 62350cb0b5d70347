"""Starting a session: a quiet TensorFlow, seeds, and the precision to train in."""

import contextlib
import os
import sys

from simclr_utils.cores import available_cores
from simclr_utils.keras_settings import override_settings
from simclr_utils.parameters import check_parameters
from simclr_utils.provenance import commit

# A processor with one of these computes in bfloat16.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


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
            `"auto"` is `mixed_bfloat16` where the processor (AVX512_BF16, AMX) or an NVIDIA GPU
            of compute capability 8.0 or more computes in it, otherwise `float32`.
        parameters: dict, a notebook's `globals()`, whose parameters are checked before anything
            else, and in whose paths `~` is expanded; `None` checks nothing.

    Returns:
        A sentence with versions, devices and the precision and its reason, to be printed; and
        with what a keras.json of the user's was overridden in.

    Raises:
        ParameterError: if a parameter has a name or value that it cannot have.
        ValueError: if Keras does not know the policy.
    """
    if parameters is not None:
        check_parameters(parameters)
    set_environment()
    commit()  # of what is loaded now, whatever is committed while it runs
    with quiet_stderr():
        import keras
        import tensorflow as tf

        overridden = override_settings()
        tf.zeros(1) + 1  # the first operation is what prints the rest of the noise
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    chosen, reason = choose_precision(tf) if precision == "auto" else (precision, "as asked")
    keras.config.set_dtype_policy(chosen)
    gpus = tf.config.list_physical_devices("GPU")
    devices = f"{len(gpus)} GPU" if gpus else f"{available_cores()} CPU cores"
    return (
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {devices}, seed {seed}, "
        f"precision {chosen} ({reason})" + (f"; {overridden}" if overridden else "")
    )


def choose_precision(tf):
    """The policy for this machine and the reason, two strings."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability")
        if capability and capability[0] >= 8:
            return "mixed_bfloat16", f"GPU of compute capability {capability[0]}.{capability[1]}"
        return "float32", "this GPU has no bfloat16 units"
    features = BFLOAT16_FLAGS & processor_flags()
    if features:
        return "mixed_bfloat16", f"this processor has {', '.join(sorted(features))}"
    return "float32", "this processor does not compute in bfloat16"


def processor_flags():
    """The processor's feature names as Linux lists them; elsewhere an empty set."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("flags"):
                return set(line.split(":")[1].split())
    return set()
