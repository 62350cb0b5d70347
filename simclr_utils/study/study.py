"""A study: every method, for several pretraining runs and label subsets, in a folder of results.

It can be stopped at any time. A new `Study` in the same folder continues it.
"""

import contextlib
import functools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import pandas as pd

from simclr_utils import files
from simclr_utils.evaluation import results, supervised
from simclr_utils.evaluation.comparison import Comparison, usable_label_counts
from simclr_utils.evaluation.features import extract_features, frozen
from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.protocol import Protocol
from simclr_utils.methods import METHODS
from simclr_utils.places import user_path
from simclr_utils.study.costs import Rates
from simclr_utils.study.identity import PARTS, StudyError, claim, planned_steps
from simclr_utils.study.primary import name_primary
from simclr_utils.study.progress import Progress, Task
from simclr_utils.study.starts import FROM_SCRATCH, STARTS, check_starts
from simclr_utils.training import networks
from simclr_utils.training.pretraining import plan_epochs, pretrain, save_pretraining
from simclr_utils.views import recipe

if TYPE_CHECKING:
    from simclr_utils.config import Config
    from simclr_utils.data.dataset import Dataset

# A network that is trained from scratch gets twice the steps of one that starts from an encoder.
FINE_TUNING_SHARE = 1 / 2


