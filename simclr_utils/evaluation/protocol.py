"""The rules of an honest comparison, as one object that keeps the test labels to itself."""

from pathlib import Path

import numpy as np

from simclr_utils.data.splits import label_subset
from simclr_utils.evaluation.statistics import accuracy_interval
from simclr_utils.files import atomic_path


class ScoredBefore(RuntimeError):
    """A row of results was to be scored on the test images a second time."""


class Protocol:
    """Owns train, validation and test images of a dataset, and scores each row of results once.

    Learn from `subset`, choose on `validation`, then hand predictions for `test_images` to
    `score`. The test labels stay inside. Whoever looks at a test score and then changes a
    setting has chosen on test; so a row that has a score gets no second one.

    Args:
        dataset: a `Dataset`.
        results: a `Results`, where rows go. It is the memory of what was scored, also from one
            process to the next.
        folder: path; the predictions behind each row go to `predictions/` in it.

    Attributes:
        train, validation: tuples of uint8 images and int labels.
        test_images: uint8 array `[N, H, W, C]`.
    """

    def __init__(self, dataset, results, folder):
        self.train, self.validation = dataset.train, dataset.validation
        self.test_images, self._test_labels = dataset.test
        self.results = results
        self.folder = Path(folder)

    def is_all(self, labels):
        """Whether a label count takes every label there is, validation's included."""
        return labels > len(self.train[1])

    def rows(self, labels, seed):
        """Numbers of the training images in a subset, ascending, an int array."""
        count = min(labels, len(self.train[1]))
        return np.sort(label_subset(self.train[1], count, 0 if self.is_all(labels) else seed))

    def subset(self, labels, seed):
        """Images and labels of a subset to learn from; larger subsets contain the smaller."""
        rows = self.rows(labels, seed)
        return tuple(part[rows] for part in self.train)

    def everything(self, labels, seed):
        """What the last training may use: the subset, and validation when all labels are asked."""
        train = self.subset(labels, seed)
        if not self.is_all(labels):
            return train
        return tuple(np.concatenate(pair) for pair in zip(train, self.validation, strict=True))

    def has(self, **key):
        """Whether the row with these values was scored."""
        return self.results.has(metric="accuracy", **key)

    def score(self, predictions, *, method, labels, subset_seed, pretraining_seed=None, **details):
        """Compares predictions with the test labels and writes the row; once.

        Args:
            predictions: int array `[N]`, the classes of `test_images`.
            method, labels, subset_seed, pretraining_seed: what names the row.
            **details: its other columns, such as `steps`, `minutes` and `tuning`.

        Returns:
            The accuracy, a float in 0..1.

        Raises:
            ScoredBefore: if the row has been scored before.
            ValueError: if there is not one prediction for each test image.
        """
        key = {"method": method, "labels": labels, "subset_seed": subset_seed}
        key["pretraining_seed"] = pretraining_seed
        if self.has(**key):
            raise ScoredBefore(
                f"The test images were scored before for {key}. Scoring again after a look at "
                "the result would be choosing on test: compare settings on `validation`, and give "
                f"another method another name. The row stands in {self.results.path}."
            )
        predictions = np.asarray(predictions)
        score = accuracy_interval(predictions, self._test_labels)
        with atomic_path(self._path(**key)) as path:
            np.savez_compressed(
                path,
                predictions=predictions.astype(np.int32),
                correct=predictions == self._test_labels,
            )
        self.results.add(metric="accuracy", **key, **score, **details)
        return score["value"]

    def scored(self, **key):
        """What a scored row said of the test images.

        Args:
            **key: `method`, `labels`, `subset_seed` and, if it has one, `pretraining_seed`.

        Returns:
            A pair: the predicted classes, int `[N]`, and which of them are right, bool `[N]`;
            `None` without a record.
        """
        path = self._path(**{"pretraining_seed": None, **key})
        if not path.exists():
            return None
        with np.load(path) as stored:
            return stored["predictions"], stored["correct"]

    def correct(self, **key):
        """The second of the pair that `scored` returns, or `None`."""
        found = self.scored(**key)
        return None if found is None else found[1]

    def path(self, kind):
        """The folder for what belongs to these images and this preset alone.

        Args:
            kind: str, such as `"predictions"`.
        """
        shared = self.results.shared
        return self.folder / kind / f"{shared['preset']}-{shared['fingerprint']}"

    def _path(self, method, labels, subset_seed, pretraining_seed):
        end = "" if pretraining_seed is None else f"-{pretraining_seed}"
        return self.path("predictions") / f"{method}-{labels}-{subset_seed}{end}.npz"
