"""A study: several pretrainings, several label subsets, every method, row after row in one file.

Stop it at any time: a study made again in the same folder goes on where it was.
"""

import contextlib
import functools
import shlex
import shutil
from dataclasses import asdict

import keras

from simclr_utils import files
from simclr_utils.evaluation import results, supervised
from simclr_utils.evaluation.comparison import Comparison, usable_label_counts
from simclr_utils.evaluation.features import extract_features, frozen, pixel_features
from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.protocol import Protocol
from simclr_utils.parameters import GROWING
from simclr_utils.places import user_path
from simclr_utils.study.costs import Rates
from simclr_utils.study.progress import Progress, Task
from simclr_utils.training import networks
from simclr_utils.training.pretraining import load_encoder, plan_epochs, pretrain, save_pretraining
from simclr_utils.views import recipe

# The baseline trains twice as long as fine-tuning, which starts from a good place.
FINE_TUNING_SHARE = 1 / 2


class StudyError(ValueError):
    """A study cannot be made or continued as asked; the message says how to mend it."""


class Study:
    """Everything that is measured on one dataset, as tasks that are done one by one.

    Args:
        dataset: a `Dataset`.
        config: a `Config`.
        folder: path, where everything goes.
        preset: str, for the record.
        num_seeds: int, pretrainings.
        label_counts: ints; default: those of the config.

    Raises:
        StudyError: if no label count or microbatch fits the dataset, or the folder holds a study
            of other images or settings. More label counts, subsets and seeds may join a study.

    Attributes:
        counts: tuple of ints, the label counts that the dataset allows; empty where nothing is
            labeled: such a study pretrains its encoders and compares nothing.
        seeds: the pretraining seeds.
        comparison: a `Comparison`; its `protocol` knows what each row got right.
        rates: `Rates`, in which the tasks' costs are counted; proportions until measured ones are
            put in their place.
    """

    def __init__(self, dataset, config, folder, preset, num_seeds=3, label_counts=None):
        self.dataset, self.config, self.folder = dataset, config, user_path(folder)
        self.preset, self.seeds = preset, range(num_seeds)
        num_train, num_validation = len(dataset.train[1]), len(dataset.validation[1])
        asked = label_counts or config.label_counts
        try:
            sizes = (num_train, num_validation, dataset.num_classes)
            self.counts = usable_label_counts(asked, *sizes)
            plan_epochs(len(dataset.unlabeled), config)
        except ValueError as error:
            raise StudyError(str(error)) from error
        self.check_identity()
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

    def identity(self):
        """What every part of a study has in common, a dict as JSON gives it back."""
        return {
            "preset": self.preset,
            "fingerprint": self.dataset.fingerprint,
            "precision": keras.config.dtype_policy().name,
            **settings_that_stay(asdict(self.config)),
        }

    def check_identity(self):
        """Keeps a folder to one study: encoders and tuning in it serve no other."""
        path = self.folder / "study.json"
        if not path.exists() and (self.folder / "results.csv").exists():
            raise StudyError(
                f"{self.folder} holds the results of a run, from another encoder than a "
                "study's. Name another folder; `python -m simclr_utils study --from-run "
                f"{shlex.quote(str(self.folder))}`, with that run's --source, --preset and "
                "--set, begins a study with it."
            )
        # A start that ended before anything was made holds nobody to its settings.
        made = ("results.csv", "encoders", "tuning.json")
        if not path.exists() or not any((self.folder / name).exists() for name in made):
            files.save_json(path, self.identity())
            return
        differences = files.describe_differences(files.load_json(path), self.identity())
        if differences:
            raise StudyError(
                f"{self.folder} holds another study ({'; '.join(differences)}). Name another "
                "folder, or repeat that study's images and settings to continue it."
            )

    def run(self, show=None):
        """Does what is missing.

        Args:
            show: function that takes a line of text, used where there is no terminal; `None`
                prints it.
        """
        Progress(self.tasks(), show).run()

    def frame(self):
        """The rows of this study, a DataFrame; others in the file are left out."""
        frame = self.results.frame()
        ours = frame["fingerprint"] == self.dataset.fingerprint
        ours &= frame["preset"] == self.preset
        ours &= frame["pretraining_seed"].isna() | frame["pretraining_seed"].isin(self.seeds)
        ours &= frame["labels"].isin(self.counts)
        ours &= frame["subset_seed"] < self.comparison.num_subsets
        return frame[ours]

    def tasks(self):
        """What is not done yet, a list of `Task`."""
        tasks = [self.control_task(name) for name in ("chance", "raw_pixels", "random_encoder")]
        tasks += [self.training_task("supervised", labels) for labels in self.counts]
        for seed in self.seeds:
            tasks += [self.pretraining_task(seed), self.frozen_task(seed)]
            tasks += [self.training_task("fine_tuned", labels, seed) for labels in self.counts]
        return [task for task in tasks if task is not None]

    # Controls: no pretraining, no training.

    def control_task(self, method):
        if not self.missing_frozen(method):
            return None
        cost = 0 if method == "chance" else self.forward_cost()
        return Task(method, cost, functools.partial(self.score_control, method))

    def missing_frozen(self, method, seed=None):
        return any(
            self.comparison.missing(method, labels, self.comparison.subsets(labels), seed)
            for labels in self.counts
        )

    def forward_cost(self):
        return self.rates.forward * sum(len(part) for part in self.images().values())

    def score_control(self, method, progress):
        if method == "chance":
            self.comparison.score_chance(self.counts)
            return
        describe = pixel_features
        if method == "random_encoder":
            keras.utils.set_random_seed(0)
            random_encoder = networks.as_float32(self.build_encoder())
            describe = functools.partial(extract_features, random_encoder)
        self.comparison.score_frozen(method, self.features(describe), self.counts)

    # Pretraining, and what is read from the frozen encoder.

    def encoder_folder(self, seed):
        return self.folder / "encoders" / str(seed)

    def pretraining_task(self, seed):
        wanted = any(self.missing_frozen(method, seed) for method in ("linear_probe", "knn"))
        wanted |= any(self.missing_trained("fine_tuned", labels, seed) for labels in self.counts)
        wanted |= not self.counts  # nothing is labeled: the encoder itself is what is wanted
        if (self.encoder_folder(seed) / "encoder.json").exists():
            # It may have been killed just before it cleared up.
            shutil.rmtree(self.encoder_folder(seed) / "checkpoints", ignore_errors=True)
            return None
        if not wanted:
            return None
        batch_size, steps, epochs = plan_epochs(len(self.dataset.unlabeled), self.config)
        step_cost = 2 * batch_size * self.rates.view
        run = functools.partial(self.pretrain, seed, step_cost)
        return Task(f"pretraining {seed}", step_cost * steps * epochs + self.rates.graph, run)

    def pretrain(self, seed, step_cost, progress):
        callbacks = [progress.callback(step_cost)]
        folder = self.encoder_folder(seed)
        checkpoints = folder / "checkpoints"
        pretraining = pretrain(self.dataset, self.config, seed, self.preset, callbacks, checkpoints)
        save_pretraining(folder, pretraining)
        shutil.rmtree(checkpoints)

    def frozen_task(self, seed):
        if not any(self.missing_frozen(method, seed) for method in ("linear_probe", "knn")):
            return None
        run = functools.partial(self.score_frozen, seed)
        return Task(f"probe and kNN of encoder {seed}", self.forward_cost(), run)

    def score_frozen(self, seed, progress):
        encoder, made = load_encoder(self.encoder_folder(seed))
        with frozen(encoder):
            features = self.features(functools.partial(extract_features, encoder))
        details = {"pretraining_seed": seed, "steps": made["steps"]}
        self.comparison.score_frozen("linear_probe", features, self.counts, **details)
        self.comparison.score_frozen("knn", features, self.counts, knn=True, **details)

    def images(self):
        protocol = self.comparison.protocol
        images = {"train": protocol.train[0], "validation": protocol.validation[0]}
        return {**images, "test": protocol.test_images}

    def features(self, describe):
        return {name: describe(part) for name, part in self.images().items()}

    # Trainings with labels: from scratch, and from a pretrained encoder.

    def training_task(self, method, labels, seed=None):
        missing = self.missing_trained(method, labels, seed)
        if not missing:
            return None
        factor = self.config.supervised_steps_factor * (1 if seed is None else FINE_TUNING_SHARE)
        num_steps = supervised.supervised_steps(labels, factor)
        lengths, graphs = [num_steps] * len(missing), 1
        if seed in (None, 0) and self.comparison.tuning(method, labels) is None:
            kind = supervised.SupervisedBaseline if seed is None else FineTuning
            lengths += kind.tuning_lengths(num_steps)
            graphs = kind.num_models()
            if 0 in missing and not self.comparison.protocol.is_all(labels):
                lengths.pop()  # the best one is the first subset's
        checked = supervised.NUM_CHECKS * len(self.dataset.validation[1])
        cost = sum(lengths) * min(supervised.BATCH_SIZE, labels) * self.rates.image
        cost += len(lengths) * (checked * self.rates.forward + self.rates.training)
        # Models that are compiled for one number of labels serve the others too.
        cost += graphs * self.rates.graph if labels == self.counts[0] else 0
        name = f"{method} at {labels:,} labels"
        name += "" if seed is None else f", encoder {seed}"
        return Task(name, cost, functools.partial(self.train, method, labels, num_steps, seed))

    def missing_trained(self, method, labels, seed):
        subsets = self.comparison.subsets(labels, trained=True)
        return self.comparison.missing(method, labels, subsets, seed)

    def train(self, method, labels, num_steps, seed, progress):
        trainer = self.trainer(seed)
        trainer.callbacks = [
            progress.callback(min(supervised.BATCH_SIZE, labels) * self.rates.image)
        ]
        self.comparison.score_trained(
            method, trainer, labels, num_steps, seed, progress=lambda text: None
        )

    def trainer(self, seed):
        """The trainer that starts from scratch (`None`) or from an encoder; one is kept."""
        if seed not in self.trainers:
            if seed is None:
                trainer = supervised.SupervisedBaseline(self.build_model)
            else:
                trainer = FineTuning(self.build_model, load_encoder(self.encoder_folder(seed))[0])
            self.trainers = {seed: trainer}  # compiled models of the one before are let go
        return self.trainers[seed]

    def build_encoder(self):
        return networks.build_encoder(
            self.dataset.image_shape, self.config.encoder, self.config.width
        )

    def build_model(self, augmentation_strength):
        height, _, channels = self.dataset.image_shape
        operations = dict(self.config.operations)
        # For one-channel images it prints what it drops; each training builds one anew.
        with contextlib.redirect_stdout(None):
            augmenter = recipe.build_augmenter(height, augmentation_strength, operations, channels)
        return supervised.build_supervised(
            augmenter, self.build_encoder(), self.dataset.num_classes
        )


def settings_that_stay(settings):
    """The settings of a `Config`, as a dict, without those that may grow while a study goes on."""
    stay = {name: value for name, value in settings.items() if name not in GROWING}
    return files.as_stored(stay)
