"""The comparison of methods at numbers of labels: chosen within them, scored on test once."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils import files
from simclr_utils.evaluation.mixing import MIXING
from simclr_utils.evaluation.probes import fit_knn, fit_linear_probe
from simclr_utils.evaluation.tuning import (
    choose_settings,
    describe_tuning,
    run_steps,
    splits_of,
)

if TYPE_CHECKING:
    from simclr_utils.evaluation.protocol import Protocol
    from simclr_utils.evaluation.supervised import SupervisedBaseline


FEW_LABELS, MOST_SUBSETS_ABOVE = 1000, 3


def usable_label_counts(
    label_counts: Sequence[int], num_labels: int, num_classes: int
) -> tuple[int, ...]:
    """Fits a list of label counts to a dataset.

    Counts up to `num_labels` stay. If larger ones are asked for, the last count is `num_labels`.

    Args:
        label_counts: Sequence of integers.
        num_labels: Integer, the number of labeled images.
        num_classes: Integer; smaller counts are left out.

    Returns:
        A tuple of integers, ascending. It is empty if there are no classes.

    Raises:
        ValueError: If no count is left.
    """
    if not num_classes:
        return ()
    counts = sorted({min(n, num_labels) for n in label_counts if n >= num_classes})
    if not counts:
        ends = sorted({num_classes, num_labels})
        raise ValueError(
            f"None of the label counts {list(label_counts)} fits: there are {num_classes} "
            f"classes and {num_labels} labeled training images. Ask for numbers between: "
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
        num_subsets: Integer, the label subsets at each number of labels up to 1,000; above,
            there are at most three. With all labels there is only one subset. Methods that train a
            network then start from as many different initializations.
        search: String, a name in `evaluation.tuning.SEARCHES`: the settings of trainings that are
            chosen. The others keep their defaults.
        class_weight: String, a name in `CLASS_WEIGHTS`: how much images of rare classes count in
            probes. Trainers have their own. kNN and the most frequent class have none.
    """

    def __init__(
        self,
        protocol: "Protocol",
        num_subsets: int = 3,
        search: str = "whole",
        class_weight: str = "none",
    ):
        self.protocol, self.num_subsets, self.search = protocol, num_subsets, search
        self.class_weight = class_weight

    def subsets(self, labels: int, trained: bool = False) -> range:
        """Returns the subset seeds at a number of labels.

        If all labels are used, there is only one subset. Methods that train a network (`trained`)
        then keep their number of runs, which differ in the initialization instead.
        """
        if self.protocol.is_all(labels) and not trained:
            return range(1)
        few = labels <= FEW_LABELS
        return range(self.num_subsets if few else min(self.num_subsets, MOST_SUBSETS_ABOVE))

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
            features: Dict with `train`, `test` and, if the protocol has validation images,
                `validation`: float arrays `[N, D]`.
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
        rows, validation = self.protocol.rows(labels, seed), None
        known, answers = features["train"][rows], self.protocol.train[1][rows]
        if knn:
            return fit_knn(known, answers), "none"
        if self.protocol.validation is not None:
            validation = (features["validation"], self.protocol.validation[1])
        options = {"groups": self.protocol.subset_groups(labels, seed)}
        options["class_weight"] = self.class_weight
        probe = fit_linear_probe(known, answers, validation, **options)
        if not probe.tried:
            what = "labels" if options["groups"] is None else "labels or groups"
            return probe, f"default penalty {probe.penalty:.3g} (too few {what} of a class)"
        return probe, f"penalty {probe.penalty:.3g} of {len(probe.tried)} tried"

    def score_trained(
        self,
        method: str,
        trainer: "SupervisedBaseline",
        labels: int,
        num_steps: int,
        pretraining_seed: int | None = None,
        progress: Callable[[str], None] = print,
    ) -> None:
        """Scores a method that trains a network: tuned within each subset, then run on all of it.

        The settings of a subset are chosen once. Other encoders take them over. The trainer's axes
        become those of the comparison.

        Args:
            method: String, the name of the method.
            trainer: A `SupervisedBaseline` or a `FineTuning`.
            labels: Integer, the number of labels.
            num_steps: Integer, the update steps at the default length.
            pretraining_seed: Integer, the seed of the encoder to fine-tune.
            progress: Function of a string, called with a line of text after each run.

        Raises:
            OtherRunsError: If the folder has rows of other runs, such as longer ones. They
                would be averaged with the new rows.
        """
        subsets, trainer.axes = self.subsets(labels, trained=True), self.axes(trainer.axes)
        for seed in subsets:
            if self.protocol.has(method=method, labels=labels, subset_seed=seed):
                self._refuse_other_settings(method, trainer, (labels, seed), num_steps)
        for seed in self.missing(method, labels, subsets, pretraining_seed):
            tuned = self._tuned(method, trainer, (labels, seed), num_steps, pretraining_seed)
            settings, train = tuned["settings"], self.with_groups(labels, seed)
            run = trainer.train(train, None, run_steps(settings, num_steps), settings, seed)
            self.protocol.score(
                trainer.predict_probabilities(run, self.protocol.test_images),
                method=method,
                labels=labels,
                subset_seed=seed,
                pretraining_seed=pretraining_seed,
                steps=run.num_steps,
                minutes=run.minutes,
                tuning=describe_tuning(tuned),
            )
            name = str(seed) if pretraining_seed is None else f"{seed}, encoder {pretraining_seed}"
            progress(f"{labels:6,d} labels, subset {name}: {run.num_steps:,} steps, {run.settings}")

    def with_groups(self, labels: int, seed: int) -> tuple:
        """Returns the images and labels of a subset, and the numbers of groups if there are any."""
        groups = self.protocol.subset_groups(labels, seed)
        return (*self.protocol.subset(labels, seed), *([] if groups is None else [groups]))

    def axes(self, axes: dict[str, tuple]) -> dict[str, tuple]:
        """Returns those axes of a trainer that this comparison chooses settings from.

        All methods of a comparison have the same choice. If settings were chosen in its folder
        before `mixing` was among them, the others are chosen without it too.

        Args:
            axes: Dict from the name of a setting to its values, a trainer's `axes`.
        """
        if all(MIXING in record["axes"] for record in self._records()):
            return axes
        return {name: values for name, values in axes.items() if name != MIXING}

    def tuning(self, method: str, labels: int, subset: int = 0) -> dict | None:
        """Returns the record of a method's tuning on a subset, or `None` if there is none.

        Args:
            method: String, the name of the method.
            labels: Integer, the number of labels.
            subset: Integer, the seed of the subset.

        Returns:
            A dict: `settings`, what was chosen, which is missing as long as the search goes on;
            `tried`, a list with a dict for each run, as `choose_settings` describes it;
            `num_steps`, `axes` and `search`, the run length and the candidate settings of the
            choice; `given`, whether the user gave the validation images; `encoder`, the seed of
            the encoder that was fine-tuned; and, if the labels have groups, `grouped`, true.
        """
        path = self._tuning_path()
        records = files.load_json(path) if path.exists() else {}
        return records.get(self._tuning_key(method, labels), {}).get(str(subset))

    def _tuned(self, method, trainer, key, num_steps, encoder):
        """Returns the record of a subset, and chooses the settings if that is not done."""
        made_for, tuned = self._made_for(trainer, num_steps), self.tuning(method, *key)
        # A choice from other settings, or for runs of another length, does not count.
        if tuned is None or files.describe_differences(tuned, made_for):
            given = self.protocol.validation is not None
            tuned = {**made_for, "given": given, "encoder": encoder, "tried": []}
            if self.protocol.groups is not None:
                tuned["grouped"] = True
        if "settings" in tuned:
            return tuned
        splits = splits_of(self.with_groups(*key), self.protocol.validation, key[1])
        options = {"search": self.search, "seed": key[1], "tried": tuned["tried"]}
        tuned["settings"] = choose_settings(
            trainer, splits, num_steps, **options, keep=lambda: self._keep(method, key, tuned)
        )
        self._keep(method, key, tuned)
        return tuned

    def _refuse_other_settings(self, method, trainer, key, num_steps):
        """Raises an `OtherRunsError` if the stored rows were tuned for other runs."""
        tuned = self.tuning(method, *key)
        if tuned is None:
            return
        differences = files.describe_differences(tuned, self._made_for(trainer, num_steps))
        if differences:
            raise OtherRunsError(
                f"{self.protocol.results.path} has rows of {method} at {key[0]:,} labels, but "
                f"{', '.join(differences)}. Choose another folder (`run_dir`, `--out`), or use "
                "the earlier settings again."
            )

    def _made_for(self, trainer, num_steps):
        """Returns the run length and the candidate settings of a choice, as stored in JSON."""
        axes = files.as_stored(trainer.axes)
        return {"num_steps": num_steps, "axes": axes, "search": self.search}

    def _keep(self, method, key, tuned):
        name, path = self._tuning_key(method, key[0]), self._tuning_path()
        known = files.load_json(path).get(name, {}) if path.exists() else {}
        files.update_json(path, **{name: {**known, str(key[1]): tuned}})

    def _records(self):
        """Returns all records of tuning on this dataset at this preset, a list of dicts."""
        path, prefix = self._tuning_path(), self._tuning_key("", "")[:-1]
        stored = files.load_json(path) if path.exists() else {}
        ours = [subsets for name, subsets in stored.items() if name.startswith(prefix)]
        known = [part for subsets in ours for part in (subsets, *subsets.values())]
        # A folder may have one record for all subsets.
        return [part for part in known if isinstance(part, dict) and "axes" in part]

    def _tuning_path(self):
        return self.protocol.folder / "tuning.json"

    def _tuning_key(self, method, labels):
        """Names a record: a folder may hold results of several presets or datasets."""
        shared = self.protocol.results.shared
        return f"{shared['preset']}-{shared['fingerprint']}/{method}-{labels}"
