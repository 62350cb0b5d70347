"""The comparison of methods at a number of labels: chosen on validation, scored on test once."""

import time

import numpy as np

from simclr_utils.evaluation.probes import fit_knn, fit_linear_probe
from simclr_utils.files import as_stored, describe_differences, load_json, save_json


def usable_label_counts(label_counts, num_train, num_validation, num_classes):
    """Fits a list of label counts to a dataset.

    Counts up to `num_train` stay. If larger ones are asked for, the last point uses every label
    there is: settings are chosen with training and validation apart, then the two are joined.

    Args:
        label_counts: ints.
        num_train, num_validation: ints, labeled images there are.
        num_classes: int; counts below it are left out.

    Returns:
        A tuple of ints, ascending; empty where there are no classes.

    Raises:
        ValueError: if none is left.
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
            f"label_counts={ends} (in a terminal --set label_counts='{ends}', in a notebook the "
            "parameter)."
        )
    return tuple(counts)


class OtherTrainingsError(ValueError):
    """Rows are there, but of trainings of another length, or tuned among other settings."""


class Comparison:
    """Scores methods at numbers of labels, a row of results for each label subset.

    What is there already is not computed again, so that a stopped comparison continues.

    Args:
        protocol: a `Protocol`, which gives out images and scores predictions.
        num_subsets: int, label subsets at each count. With all labels there is but one subset;
            methods that train then start from as many different initialisations.
    """

    def __init__(self, protocol, num_subsets=3):
        self.protocol = protocol
        self.num_subsets = num_subsets

    def subsets(self, labels, trained=False):
        """The subset seeds at a label count: one where all labels are used.

        Methods that train (`trained`) then have as many initialisations instead.
        """
        return range(self.num_subsets if trained or not self.protocol.is_all(labels) else 1)

    def missing(self, method, labels, seeds, pretraining_seed=None):
        """Those of the subset seeds without a row of their own."""
        key = {"method": method, "labels": labels, "pretraining_seed": pretraining_seed}
        return [seed for seed in seeds if not self.protocol.has(subset_seed=seed, **key)]

    def score_chance(self, label_counts):
        """Always the most frequent class of the subset."""
        for labels in label_counts:
            for seed in self.missing("chance", labels, self.subsets(labels)):
                known = self.protocol.subset(labels, seed)[1]
                constant = np.full(len(self.protocol.test_images), np.bincount(known).argmax())
                self.protocol.score(constant, method="chance", labels=labels, subset_seed=seed)

    def score_frozen(
        self, method, features, label_counts, knn=False, pretraining_seed=None, **details
    ):
        """A linear probe (or kNN) on frozen features, at each label count and subset.

        Args:
            method: str, the name of the rows.
            features: dict with `train`, `validation` and `test`, float arrays `[N, D]`.
            label_counts: ints.
            knn: bool, kNN in place of the probe.
            pretraining_seed: int, of the encoder, if it was pretrained.
            **details: more columns of the rows, such as `steps` of the pretraining.
        """
        validation = (features["validation"], self.protocol.validation[1])
        for labels in label_counts:
            everything = self.protocol.is_all(labels)
            for seed in self.missing(method, labels, self.subsets(labels), pretraining_seed):
                started, rows = time.monotonic(), self.protocol.rows(labels, seed)
                known, answers = features["train"][rows], self.protocol.train[1][rows]
                if knn:
                    if everything:
                        known = np.concatenate([known, validation[0]])
                        answers = np.concatenate([answers, validation[1]])
                    fitted, tuning = fit_knn(known, answers), "none"
                else:
                    fitted = fit_linear_probe(known, answers, validation, refit=everything)
                    tuning = f"penalty {fitted.penalty:.3g} of {len(fitted.tried)} tried"
                self.protocol.score(
                    fitted.predict(features["test"]),
                    method=method,
                    labels=labels,
                    subset_seed=seed,
                    pretraining_seed=pretraining_seed,
                    minutes=(time.monotonic() - started) / 60,
                    tuning=tuning,
                    **details,
                )

    def score_trained(
        self, method, trainer, labels, num_steps, pretraining_seed=None, progress=print
    ):
        """A method that trains a network: tuned on the first subset, run on all.

        The best training of the tuning is the first subset's result.

        Args:
            method: str, the name of the rows.
            trainer: a `SupervisedBaseline` or a `FineTuning`.
            labels: int.
            num_steps: int, update steps of the trainings that are scored.
            pretraining_seed: int, of the encoder to fine-tune.
            progress: function of one string, told what was reached.

        Raises:
            OtherTrainingsError: if there are rows of other trainings, longer ones for instance:
                they would stand where these are expected.
        """
        subsets = self.subsets(labels, trained=True)
        seeds = self.missing(method, labels, subsets, pretraining_seed)
        if self.protocol.has(method=method, labels=labels):
            self.refuse_other_trainings(method, trainer, labels, num_steps)
        if seeds:
            tuned, best = self.tuned_settings(method, trainer, labels, num_steps)
        everything = self.protocol.is_all(labels)
        held_out = None if everything else self.protocol.validation
        for seed in seeds:
            if best is not None and seed == 0 and not everything:
                run = best
            else:
                train = self.protocol.everything(labels, seed)
                run = trainer.train(train, held_out, num_steps, tuned["settings"], seed)
            predictions = trainer.predict(run, self.protocol.test_images)
            name = str(seed) if pretraining_seed is None else f"{seed}, encoder {pretraining_seed}"
            tuned["curves"][name] = run.validation_curve
            save_json(self.tuning_path(method, labels), tuned)
            steps = sum(each["steps"] for each in tuned["tried"])
            self.protocol.score(
                predictions,
                method=method,
                labels=labels,
                subset_seed=seed,
                pretraining_seed=pretraining_seed,
                steps=run.num_steps,
                minutes=run.minutes,
                tuning=f"{len(tuned['tried'])} trainings, {steps} steps",
            )
            progress(f"{labels:6,d} labels, subset {name}: {run.num_steps:,} steps, {run.settings}")

    def tuned_settings(self, method, trainer, labels, num_steps):
        """What was chosen on the first subset, and the training that it was best in.

        Returns:
            A dict that is kept on disk, whose `curves` takes the validation curves of the
            trainings that are scored; and a `SupervisedRun`, or `None` if the dict was there.
        """
        path, made_for = self.tuning_path(method, labels), tuned_for(trainer, num_steps)
        # What was tried otherwise, or for another length, is no choice here.
        if path.exists():
            tuned = load_json(path)
            if not describe_differences(tuned, made_for):
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
        save_json(path, tuned)
        return tuned, best

    def refuse_other_trainings(self, method, trainer, labels, num_steps):
        """Raises an `OtherTrainingsError` if the rows there were not tuned for such trainings."""
        path = self.tuning_path(method, labels)
        if not path.exists():
            return
        differences = describe_differences(load_json(path), tuned_for(trainer, num_steps))
        if differences:
            raise OtherTrainingsError(
                f"{self.protocol.results.path} has rows of {method} at {labels:,} labels, but "
                f"{', '.join(differences)}. They stand: choose another folder (`run_dir`, `--out`) "
                "for other settings, or set these back."
            )

    def tuning_path(self, method, labels):
        """Where the settings chosen for these images are kept: a JSON file."""
        return self.protocol.path("tuning") / f"{method}-{labels}.json"


def tuned_for(trainer, num_steps):
    """What settings are chosen for, and from, as a file has it: a dict."""
    return {"num_steps": num_steps, "axes": as_stored(trainer.axes)}
