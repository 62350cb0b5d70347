"""What a notebook works with: a session, images, settings, an encoder and a study."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path

import keras
import pandas as pd

from simclr_utils import files, places
from simclr_utils.config import Config, describe_changes
from simclr_utils.course.watch import Watch
from simclr_utils.course.widgets import LivePicture
from simclr_utils.data.dataset import Dataset
from simclr_utils.study.study import Study
from simclr_utils.system.folder_lock import hold_when_free
from simclr_utils.training import networks
from simclr_utils.training.pretraining import load_encoder
from simclr_utils.views.recipe import build_augmenter


class Lesson:
    """The session, images and settings of a notebook, and the folder of its results.

    Make it with `open_lesson`. What takes long, such as the encoder, is made when it is first used.

    Args:
        session: String, as `start` returns it.
        dataset: A `Dataset`.
        config: A `Config`.
        preset: String, the name of the preset.
        seed: Integer, the seed of weights, views and batches.
        run_dir: String, the folder of a run, or `None`.

    Attributes:
        folder: Path, where encoder and results are kept: `run_dir`, or else a folder in
            `runs/lessons`, which all notebooks with the same images and settings share. So a
            number that occurs in two notebooks comes from one run.
    """

    def __init__(
        self,
        session: str,
        dataset: Dataset,
        config: Config,
        preset: str,
        seed: int,
        run_dir: str | None,
    ):
        self.session, self.dataset, self.config = session, dataset, config
        self.preset, self.seed, self.run_dir = preset, seed, run_dir
        self.folder = Path(run_dir) if run_dir else shared_folder(dataset, config, preset)

    def __repr__(self) -> str:
        return self.session

    @cached_property
    def study(self) -> Study:
        """The `Study` of one pretraining seed in `folder`; `results` runs its methods."""
        self.folder.mkdir(parents=True, exist_ok=True)
        study = Study(
            self.dataset, self.config, self.folder, self.preset, num_seeds=1, first_seed=self.seed
        )
        if self.run_dir is None:
            self._provide_encoder(study.encoder_folder(self.seed))
        return study

    def _provide_encoder(self, folder):
        """Copies the encoder of the course, if it was made with the settings of this lesson."""
        if folder.exists() or not (places.PRETRAINED / "encoder.json").exists():
            return
        made = files.load_json(places.PRETRAINED / "encoder.json")
        same = made["dataset"] == self.dataset.name and made["seed"] == self.seed
        same &= tuple(made["image_shape"]) == self.dataset.image_shape
        if not same or describe_changes(made["config"], self.config, ("pretraining",)):
            return
        with files.atomic_path(folder) as temporary:
            shutil.copytree(places.PRETRAINED, temporary)
            # Other processors may round single pixels of the rendered images differently.
            made["fingerprint"] = self.dataset.fingerprint
            files.save_json(temporary / "encoder.json", made)

    @cached_property
    def pretrained(self) -> tuple[keras.Model, dict]:
        """The pretrained encoder, images -> features, and the record of how it was made.

        It is the encoder of the run, the one that the course comes with if that has these
        settings, or else one that is pretrained now.

        Raises:
            FileNotFoundError: If the run has no encoder yet.
        """
        folder = self.study.encoder_folder(self.seed)
        if self.run_dir is None and not (folder / "encoder.json").exists():
            with self._alone():
                self.study.pretrain_now(self.seed)
        return load_encoder(folder, self.dataset)

    @property
    def encoder(self) -> keras.Model:
        """The pretrained encoder, images `[N, H, W, C]` -> features `[N, D]`."""
        return self.pretrained[0]

    @cached_property
    def projection_head(self) -> keras.Model:
        """The projection head that was trained with `encoder`, features -> projections."""
        self.pretrained  # noqa: B018 it is made here if it does not exist
        path = self.study.encoder_folder(self.seed) / "projection_head.keras"
        return keras.saving.load_model(path, compile=False)

    @property
    def augmenter(self) -> keras.Layer:
        """A new layer that draws views with the operations of the config, as pretraining does."""
        height, _, channels = self.dataset.image_shape
        return build_augmenter(height, 1.0, dict(self.config.operations), channels, self.seed)

    @cached_property
    def random_encoder(self) -> keras.Model:
        """An encoder of the same architecture with random weights."""
        keras.utils.set_random_seed(self.seed)
        return networks.as_float32(
            networks.build_encoder(self.dataset.image_shape, self.config.encoder, self.config.width)
        )

    def results(self, methods: Sequence[str], metric: str = "accuracy") -> pd.DataFrame:
        """Measures methods at each number of labels, unless the folder has their rows.

        Args:
            methods: Strings, names in `METHODS`.
            metric: String, a name in `METRICS`.

        Returns:
            A DataFrame with a row for each method, number of labels and label subset, as
            `Results.frame` returns it.

        Raises:
            ValueError: If nothing is labeled, or a method is unknown.
        """
        self.dataset.require_labels()
        frame = self.finish_study(methods).frame()
        return frame[frame["method"].isin(methods) & (frame["metric"] == metric)]

    def finish_study(self, methods: Sequence[str] | None = None) -> Study:
        """Does what is left of the study. In a run, it prints a line for each task that is done.

        Args:
            methods: Strings, names in `METHODS`; by default those of the study. If nothing is
                labeled, the study is its pretraining.

        Returns:
            The `Study`.
        """
        study = self.study  # makes the folder
        with self._alone():
            study.run(show=None if self.run_dir else lambda line: None, methods=methods)
        return study

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Waits until no other notebook works in a shared folder.

        The folder of a run belongs to the program that executes its notebooks.
        """
        with nullcontext() if self.run_dir else hold_when_free(self.folder):
            yield

    def watch(self, model: keras.Model, live: LivePicture | None = None) -> Watch:
        """Returns what looks after the pretraining of a model, and keeps it in a run.

        Args:
            model: Compiled `keras.Model` with the attributes `augmenter`, `encoder`,
                `projection_head` and `temperature`.
            live: `LivePicture` that shows the curves while `fit` runs, or `None`.

        Returns:
            A `Watch`.
        """
        folder = Path(self.run_dir) / "encoders" / str(self.seed) if self.run_dir else None
        return Watch(model, self.dataset, self.config, self.preset, self.seed, folder, live)


def shared_folder(dataset: Dataset, config: Config, preset: str) -> Path:
    """Returns the folder of the lessons with these images, settings, precision and code.

    Args:
        dataset: A `Dataset`.
        config: A `Config`.
        preset: String, the name of the preset.

    Returns:
        A Path.
    """
    digest = hashlib.blake2b(repr((dataset.fingerprint, config)).encode(), digest_size=6)
    digest.update(repr(keras.config.dtype_policy().name).encode())
    package = Path(__file__).resolve().parent.parent
    for part in ("data", "views", "training", "evaluation", "study"):
        for path in sorted((package / part).glob("*.py")):
            digest.update(path.read_bytes())
    return places.LESSONS / f"{dataset.name}-{preset}-{digest.hexdigest()}"
