"""What a verdict says, as one dict: the page, the Markdown and the JSON are made from it.

The keys are those of `verdict.json`, which docs/command_line.md describes. Values of metrics are
shares in 0..1, and differences of them are too.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils import files
from simclr_utils.data.group_folds import has_groups
from simclr_utils.evaluation.label_savings import FEWEST_POINTS
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.methods import METHODS
from simclr_utils.study import answers, measured, summary
from simclr_utils.study.next_step import next_step
from simclr_utils.study.rivals import describe_rivals
from simclr_utils.training.findings import stored_findings

if TYPE_CHECKING:
    import pandas as pd

    from simclr_utils.study.study import Study

TARGET_STEP = 0.05  # the accuracy to reach next is a multiple of it
MOST_RARE = 3  # rare classes that the warning counts
SCHEMA = 2  # increase it when a key changes its meaning or goes


def describe(study: "Study") -> dict:
    """Returns everything that the verdict of a study says.

    Args:
        study: A finished `Study`.

    Returns:
        A dict that `files.save_json` can write.
    """
    comparisons = summary.compare(study) if study.counts else None
    primary = primary_comparison(comparisons)
    speed = study.preset in answers.MADE_FOR_SPEED
    methods = measured.describe_methods(study, only_images=speed) if study.counts else []
    metric, labels = study.config.metric, max(study.counts, default=None)
    if primary:
        labels = primary["labels"]
    values = {
        each["method"]: each["value"]
        for each in methods
        if (each["metric"], each["labels"]) == (metric, labels)
    }
    return {
        "schema": SCHEMA,
        "title": f"Does pretraining help on {study.dataset.name}?",
        "preset": study.preset,
        "made_for_speed": speed,
        "answer": [
            *answers.plain_answer(study, primary, values),
            *describe_rivals(study, primary, values),
        ],
        "labels_saved": in_labels(study, primary, values),
        "metric": {"name": metric, "label": METRICS[metric].label},
        "labels": labels,
        "data": describe_data(study),
        "primary": primary,
        "methods": methods,
        "differences": [] if comparisons is None else as_records(comparisons),
        "per_class": measured.per_class(study, compared(primary), labels) if primary else [],
        "next_step": next_step(study, primary),
        "warning": warn(study, primary, labels),
        "limits": limits(study),
        "provenance": describe_origin(study),
    }


def warn(study: "Study", primary: dict | None, labels: int | None) -> str | None:
    """Returns a warning of unequal classes, with the numbers of rare images that were found.

    Args:
        study: A `Study`.
        primary: Dict, as `primary_comparison` returns it.
        labels: Integer, the number of labels of the page.

    Returns:
        A string, or `None` if the classes are not that unequal.
    """
    warning = answers.warn_of_imbalance(study)
    if warning is None or primary is None:
        return warning
    frequent = answers.most_frequent(study)["class"]
    rare = {}
    for each in measured.per_class(study, compared(primary), labels):
        if each["measure"] == "recall" and each["class"] != frequent:
            rare.setdefault((each["images"], each["class"]), []).append(each)
    counts = [
        f"Of the {images:,} test images of the class “{name}”, "
        + " and ".join(
            f"{METHODS[each['method']].label} finds {round(each['value'] * images):,}"
            for each in scores
        )
        + "."
        for (images, name), scores in sorted(rare.items(), key=lambda item: item[0][0])[:MOST_RARE]
    ]
    return " ".join([warning, *counts])


def primary_comparison(comparisons: "pd.DataFrame | None") -> dict | None:
    """Returns the comparison that was named before, a dict, or `None` if it was not measured.

    Args:
        comparisons: DataFrame, as `compare` returns it, or `None`.
    """
    if comparisons is None or comparisons.empty or not comparisons["primary"].any():
        return None
    return as_records(comparisons[comparisons["primary"]])[0]


def as_records(comparisons: "pd.DataFrame") -> list[dict]:
    """Returns paired differences as dicts of Python's own types.

    Args:
        comparisons: DataFrame, as `compare` returns it.
    """
    names = ("first", "second", "labels", "value", "low", "high", "primary", "subsets", "seeds")
    return [
        {
            name: value.item() if hasattr(value, "item") else value
            for name, value in row.items()
            if name in names
        }
        for row in comparisons.to_dict("records")
    ]


def compared(primary):
    """Returns the names of the methods of the primary comparison, a list."""
    return [primary[side] for side in ("first", "second")]


def in_labels(study: "Study", primary: dict | None, values: dict[str, float]) -> list[str]:
    """Returns what pretraining is worth in labels, and how many would reach a higher target.

    Args:
        study: A `Study`.
        primary: Dict, as `primary_comparison` returns it.
        values: Dict from a method to its mean in the headline metric.

    Returns:
        A list of sentences; empty for a preset made for speed, and for other metrics than accuracy.
    """
    speed = study.preset in answers.MADE_FOR_SPEED
    if primary is None or speed or study.config.metric != "accuracy":
        return []
    best = max(values[name] for name in compared(primary))
    target = min(0.99, (math.floor(best / TARGET_STEP) + 1) * TARGET_STEP)
    enough = len(study.counts) >= FEWEST_POINTS
    needed = [summary.labels_needed(study, target)] if enough else []
    return [*summary.labels_saved(study), *filter(None, needed)]


def describe_data(study: "Study") -> dict:
    """Returns the sizes of the splits, the classes and the notes on the images.

    Args:
        study: A `Study`.
    """
    dataset = study.dataset
    sizes = {name: len(getattr(dataset, name)[1]) for name in ("train", "validation", "test")}
    learn = sizes["train"] + (0 if dataset.own_validation else sizes["validation"])
    groups = {
        name: len(np.unique(dataset.groups[name]))
        for name in ("labeled", "test")
        if has_groups(dataset.groups.get(name))
    }
    learn_of, test_of = (
        f" of {groups[name]:,} groups" if name in groups else "" for name in ("labeled", "test")
    )
    drawn = " Intervals are for other groups, and no group is on two sides." if groups else ""
    return {
        "sentence": (
            f"{learn:,} labeled images{learn_of} to learn from, {sizes['test']:,} "
            f"{'test images' + test_of if test_of else 'to test'}, "
            f"{dataset.num_classes:,} classes. Pretraining uses {len(dataset.unlabeled):,} images "
            f"and no label.{drawn}"
        ),
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "image_shape": list(dataset.image_shape),
        "images": {"unlabeled": len(dataset.unlabeled), **sizes},
        "groups": groups,
        "classes": list(dataset.class_names),
        "most_frequent": answers.most_frequent(study),
        "notes": list(dataset.notes),
    }


def limits(study: "Study") -> list[str]:
    """Returns what limits the answer, a list of sentences; the findings of the doctor come first.

    Args:
        study: A `Study`.
    """
    findings = stored_findings(study.folder)
    said = [each for each in summary.small_print(study) if each not in findings]
    return findings + said


def describe_origin(study: "Study") -> dict:
    """Returns what made the first encoder, or the study if it has no encoder.

    Args:
        study: A `Study`.
    """
    record = study.encoder_folder(study.seeds[0]) / "encoder.json"
    if record.exists():
        return files.load_json(record)
    made = files.load_json(study.folder / "run.json")
    return {**made.get("provenance", {}), **made["study"]}
