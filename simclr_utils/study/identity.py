"""Keeps a folder to one study: one preset, one set of images and one set of settings."""

from pathlib import Path
from typing import TYPE_CHECKING

from simclr_utils import files
from simclr_utils.config import describe_changes, identity
from simclr_utils.evaluation.results import Results
from simclr_utils.places import user_path
from simclr_utils.system.provenance import precision

if TYPE_CHECKING:
    from simclr_utils.config import Config
    from simclr_utils.data.dataset import Dataset

PARTS = ("pretraining", "evaluation")
# How settings are chosen. Rows that were made under another rule are not mixed with these.
RULE = "every label counts"
# As long as a folder has none of these, it may be used with other settings.
RESULT_FILES = ("results.csv", "encoders", "predictions.sqlite", "tuning.json")

# Said where a folder with results is asked for another headline metric.
WHY_ONE_METRIC = (
    "The headline metric is chosen before the results are known: chosen afterwards, it would be "
    "the one that looks best. The page shows the other metrics too."
)


class StudyError(ValueError):
    """A study cannot be made or continued as asked. The message says what to do."""


def has_results(folder: str | Path) -> bool:
    """Returns whether a folder has results of a study, finished or not."""
    return any((user_path(folder) / name).exists() for name in RESULT_FILES)


def stored_study(folder: str | Path) -> dict | None:
    """Returns what `claim` wrote into the record of a folder, or `None`."""
    path = user_path(folder) / "run.json"
    return files.load_json(path).get("study") if path.exists() else None


def claim(
    folder: str | Path,
    dataset: "Dataset",
    config: "Config",
    preset: str,
    parts: tuple = ("pretraining",),
) -> None:
    """Records which study a folder belongs to, and refuses any other study.

    The first call writes preset, fingerprint of the images, precision and settings into
    `run.json`, under the key `study`. Later calls compare. As long as the folder has no results,
    a call with other settings replaces the record.

    Args:
        folder: Path of the folder. It is made if it does not exist.
        dataset: A `Dataset`.
        config: A `Config`.
        preset: String, the name of the preset.
        parts: Strings, the settings to compare, as `config.identity` takes them. Pretraining
            knows only `"pretraining"`; a study adds `"evaluation"`.

    Raises:
        StudyError: If the folder holds another study, results without a record of what made
            them, or results of an encoder whose pretraining was stopped early.
    """
    folder = user_path(folder)
    here = {"preset": preset, "fingerprint": dataset.fingerprint, "precision": precision()}
    there = stored_study(folder) if has_results(folder) else {}
    if there is None:
        raise StudyError(
            f"{folder} has results, but no record of the images and settings that made them. "
            "Choose another folder (run_dir, or --out)."
        )
    # A part without a stored setting was not used here, so its settings may still be chosen.
    used = [part for part in parts if set(identity(config, (part,))) & set(there.get("config", {}))]
    differences = files.describe_differences(there, here) if there else []
    differences += describe_changes(there["config"], config, used) if used else []
    if differences:
        raise StudyError(
            f"{folder} holds another study: {'; '.join(differences)}. Choose another folder "
            "(run_dir, or --out), or repeat the images and settings of that study to continue it."
            f"{why_one_metric(differences)}"
        )
    check_rule(folder, there)
    check_encoders(folder, len(dataset.unlabeled), config)
    settings = {**there.get("config", {}), **identity(config, parts)}
    record = {**there, **here, "rule": RULE, "config": settings}
    if record != there:
        files.update_json(folder / "run.json", study=record)


def check_rule(folder, there):
    """Raises a `StudyError` if there are rows whose settings were chosen under another rule."""
    if (folder / "results.csv").exists() and there.get("rule") != RULE:
        raise StudyError(
            f"{folder} has results of an earlier version, which chose settings on validation "
            "images beside the labels. Here every label counts, and such rows are not to be "
            "mixed. Choose another folder (run_dir, or --out), or move results.csv, "
            "predictions.sqlite and tuning.json away: the encoders can be used again."
        )


def why_one_metric(differences: list[str]) -> str:
    """Returns why the metric may not change, or nothing if it is not among the differences.

    Args:
        differences: Strings, as `files.describe_differences` returns them.
    """
    return f" {WHY_ONE_METRIC}" if any(each.startswith("metric is") for each in differences) else ""


def check_encoders(folder, pool_size, config):
    """Raises a `StudyError` if there are rows of an encoder that was stopped early.

    If its pretraining were continued, they would be taken for rows of the finished encoder.
    """
    table = folder / "results.csv"
    seeds = Results(table).frame()["pretraining_seed"].dropna().unique() if table.exists() else []
    for seed in seeds:
        record = folder / "encoders" / str(seed) / "encoder.json"
        if not record.exists():
            continue
        steps, planned = files.load_json(record)["steps"], planned_steps(pool_size, config)
        if steps != planned:
            raise StudyError(
                f"The pretraining of encoder {seed} stopped after {steps:,} of "
                f"{planned:,} steps, and {table} has rows of it. Choose another folder (run_dir, "
                "or --out), or remove results.csv to pretrain to the end here."
            )


def planned_steps(pool_size: int, config: "Config") -> int:
    """Returns the steps of a whole pretraining on a pool of images."""
    # Imported late: the command line reads this module before it needs TensorFlow.
    from simclr_utils.training.pretraining import plan_epochs

    _, steps_per_epoch, epochs = plan_epochs(pool_size, config)
    return steps_per_epoch * epochs
