"""Settings for the unit tests and for nbval, which compares the notebooks' stored outputs."""

import os

pytest_plugins = ["nbval_tolerance"]

# What takes longest starts first, lest one of two workers goes on alone at the end.
SLOWEST = ["09_your_own_images", "06_fine_tuning", "test_course_on_a_folder"]
SLOWEST += [
    "10_medical_imaging",
    "07_what_matters",
    "05_baseline_comparison",
    "test_verdict_cases",
    "03_contrastive_pretraining",
]
SLOWEST += ["08_large_batches", "test_study", "test_kill", "04_linear_probe", "02_encoder_and_head"]
SLOWEST += ["01_augmentations", "test_baselines", "test_headless", "test_checkpoints"]
SLOWEST += ["test_all_methods", "test_view_sizes", "test_interrupt", "test_keras_settings"]


def pytest_configure(config):
    # A backend set for scripts would keep the figures out of the notebooks' outputs.
    os.environ.pop("MPLBACKEND", None)
    # nbval looks for a relative path in the current directory.
    if getattr(config.option, "nbval", False) and config.option.nbval_sanitize_with is None:
        config.option.nbval_sanitize_with = str(config.rootpath / "tools" / "nbval_sanitize.cfg")


def pytest_collection_modifyitems(items):
    ranks = {stem: rank for rank, stem in enumerate(SLOWEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))
