"""The Keras that this package needs, whatever a user's keras.json and environment say."""

import json
import os
import sys
import warnings
from pathlib import Path

BACKEND = "tensorflow"
# The settings of keras.json that change numbers, and what they have to be.
SETTINGS = {"floatx": "float32", "epsilon": 1e-07, "image_data_format": "channels_last"}


def choose_backend():
    """Makes Keras compute with TensorFlow when it is imported; warns if another was asked for.

    Raises:
        ImportError: if Keras has been imported already and computes with something else.
    """
    if "keras" in sys.modules:
        asked = sys.modules["keras"].config.backend()
        if asked != BACKEND:
            raise ImportError(
                "simclr_utils needs Keras on TensorFlow, and Keras was imported before it, on "
                f"{asked}. Restart Python and import simclr_utils first, or set "
                f"KERAS_BACKEND={BACKEND} in the environment."
            )
    else:
        asked = os.environ.get("KERAS_BACKEND") or configured_backend()
        if asked != BACKEND:
            warnings.warn(
                f"simclr_utils computes with {BACKEND} in this session, though Keras is set to the "
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
    """Sets what changes numbers in Keras to what this package needs.

    Returns:
        A sentence that names what was set otherwise; an empty string if nothing was.
    """
    import keras

    changed = []
    for name, value in SETTINGS.items():
        before = getattr(keras.config, name)()
        if before == value:
            continue
        follows = name == "floatx" and keras.config.dtype_policy().name == before
        getattr(keras.config, f"set_{name}")(value)
        if follows:
            keras.config.set_dtype_policy(value)
        changed.append(f"{name} {value} in place of {before}")
    if not changed:
        return ""
    return f"of Keras' settings (keras.json) set for this session: {', '.join(changed)}"


def warn_of_overridden():
    """Does what `override_settings` does, and warns of what it changed."""
    changed = override_settings()
    if changed:
        warnings.warn(f"simclr_utils: {changed}.", stacklevel=3)
