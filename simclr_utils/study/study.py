"""A study: every method, for several pretraining runs and label subsets, in a folder of results.

It can be stopped at any time. A new `Study` in the same folder continues it.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import pandas as pd

from simclr_utils.evaluation import results
from simclr_utils.evaluation.comparison import Comparison, usable_label_counts
from simclr_utils.evaluation.mixing import AugmentedClassifier
from simclr_utils.evaluation.protocol import Protocol
from simclr_utils.methods import METHODS, choose_methods
from simclr_utils.places import user_path
from simclr_utils.study.costs import Rates
from simclr_utils.study.encoder_tasks import SIMCLR, encoder_task, kind_of
from simclr_utils.study.frozen_tasks import compute_features, frozen_task
from simclr_utils.study.given_encoder import claim_encoder
from simclr_utils.study.identity import PARTS, StudyError, claim
from simclr_utils.study.primary import name_primary
from simclr_utils.study.progress import Progress, Task
from simclr_utils.study.starts import check_starts
from simclr_utils.study.training_tasks import build_model, training_task
from simclr_utils.training import networks
from simclr_utils.training.encoder_file import open_encoder, open_for_training
from simclr_utils.training.planned_views import check_views
from simclr_utils.training.pretraining import plan_epochs

if TYPE_CHECKING:
    from simclr_utils.config import Config
    from simclr_utils.data.dataset import Dataset


class Study:
    """Measures methods of `METHODS` on one dataset, as a list of tasks.

    Args:
        dataset: A `Dataset`.
        config: A `Config`. Its `methods` and `encoder_file` say what is measured.
        folder: Path, where encoders, rows and predictions are written.
        preset: String, the name of the preset, for the record.
        num_seeds: Integer, the number of pretraining runs.
        label_counts: Integers, the numbers of labels to compare at. By default those of the
            config.
        first_seed: Integer, the seed of the first pretraining run. The others follow it.
        primary: Pair of a method and a number of labels, the comparison that decides the verdict.
            By default the recorded one, or that of `name_primary`.

    Raises:
        StudyError: If no label count, microbatch or view fits the dataset, if a method cannot be
            measured, or if the folder holds a study of other images or settings. Label counts,
            subsets, seeds, methods and a given encoder may be added to a study.

    Attributes:
        counts: Tuple of integers, the label counts that the dataset allows. Empty if nothing is
            labeled: such a study pretrains its encoders and compares nothing.
        seeds: Range of integers, the pretraining seeds.
        methods: List of strings, the methods that `run` measures by default.
        given: Dict that names the encoder from elsewhere, or `None` if there is none.
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
        asked = label_counts or config.label_counts
        try:
            sizes = (len(dataset.labeled[1]), dataset.num_classes)
            self.counts = usable_label_counts(asked, *sizes)
            plan_epochs(len(dataset.unlabeled), config)
            check_views(config, dataset.image_shape[0])
            check_starts()
        except ValueError as error:
            raise StudyError(str(error)) from error
        self.methods = self.choose(config.methods)
        claim(self.folder, dataset, config, preset, PARTS)
        self.primary = name_primary(self.folder, self.counts, primary)
        self.results = results.Results(
            self.folder / "results.csv",
            dataset=dataset.name,
            preset=preset,
            fingerprint=dataset.fingerprint,
        )
        protocol = Protocol(dataset, self.results, self.folder)
        self.comparison = Comparison(
            protocol, config.num_subsets, config.search, config.class_weight
        )
        self.given = claim_encoder(self)
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
            methods: Strings, the names of the methods to measure, as `choose_methods` takes them.
                By default, those of the config.

        Raises:
            StudyError: If a method is not in `METHODS`, or needs an encoder and none is given.
        """
        Progress(self.tasks(methods), show).run()

    def pretrain_now(self, seed: int, show: Callable[[str], None] | None = None) -> None:
        """Pretrains the encoder of a seed, or the rest of it, and measures nothing.

        Args:
            seed: Integer, one of `seeds`.
            show: Function, as in `run`.
        """
        task = encoder_task(self, SIMCLR, seed, list(METHODS))
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

    def choose(self, methods: Sequence[str] | None) -> list[str]:
        """Returns the methods that are meant, as `choose_methods` does."""
        try:
            return choose_methods(methods, self.config.encoder_file is not None)
        except ValueError as error:
            raise StudyError(str(error)) from error

    def tasks(self, methods: Sequence[str] | None = None) -> list[Task]:
        """Returns the tasks that are not done yet, in order. `methods` is as in `run`."""
        methods = self.methods if methods is None else self.choose(methods)
        plain = [name for name in methods if not METHODS[name].pretrained]
        tasks = self.method_tasks(plain)
        pretrained = [name for name in methods if METHODS[name].pretrained]
        # SimCLR's encoder comes first. If nothing is labeled, it is the result.
        kinds = dict.fromkeys([SIMCLR, *(kind_of(METHODS[name].start) for name in pretrained)])
        for seed in self.seeds:
            for kind in kinds:
                own = [name for name in pretrained if kind_of(METHODS[name].start) is kind]
                tasks += [encoder_task(self, kind, seed, own), *self.method_tasks(own, seed)]
        return [task for task in tasks if task is not None]

    def method_tasks(self, methods: Sequence[str], seed: int | None = None) -> list[Task | None]:
        """Returns the tasks of methods, `None` for each done task."""
        groups = {}  # methods on the same features share a task
        for name in methods:
            if not METHODS[name].trained:
                groups.setdefault((METHODS[name].start, METHODS[name].readout), []).append(name)
        # The cheapest methods, which need no image, come last in METHODS.
        groups = [(start, names) for (start, _), names in groups.items()]
        tasks = [frozen_task(self, *group, seed) for group in reversed(groups)]
        # A method with the settings of the baseline comes after it in METHODS.
        for name in [name for name in methods if METHODS[name].trained]:
            tasks += [training_task(self, name, labels, seed) for labels in self.counts]
        return tasks

    def missing(self, method: str, labels: int, seed: int | None = None) -> list[int]:
        """Returns the subset seeds without a row."""
        subsets = self.comparison.subsets(labels, trained=METHODS[method].trained)
        return self.comparison.missing(method, labels, subsets, seed)

    def images(self) -> dict[str, np.ndarray]:
        """Returns the uint8 images `[N, H, W, C]` of `train` and `test`.

        If the source has a validation split of its own, its images are there as `validation`.
        """
        protocol = self.comparison.protocol
        images = {"train": protocol.train[0], "test": protocol.test_images}
        if protocol.validation is not None:
            images["validation"] = protocol.validation[0]
        return images

    def features(self, start: str, seed: int | None = None) -> dict[str, np.ndarray]:
        """Returns the features of all labeled images from a start of methods.

        Args:
            start: String, a key of `study.starts.STARTS`.
            seed: Integer, the pretraining seed, or `None`.
        """
        return compute_features(self, start, seed)

    def encoder_folder(self, seed: int, prefix: str = "") -> Path:
        """Returns the folder of the encoder that is trained without labels from a seed.

        Args:
            seed: Integer.
            prefix: String, that of an `EncoderKind`. The pretrained encoder has none.
        """
        return self.folder / "encoders" / f"{prefix}{seed}"

    @functools.cached_property
    def given_encoder(self) -> keras.Model:
        """The encoder from elsewhere, images of the dataset -> features."""
        return open_encoder(
            self.config.encoder_file, self.dataset.image_shape, self.config.input_size
        )

    @functools.cached_property
    def trainable_encoder(self) -> keras.Model:
        """The encoder from elsewhere, at the size at which it is trained further."""
        return open_for_training(
            self.config.encoder_file, self.dataset.image_shape, self.config.input_size
        )

    def build_encoder(self) -> keras.Model:
        """Returns a new encoder with random weights, as the config asks for it."""
        return networks.build_encoder(
            self.dataset.image_shape, self.config.encoder, self.config.width
        )

    def build_model(self, augmentation_strength: float) -> AugmentedClassifier:
        """Returns a new classifier, as `SupervisedBaseline` takes it.

        Args:
            augmentation_strength: Float, the strength of the views' operations.
        """
        return build_model(self, augmentation_strength)
