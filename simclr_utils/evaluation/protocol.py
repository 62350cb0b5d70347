"""The rules of an honest comparison: one object holds the test labels and scores each row once."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.data.splits import label_subset
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.predictions import (
    Predictions,
    StoredPredictions,
    split_predictions,
)
from simclr_utils.places import user_path

if TYPE_CHECKING:
    from simclr_utils.data.dataset import Dataset
    from simclr_utils.evaluation.results import Results


class ScoredBefore(RuntimeError):
    """A row of results already has a test score."""


class Protocol:
    """Owns the labeled images of a dataset, and scores each row of results once.

    Learn from `subset` and choose within it: hold images out of it, or cross-validate. Only if
    the source has a validation split of its own, choose on `validation`. Then pass predictions
    for `test_images` to `score`. The test labels stay inside. If you change a setting after you
    have seen a test score, you have chosen on the test images. So a row is never scored a second
    time.

    Args:
        dataset: A `Dataset`.
        results: A `Results`, which receives the rows. Its file also knows what
            earlier processes have scored.
        folder: String or path. The predictions behind the rows go to `predictions.sqlite` in it.

    Attributes:
        train: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`: all labeled images
            but those of test and of `validation`.
        validation: Pair of uint8 images and integer labels. `None` unless the source has a
            validation split of its own.
        groups: Integer array `[N]`, the numbers of the groups of the images in `train`, such as
            patients, or `None`. What is held out of `train` has to be whole groups.
        test_images: Uint8 array `[N, H, W, C]`.
        test_groups: Integer array `[N]`, the numbers of the groups of `test_images`, or `None`.
            Intervals then cover the draw of other groups.
        num_classes: Integer, C, the number of classes.
    """

    def __init__(self, dataset: "Dataset", results: "Results", folder: str | Path):
        self.train = dataset.labeled
        self.validation = dataset.validation if dataset.own_validation else None
        self.groups = dataset.groups.get("labeled")
        self.test_images, self._test_labels = dataset.test
        self.test_groups = dataset.groups.get("test")
        self.num_classes = dataset.num_classes
        self.results = results
        self.folder = user_path(folder)
        self._predictions = Predictions(self.folder / "predictions.sqlite")

    def is_all(self, labels: int) -> bool:
        """Returns whether a label count takes every label."""
        return labels >= len(self.train[1])

    def rows(self, labels: int, seed: int) -> np.ndarray:
        """Returns the indices in `train` of the images in a subset, ascending."""
        return np.sort(label_subset(self.train[1], labels, seed, self.groups))

    def subset(self, labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the images and labels of a row; larger subsets contain the smaller ones."""
        rows = self.rows(labels, seed)
        return tuple(part[rows] for part in self.train)

    def subset_groups(self, labels: int, seed: int) -> np.ndarray | None:
        """Returns the numbers of the groups of a row's images, or `None` if there are none."""
        return None if self.groups is None else self.groups[self.rows(labels, seed)]

    def has(self, **key: str | int | None) -> bool:
        """Returns whether the row with these values was scored."""
        return self.results.has(metric="accuracy", **key)

    def score(
        self,
        predictions: np.ndarray,
        *,
        method: str,
        labels: int,
        subset_seed: int,
        pretraining_seed: int | None = None,
        **details: object,
    ) -> float:
        """Compares predictions with the test labels and writes the results, once.

        Writes a row for each entry of `METRICS` that can be computed, and stores the predictions,
        so that `measure` can compute other metrics later. Metrics are computed from the class
        probabilities as they are stored, in float16.

        Args:
            predictions: Integer array `[N]`, the classes of `test_images`, or float array
                `[N, C]`, their class probabilities. Each row then sums to 1, and the predicted
                class is the one with the largest probability.
            method: String, the name of the method.
            labels: Integer, the number of labels.
            subset_seed: Integer, the seed of the label subset.
            pretraining_seed: Integer, the seed of the encoder, or `None`.
            **details: The other columns of the rows, such as `steps`, `minutes` and `tuning`.

        Returns:
            The accuracy, a float in 0..1.

        Raises:
            ScoredBefore: If the row has been scored before.
            ValueError: If there is not one prediction for each test image, or they are neither
                classes nor probabilities.
        """
        key = {"method": method, "labels": labels, "subset_seed": subset_seed}
        key["pretraining_seed"] = pretraining_seed
        if self.has(**key):
            raise ScoredBefore(
                f"The test images were scored before for {key}. Scoring again after a look at "
                "the result would be choosing on test: compare settings within the labels, and "
                f"give another method another name. The row stands in {self.results.path}."
            )
        truth = self._test_labels
        classes, probabilities = split_predictions(predictions, len(truth), self.num_classes)
        if probabilities is not None:
            probabilities = probabilities.astype(np.float16)
        arrays = truth, classes, probabilities, self.test_groups
        scores = _compute_all(*arrays)
        self._predictions.store(*arrays, **self._stored_key(key))
        self.results.extend(
            [{"metric": name, **key, **score, **details} for name, score in scores.items()]
        )
        return scores["accuracy"]["value"]

    def measure(self, metric: str, **key: str | int | None) -> dict | None:
        """Computes any metric of a scored row from its stored predictions.

        Args:
            metric: String, a name in `METRICS`.
            **key: `method`, `labels`, `subset_seed` and, if the row has one, `pretraining_seed`.

        Returns:
            A dict of floats: `value` and the ends `low` and `high` of its 95 % interval. `None`
            if nothing was stored, if the metric needs probabilities and only classes were
            stored, or if the metric is not defined for these test images.

        Raises:
            ValueError: If there is no such metric.
        """
        if metric not in METRICS:
            raise ValueError(f"There is no metric {metric!r}. Choose from {list(METRICS)}.")
        found = self.predictions(**key)
        if found is None:
            return None
        return METRICS[metric].measure(
            found.truth, found.classes, found.probabilities, found.groups
        )

    def predictions(self, **key: str | int | None) -> StoredPredictions | None:
        """Returns the stored predictions of a scored row, or `None` if nothing was stored.

        Args:
            **key: As in `measure`.
        """
        return self._predictions.load(**self._stored_key(key))

    def scored(self, **key: str | int | None) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns what was predicted for the test images in a scored row.

        Args:
            **key: `method`, `labels`, `subset_seed` and, if the row has one, `pretraining_seed`.

        Returns:
            The predicted classes, integer array `[N]`, and which of them are right, boolean array
            `[N]`. `None` if nothing was stored.
        """
        found = self.predictions(**key)
        return None if found is None else (found.classes, found.correct)

    def correct(self, **key: str | int | None) -> np.ndarray | None:
        """Returns which predictions of a scored row are right.

        Args:
            **key: As in `scored`.

        Returns:
            A boolean array `[N]`, or `None` if nothing was stored.
        """
        found = self.scored(**key)
        return None if found is None else found[1]

    def _stored_key(self, key):
        shared = self.results.shared
        return {"preset": shared["preset"], "fingerprint": shared["fingerprint"], **key}


def _compute_all(*arrays):
    """Returns the scores of all metrics that can be computed, a dict from the metric's name."""
    scores = {name: metric.measure(*arrays) for name, metric in METRICS.items()}
    return {name: score for name, score in scores.items() if score is not None}
