"""The comparison of methods at a number of labels: chosen on validation, scored on test once."""

import time
from pathlib import Path

import numpy as np

from simclr_utils.artifacts import load_json, save_json
from simclr_utils.baselines import supervised_steps
from simclr_utils.evaluation import accuracy_interval, fit_knn, fit_linear_probe, label_subset


def usable_label_counts(label_counts, num_train, num_validation, num_classes):
    """Fits a list of label counts to a dataset.

    Counts up to `num_train` stay. If larger ones are asked for, the last point uses every label
    there is: settings are chosen with training and validation apart, then the two are joined.

    Args:
        label_counts: ints.
        num_train, num_validation: ints, labeled images there are.
        num_classes: int; counts below it are left out.

    Returns:
        A tuple of ints, ascending.
    """
    counts = sorted(count for count in label_counts if num_classes <= count <= num_train)
    if any(count > num_train for count in label_counts):
        counts.append(num_train + num_validation)
    return tuple(counts)


def find_crossing(labels, first, second):
    """Finds the number of labels at which the first line falls below the second.

    Between two measured points both lines are straight over the logarithm of the labels.

    Args:
        labels: ints `[K]`, ascending.
        first, second: floats `[K]`, the accuracies at those.

    Returns:
        A float, the first such number, or `None` if there is none.
    """
    gaps, places = np.subtract(first, second).astype(float), np.log(labels)
    for index in range(len(gaps) - 1):
        before, after = gaps[index : index + 2]
        if before > 0 >= after:
            share = before / (before - after)
            step = places[index + 1] - places[index]
            return float(np.exp(places[index] + share * step))
    return None


class Comparison:
    """Scores methods on one dataset and writes a row of results for each.

    What is there already is not computed again, so that a stopped comparison continues. Each
    row's test images are classified once, after everything was chosen on validation.

    Args:
        dataset: a `Dataset`.
        results: a `Results`, where rows go.
        folder: path, for what was tuned (`tuning/<labels>.json`).
        num_subsets: int, label subsets at each count. With all labels there is but one subset;
            the supervised baseline then starts from as many different initialisations.
    """

    def __init__(self, dataset, results, folder, num_subsets=3):
        self.dataset = dataset
        self.results = results
        self.folder = Path(folder)
        self.num_subsets = num_subsets

    def subsets(self, labels):
        """The subset seeds at a label count: one where all labels are used."""
        return range(1 if self.is_all(labels) else self.num_subsets)

    def is_all(self, labels):
        return labels > len(self.dataset.train[1])

    def rows(self, labels, seed):
        """Numbers of the training images in a subset, an int array `[labels]`."""
        count = min(labels, len(self.dataset.train[1]))
        return label_subset(self.dataset.train[1], count, seed)

    def add(self, method, labels, seed, predictions, **details):
        score = accuracy_interval(predictions, self.dataset.test[1])
        self.results.add(
            method=method, labels=labels, subset_seed=seed, metric="accuracy", **score, **details
        )

    def missing(self, method, labels, seed, **key):
        return not self.results.has(method=method, labels=labels, subset_seed=seed, **key)

    def score_chance(self, label_counts):
        """Always the most frequent class of the subset."""
        for labels in label_counts:
            for seed in self.subsets(labels):
                known = self.dataset.train[1][self.rows(labels, seed)]
                constant = np.full(len(self.dataset.test[1]), np.bincount(known).argmax())
                self.add("chance", labels, seed, constant)

    def score_frozen(self, method, features, label_counts, knn=False, **details):
        """A linear probe (or kNN) on frozen features, at each label count and subset.

        Args:
            method: str, the name of the rows.
            features: dict with `train`, `validation` and `test`, float arrays `[N, D]`.
            label_counts: ints.
            knn: bool, kNN in place of the probe.
            **details: more columns of the rows, such as `steps` of the pretraining.
        """
        truth = {name: getattr(self.dataset, name)[1] for name in ("train", "validation")}
        validation = (features["validation"], truth["validation"])
        for labels in label_counts:
            for seed in self.subsets(labels):
                key = {k: v for k, v in details.items() if k == "pretraining_seed"}
                if not self.missing(method, labels, seed, **key):
                    continue
                started, rows = time.monotonic(), self.rows(labels, seed)
                known, answers = features["train"][rows], truth["train"][rows]
                if knn and self.is_all(labels):
                    known = np.concatenate([known, validation[0]])
                    answers = np.concatenate([answers, validation[1]])
                fit = fit_knn if knn else fit_linear_probe
                options = {} if knn else {"validation": validation, "refit": self.is_all(labels)}
                predictions = fit(known, answers, **options).predict(features["test"])
                minutes = (time.monotonic() - started) / 60
                self.add(method, labels, seed, predictions, minutes=minutes, **details)

    def score_supervised(self, baseline, labels, steps_factor, progress=print):
        """The supervised baseline at one label count: tuned on the first subset, run on all.

        Args:
            baseline: a `SupervisedBaseline`.
            labels: int.
            steps_factor: float, for `supervised_steps`.
            progress: function of one string, told what was reached.
        """
        seeds = [s for s in range(self.num_subsets) if self.missing("supervised", labels, s)]
        num_steps = supervised_steps(labels, steps_factor)
        if seeds:
            tuned = self.tuned_settings(baseline, labels, num_steps)
        for seed in seeds:
            started = time.monotonic()
            train = self.supervised_images(labels, seed)
            held_out = None if self.is_all(labels) else self.dataset.validation
            run = baseline.train(train, held_out, num_steps, tuned["settings"], seed)
            predictions = baseline.predict(run, self.dataset.test[0])
            tuned["curves"][str(seed)] = run.validation_curve
            save_json(self.tuning_path(labels), tuned)
            minutes = (time.monotonic() - started) / 60 + (0 if seed else tuned["minutes"])
            steps = run.num_steps
            self.add("supervised", labels, seed, predictions, steps=steps, minutes=minutes)
            progress(f"{labels:6,d} labels, subset {seed}: {steps:,} steps, {run.settings}")

    def tuned_settings(self, baseline, labels, num_steps):
        """What the grid chose on the first subset, in short trainings.

        A dict that is kept on disk; `curves` takes the validation curves of the full trainings.
        """
        path = self.tuning_path(labels)
        if path.exists() and load_json(path)["num_steps"] == num_steps:
            return load_json(path)
        started = time.monotonic()
        rows = np.sort(self.rows(labels, 0))
        train = tuple(part[rows] for part in self.dataset.train)
        best, runs = baseline.tune(train, self.dataset.validation, num_steps)
        tuned = {
            "num_steps": num_steps,
            "settings": best.settings,
            "tried": [(run.settings, run.validation_curve) for run in runs],
            "tried_steps": best.num_steps,
            "curves": {},
            "minutes": (time.monotonic() - started) / 60,
        }
        save_json(path, tuned)
        return tuned

    def tuning_path(self, labels):
        return self.folder / "tuning" / f"{labels}.json"

    def supervised_images(self, labels, seed):
        """Images and labels to train on: a subset, or all there are, validation's included."""
        rows = np.sort(self.rows(labels, 0 if self.is_all(labels) else seed))
        train = tuple(part[rows] for part in self.dataset.train)
        if not self.is_all(labels):
            return train
        return tuple(
            np.concatenate(pair) for pair in zip(train, self.dataset.validation, strict=True)
        )
