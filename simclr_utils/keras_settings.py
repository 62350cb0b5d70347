"""The settings of Keras that this package needs, whatever keras.json and the environment say."""

import json
import os
import sys
import warnings
from pathlib import Path

BACKEND = "tensorflow"
# The settings of keras.json that change numbers, and the values that they need.
SETTINGS = {"floatx": "float32", "epsilon": 1e-07, "image_data_format": "channels_last"}


def choose_backend():
    """Selects TensorFlow as the backend of Keras, and warns if another one was requested.

    Raises:
        ImportError: If Keras has already been imported with another backend.
    """
    if "keras" in sys.modules:
        asked = sys.modules["keras"].config.backend()
        if asked != BACKEND:
            raise ImportError(
                "simclr_utils needs Keras on TensorFlow, but Keras has already been imported on "
                f"{asked}. Restart Python and import simclr_utils first, or set "
                f"KERAS_BACKEND={BACKEND} in the environment."
            )
    else:
        asked = os.environ.get("KERAS_BACKEND") or configured_backend()
        if asked != BACKEND:
            warnings.warn(
                f"simclr_utils uses {BACKEND} in this session, although Keras is set to the "
                f"backend {asked} (by KERAS_BACKEND or keras.json).",
                stacklevel=3,
            )
    os.environ["KERAS_BACKEND"] = BACKEND


def configured_backend():
    """Returns the backend that the user's keras.json names, or TensorFlow."""
    home = os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser()
    try:
        return json.loads((Path(home) / "keras.json").read_text()).get("backend", BACKEND)
    except (OSError, RuntimeError, ValueError, AttributeError):  # no home, no file, no dict
        return BACKEND


def override_settings():
    """Sets the settings of Keras that change numbers to the values that this package needs.

    Returns:
        A phrase that names the changed settings, or an empty string.
    """
    import keras

    changed = []
    for name, value in SETTINGS.items():
        before = getattr(keras.config, name)()
        if before == value:
            continue
        # By default, the dtype policy follows floatx, so it has to change as well.
        follows = name == "floatx" and keras.config.dtype_policy().name == before
        getattr(keras.config, f"set_{name}")(value)
        if follows:
            keras.config.set_dtype_policy(value)
        changed.append(f"{name} {value} instead of {before}")
    if not changed:
        return ""
    return f"Keras settings (keras.json) changed for this session: {', '.join(changed)}"


def warn_of_overridden():
    """Calls `override_settings` and warns if it changed something."""
    changed = override_settings()
    if changed:
        warnings.warn(f"simclr_utils: {changed}.", stacklevel=3)
