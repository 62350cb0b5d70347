"""Settings for the unit tests and for nbval, which compares the notebooks' stored outputs."""

import os

pytest_plugins = ["nbval_tolerance"]

# What takes longest starts first, lest one of two workers goes on alone at the end.
SLOWEST = ["09_your_own_images", "06_fine_tuning", "05_baseline_comparison"]
SLOWEST += ["test_course_on_a_folder", "test_verdict_cases", "test_kill", "test_study"]


def pytest_configure(config):
    # A backend set for scripts would keep the figures out of the notebooks' outputs.
    os.environ.pop("MPLBACKEND", None)
    # nbval looks for a relative path in the current directory.
    if getattr(config.option, "nbval", False) and config.option.nbval_sanitize_with is None:
        config.option.nbval_sanitize_with = str(config.rootpath / "tools" / "nbval_sanitize.cfg")


def pytest_collection_modifyitems(items):
    ranks = {stem: rank for rank, stem in enumerate(SLOWEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))
