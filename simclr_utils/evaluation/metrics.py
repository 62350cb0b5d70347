"""The table of metrics: what is computed from predictions, and with which interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from simclr_utils.evaluation.calibration import calibration_error, calibration_influence
from simclr_utils.evaluation.roc import auroc, auroc_influence


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
        influence: Function of the same arrays. It returns a float array `[N]`, how far each image
            moves the value. The sum of squares is the variance of the value over test images.
            `None` for a metric of which two methods cannot be compared.
        higher_is_better: Boolean. A metric of which less is better cannot be a headline.
    """

    label: str
    function: Callable
    needs_probabilities: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)
    influence: Callable | None = None
    higher_is_better: bool = True

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
    recalls = recall_per_class(truth, predictions)
    value, low, high = (recalls[name].to_numpy() for name in ("value", "low", "high"))
    mean = value.mean()
    return {
        "value": float(mean),
        "low": float(mean - np.linalg.norm(value - low) / len(recalls)),
        "high": float(mean + np.linalg.norm(high - value) / len(recalls)),
    }


def recall_per_class(truth: np.ndarray, predictions: np.ndarray) -> pd.DataFrame:
    """Computes the share of each class that is recognized.

    Args:
        truth: Integer array `[N]`, the true classes.
        predictions: Integer array `[N]`, the predicted classes.

    Returns:
        A DataFrame with a row for each class that occurs in the truth, in ascending order: its
        number `label`, the number of its `images`, the recall `value` in 0..1, and the ends `low`
        and `high` of its 95 % Wilson interval.
    """
    truth, predictions = np.asarray(truth), np.asarray(predictions)
    rows = []
    for label in np.unique(truth):
        inside = truth == label
        score = accuracy_interval(predictions[inside], truth[inside])
        rows.append({"label": int(label), "images": int(inside.sum()), **score})
    return pd.DataFrame(rows)


def accuracy_influence(truth, predictions, probabilities=None):
    """Computes how far each image moves the accuracy, as the `influence` of a `Metric`."""
    right = np.asarray(truth) == np.asarray(predictions)
    return (right - right.mean()) / len(right)


def balanced_influence(truth, predictions, probabilities=None):
    """Computes how far each image moves the balanced accuracy."""
    labels, places, counts = np.unique(truth, return_inverse=True, return_counts=True)
    right = (np.asarray(truth) == np.asarray(predictions)).astype(float)
    recalls = np.bincount(places, right) / counts
    return (right - recalls[places]) / (counts[places] * len(labels))


# In the order in which rows are written. To add a metric, write a function and an entry.
METRICS = {
    "accuracy": Metric("accuracy", accuracy, influence=accuracy_influence),
    "balanced_accuracy": Metric(
        "balanced accuracy", balanced_accuracy, influence=balanced_influence
    ),
    "auroc": Metric("AUROC", auroc, needs_probabilities=True, influence=auroc_influence),
    "calibration_error": Metric(
        "calibration error",
        calibration_error,
        needs_probabilities=True,
        influence=calibration_influence,
        higher_is_better=False,
    ),
}
