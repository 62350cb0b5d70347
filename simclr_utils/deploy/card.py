"""A model card from the records of a run: data, recipe, results with intervals, limits, use.

It has the form that model hubs read: Markdown after a front matter in YAML.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from simclr_utils import files
from simclr_utils.deploy.card_results import front_matter, read_results, results_table
from simclr_utils.deploy.ready import find_file, record_of
from simclr_utils.evaluation.results import Results
from simclr_utils.methods import METHODS, in_order
from simclr_utils.places import user_path
from simclr_utils.training.findings import stored_findings

# The settings of a recipe that say how an encoder was made. None of them holds a path.
RECIPE = (
    *("encoder", "width", "projection_dims", "operations", "second_operations", "temperature"),
    *("loss", "mix_alpha", "optimizer", "base_learning_rate", "weight_decay"),
)
MADE_FOR_SPEED = ("tiny", "quick")
UNKNOWN_LICENSE = "unknown"  # the word of model hubs
USES = (
    "Features for classifiers, for search and for sorting of images like those it was trained on.",
    "Not for decisions about people, and not for clinical use: nobody has validated it for them.",
)
OTHER_ENCODER = "Another network, which the study only compared with. It is not this one."
GENERAL_LIMITS = (
    "It knows only what its training images show. On images of another kind, camera or site, its "
    "features may be worse than the numbers say; measure there before you rely on it.",
    "Its training had no labels, so it may separate images by what nobody wants to tell apart: "
    "background, brightness or device.",
)


def describe_card(
    folder: str | Path, name: str | None = None, license_name: str = UNKNOWN_LICENSE
) -> dict:
    """Collects what the card of an encoder says, from the records of its run.

    Paths of the machine are left out: of the records, only named entries are used.

    Args:
        folder: Path of the folder of a study, or of an encoder with its record.
        name: String, the name of the model, or `None` for that of the folder.
        license_name: String, the identifier of a license, such as `"mit"`.

    Returns:
        A dict for the template of the card. Its entry `front` is the front matter in YAML.

    Raises:
        EncoderFileError: If there is no encoder in the folder.
        ValueError: If the encoder has no record.
    """
    folder, path = user_path(folder), find_file(folder)
    record = {} if path is None else record_of(path)
    if not record:
        raise ValueError(
            f"The encoder in {folder} has no record of how it was made. Only encoders that this "
            "course has pretrained have one."
        )
    name = name or f"{record['dataset']}-{record['config']['encoder']}-simclr"
    results = read_results(folder)
    verdict = folder / "verdict.json"
    verdict = files.load_json(verdict) if verdict.is_file() else {}
    return {
        "front": front_matter(name, license_name, record, results),
        "name": name,
        "license": license_name,
        "siblings": describe_siblings(folder, record),
        "uses": USES,
        "use": record["input"]["use"],
        "input": record["input"],
        "data": describe_data(record, verdict),
        "recipe": describe_recipe(record),
        "question": verdict.get("title", ""),
        "answer": verdict.get("answer", []),
        "results": results_table(results),
        "methods": describe_methods(results, verdict),
        "limits": describe_limits(folder, record, verdict, results),
        "made": describe_making(record),
    }


def describe_data(record: Mapping[str, Any], verdict: Mapping[str, Any]) -> list[str]:
    """Returns sentences on the images that an encoder was trained and measured on.

    Args:
        record: Dict, the record of the encoder.
        verdict: Dict, the verdict of its study, or an empty one.
    """
    height, width, channels = record["image_shape"]
    kind = "gray" if channels == 1 else "color"
    lines = [f"“{record['dataset']}”: {kind} images of {height}x{width} pixels."]
    if verdict:
        lines.append(verdict["data"]["sentence"])
    if record["class_names"]:
        lines.append(f"Classes, not used in pretraining: {', '.join(record['class_names'])}.")
    return [*lines, *record.get("notes", [])]


def describe_siblings(folder: Path, record: Mapping[str, Any]) -> str:
    """Returns sentences that say which of the encoders of a study this one is.

    Args:
        folder: `Path` of the folder of its study.
        record: Dict, the record of the encoder.

    Returns:
        A string, empty if its folder knows of no other encoder.
    """
    path = folder / "results.csv"
    rows = Results(path).frame() if path.is_file() else pd.DataFrame({"pretraining_seed": []})
    seeds = rows["pretraining_seed"].dropna().nunique()
    here = sum(each.parent.name.isdigit() for each in folder.glob("encoders/*/encoder.keras"))
    count = max(seeds, here)
    if count < 2:
        return ""
    which = (
        f"It is one of {count} encoders that a study trained in the same way, from different "
        f"seeds: that of seed {record['seed']}."
    )
    measured = "all" if seeds == count else seeds
    means = f" The results below are means over {measured} of them, and not its own alone."
    return which + (means if seeds > 1 else "")


def describe_methods(results: pd.DataFrame, verdict: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns what the methods of the results are, as pairs of a label and a sentence.

    Args:
        results: DataFrame, as `read_results` returns it.
        verdict: Dict, the verdict of the study, or an empty one.
    """
    shown = [METHODS[name] for name in in_order(dict.fromkeys(results["method"]))]
    found = [(method.label, method.note) for method in shown]
    if "given encoder" in " ".join(verdict.get("answer", [])).lower():
        found.append(("given encoder", OTHER_ENCODER))
    return found


def describe_recipe(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the settings of a pretraining as pairs of name and value.

    Args:
        record: Dict, the record of the encoder.
    """
    config = record["config"]
    used = {name: config[name] for name in RECIPE if config.get(name) not in (None, 0.0)}
    if used.get("operations"):
        operations = dict(map(tuple, used["operations"])).items()
        listed = ", ".join(f"{name} {strength}" for name, strength in operations)
        used["operations"] = f"{listed} (each with its strength)"
    used |= {"steps": record["steps"], "batch size": record["batch_size"], "seed": record["seed"]}
    used["precision"] = record.get("precision", "float32")
    return [(name.replace("_", " "), str(value)) for name, value in used.items()]


def describe_limits(
    folder: Path,
    record: Mapping[str, Any],
    verdict: Mapping[str, Any],
    results: pd.DataFrame,
) -> list[str]:
    """Returns what limits an encoder and its numbers, a list of sentences.

    Args:
        folder: `Path` of the folder of its study.
        record: Dict, the record of the encoder.
        verdict: Dict, the verdict of the study, or an empty one.
        results: DataFrame, as `read_results` returns it.
    """
    lines = list(GENERAL_LIMITS)
    if results.empty:
        lines.append("No result of this encoder was recorded beside it.")
    if record.get("preset") in MADE_FOR_SPEED:
        lines.append(f"It was made with the preset {record['preset']}, for speed and not for use.")
    found = verdict.get("limits") or [*stored_findings(folder), *record.get("findings", [])]
    return list(dict.fromkeys([*lines, *found]))


def describe_making(record: Mapping[str, Any]) -> str:
    """Returns a sentence on when, with what and on what machine an encoder was trained.

    Args:
        record: Dict, the record of the encoder.
    """
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    hardware = record["hardware"]
    devices = ", ".join([hardware["processor"], *hardware["gpus"]])
    return (
        f"Trained on {record['date'][:10]} for {record['minutes']:g} minutes with {versions}, on "
        f"{devices}. Fingerprint of the images: {record['fingerprint']}."
    )
