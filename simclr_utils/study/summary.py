"""The findings of a study: paired differences, crossings and a verdict."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simclr_utils.evaluation.results import summarize
from simclr_utils.evaluation.statistics import crossing_interval, paired_difference
from simclr_utils.evaluation.verdicts import verdict
from simclr_utils.methods import BASELINE, METHODS
from simclr_utils.study.stored import correct
from simclr_utils.training.findings import stored_findings

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

FEW_IMAGES = 200  # validation images: an accuracy of 50 % is then uncertain by seven points


def compared_methods():
    """Returns the names of the methods that are compared with the baseline."""
    return [name for name, method in METHODS.items() if method.verdict is not None]


def compare(study: "Study") -> pd.DataFrame:
    """Compares each pretrained method with the tuned baseline, on the same test images.

    Args:
        study: A `Study` with rows. Label counts that lack rows are left out.

    Returns:
        A DataFrame, one row for each method and label count: `first`, `second`, `labels`,
        `value` (the difference in accuracy), `low`, `high`, `p_value`, `subsets` (the number of
        label subsets, or of initializations if all labels are used), `seeds`, `verdict`,
        `dataset`, `preset` and `fingerprint`.
    """
    rows = []
    for method in compared_methods():
        name, loses = METHODS[method].verdict
        for labels in study.counts:
            pair = [correct(study, each, labels) for each in (method, BASELINE)]
            if any(part is None for part in pair):
                continue
            found = paired_difference(*pair)
            row = {"dataset": study.dataset.name, "first": method, "second": BASELINE}
            row |= {"labels": labels, "value": found.value, "low": found.low, "high": found.high}
            row |= {"p_value": found.p_value, "subsets": found.num_runs[0]}
            row |= {"seeds": found.num_runs[1], "preset": study.preset}
            row |= {"fingerprint": study.dataset.fingerprint}
            everything = study.comparison.protocol.is_all(labels)
            rows.append({**row, "verdict": verdict(found, labels, name, loses, everything)})
    return pd.DataFrame(rows)


def headline(comparisons: pd.DataFrame) -> str | None:
    """Returns the one verdict that comes first, or `None` without comparisons.

    Its method and label count are fixed before anything is measured: fine-tuning, which is how a
    pretrained encoder is used, at the largest number of labels.

    Args:
        comparisons: DataFrame, as `compare` returns it.
    """
    for method in sorted(compared_methods(), key=lambda name: not METHODS[name].trained):
        rows = comparisons[comparisons["first"] == method] if len(comparisons) else comparisons
        if len(rows):
            return rows.sort_values("labels")["verdict"].iloc[-1]
    return None


def no_verdict(study: "Study") -> str:
    """Returns a sentence that says why there is no verdict, and what to add.

    Args:
        study: A `Study`.

    Returns:
        A string.
    """
    if study.dataset.is_labeled:
        return "No verdict: rows are missing."
    return (
        "No verdict: none of these images has a label, so no prediction can be scored. The "
        "encoder is pretrained and saved. For a verdict, add train/<class>/ with labeled images "
        "of at least two classes, and test/<class>/ if you have it."
    )


def small_print(study: "Study") -> list[str]:
    """Returns the caveats of a verdict.

    Args:
        study: A `Study`.

    Returns:
        A list of sentences, which may be empty.
    """
    if not study.counts:
        return stored_findings(study.folder)
    sentences = []
    if study.preset in ("tiny", "quick"):
        sentences.append(
            f"Made with the preset {study.preset}, which shows how it works and proves nothing."
        )
    if study.preset == "laptop":
        sentences.append("Made with the preset laptop. A longer pretraining may gain more.")
    sentences += stored_findings(study.folder)
    if study.comparison.num_subsets == len(study.seeds) == 1:
        sentences.append(
            "Each method was run once. The interval compares these two networks, not the methods: "
            "from another seed, either network may score differently."
        )
    num_validation = len(study.dataset.validation[1])
    if study.dataset.own_validation and num_validation < FEW_IMAGES:
        sentences.append(
            f"Settings were chosen on only {num_validation} validation images, so partly by luck."
        )
    return sentences + no_better_than_constant(study)


def no_better_than_constant(study):
    """Returns a sentence, in a list, if no network beats the most frequent class."""
    frame = study.frame()
    summary = summarize(frame[frame["metric"] == "accuracy"])
    summary = summary[summary["labels"] == summary["labels"].max()].set_index("method")
    there = {name: METHODS[name] for name in METHODS if name in summary.index}
    rows = [name for name, method in there.items() if method.trained]
    constant = [name for name, method in there.items() if method.fitted == "constant"]
    if not rows or not constant:
        return []
    share = summary.loc[constant, "mean"].max()
    if summary.loc[rows, "low"].max() > share:
        return []
    return [
        f"Always answering the most frequent class scores {share:.1%}, and no network is clearly "
        "better. There is nothing to compare yet."
    ]


def crossings(study: "Study") -> dict[str, str]:
    """Finds where the line of each pretrained method falls below the baseline's.

    Args:
        study: A `Study`.

    Returns:
        A dict from the name of a method to a phrase. Methods with rows at fewer than two label
        counts are left out.
    """
    found = {}
    for method in compared_methods():
        pairs = {n: [correct(study, each, n) for each in (method, BASELINE)] for n in study.counts}
        pairs = {n: pair for n, pair in pairs.items() if all(part is not None for part in pair)}
        if len(pairs) < 2:
            continue
        shape = np.max([pair[0].shape[:2] for pair in pairs.values()], axis=0)
        lines = [
            np.stack([np.broadcast_to(pair[side].mean(2), shape) for pair in pairs.values()], -1)
            for side in (0, 1)
        ]
        found[method] = crossing_interval(list(pairs), *lines)["text"]
    return found
