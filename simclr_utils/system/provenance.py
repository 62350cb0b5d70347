"""What made a result: versions, hardware, date."""

import functools
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from simclr_utils.system.processor import available_cores, caps, processor_name

DISTRIBUTIONS = ("tensorflow", "keras", "numpy", "scikit-learn", "simclr-utils")


def versions():
    """Returns a dict from name to version: Python, the main libraries that are here, ours."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def versions_string():
    """Returns `versions()` as one string for the column `versions` of the results."""
    return ", ".join(f"{name} {version}" for name, version in versions().items())


def hardware():
    """Returns a dict: the processor, the cores we may use, the GPUs' names, the caps that are set.

    The processor's name alone may stand for several, so that family, model and features follow it.
    GPUs are looked for only when TensorFlow has been imported by somebody else: its import takes
    seconds.
    """
    gpus = []
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        for device in tensorflow.config.list_physical_devices("GPU"):
            details = tensorflow.config.experimental.get_device_details(device)
            gpus.append(details.get("device_name", device.name))
    found = {"processor": processor_name(), "cores": available_cores(), "gpus": gpus}
    return found | {"caps": caps()}


def hardware_string():
    """Returns `hardware()` as one string for the column `hardware` of the results."""
    found = hardware()
    return ", ".join(
        [f"{found['processor']} ({found['cores']} cores)", *found["gpus"], *found["caps"]]
    )


def explain_hardware(hardware, computing_in=None):
    """Returns what a stored row says of its machine, and what it leaves open, a string.

    Args:
        hardware: the row's `hardware_string()`.
        computing_in: the row's `precision()`; missing values are taken. `mixed_bfloat16` is
            chosen only where the processor has it.
    """
    if not hardware.startswith("AMD EPYC ("):  # without family and model several have this name
        return hardware
    known = isinstance(computing_in, str) and computing_in == "mixed_bfloat16"
    return f"{hardware}{', with bfloat16' * known}, family and model not recorded"


@functools.cache
def commit():
    """Returns the commit of the checkout that the package is imported from, a string or None.

    `+` at its end says that files were changed since. It is looked up once, at the start of a
    session: files that change later are not what runs.
    """
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "--no-optional-locks", "-C", str(folder), "describe", "--always"]
    command += ["--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # no git here
        return None
    return found.stdout.strip() or None


def precision():
    """Returns the name of Keras' dtype policy, a string; None where nobody has imported Keras."""
    keras = sys.modules.get("keras")
    return None if keras is None else keras.config.dtype_policy().name


def provenance(preset=None, seed=None, fingerprint=None):
    """Says what made a result.

    Args:
        preset: Name of the preset, a string or None.
        seed: Integer seed or None.
        fingerprint: The `fingerprint` of the `Dataset`, a string or None.

    Returns:
        A dict that `save_json` can write: `date` (UTC), `preset`, `seed`, `fingerprint`,
        `commit` (of this course), `versions` and `hardware` (two dicts).
    """
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "preset": preset,
        "seed": seed,
        "fingerprint": fingerprint,
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
    }
