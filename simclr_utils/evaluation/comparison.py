"""The comparison of methods at a number of labels: chosen on validation, scored on test once."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils import files
from simclr_utils.evaluation.probes import fit_knn, fit_linear_probe

if TYPE_CHECKING:
    from simclr_utils.evaluation.protocol import Protocol
    from simclr_utils.evaluation.supervised import SupervisedBaseline


def usable_label_counts(
    label_counts: Sequence[int], num_train: int, num_validation: int, num_classes: int
) -> tuple[int, ...]:
    """Fits a list of label counts to a dataset.

    Counts up to `num_train` stay. If larger ones are asked for, the last count is the number of
    all labels: settings are chosen with training and validation images apart, then the two are
    joined.

    Args:
        label_counts: Sequence of integers.
        num_train: Integer, the number of labeled training images.
        num_validation: Integer, the number of validation images.
        num_classes: Integer; smaller counts are left out.

    Returns:
        A tuple of integers, ascending. It is empty if there are no classes.

    Raises:
        ValueError: If no count is left.
    """
    if not num_classes:
        return ()
    counts = sorted({count for count in label_counts if num_classes <= count <= num_train})
    if any(count > num_train for count in label_counts):
        counts.append(num_train + num_validation)
    if not counts:
        ends = sorted({num_classes, num_train})
        raise ValueError(
            f"None of the label counts {list(label_counts)} fits: there are {num_classes} "
            f"classes and {num_train} labeled training images. Ask for numbers between: "
            f"label_counts={ends} (in a terminal --set label_counts='{ends}', in a notebook "
            f"settings = {{'label_counts': {ends}}})."
        )
    return tuple(counts)


class OtherRunsError(ValueError):
    """The folder has rows of runs that are longer, shorter, or tuned over other settings."""


class Comparison:
    """Scores methods at numbers of labels: one row of results for each label subset.

    Rows that are there already are not computed again, so that a stopped comparison continues.

    Args:
        protocol: A `Protocol`, which gives out images and scores predictions.
        num_subsets: Integer, the label subsets at each number of labels. With all labels there
            is only one subset. Methods that train a network then start from as many different
            initializations.
    """

    def __init__(self, protocol: "Protocol", num_subsets: int = 3):
        self.protocol = protocol
        self.num_subsets = num_subsets

    def subsets(self, labels: int, trained: bool = False) -> range:
        """Returns the subset seeds at a number of labels.

        If all labels are used, there is only one subset. Methods that train a network (`trained`)
        then keep their number of runs, which differ in the initialization instead.
        """
        return range(self.num_subsets if trained or not self.protocol.is_all(labels) else 1)

    def missing(
        self, method: str, labels: int, seeds: Sequence[int], pretraining_seed: int | None = None
    ) -> list[int]:
        """Returns the subset seeds that have no row yet."""
        key = {"method": method, "labels": labels, "pretraining_seed": pretraining_seed}
        return [seed for seed in seeds if not self.protocol.has(subset_seed=seed, **key)]

    def score_chance(self, label_counts: Sequence[int]) -> None:
        """Scores the most frequent class of each subset, with the class shares as probabilities."""
        for labels in label_counts:
            for seed in self.missing("chance", labels, self.subsets(labels)):
                known = self.protocol.subset(labels, seed)[1]
                shares = np.bincount(known, minlength=self.protocol.num_classes) / len(known)
                constant = np.tile(shares, (len(self.protocol.test_images), 1))
                self.protocol.score(constant, method="chance", labels=labels, subset_seed=seed)

    def score_frozen(
        self,
        method: str,
        features: dict[str, np.ndarray],
        label_counts: Sequence[int],
        knn: bool = False,
        pretraining_seed: int | None = None,
        **details: object,
    ) -> None:
        """Scores a linear probe, or kNN, on frozen features at each label count and subset.

        Args:
            method: String, the name of the method in the rows.
            features: Dict with `train`, `validation` and `test`, float arrays `[N, D]`.
            label_counts: Sequence of integers.
            knn: Boolean, whether to fit kNN in place of the probe.
            pretraining_seed: Integer, the seed of the encoder if it was pretrained.
            **details: More columns of the rows, such as the `steps` of the pretraining.
        """
        for labels in label_counts:
            for seed in self.missing(method, labels, self.subsets(labels), pretraining_seed):
                started = time.monotonic()
                fitted, tuning = self._fit(features, labels, seed, knn)
                test, num_classes = features["test"], self.protocol.num_classes
                self.protocol.score(
                    fitted.predict_probabilities(test, num_classes),
                    method=method,
                    labels=labels,
                    subset_seed=seed,
                    pretraining_seed=pretraining_seed,
                    minutes=(time.monotonic() - started) / 60,
                    tuning=tuning,
                    **details,
                )

    def _fit(self, features, labels, seed, knn):
        """Returns a probe or kNN fitted on a subset, and how it was tuned, in words."""
        rows, everything = self.protocol.rows(labels, seed), self.protocol.is_all(labels)
        known, answers = features["train"][rows], self.protocol.train[1][rows]
        validation = (features["validation"], self.protocol.validation[1])
        if not knn:
            probe = fit_linear_probe(known, answers, validation, refit=everything)
            return probe, f"penalty {probe.penalty:.3g} of {len(probe.tried)} tried"
        if everything:
            known = np.concatenate([known, validation[0]])
            answers = np.concatenate([answers, validation[1]])
        return fit_knn(known, answers), "none"

    def score_trained(
        self,
        method: str,
        trainer: "SupervisedBaseline",
        labels: int,
        num_steps: int,
        pretraining_seed: int | None = None,
        progress: Callable[[str], None] = print,
    ) -> None:
        """Scores a method that trains a network: tuned on the first subset, run on all.

        The best run of the tuning is the result of the first subset.

        Args:
            method: String, the name of the method in the rows.
            trainer: A `SupervisedBaseline` or a `FineTuning`.
            labels: Integer, the number of labels.
            num_steps: Integer, the update steps of the runs that are scored.
            pretraining_seed: Integer, the seed of the encoder to fine-tune.
            progress: Function of a string, called with a line of text after each run.

        Raises:
            OtherRunsError: If the folder has rows of other runs, such as longer ones. They
                would be averaged with the new rows.
        """
        subsets = self.subsets(labels, trained=True)
        seeds = self.missing(method, labels, subsets, pretraining_seed)
        if self.protocol.has(method=method, labels=labels):
            self._refuse_other_settings(method, trainer, labels, num_steps)
        if not seeds:
            return
        tuned, best = self._tuned_settings(method, trainer, labels, num_steps)
        everything = self.protocol.is_all(labels)
        held_out = None if everything else self.protocol.validation
        for seed in seeds:
            if best is not None and seed == 0 and not everything:
                run = best
            else:
                train = self.protocol.everything(labels, seed)
                run = trainer.train(train, held_out, num_steps, tuned["settings"], seed)
            probabilities = trainer.predict_probabilities(run, self.protocol.test_images)
            name = str(seed) if pretraining_seed is None else f"{seed}, encoder {pretraining_seed}"
            tuned["curves"][name] = run.validation_curve
            self._keep_tuning(method, labels, tuned)
            steps = sum(each["steps"] for each in tuned["tried"])
            self.protocol.score(
                probabilities,
                method=method,
                labels=labels,
                subset_seed=seed,
                pretraining_seed=pretraining_seed,
                steps=run.num_steps,
                minutes=run.minutes,
                tuning=f"{len(tuned['tried'])} training runs, {steps} steps",
            )
            progress(f"{labels:6,d} labels, subset {name}: {run.num_steps:,} steps, {run.settings}")

    def tuning(self, method: str, labels: int) -> dict | None:
        """Returns the record of a method's tuning on these images, or `None` if there is none.

        Args:
            method: String, the name of the method.
            labels: Integer, the number of labels.

        Returns:
            A dict: `settings`, what was chosen; `tried`, a list with the settings, steps and
            validation curve of each run that was tried; `curves`, the validation curves of the
            runs that were scored; `num_steps` and `axes`, the run length and the candidate
            settings of the choice.
        """
        path = self._tuning_path()
        records = files.load_json(path) if path.exists() else {}
        return records.get(self._tuning_key(method, labels))

    def _tuned_settings(self, method, trainer, labels, num_steps):
        """Chooses settings on the first subset, or reads the earlier choice.

        Returns:
            A pair: the record that `tuning` returns, and the `SupervisedRun` with the best
            settings. The run is `None` if the record was read from the file.
        """
        tuned, made_for = self.tuning(method, labels), _made_for(trainer, num_steps)
        # A choice from other settings, or for runs of another length, does not count.
        if tuned is not None and not files.describe_differences(tuned, made_for):
            return tuned, None
        started = time.monotonic()
        train = self.protocol.subset(labels, 0)
        best, runs = trainer.tune(train, self.protocol.validation, num_steps)
        tried = [
            {"settings": run.settings, "steps": run.num_steps, "curve": run.validation_curve}
            for run in runs
        ]
        tuned = {
            **made_for,
            "settings": best.settings,
            "tried": tried,
            "curves": {},
            "minutes": (time.monotonic() - started) / 60,
        }
        self._keep_tuning(method, labels, tuned)
        return tuned, best

    def _refuse_other_settings(self, method, trainer, labels, num_steps):
        """Raises an `OtherRunsError` if the stored rows were tuned for other runs."""
        tuned = self.tuning(method, labels)
        if tuned is None:
            return
        differences = files.describe_differences(tuned, _made_for(trainer, num_steps))
        if differences:
            raise OtherRunsError(
                f"{self.protocol.results.path} has rows of {method} at {labels:,} labels, but "
                f"{', '.join(differences)}. Choose another folder (`run_dir`, `--out`), or use "
                "the earlier settings again."
            )

    def _keep_tuning(self, method, labels, tuned):
        files.update_json(self._tuning_path(), **{self._tuning_key(method, labels): tuned})

    def _tuning_path(self):
        return self.protocol.folder / "tuning.json"

    def _tuning_key(self, method, labels):
        """Names a record: a folder may hold results of several presets or datasets."""
        shared = self.protocol.results.shared
        return f"{shared['preset']}-{shared['fingerprint']}/{method}-{labels}"


def _made_for(trainer, num_steps):
    """Returns the run length and the candidate settings of a choice, as stored in JSON."""
    return {"num_steps": num_steps, "axes": files.as_stored(trainer.axes)}
