"""Paired differences of two methods in any metric, on the same test images."""

from collections.abc import Sequence

import numpy as np

from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.predictions import StoredPredictions
from simclr_utils.evaluation.statistics import Difference, half_width, mcnemar


def metric_difference(
    metric: str,
    first: Sequence[Sequence[StoredPredictions]],
    second: Sequence[Sequence[StoredPredictions]],
    confidence: float = 0.95,
) -> Difference | None:
    """Computes the mean difference of two methods in a metric, with its interval.

    The part of the test images comes from what each image adds to the metric of both methods
    (for AUROC, DeLong's paired test). For accuracy one image, and for balanced accuracy one
    image of each class, is counted as if the methods disagreed on it, so that a handful of images
    does not look certain.

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
    measured = _measure_both(metric, first, second)
    if measured is None:
        return None
    gaps, known = measured
    half = half_width([gaps.mean(1), gaps.mean(0)], confidence, known)
    value = float(gaps.mean())
    p_value = mcnemar(first[0][0].correct, second[0][0].correct)
    return Difference(value, value - half, value + half, gaps.shape, p_value)


def image_variance(
    metric: str,
    first: Sequence[Sequence[StoredPredictions]],
    second: Sequence[Sequence[StoredPredictions]],
) -> float | None:
    """Returns the variance of the mean difference over the draw of the test images.

    Args:
        metric: String, as in `metric_difference`.
        first: Stored predictions, as in `metric_difference`.
        second: Stored predictions, as in `metric_difference`.
    """
    measured = _measure_both(metric, first, second)
    return None if measured is None else measured[1]


def _measure_both(metric, first, second):
    """Returns the gaps `[subsets, seeds]` and the variance over images, or `None`."""
    entry = METRICS[metric]
    if entry.influence is None:
        raise ValueError(f"Two methods cannot be compared in {metric!r}: it has no `influence`.")
    measured = [_measure(entry, runs) for runs in (first, second)]
    if any(part is None for part in measured):
        return None
    (values, moves), (other_values, other_moves) = measured
    images = moves.mean((0, 1)) - other_moves.mean((0, 1))
    return values - other_values, float(np.sum(images**2)) + _one_image(metric, first[0][0].truth)


def _measure(entry, runs):
    """Returns values `[subsets, seeds]` and influences `[subsets, seeds, N]`, or `None`."""
    arrays = [[(each.truth, each.classes, each.probabilities) for each in row] for row in runs]
    scores = [[entry.measure(*each) for each in row] for row in arrays]
    if any(score is None for row in scores for score in row):
        return None
    values = np.array([[score["value"] for score in row] for row in scores])
    return values, np.array([[entry.influence(*each) for each in row] for row in arrays])


def _one_image(metric, truth):
    """Returns the variance that one image of each class adds: the methods disagree on it."""
    if metric == "accuracy":
        return 1 / len(truth) ** 2
    if metric == "balanced_accuracy":
        counts = np.unique(truth, return_counts=True)[1]
        return float(np.sum((counts * len(counts)) ** -2.0))
    return 0.0
