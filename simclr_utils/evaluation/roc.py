"""AUROC: the area under the ROC curve, its interval, and what each image adds to it."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

from simclr_utils.evaluation.groups import half_width


def auroc(truth, predictions, probabilities, groups=None):
    """Computes the area under the ROC curve: one class against the rest, averaged over classes.

    With two classes it is the area of the second one. With more, the classes that occur in the
    truth count equally. The variance comes from what each test image contributes (DeLong's
    structural components), averaged over the classes first, because each image counts in the
    area of every class. If a class has a single image, the interval is NaN. With groups, the
    contributions of the images of a group are added first (Obuchowski).

    References:
        DeLong, DeLong, Clarke-Pearson 1988, "Comparing the areas under two or more correlated
        receiver operating characteristic curves: a nonparametric approach".
        Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data".
        Sun, Xu 2014, "Fast implementation of DeLong's algorithm".
    """
    areas = class_areas(truth, probabilities)
    if not areas:
        return None
    value = float(np.mean([area for area, _ in areas]))
    half = half_width(auroc_influence(truth, None, probabilities), groups)
    return {"value": value, "low": value - half, "high": value + half}


def auroc_influence(truth, predictions, probabilities):
    """Computes how far each image moves the AUROC: DeLong's components, averaged over classes."""
    return np.mean([influence for _, influence in class_areas(truth, probabilities)], axis=0)


def class_areas(truth, probabilities):
    """Computes `area_under_curve` of each class that occurs, or of the second one of two.

    Returns:
        A list of pairs, empty if only one class occurs.
    """
    return [area_under_curve(*side) for side in one_against_rest(truth, probabilities)]


def one_against_rest(truth, probabilities):
    """Returns which images are of a class and its probability, for each class or the second of two.

    Args:
        truth: Integer array `[N]`, the true classes.
        probabilities: Float array `[N, C]`.

    Returns:
        A list of pairs of a boolean array `[N]` and a float array `[N]`, one for each class that
        occurs. Empty if only one class occurs.
    """
    truth, labels = np.asarray(truth), np.unique(truth)
    if len(labels) < 2:
        return []
    labels = labels if probabilities.shape[1] > 2 else [1]
    return [(truth == label, probabilities[:, label]) for label in labels]


def roc_points(positive: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Computes the ROC curve of one class against the rest.

    Args:
        positive: Boolean array `[N]`, with both values in it.
        scores: Float array `[N]`, such as the probability of the class.

    Returns:
        A DataFrame with a row for each threshold, the highest first: `threshold`, and
        `sensitivity` and `specificity` in 0..1 if images with at least this score are taken for
        the class. In the first row nothing is, and the threshold is infinite.

    Example:

    >>> roc_points(truth == 1, probabilities[:, 1])
    """
    scores = np.asarray(scores, float)
    alarms, sensitivity, thresholds = roc_curve(positive, scores, drop_intermediate=False)
    return pd.DataFrame(
        {"threshold": thresholds, "sensitivity": sensitivity, "specificity": 1 - alarms}
    )


def area_under_curve(positive, scores):
    """Computes the area under one ROC curve, and the influence of each image on it.

    The area is the share of pairs of a positive and a negative in which the positive has the
    higher score; ties count half. Ranks give it without going through the pairs.

    Args:
        positive: Boolean array `[N]`, with both values in it.
        scores: Float array `[N]`.

    Returns:
        A float in 0..1, and a float array `[N]` whose sum of squares is DeLong's variance.
    """
    ranks, wins = rankdata(scores), np.empty(len(scores))
    num_positive, num_negative = np.sum(positive), np.sum(~positive)
    # The share of the other side that each image is ranked correctly against.
    wins[positive] = (ranks[positive] - rankdata(scores[positive])) / num_negative
    wins[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / num_positive
    area = wins[positive].mean()
    size = np.where(positive, num_positive, num_negative).astype(float)
    size[size == 1] = np.nan  # a single image says nothing about its spread
    return area, (wins - area) / np.sqrt(size * (size - 1))
