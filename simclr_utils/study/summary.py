"""The findings of a study: paired differences, crossings and a verdict."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simclr_utils.data.group_folds import has_groups
from simclr_utils.evaluation.groups import as_groups
from simclr_utils.evaluation.label_savings import find_savings, labels_to_reach
from simclr_utils.evaluation.results import summarize
from simclr_utils.evaluation.statistics import crossing_interval
from simclr_utils.evaluation.verdicts import estimate, holm, verdict
from simclr_utils.methods import BASELINE, METHODS
from simclr_utils.study.pairs import difference
from simclr_utils.study.primary import compared_methods
from simclr_utils.study.stored import correct
from simclr_utils.training.findings import stored_findings

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

FEW_GROUPS = 20  # test groups: with fewer, their spread itself is hardly known
FEW_IMAGES = 200  # validation images: an accuracy of 50 % is then uncertain by seven points


def compare(study: "Study") -> pd.DataFrame:
    """Compares each pretrained method with the tuned baseline, on the same test images.

    Args:
        study: A `Study` with rows. Label counts that lack rows are left out.

    Returns:
        A DataFrame, one row for each method and label count: `first`, `second`, `labels`,
        `value` (in the headline metric), `low`, `high`, `p_value`, `adjusted` (corrected by
        `holm` together with all but the primary comparison, NaN for that one), `primary`,
        `subsets` (the number of label subsets, or of initializations if all labels are used),
        `seeds`, `verdict` (the verdict of the primary comparison, an estimate of the others),
        `dataset`, `preset` and `fingerprint`.
    """
    found = {}
    for method in compared_methods():
        for labels in study.counts:
            measured = difference(study, method, BASELINE, labels)
            if measured is not None:
                found[method, labels] = measured
    others = [key for key in found if key != study.primary]
    adjusted = dict(zip(others, holm([found[key].p_value for key in others]), strict=True))
    rows = []
    for (method, labels), made in found.items():
        corrected = adjusted.get((method, labels))
        row = {"dataset": study.dataset.name, "first": method, "second": BASELINE}
        row |= {"labels": labels, "value": made.value, "low": made.low}
        row |= {"high": made.high, "p_value": made.p_value, "adjusted": corrected}
        row |= {"primary": corrected is None, "subsets": made.num_runs[0]}
        row |= {"seeds": made.num_runs[1], "preset": study.preset}
        row |= {"fingerprint": study.dataset.fingerprint}
        rows.append({**row, "verdict": _sentence(study, method, labels, made, corrected)})
    return pd.DataFrame(rows).astype({"adjusted": float}) if rows else pd.DataFrame()


def _sentence(study, method, labels, made, adjusted):
    """Returns the verdict of the primary comparison, or the estimate of another one."""
    name, loses = METHODS[method].verdict
    everything = study.comparison.protocol.is_all(labels)
    if adjusted is None:
        return verdict(made, labels, name, loses, everything)
    return estimate(made, labels, name, everything, adjusted)


def headline(comparisons: pd.DataFrame) -> str | None:
    """Returns the verdict of the primary comparison, or `None` if it was not made.

    Args:
        comparisons: DataFrame, as `compare` returns it.
    """
    rows = comparisons[comparisons["primary"]] if len(comparisons) else comparisons
    return rows["verdict"].iloc[0] if len(rows) else None


def no_verdict(study: "Study") -> str:
    """Returns a sentence that says why there is no verdict, and what to add.

    Args:
        study: A `Study`.

    Returns:
        A string.
    """
    if study.dataset.is_labeled:
        method, labels = study.primary
        return (
            "No verdict: rows are missing. The primary comparison, named beforehand, is of "
            f"{METHODS[method].label} with the tuned baseline at {labels:,} labels."
        )
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
    sentences += few_groups(study.comparison.protocol.test_groups)
    return sentences + no_better_than_constant(study)


def few_groups(groups: np.ndarray | None) -> list[str]:
    """Returns a sentence, in a list, if the test images are of few groups.

    Args:
        groups: Integer array `[N]`, the number of each test image's group, or `None`.
    """
    count = len(np.unique(groups)) if has_groups(groups) else FEW_GROUPS
    if count >= FEW_GROUPS:
        return []
    return [
        f"The test images are of {count} group{'s' * (count > 1)} only, such as patients. So few "
        "say little about others, and the intervals are rough."
    ]


def no_better_than_constant(study):
    """Returns a sentence, in a list, if no network beats the most frequent class."""
    frame = study.frame()
    summary = summarize(frame[frame["metric"] == study.config.metric])
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
        f"Always giving the most frequent class as the answer scores {100 * share:.1f} %, and no "
        "network is clearly better. There is nothing to compare yet."
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
        labels, first, second = _lines(study, method)
        if len(labels) > 1:
            found[method] = crossing_interval(labels, first, second)["text"]
    return found


def _lines(study, method):
    """Returns the label counts at which a method can be compared, and what both get right.

    If the test images have groups, that is how much of each group they get right.
    """
    pairs = {n: [correct(study, each, n) for each in (method, BASELINE)] for n in study.counts}
    pairs = {n: pair for n, pair in pairs.items() if all(part is not None for part in pair)}
    groups = study.comparison.protocol.test_groups
    lines = ([as_groups(pair[side], groups) for pair in pairs.values()] for side in (0, 1))
    return list(pairs), *lines


def labels_saved(study: "Study") -> list[str]:
    """Says how many labels pretraining is worth, at each number of labels.

    Args:
        study: A `Study`.

    Returns:
        A list of sentences on the primary method, one for each number of labels. Empty with
        fewer than two numbers of labels.
    """
    labels, first, second = _lines(study, study.primary.method) if study.primary else ((), (), ())
    if len(labels) < 2:
        return []
    return [saving.text for saving in find_savings(labels, first, second)]


def labels_needed(study: "Study", target: float) -> str:
    """Says how many labels would reach an accuracy, by extrapolated learning curves.

    Args:
        study: A `Study`.
        target: Float in (0, 1), the accuracy to reach.

    Returns:
        A sentence for the primary method and one for the baseline, as one string. It is marked as
        an extrapolation, or says why there is none. Empty if nothing was measured.
    """
    labels, *lines = _lines(study, study.primary.method) if study.primary else ((), (), ())
    if not labels:
        return ""
    names = [METHODS[name].label for name in (study.primary.method, BASELINE)]
    return " ".join(
        f"{name}: {labels_to_reach(labels, line, target).text}"
        for name, line in zip(names, lines, strict=True)
    )