class Study:
    """Measures every method of `METHODS` on one dataset, as a list of tasks.

    Args:
        dataset: A `Dataset`.
        config: A `Config`.
        folder: Path, where encoders, rows and predictions are written.
        preset: String, the name of the preset, for the record.
        num_seeds: Integer, the number of pretraining runs.
        label_counts: Integers, the numbers of labels to compare at. By default those of the
            config.
        first_seed: Integer, the seed of the first pretraining run. The others follow it.
        primary: Pair of a method and a number of labels, the comparison that decides the verdict.
            By default the recorded one, or that of `name_primary`.

    Raises:
        StudyError: If no label count or microbatch fits the dataset, if a method cannot be
            measured, or if the folder holds a study of other images or settings. Label counts,
            subsets and seeds may be added to a study.

    Attributes:
        counts: Tuple of integers, the label counts that the dataset allows. Empty if nothing is
            labeled: such a study pretrains its encoders and compares nothing.
        seeds: Range of integers, the pretraining seeds.
        primary: `Primary`, the method and the number of labels that decide the verdict, or `None`
            if nothing is labeled.
        comparison: A `Comparison`. Its `protocol` has the stored predictions of each row.
        rates: `Rates` from which the costs of the tasks are computed. They are relative until
            they are replaced by measured ones.
    """

    def __init__(
        self,
        dataset: "Dataset",
        config: "Config",
        folder: str | Path,
        preset: str,
        num_seeds: int = 3,
        label_counts: Sequence[int] | None = None,
        first_seed: int = 0,
        primary: tuple[str, int] | None = None,
    ):
        self.dataset, self.config, self.folder = dataset, config, user_path(folder)
        self.preset, self.seeds = preset, range(first_seed, first_seed + num_seeds)
        num_train, num_validation = len(dataset.train[1]), len(dataset.validation[1])
        asked = label_counts or config.label_counts
        try:
            sizes = (num_train, num_validation, dataset.num_classes)
            self.counts = usable_label_counts(asked, *sizes)
            plan_epochs(len(dataset.unlabeled), config)
            check_starts()
        except ValueError as error:
            raise StudyError(str(error)) from error
        claim(self.folder, dataset, config, preset, PARTS)
        self.primary = name_primary(self.folder, self.counts, primary)
        self.results = results.Results(
            self.folder / "results.csv",
            dataset=dataset.name,
            preset=preset,
            fingerprint=dataset.fingerprint,
        )
        protocol = Protocol(dataset, self.results, self.folder)
        self.comparison = Comparison(protocol, config.num_subsets)
        self.trainers = {}
        self.rates = Rates()

    def run(
        self,
        show: Callable[[str], None] | None = None,
        methods: Sequence[str] | None = None,
    ) -> None:
        """Runs the tasks that are not done yet.

        Args:
            show: Function of a line of text, called after each task if there is no terminal.
                Prints the line by default.
            methods: Strings, the names of the methods to measure. All of `METHODS` by default.

        Raises:
            StudyError: If a method is not in `METHODS`.
        """
        Progress(self.tasks(methods), show).run()

    def pretrain_now(self, seed: int, show: Callable[[str], None] | None = None) -> None:
        """Pretrains the encoder of a seed, or the rest of it, and measures nothing.

        Args:
            seed: Integer, one of `seeds`.
            show: Function, as in `run`.
        """
        task = self.pretraining_task(seed, list(METHODS))
        Progress([task] if task else [], show).run()

    def frame(self) -> pd.DataFrame:
        """Returns the rows of this study, of all metrics.

        Rows of other presets, images, label counts, subsets and seeds in the file are left out.
        """
        frame = self.results.frame()
        ours = frame["fingerprint"] == self.dataset.fingerprint
        ours &= frame["preset"] == self.preset
        ours &= frame["pretraining_seed"].isna() | frame["pretraining_seed"].isin(self.seeds)
        ours &= frame["labels"].isin(self.counts)
        ours &= frame["subset_seed"] < self.comparison.num_subsets
        return frame[ours]

    def tasks(self, methods: Sequence[str] | None = None) -> list[Task]:
        """Returns the tasks that are not done yet, in order. `methods` is as in `run`."""
        methods = list(METHODS) if methods is None else list(methods)
        unknown = [name for name in methods if name not in METHODS]
        if unknown:
            raise StudyError(f"Unknown method {unknown[0]!r}. Choose from {', '.join(METHODS)}.")
        tasks = self.method_tasks(methods, pretrained=False)
        for seed in self.seeds:
            tasks.append(self.pretraining_task(seed, methods))
            tasks += self.method_tasks(methods, pretrained=True, seed=seed)
        return [task for task in tasks if task is not None]

    def method_tasks(
        self, methods: Sequence[str], pretrained: bool, seed: int | None = None
    ) -> list[Task | None]:
        """Returns the tasks of methods with or without pretraining, `None` for each done task."""
        chosen = {
            name: each
            for name, each in METHODS.items()
            if name in methods and each.pretrained == pretrained
        }
        groups = {}  # methods on the same features share a task
        for name, method in chosen.items():
            if not method.trained:
                groups.setdefault(method.start, []).append(name)
        # The cheapest methods, which need no image, come last in METHODS.
        tasks = [self.frozen_task(*group, seed) for group in reversed(groups.items())]
        for name in [name for name, method in chosen.items() if method.trained]:
            tasks += [self.training_task(name, labels, seed) for labels in self.counts]
        return tasks

    # Methods on frozen features, and those that look at no image.

    def missing(self, method: str, labels: int, seed: int | None = None) -> list[int]:
        """Returns the subset seeds without a row."""
        subsets = self.comparison.subsets(labels, trained=METHODS[method].trained)
        return self.comparison.missing(method, labels, subsets, seed)

    def frozen_task(
        self, start: str | None, methods: Sequence[str], seed: int | None = None
    ) -> Task | None:
        """Returns the task of the methods on the features of one start, `None` if it is done."""
        if not any(self.missing(each, n, seed) for each in methods for n in self.counts):
            return None
        images = sum(len(part) for part in self.images().values())
        cost = 0 if start is None else self.rates.forward * images
        name = " and ".join(methods) + ("" if seed is None else f", encoder {seed}")
        return Task(name, cost, functools.partial(self.score_frozen, start, methods, seed))

    def score_frozen(
        self, start: str | None, methods: Sequence[str], seed: int | None, progress: Progress
    ) -> None:
        """Computes the features of a start and scores the methods on them."""
        features = None if start is None else self.features(STARTS[start](self, seed))
        details = {}
        if seed is not None:
            made = files.load_json(self.encoder_folder(seed) / "encoder.json")
            details = {"pretraining_seed": seed, "steps": made["steps"]}
        for method in methods:
            fitted = METHODS[method].fitted
            if fitted == "constant":
                self.comparison.score_chance(self.counts)
                continue
            self.comparison.score_frozen(
                method, features, self.counts, knn=fitted == "knn", **details
            )

    def images(self) -> dict[str, np.ndarray]:
        """Returns the uint8 images `[N, H, W, C]` of `train`, `validation` and `test`."""
        protocol = self.comparison.protocol
        images = {"train": protocol.train[0], "validation": protocol.validation[0]}
        return {**images, "test": protocol.test_images}

    def features(self, source: keras.Model | Callable) -> dict[str, np.ndarray]:
        """Computes the features of all images with an encoder, or with a function of images."""
        if not isinstance(source, keras.Model):
            return {name: source(part) for name, part in self.images().items()}
        with frozen(source):
            return {name: extract_features(source, part) for name, part in self.images().items()}

    # Pretraining.

    def encoder_folder(self, seed: int) -> Path:
        """Returns the folder of the encoder that is pretrained from a seed."""
        return self.folder / "encoders" / str(seed)

    def pretraining_task(self, seed: int, methods: Sequence[str]) -> Task | None:
        """Returns the task of pretraining an encoder, `None` if it is done or not needed."""
        names = [name for name in methods if METHODS[name].pretrained]
        wanted = any(self.missing(name, n, seed) for name in names for n in self.counts)
        wanted |= not self.counts  # nothing is labeled: the encoder itself is the result
        planned = planned_steps(len(self.dataset.unlabeled), self.config)
        record = self.encoder_folder(seed) / "encoder.json"
        if record.exists() and files.load_json(record)["steps"] == planned:
            # The process may have been killed before it removed them.
            shutil.rmtree(self.encoder_folder(seed) / "checkpoints", ignore_errors=True)
            return None
        if not wanted:
            return None
        batch_size, steps, epochs = plan_epochs(len(self.dataset.unlabeled), self.config)
        step_cost = 2 * batch_size * self.rates.view
        run = functools.partial(self.pretrain, seed, step_cost)
        return Task(f"pretraining {seed}", step_cost * steps * epochs + self.rates.graph, run)

    def pretrain(self, seed: int, step_cost: float, progress: Progress) -> None:
        """Pretrains an encoder, or continues from its last checkpoint, and saves it."""
        callbacks = [progress.callback(step_cost)]
        folder = self.encoder_folder(seed)
        checkpoints = folder / "checkpoints"
        pretraining = pretrain(self.dataset, self.config, seed, self.preset, callbacks, checkpoints)
        save_pretraining(folder, pretraining)
        shutil.rmtree(checkpoints)

    # Networks that are trained with labels: from scratch, or from an encoder.

    def training_task(self, method: str, labels: int, seed: int | None = None) -> Task | None:
        """Returns the task of training a method at a number of labels, `None` if it is done."""
        missing = self.missing(method, labels, seed)
        if not missing:
            return None
        from_scratch = METHODS[method].start == FROM_SCRATCH
        factor = self.config.supervised_steps_factor * (1 if from_scratch else FINE_TUNING_SHARE)
        num_steps = supervised.supervised_steps(labels, factor)
        lengths, graphs = [num_steps] * len(missing), 1
        tuned = self.comparison.tuning(method, labels) is not None
        if seed in (None, self.seeds[0]) and not tuned:
            kind = supervised.SupervisedBaseline if from_scratch else FineTuning
            lengths += kind.tuning_lengths(num_steps)
            graphs = kind.num_models()
            if 0 in missing and not self.comparison.protocol.is_all(labels):
                lengths.pop()  # the best run of the tuning serves the first subset
        checked = supervised.NUM_CHECKS * len(self.dataset.validation[1])
        cost = sum(lengths) * min(supervised.BATCH_SIZE, labels) * self.rates.image
        cost += len(lengths) * (checked * self.rates.forward + self.rates.training)
        # Models are compiled at the first number of labels and reused at the others.
        cost += graphs * self.rates.graph if labels == self.counts[0] else 0
        name = f"{method} at {labels:,} labels"
        name += "" if seed is None else f", encoder {seed}"
        return Task(name, cost, functools.partial(self.train, method, labels, num_steps, seed))

    def train(
        self, method: str, labels: int, num_steps: int, seed: int | None, progress: Progress
    ) -> None:
        """Tunes, trains and scores a method at a number of labels."""
        trainer = self.trainer(METHODS[method].start, seed)
        trainer.callbacks = [
            progress.callback(min(supervised.BATCH_SIZE, labels) * self.rates.image)
        ]
        self.comparison.score_trained(
            method, trainer, labels, num_steps, seed, progress=lambda text: None
        )

    def trainer(self, start: str, seed: int | None) -> supervised.SupervisedBaseline:
        """Returns the trainer of a start and a seed. Only the last one is kept in memory."""
        if (start, seed) not in self.trainers:
            if start == FROM_SCRATCH:
                trainer = supervised.SupervisedBaseline(self.build_model)
            else:
                trainer = FineTuning(self.build_model, STARTS[start](self, seed))
            self.trainers = {(start, seed): trainer}
        return self.trainers[start, seed]

    def build_encoder(self) -> keras.Model:
        """Returns a new encoder with random weights, as the config asks for it."""
        return networks.build_encoder(
            self.dataset.image_shape, self.config.encoder, self.config.width
        )

    def build_model(self, augmentation_strength: float) -> keras.Model:
        """Returns a new classifier, as `SupervisedBaseline` takes it.

        Args:
            augmentation_strength: Float, the strength of the views' operations.
        """
        height, _, channels = self.dataset.image_shape
        operations = dict(self.config.operations)
        # For one-channel images the augmenter prints the operations that it drops, in every run.
        with contextlib.redirect_stdout(None):
            augmenter = recipe.build_augmenter(height, augmentation_strength, operations, channels)
        return supervised.build_supervised(
            augmenter, self.build_encoder(), self.dataset.num_classes
        )
