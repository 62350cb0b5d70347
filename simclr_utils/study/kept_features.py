"""Features that take long to compute: kept in the folder of a study, so that it can go on."""

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simclr_utils.files import as_stored, atomic_path


def keep(path: Path, made_with: dict, compute: Callable[[], dict]) -> dict[str, np.ndarray]:
    """Reads features from a file, or computes them and writes it.

    Args:
        path: Path of an `.npz` file.
        made_with: Dict that JSON can hold, such as the fingerprint of the images. A file that was
            made with something else is replaced.
        compute: Function without arguments that returns a dict of arrays.

    Returns:
        A dict of arrays.
    """
    stored = stored_record(path)
    if stored is not None and stored["made_with"] == as_stored(made_with):
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if name != "record"}
    started = time.monotonic()
    arrays = compute()
    minutes = (time.monotonic() - started) / 60
    record = json.dumps({"made_with": made_with, "minutes": round(minutes, 2)})
    with atomic_path(path) as temporary:
        np.savez(temporary, record=np.array(record), **arrays)
    return arrays


def file_of(start: str, readout: str = "pooled") -> str:
    """Returns the name of the file that keeps the features of a start, in one readout.

    Args:
        start: String, a key of `STARTS`.
        readout: String, as in `extract_features`.
    """
    return f"{start}.npz" if readout == "pooled" else f"{start}-{readout}.npz"


def stored_record(path: Path) -> dict | None:
    """Returns what is known of the features in a file, or `None` if there is no readable file.

    Args:
        path: Path of an `.npz` file.

    Returns:
        A dict: `made_with`, and `minutes`, the time that it took to compute them.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return json.loads(str(file["record"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
