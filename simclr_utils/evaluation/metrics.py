"""The table of metrics: what is computed from predictions, and with which interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simclr_utils.data.group_folds import has_groups
from simclr_utils.evaluation.calibration import calibration_error, calibration_influence
from simclr_utils.evaluation.groups import share, sum_by_group
from simclr_utils.evaluation.operating_points import SensitivityAt
from simclr_utils.evaluation.precision_recall import average_precision, average_precision_influence
from simclr_utils.evaluation.roc import auroc, auroc_influence


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    Attributes:
        label: String, its name in figures and tables.
        function: Function of the true classes (integer array `[N]`), the predicted classes
            (integer array `[N]`) and the class probabilities (float array `[N, C]`, or `None`).
            It returns a dict with `value` and the ends `low` and `high` of its 95 % interval,
            or `None` where the metric is not defined. If the images have groups, it is also given
            their numbers, an integer array `[N]`, as `groups`.
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
        self,
        truth: np.ndarray,
        predictions: np.ndarray,
        probabilities: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> dict | None:
        """Computes the metric and its 95 % interval, for other images, or other groups of them.

        Args:
            truth: Integer array `[N]`, the true classes.
            predictions: Integer array `[N]`, the predicted classes.
            probabilities: Float array `[N, C]`, the class probabilities, or `None`.
            groups: Integer array `[N]`, the number of each image's group, or `None`.

        Returns:
            A dict of floats: `value`, `low` and `high`. `None` if the metric is not defined for
            these arrays, or if it needs probabilities and there are none.
        """
        if self.needs_probabilities and probabilities is None:
            return None
        grouped = {"groups": groups} if has_groups(groups) else {}
        score = self.function(truth, predictions, probabilities, **grouped)
        return score and {name: self.clip(value) for name, value in score.items()}

    def clip(self, value: float) -> float:
        """Returns the value, moved to the nearer bound if it lies beyond it."""
        return value if self.bounds is None else float(np.clip(value, *self.bounds))


def accuracy_interval(
    predictions: np.ndarray,
    labels: np.ndarray,
    confidence: float = 0.95,
    groups: np.ndarray | None = None,
) -> dict:
    """Computes the accuracy of predictions and its Wilson interval.

    The interval covers the draw of the test images only, not of labels or training seeds. With
    groups, it covers the draw of whole groups.

    Args:
        predictions: Integer array `[N]`, the predicted classes.
        labels: Integer array `[N]`, the true classes.
        confidence: Float in (0, 1).
        groups: Integer array `[N]`, the number of each image's group, or `None`.

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
    return share(np.asarray(predictions) == np.asarray(labels), groups, confidence)


def accuracy(truth, predictions, probabilities=None, groups=None):
    """Computes the share of correct predictions, as the `function` of a `Metric`."""
    return accuracy_interval(predictions, truth, groups=groups)


def balanced_accuracy(truth, predictions, probabilities=None, groups=None):
    """Computes the mean recall over the classes that occur in the truth.

    The recall of each class is a proportion with a Wilson interval of its own. The classes have
    no image in common, so the squared distances from the recalls to the ends of their intervals
    add up (Zou and Donner's MOVER). A group may have images of several classes, so with groups the
    distances add up by the correlations of the recalls.

    References:
        Zou, Donner 2008, "Construction of confidence limits about effect measures: a general
        approach".
    """
    truth, right = np.asarray(truth), np.asarray(truth) == np.asarray(predictions)
    recalls = []
    for label in np.unique(truth):
        inside = truth == label
        own = None if groups is None else np.asarray(groups)[inside]
        recalls.append(share(right[inside], own))
    value, low, high = np.array([list(recall.values()) for recall in recalls]).T
    mean, norm = value.mean(), np.linalg.norm
    if has_groups(groups):
        correlations = recall_correlations(truth, predictions, groups)

        def norm(distances):
            return np.sqrt(max(0, distances @ correlations @ distances))

    return {
        "value": float(mean),
        "low": float(mean - norm(value - low) / len(recalls)),
        "high": float(mean + norm(high - value) / len(recalls)),
    }


def recall_correlations(truth, predictions, groups):
    """Computes how the recalls of the classes vary together if groups are drawn.

    Returns:
        A float array `[K, K]`, for the K classes that occur in the truth.
    """
    labels = np.unique(truth)
    right = (np.asarray(truth) == np.asarray(predictions)).astype(float)
    parts = [np.where(truth == label, right - right[truth == label].mean(), 0) for label in labels]
    sums = sum_by_group(np.array(parts), groups)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    sums = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    correlations = sums @ sums.T
    np.fill_diagonal(correlations, 1)
    return correlations


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
    "average_precision": Metric(
        "average precision",
        average_precision,
        needs_probabilities=True,
        influence=average_precision_influence,
    ),
    **{
        f"sensitivity_at_{percent}": Metric(
            f"sensitivity at {percent} % specificity",
            SensitivityAt(percent / 100),
            needs_probabilities=True,
            influence=SensitivityAt(percent / 100).influence,
        )
        for percent in (90, 95)
    },
    "calibration_error": Metric(
        "calibration error",
        calibration_error,
        needs_probabilities=True,
        influence=calibration_influence,
        higher_is_better=False,
    ),
}
