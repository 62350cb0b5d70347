"""One probe for each of several findings, on features that are computed once."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from simclr_utils.data.group_folds import has_groups
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.probes import fit_linear_probe

LEAST = 5  # images with the finding, and without it, in each split
LEAST_GROUPS = 2  # groups with such images


class FindingImages(NamedTuple):
    """The images of a split: their features, and what is known of their findings.

    Attributes:
        features: Float array `[N, D]`.
        findings: Dict from the names of findings to integer arrays `[N]`: 1, 0, or -1 where it is
            unknown.
        groups: Integer array `[N]`, the number of each image's group, or `None`.
    """

    features: np.ndarray
    findings: dict[str, np.ndarray]
    groups: np.ndarray | None = None

    def known(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Returns features, values and groups of the images of which a finding is known.

        Args:
            name: String, the name of a finding.
        """
        rows = self.findings[name] >= 0
        groups = None if self.groups is None else self.groups[rows]
        return self.features[rows], self.findings[name][rows], groups


def score_findings(train: FindingImages, scored: FindingImages) -> pd.DataFrame:
    """Fits a probe for each finding and scores it on other images.

    The penalty of each probe is chosen by cross-validation within train. Images with and without
    the finding count equally there, since otherwise the probe of a rare finding would be chosen by
    how well it answers "absent". A finding needs five images with it and five without it, of two
    groups or more, in train and among the scored images.

    Args:
        train: `FindingImages`, to learn from.
        scored: `FindingImages` with the same findings.

    Returns:
        A DataFrame with a row for each finding, in their order: `finding`; `train_images` and
        `train_positives`, the images of which it is known and those that have it; `images` and
        `positives` of the scored images; `auroc`, `auroc_low` and `auroc_high`, the value in 0..1
        and its 95 % interval, over groups if there are any; `average_precision` likewise; and
        `reason`, why there are no numbers, or an empty string.

    Example:

    >>> score_findings(train, validation).sort_values("auroc")
    """
    rows = []
    for name in train.findings:
        learned, answers = train.known(name), scored.known(name)
        row = {"finding": name}
        row |= {"train_images": len(learned[1]), "train_positives": int(learned[1].sum())}
        row |= {"images": len(answers[1]), "positives": int(answers[1].sum())}
        reason = too_few(learned, "train") or too_few(answers, "the scored images")
        scores = {} if reason else _score(learned, answers)
        rows.append({**row, **dict.fromkeys(COLUMNS, np.nan), **scores, "reason": reason})
    return pd.DataFrame(rows)


SCORES = ("auroc", "average_precision")
COLUMNS = [f"{metric}{end}" for metric in SCORES for end in ("", "_low", "_high")]


def too_few(known, where):
    """Returns why the images of a split are too few for a number, or an empty string.

    Args:
        known: Triple of features, values 0 or 1, and groups or `None`.
        where: String, what the split is called.
    """
    _, values, groups = known
    for value, kind in ((1, "with"), (0, "without")):
        count = int(np.sum(values == value))
        if count < LEAST:
            return f"{count} images {kind} it in {where}, fewer than {LEAST}"
        if groups is not None and len(np.unique(groups[values == value])) < LEAST_GROUPS:
            return f"the images {kind} it in {where} are of one group"
    return ""


def _score(learned, answers):
    features, values, groups = learned
    probe = fit_linear_probe(
        features, values, groups=groups if has_groups(groups) else None, class_weight="balanced"
    )
    features, truth, groups = answers
    probabilities = probe.predict_probabilities(features, 2)
    found = {}
    for name in SCORES:
        score = METRICS[name].measure(truth, probabilities.argmax(1), probabilities, groups)
        found |= {name: score["value"]}
        found |= {f"{name}_{end}": score[end] for end in ("low", "high")}
    return found
