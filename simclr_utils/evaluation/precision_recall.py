"""Average precision: the area under the precision-recall curve, and what each image adds to it."""

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve

from simclr_utils.evaluation.groups import half_width
from simclr_utils.evaluation.roc import one_against_rest


def average_precision(truth, predictions, probabilities, groups=None):
    """Computes the average precision: one class against the rest, averaged over classes.

    With two classes it is that of the second one, whose share of the images is what chance reaches.
    With more, the classes that occur in the truth count equally. The variance comes from what each
    image adds. If a class has a single image, the interval is NaN.

    References:
        Jaeckel 1972, "The infinitesimal jackknife".
    """
    sides = one_against_rest(truth, probabilities)
    if not sides:
        return None
    value = float(np.mean([average_precision_score(*side) for side in sides]))
    half = half_width(average_precision_influence(truth, None, probabilities), groups)
    return {"value": value, "low": value - half, "high": value + half}


def average_precision_influence(truth, predictions, probabilities):
    """Computes how far each image moves the average precision, averaged over classes."""
    return np.mean([_influence(*side) for side in one_against_rest(truth, probabilities)], axis=0)


def _influence(positive, scores):
    """Returns the derivative of the average precision by the weight of each image, `[N]`."""
    if positive.sum() == 1:
        return np.full(len(scores), np.nan)  # a single image says nothing about its spread
    # The thresholds, the highest first; equal scores are one threshold.
    _, places = np.unique(-scores, return_inverse=True)
    hits, alarms = (np.bincount(places, side, places.max() + 1) for side in (positive, ~positive))
    above, below = np.cumsum(hits), np.cumsum(alarms)
    precision, total = above / (above + below), positive.sum()
    value = np.sum(hits * precision) / total

    def from_here_on(change):
        return np.cumsum((hits * change)[::-1])[::-1] / total

    # One more image raises or lowers the precision at its own threshold and at all lower ones.
    gain = from_here_on(below / (above + below) ** 2) + (precision - value) / total
    loss = from_here_on(-above / (above + below) ** 2)
    return np.where(positive, gain[places], loss[places])


def precision_recall_points(positive: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Computes the precision-recall curve of one class against the rest.

    Args:
        positive: Boolean array `[N]`, with both values in it.
        scores: Float array `[N]`, such as the probability of the class.

    Returns:
        A DataFrame with a row for each threshold, the lowest first: `threshold`, and `recall` and
        `precision` in 0..1 if images with at least this score are taken for the class. In the last
        row nothing is, and the threshold is infinite.

    Example:

    >>> precision_recall_points(truth == 1, probabilities[:, 1])
    """
    precision, recall, thresholds = precision_recall_curve(positive, np.asarray(scores, float))
    thresholds = np.append(thresholds, np.inf)
    return pd.DataFrame({"threshold": thresholds, "recall": recall, "precision": precision})
