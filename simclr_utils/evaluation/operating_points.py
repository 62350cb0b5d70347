"""Sensitivity and specificity: at a fixed specificity, and at a threshold that is given."""

import numpy as np

from simclr_utils.evaluation.groups import half_width, share
from simclr_utils.evaluation.roc import roc_points

ROUNDING = 1e-9


class SensitivityAt:
    """The share of the second class that is found if a share of the first is left alone.

    It is read off the ROC curve of the images that it is computed for: the threshold is chosen on
    them. In practice it is chosen on other images, and the specificity is then missed by chance in
    one direction or the other. `choose_threshold` and `at_threshold` say what is reached.

    The interval also covers that the threshold moves with the images of the first class. The slope
    of the curve, which says what that costs, is taken over one standard error to both sides.

    Args:
        specificity: Float in (0, 1).
    """

    def __init__(self, specificity: float):
        self.specificity = specificity

    def __call__(self, truth, predictions, probabilities, groups=None):
        """Computes the sensitivity and its interval, as the `function` of a `Metric`."""
        if probabilities.shape[1] != 2 or len(np.unique(truth)) < 2:
            return None
        positive, scores = np.asarray(truth) == 1, probabilities[:, 1]
        found = scores >= choose_threshold(positive, scores, self.specificity)
        own = None if groups is None else np.asarray(groups)[positive]
        score = share(found[positive], own)
        half = half_width(self.influence(truth, predictions, probabilities), groups)
        # Wilson's interval does not shrink to nothing if all are found.
        score["low"] = min(score["low"], score["value"] - half)
        return {**score, "high": max(score["high"], score["value"] + half)}

    def influence(self, truth, predictions, probabilities):
        """Computes how far each image moves the sensitivity, as the `influence` of a `Metric`."""
        positive, scores = np.asarray(truth) == 1, probabilities[:, 1]
        curve = roc_points(positive, scores)
        found = scores >= choose_threshold(positive, scores, self.specificity)
        alarms, others = 1 - self.specificity, np.sum(~positive)
        error = np.sqrt(alarms * self.specificity / others)
        ends = np.clip([alarms - error, alarms + error], 0, 1)
        reached = [
            curve["sensitivity"][1 - curve["specificity"] <= end + ROUNDING].max() for end in ends
        ]
        slope = np.diff(reached)[0] / np.diff(ends)[0]
        gain = (found - found[positive].mean()) / np.sum(positive)
        loss = -slope * (found - found[~positive].mean()) / others
        return np.where(positive, gain, loss)


def choose_threshold(positive: np.ndarray, scores: np.ndarray, specificity: float) -> float:
    """Returns the lowest threshold with at least a given specificity.

    Choose it on images that are neither learned from nor tested on, such as labeled images with the
    scores of `out_of_fold_probabilities`. Chosen on the test images, it is chosen too well.

    Args:
        positive: Boolean array `[N]`, with both values in it.
        scores: Float array `[N]`. Images with NaN are left out.
        specificity: Float in (0, 1), the share of negative images below the threshold.

    Returns:
        A float. An image is taken for positive if its score is at least that. Infinity if no other
        threshold has the specificity.

    Example:

    >>> threshold = choose_threshold(labels == 1, held_out[:, 1], specificity=0.95)
    >>> at_threshold(truth == 1, probabilities[:, 1], threshold)
    """
    known = np.isfinite(scores)
    curve = roc_points(np.asarray(positive)[known], np.asarray(scores)[known])
    return float(curve["threshold"][curve["specificity"] >= specificity - ROUNDING].min())


def at_threshold(
    positive: np.ndarray, scores: np.ndarray, threshold: float, groups: np.ndarray | None = None
) -> dict[str, dict[str, float]]:
    """Computes sensitivity and specificity at a threshold that other images have given.

    Args:
        positive: Boolean array `[N]`, with both values in it.
        scores: Float array `[N]`.
        threshold: Float. An image is taken for positive if its score is at least that.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        A dict from `sensitivity` and `specificity` to dicts with the `value` and the ends `low`
        and `high` of its 95 % Wilson interval.
    """
    positive, found = np.asarray(positive, bool), np.asarray(scores) >= threshold
    result = {}
    for name, side in (("sensitivity", positive), ("specificity", ~positive)):
        own = None if groups is None else np.asarray(groups)[side]
        result[name] = share((found == positive)[side], own)
    return result
