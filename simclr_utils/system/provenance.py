"""Provenance of a result: versions, commit, hardware and date."""

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
    """Returns a dict from names to versions: Python, the main libraries, this package."""
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
    """Describes the machine.

    GPUs are listed only if TensorFlow has already been imported, because its import takes seconds.

    Returns:
        A dict with `processor`, its name; `cores`, the number that this process may use; `gpus`,
        a list of names; and `caps`, a list of the settings that limit its kernels.
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
    """Describes the machine of a stored row, including what was not recorded.

    Args:
        hardware: String, the row's `hardware_string()`.
        computing_in: String, the row's `precision()`, or a missing value. `mixed_bfloat16`
            proves that the processor computes in bfloat16.

    Returns:
        A string.
    """
    if not hardware.startswith("AMD EPYC ("):  # several processors have this name
        return hardware
    known = isinstance(computing_in, str) and computing_in == "mixed_bfloat16"
    return f"{hardware}{', with bfloat16' * known}, family and model not recorded"


@functools.cache
def commit():
    """Returns the commit of the checkout that the package is imported from.

    It is looked up once, at the start of a session, because later changes to the files do not
    affect the session.

    Returns:
        A string that ends in `+` if files have changed since the commit, or `None`.
    """
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "--no-optional-locks", "-C", str(folder), "describe", "--always"]
    command += ["--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # git is not installed
        return None
    return found.stdout.strip() or None


def precision():
    """Returns the name of Keras' dtype policy, or `None` if Keras has not been imported."""
    keras = sys.modules.get("keras")
    return None if keras is None else keras.config.dtype_policy().name


def provenance(preset=None, seed=None, fingerprint=None):
    """Returns a record of how a result was made.

    Args:
        preset: String, the name of the preset, or `None`.
        seed: Integer seed, or `None`.
        fingerprint: String, the `fingerprint` of the `Dataset`, or `None`.

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


def provenance_line():
    """Returns the date, the versions, the hardware and the commit of a results page as one line."""
    made = provenance()
    return f"{made['date'][:10]}: {versions_string()}; {hardware_string()}; commit {made['commit']}"
