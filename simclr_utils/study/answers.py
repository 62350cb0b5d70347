"""The answer of a study in sentences: a verdict, or why there is none and how to get one."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.evaluation.verdicts import has_evidence
from simclr_utils.methods import METHODS
from simclr_utils.parameters import NAMED_SOURCES
from simclr_utils.study import summary

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

MADE_FOR_SPEED = ("tiny", "quick")  # presets whose studies end without a verdict

MISLEADING_SHARE = 0.7  # of the most frequent class: above it, accuracy says little
# What a value of a metric means, for a reader who knows none of them.
MEANS = {
    "accuracy": "{} of the test images are recognized",
    "balanced_accuracy": "on average over the classes, {} of their images are recognized",
    "auroc": "the area under the ROC curve (AUROC) is {}",
    "average_precision": "the average precision is {}",
    "sensitivity_at_90": "{} of the positive images are found at 90 % specificity",
    "sensitivity_at_95": "{} of the positive images are found at 95 % specificity",
}


def answer(study: "Study") -> list[str]:
    """Returns what a study says about pretraining on its images.

    Args:
        study: A finished `Study`.

    Returns:
        A list of sentences. The first one is the verdict. It says why there is none if nothing is
        labeled, if rows are missing, or if the preset is made for speed. What limits the answer
        follows.
    """
    limits = summary.small_print(study)
    if not study.counts:
        return [summary.no_verdict(study), *limits]
    if study.preset in MADE_FOR_SPEED:
        return [
            f"No verdict: the preset {study.preset} is made for speed. For an answer, run",
            f"    {real_command(study)}",
            *limits,
        ]
    return [summary.headline(summary.compare(study)) or summary.no_verdict(study), *limits]


def real_command(study: "Study") -> str:
    """Returns the command of the study from which a verdict can be drawn, a string.

    Args:
        study: A `Study`, of any preset.
    """
    name = study.dataset.name
    source = name if name in NAMED_SOURCES or name.startswith("medmnist:") else "FOLDER"
    metric = study.config.metric
    if metric == "accuracy" and warn_of_imbalance(study):
        metric = "balanced_accuracy"
    chosen = "" if metric == "accuracy" else f" --metric {metric}"
    if study.config.class_weight != "none":
        chosen += f" --set class_weight={study.config.class_weight}"
    if study.dataset.finding is not None:
        chosen += f" --set {shlex.quote(f'finding={study.dataset.finding}')}"
    given = study.config.encoder_file
    # The path of a file is left out: the page may be sent to somebody else.
    named = given if given is None or ":" in Path(given).name else "FILE"
    chosen += "" if named is None else f" --encoder {named}"
    return f"python -m simclr_utils study --source {source} --preset full{chosen} --out runs/mine"


def differences(study: "Study") -> list[str]:
    """Returns a sentence for each comparison of a pretrained method with the tuned baseline.

    Args:
        study: A `Study` with rows.

    Returns:
        A list of strings: verdicts, or the plain differences with their intervals if the preset
        is made for speed.
    """
    comparisons = summary.compare(study)
    if comparisons.empty:
        return []
    if study.preset not in MADE_FOR_SPEED:
        return list(comparisons["verdict"])
    return [
        f"At {row.labels:,} labels, {METHODS[row.first].label} minus the baseline: "
        f"{100 * row.value:+.1f} points [{100 * row.low:+.1f} to {100 * row.high:+.1f}]"
        for row in comparisons.itertuples()
    ]


def plain_answer(study: "Study", primary: dict | None, values: dict[str, float]) -> list[str]:
    """Returns the answer in two sentences for a reader who is no statistician.

    Args:
        study: A finished `Study`.
        primary: Dict of the primary comparison: `first`, `second`, `labels`, `value`, `low` and
            `high`. `None` if there is none.
        values: Dict from a method to its mean in the headline metric at that number of labels.

    Returns:
        A list of strings: whether pretraining helps, with the two values, and how sure that is.
        Without a comparison, or with a preset made for speed, why there is no verdict.
    """
    if not study.counts or primary is None:
        return [summary.no_verdict(study)]
    with_it, without = (percent(values[primary[side]]) for side in ("first", "second"))
    first = METHODS[primary["first"]]
    what = "pretraining" if first.pretrained else first.label
    named = f"pretraining ({first.label})" if first.pretrained else first.label
    labels, means = primary["labels"], MEANS[study.config.metric]
    baseline = METHODS[primary["second"]].label
    numbers = f"{means.format(with_it)} with {named}, and {without} without ({baseline})"
    if study.preset in MADE_FOR_SPEED:
        start = f"No verdict: the preset {study.preset} is made for speed. This was a trial run."
        return [start, f"With {labels:,} labels, {numbers}."]
    if not has_evidence((primary["subsets"], primary["seeds"])):
        start = "No verdict: it takes several encoders and several label subsets."
        return [start, f"In a single try with {labels:,} labels, {numbers}."]
    gap, low, high = (100 * primary[name] for name in ("value", "low", "high"))
    if low <= 0 <= high:
        return [
            f"These images cannot tell whether {what} helps: with {labels:,} labels, {numbers}.",
            f"In truth, it may be anything from {-low:.1f} points worse to {high:.1f} points "
            "better.",
        ]
    start, end = f"Yes, {what} helps", "The gain"
    if high < 0:
        start, end = "No, training on the labels alone is better", "The loss"
        gap, low, high = -gap, -high, -low
    return [
        f"{start}: with {labels:,} labels, {numbers}.",
        f"{end} is {gap:.1f} points; with 95 % confidence it lies between {low:.1f} and "
        f"{high:.1f} points.",
    ]


def most_frequent(study: "Study") -> dict | None:
    """Returns the most frequent class of the test images and its share.

    Args:
        study: A `Study`.

    Returns:
        A dict with `class` and `share`, or `None` if nothing is labeled.
    """
    counts = np.bincount(study.dataset.test[1], minlength=1)
    if not study.dataset.is_labeled or not counts.sum():
        return None
    largest = int(counts.argmax())
    share = float(counts[largest] / counts.sum())
    return {"class": study.dataset.class_names[largest], "share": share}


def warn_of_imbalance(study: "Study") -> str | None:
    """Returns a sentence that says when accuracy misleads, and what to read in its place.

    Args:
        study: A `Study`.
    """
    largest = most_frequent(study)
    if largest is None or largest["share"] < MISLEADING_SHARE:
        return None
    name, share = largest["class"], percent(largest["share"])
    sentence = f"{share} of the test images are of the class “{name}”. Always giving that answer "
    if study.config.metric == "accuracy":
        return (
            f"{sentence}has an accuracy of {share} and finds nothing else, so accuracy says "
            "little here. Read the balanced accuracy below. For the next study, choose it "
            "beforehand: --metric balanced_accuracy."
        )
    return f"{sentence}would look good in accuracy, which is why another metric decides here."


def percent(share: float) -> str:
    """Returns a share as a percentage with one decimal, such as "61.2 %"."""
    return f"{100 * share:.1f} %"
