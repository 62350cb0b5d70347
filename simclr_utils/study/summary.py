"""What a study found: paired differences, the label count where lines cross, a verdict."""

import numpy as np
import pandas as pd

from simclr_utils.evaluation.results import summarize
from simclr_utils.evaluation.statistics import crossing_interval, paired_difference
from simclr_utils.evaluation.verdicts import verdict
from simclr_utils.training.findings import stored_findings

# The methods that start from a pretrained encoder, and how a verdict calls them and their loss.
# A frozen encoder that falls behind says nothing against pretraining: it may still go on learning.
PRETRAINED = {
    "linear_probe": ("a linear probe on the frozen encoder", "falls behind: it loses"),
    "fine_tuned": ("contrastive pretraining with fine-tuning", "hurts: it loses"),
}
BASELINE = "supervised"
TRAINED = ("supervised", "fine_tuned")
FEW_IMAGES = 200  # of validation: an accuracy of 50 % is known to seven points either way


def compare(study):
    """Sets each pretrained method against the tuned baseline, on the same test images.

    Args:
        study: a `Study` whose rows are there; label counts without all rows are left out.

    Returns:
        A DataFrame, one row for each method and label count: `first`, `second`, `labels`,
        `value` (the difference in accuracy), `low`, `high`, `p_value`, `subsets` (where all
        labels are used: initialisations), `seeds`, `verdict`, and what made it.
    """
    rows = []
    for method, (name, loses) in PRETRAINED.items():
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


def headline(comparisons):
    """The one verdict to begin with, a string, or `None` without comparisons.

    Method and label count are fixed before anything is measured: fine-tuning, which is how a
    pretrained encoder is used, at the largest number of labels.
    """
    for method in reversed(PRETRAINED):
        rows = comparisons[comparisons["first"] == method] if len(comparisons) else comparisons
        if len(rows):
            return rows.sort_values("labels")["verdict"].iloc[-1]
    return None


def no_verdict(study):
    """Why there is no verdict, and what to add: a sentence for the place of the headline."""
    if study.dataset.is_labeled:
        return "No verdict: rows are missing."
    return (
        "No verdict: none of these images has a label, so that there is nothing to be right or "
        "wrong about. The encoder is pretrained and kept. For a verdict add train/<class>/ with "
        "labeled images of two classes or more, and test/<class>/ if you have it."
    )


def small_print(study):
    """What a verdict is not to be read without, a list of sentences; often empty."""
    if not study.counts:
        return stored_findings(study.folder)
    sentences = []
    if study.preset in ("tiny", "quick"):
        sentences.append(
            f"Made with the preset {study.preset}: this shows the way and proves nothing."
        )
    if study.preset == "laptop":
        sentences.append("Made with the preset laptop: a longer pretraining may gain more.")
    sentences += stored_findings(study.folder)
    if study.comparison.num_subsets == len(study.seeds) == 1:
        sentences.append(
            "One training of each: the interval is about these two networks, not the methods; "
            "trained anew, from another seed, either may end elsewhere."
        )
    num_validation = len(study.dataset.validation[1])
    if num_validation < FEW_IMAGES:
        sentences.append(
            f"Settings were chosen on {num_validation} validation images: partly by luck."
        )
    summary = summarize(study.frame())
    summary = summary[summary["labels"] == summary["labels"].max()].set_index("method")
    rows = [method for method in TRAINED if method in summary.index]
    if rows and "chance" in summary.index:
        constant = summary.loc["chance", "mean"]
        if summary.loc[rows, "low"].max() <= constant:
            sentences.append(
                f"The most frequent class alone has {constant:.1%}, and no network is clearly "
                "above that: there is nothing to compare yet."
            )
    return sentences


def crossings(study):
    """Where the line of each pretrained method falls below the baseline's, a dict of sentences."""
    found = {}
    for method in PRETRAINED:
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


def correct(study, method, labels):
    """What a method got right: bool `[subsets, seeds, N]`, or `None` where a row is missing."""
    subsets = study.comparison.subsets(labels, trained=method in TRAINED)
    seeds = study.seeds if method in PRETRAINED else [None]
    stack = [
        [
            study.comparison.protocol.correct(
                method=method, labels=labels, subset_seed=subset, pretraining_seed=seed
            )
            for seed in seeds
        ]
        for subset in subsets
    ]
    if any(part is None for row in stack for part in row):
        return None
    return np.array(stack)
