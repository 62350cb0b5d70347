"""Paired differences of two methods in any metric, on the same test images."""

from collections.abc import Sequence

import numpy as np

from simclr_utils.evaluation.components import mean_squares, uncertainty_of_mean
from simclr_utils.evaluation.groups import as_groups
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.predictions import StoredPredictions
from simclr_utils.evaluation.statistics import Difference

IMAGES = (2,)  # the axis of the images in a table [subsets, seeds, N]


def metric_difference(
    metric: str,
    first: Sequence[Sequence[StoredPredictions]],
    second: Sequence[Sequence[StoredPredictions]],
    confidence: float = 0.95,
) -> Difference | None:
    """Computes the mean difference of two methods in a metric, with its interval.

    The metric of a run is written as a mean over the test images: the value, plus what each image
    adds to it. So images, label subsets and pretraining seeds are crossed random effects, as in
    `paired_difference`; for AUROC and a single run of each method, this is DeLong's paired test.
    For accuracy one image, and for balanced accuracy one image of each class, is counted as if
    the methods disagreed on it, so that a handful of images does not look certain. If the images
    have groups, what they add is summed by group, and groups take the place of images.

    Args:
        metric: String, a name in `METRICS` whose entry has an `influence`.
        first: Stored predictions of the first method, `[subsets][seeds]`.
        second: Stored predictions of the second method, likewise. A side with one subset, or one
            seed, is compared with each of the other's.
        confidence: Float in (0, 1).

    Returns:
        A `Difference`. `None` if the metric is not defined for these predictions.

    Raises:
        ValueError: If the metric has no `influence`.

    References:
        DeLong, DeLong, Clarke-Pearson 1988, "Comparing the areas under two or more correlated
        receiver operating characteristic curves: a nonparametric approach".
    """
    gaps = _gaps(metric, first, second)
    if gaps is None:
        return None
    found = uncertainty_of_mean(mean_squares(gaps), _one_image(metric, first[0][0]))
    value, half = float(gaps.mean()), float(found.half_width(confidence))
    return Difference(value, value - half, value + half, gaps.shape[:2], found.p_value(value))


def image_variance(
    metric: str,
    first: Sequence[Sequence[StoredPredictions]],
    second: Sequence[Sequence[StoredPredictions]],
) -> float | None:
    """Returns the variance of the mean difference over the draw of the test images, or groups.

    Args:
        metric: String, as in `metric_difference`.
        first: Stored predictions, as in `metric_difference`.
        second: Stored predictions, as in `metric_difference`.
    """
    gaps = _gaps(metric, first, second)
    if gaps is None:
        return None
    return mean_squares(gaps)[IMAGES][0] + _one_image(metric, first[0][0])


def _gaps(metric, first, second):
    """Returns the differences `[subsets, seeds, N]`, or `None` if the metric is not defined.

    If the images have groups, they are `[subsets, seeds, G]`.
    """
    entry = METRICS[metric]
    if entry.influence is None:
        raise ValueError(f"Two methods cannot be compared in {metric!r}: it has no `influence`.")
    tables = [
        [[_by_image(entry, each) for each in row] for row in runs] for runs in (first, second)
    ]
    if any(part is None for table in tables for row in table for part in row):
        return None
    return as_groups(np.array(tables[0]) - np.array(tables[1]), first[0][0].groups)


def _by_image(entry, found):
    """Returns numbers `[N]` whose mean is the metric, or `None` if it is not defined."""
    arrays = found.truth, found.classes, found.probabilities
    score = entry.measure(*arrays)
    return score and score["value"] + len(found.truth) * entry.influence(*arrays)


def _one_image(metric, found):
    """Returns the variance that one image of each class adds: the methods disagree on it.

    If the images have groups, it is one group of each class.
    """
    draws = np.arange(len(found.truth)) if found.groups is None else found.groups
    if metric == "accuracy":
        return 1 / len(np.unique(draws)) ** 2
    if metric == "balanced_accuracy":
        labels = np.unique(found.truth)
        counts = np.array([len(np.unique(draws[found.truth == label])) for label in labels])
        return float(np.sum((counts * len(counts)) ** -2.0))
    return 0.0
