"""Settings for the unit tests and for nbval, which compares the notebooks' stored outputs."""

import os


def pytest_configure(config):
    # A backend set for scripts would keep the figures out of the notebooks' outputs.
    os.environ.pop("MPLBACKEND", None)
    # nbval looks for a relative path in the current directory.
    if getattr(config.option, "nbval", False) and config.option.nbval_sanitize_with is None:
        config.option.nbval_sanitize_with = str(config.rootpath / "tools" / "nbval_sanitize.cfg")
