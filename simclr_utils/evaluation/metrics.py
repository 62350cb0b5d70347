"""The table of metrics: what is computed from predictions, and with which interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, norm, rankdata


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    Attributes:
        label: String, its name in figures and tables.
        function: Function of the true classes (integer array `[N]`), the predicted classes
            (integer array `[N]`) and the class probabilities (float array `[N, C]`, or `None`).
            It returns a dict with `value` and the ends `low` and `high` of its 95 % interval,
            or `None` where the metric is not defined.
        needs_probabilities: Boolean, whether the predicted classes alone are not enough.
        bounds: Pair of floats that no value and no interval exceeds, or `None`.
    """

    label: str
    function: Callable
    needs_probabilities: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def measure(
        self, truth: np.ndarray, predictions: np.ndarray, probabilities: np.ndarray | None = None
    ) -> dict | None:
        """Computes the metric and its 95 % interval.

        Args:
            truth: Integer array `[N]`, the true classes.
            predictions: Integer array `[N]`, the predicted classes.
            probabilities: Float array `[N, C]`, the class probabilities, or `None`.

        Returns:
            A dict of floats: `value`, `low` and `high`. `None` if the metric is not defined for
            these arrays, or if it needs probabilities and there are none.
        """
        if self.needs_probabilities and probabilities is None:
            return None
        score = self.function(truth, predictions, probabilities)
        return score and {name: self.clip(value) for name, value in score.items()}

    def clip(self, value: float) -> float:
        """Returns the value, moved to the nearer bound if it lies beyond it."""
        return value if self.bounds is None else float(np.clip(value, *self.bounds))


def accuracy_interval(
    predictions: np.ndarray, labels: np.ndarray, confidence: float = 0.95
) -> dict:
    """Computes the accuracy of predictions and its Wilson interval.

    The interval covers the draw of the test images only, not of labels or training seeds.

    Args:
        predictions: Integer array `[N]`, the predicted classes.
        labels: Integer array `[N]`, the true classes.
        confidence: Float in (0, 1).

    Returns:
        A dict of floats in 0..1: `value`, `low` and `high`.

    Raises:
        ValueError: If the lengths differ or are 0.
    """
    if len(predictions) != len(labels) or not len(labels):
        raise ValueError(
            f"Received {len(predictions)} predictions for {len(labels)} labels. Pass one "
            "prediction for each label, and at least one."
        )
    hits = int(np.sum(np.asarray(predictions) == np.asarray(labels)))
    interval = binomtest(hits, len(labels)).proportion_ci(confidence, method="wilson")
    return {"value": hits / len(labels), "low": interval.low, "high": interval.high}


def accuracy(truth, predictions, probabilities=None):
    """Computes the share of correct predictions, as the `function` of a `Metric`."""
    return accuracy_interval(predictions, truth)


def balanced_accuracy(truth, predictions, probabilities=None):
    """Computes the mean recall over the classes that occur in the truth.

    The recall of each class is a proportion with a Wilson interval of its own. The classes have
    no image in common, so the squared distances from the recalls to the ends of their intervals
    add up (Zou and Donner's MOVER).

    References:
        Zou, Donner 2008, "Construction of confidence limits about effect measures: a general
        approach".
    """
    truth, predictions = np.asarray(truth), np.asarray(predictions)
    members = [truth == label for label in np.unique(truth)]
    recalls = [accuracy_interval(predictions[rows], truth[rows]) for rows in members]
    value, low, high = (
        np.array([recall[name] for recall in recalls]) for name in ("value", "low", "high")
    )
    mean = value.mean()
    return {
        "value": float(mean),
        "low": float(mean - np.linalg.norm(value - low) / len(recalls)),
        "high": float(mean + np.linalg.norm(high - value) / len(recalls)),
    }


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
    truth, labels = np.asarray(truth), np.unique(truth)
    if len(labels) < 2:
        return None
    labels = labels if probabilities.shape[1] > 2 else [1]
    areas = [area_under_curve(truth == label, probabilities[:, label]) for label in labels]
    value = float(np.mean([area for area, _ in areas]))
    influence = np.mean([influence for _, influence in areas], axis=0)
    half = float(norm.ppf(0.975) * np.linalg.norm(influence))
    return {"value": value, "low": value - half, "high": value + half}


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


# In the order in which rows are written. To add a metric, write a function and an entry.
METRICS = {
    "accuracy": Metric("accuracy", accuracy),
    "balanced_accuracy": Metric("balanced accuracy", balanced_accuracy),
    "auroc": Metric("AUROC", auroc, needs_probabilities=True),
}
