"""AUROC: the area under the ROC curve, its interval, and what each image adds to it."""

import numpy as np
from scipy.stats import norm, rankdata


def auroc(truth, predictions, probabilities):
    """Computes the area under the ROC curve: one class against the rest, averaged over classes.

    With two classes it is the area of the second one. With more, the classes that occur in the
    truth count equally. The variance comes from what each test image contributes (DeLong's
    structural components), averaged over the classes first, because each image counts in the
    area of every class. If a class has a single image, the interval is NaN.

    References:
        DeLong, DeLong, Clarke-Pearson 1988, "Comparing the areas under two or more correlated
        receiver operating characteristic curves: a nonparametric approach".
        Sun, Xu 2014, "Fast implementation of DeLong's algorithm".
    """
    areas = class_areas(truth, probabilities)
    if not areas:
        return None
    value = float(np.mean([area for area, _ in areas]))
    half = float(norm.ppf(0.975) * np.linalg.norm(auroc_influence(truth, None, probabilities)))
    return {"value": value, "low": value - half, "high": value + half}


def auroc_influence(truth, predictions, probabilities):
    """Computes how far each image moves the AUROC: DeLong's components, averaged over classes."""
    return np.mean([influence for _, influence in class_areas(truth, probabilities)], axis=0)


def class_areas(truth, probabilities):
    """Computes `area_under_curve` of each class that occurs, or of the second one of two.

    Returns:
        A list of pairs, empty if only one class occurs.
    """
    truth, labels = np.asarray(truth), np.unique(truth)
    if len(labels) < 2:
        return []
    labels = labels if probabilities.shape[1] > 2 else [1]
    return [area_under_curve(truth == label, probabilities[:, label]) for label in labels]


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
