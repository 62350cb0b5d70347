"""Looks after the pretraining of a notebook: callbacks, curves, checkpoints and interrupts."""

import time
from pathlib import Path
from types import TracebackType

import keras
import numpy as np

from simclr_utils.config import Config
from simclr_utils.course.widgets import LivePicture
from simclr_utils.data.dataset import Dataset
from simclr_utils.evaluation.features import extract_features, pixel_features
from simclr_utils.evaluation.probes import KNNMonitor, knn_accuracy
from simclr_utils.plotting.curves import plot_pretraining
from simclr_utils.plotting.style import DescribedFigure, to_png
from simclr_utils.training import pretraining
from simclr_utils.training.callbacks import EpochLine, LiveCurves, PartialHistory
from simclr_utils.training.checkpoints import Checkpoints
from simclr_utils.training.doctor import RunDoctor
from simclr_utils.training.losses import LOSSES

NUM_MEASUREMENTS = 5  # of kNN accuracy, and lines of progress


class Watch:
    """The callbacks of a pretraining, the curves so far, and the files that keep it.

    Call `fit` inside a `with` block. Interrupt Kernel then ends the training without an error, and
    the curves have a last entry for the epoch that was cut short.

    Args:
        model: Compiled `keras.Model` with the attributes `augmenter`, `encoder`,
            `projection_head` and `temperature`.
        dataset: A `Dataset`.
        config: A `Config`.
        preset: String, the name of the preset.
        seed: Integer, the seed of the run.
        folder: Path of the folder of the encoder, or `None` to keep nothing.
        live: `LivePicture` that shows the curves while `fit` runs, or `None`.

    Attributes:
        batch_size: Integer, the number of images per step.
        steps_per_epoch: Integer.
        epochs: Integer.
        first_epoch: Integer, the epochs that are done, above 0 in a run that is resumed.
        callbacks: List of Keras callbacks for `fit`.
        chance_loss: Float, the chance level of the loss, log(2N - 1).
        levels: Dict from a name to the kNN accuracy on validation images before training: of the
            encoder as it is, and of raw pixels. Empty if nothing is labeled.

    Example:

    >>> with lesson.watch(model) as watch:
    ...     batches = image_batches(
    ...         dataset.unlabeled, watch.batch_size, seed, watch.first_step
    ...     )
    ...     model.fit(
    ...         batches, steps_per_epoch=watch.steps_per_epoch, epochs=watch.epochs,
    ...         initial_epoch=watch.first_epoch, callbacks=watch.callbacks, verbose=0,
    ...     )
    >>> print(watch.finish())
    """

    def __init__(
        self,
        model: keras.Model,
        dataset: Dataset,
        config: Config,
        preset: str,
        seed: int,
        folder: Path | None = None,
        live: LivePicture | None = None,
    ):
        self.model, self.dataset, self.folder = model, dataset, folder
        self.made_with = (config, preset, seed)
        plan = pretraining.plan_epochs(len(dataset.unlabeled), config)
        self.batch_size, self.steps_per_epoch, self.epochs = plan
        self.chance_loss = float(np.log(2 * self.batch_size - 1))
        self.levels = knn_levels(model.encoder, dataset)
        self.doctor = RunDoctor(dataset.unlabeled, self.batch_size, loss=LOSSES[config.loss])
        self.checkpoints, self.first_epoch, past, self.seconds = None, 0, {}, 0.0
        if folder is not None:
            wanted = pretraining.run_identity(dataset, config, seed, self.epochs)
            self.checkpoints = Checkpoints(folder / "checkpoints", wanted, doctor=self.doctor)
            self.first_epoch = self.checkpoints.restore(model)
            past, self.seconds = self.checkpoints.history, self.checkpoints.seconds
        self.curves = PartialHistory(past)
        every = max(1, self.epochs // NUM_MEASUREMENTS)
        self.callbacks = [
            self.doctor,
            KNNMonitor(model.encoder, dataset.train, dataset.validation, every),
            EpochLine(self.chance_loss, every),
        ]
        if live is not None:

            def show(drawing, words):
                live.update(to_png(drawing), words)

            self.callbacks.append(LiveCurves(self.draw, show, past))
        self.callbacks += [self.checkpoints] if self.checkpoints else []
        self.callbacks.append(self.curves)

    @property
    def history(self) -> dict[str, list]:
        """Dict from the name of a curve to a list with one value per epoch."""
        return self.curves.history

    @property
    def first_step(self) -> int:
        """The steps that are done, above 0 in a run that is resumed."""
        return self.first_epoch * self.steps_per_epoch

    def draw(self, history: dict[str, list] | None = None) -> DescribedFigure:
        """Returns the figure of the curves, as `plot_pretraining` draws it."""
        history = self.history if history is None else history
        return plot_pretraining(history, self.chance_loss, 2 * self.batch_size - 1, self.levels)

    def describe(self) -> str:
        """Returns the last values of the curves with what they have to beat, in two lines."""
        last = {name: values[-1] for name, values in self.history.items()}
        lines = [
            f"loss {last['loss']:.2f}, by chance {self.chance_loss:.2f}; "
            f"contrastive accuracy {last['contrastive_accuracy']:.2f}"
        ]
        levels = {**self.levels, "after training": last.get("knn_accuracy")}
        told = [f"{name} {value:.2f}" for name, value in levels.items() if value is not None]
        return "\n".join([*lines, f"kNN accuracy: {', '.join(told)}"] if told else lines)

    def __enter__(self) -> "Watch":
        self.started = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self.seconds += time.monotonic() - self.started
        if kind is not KeyboardInterrupt:
            return False
        self.curves.add_partial_epoch()
        if not self.history:  # nothing was trained, so the cells below cannot continue
            return False
        steps = int(self.model.optimizer.iterations.numpy())
        print(
            f"Stopped after {steps} steps. The model keeps what it "
            "has learned, and the cells below work with it."
        )
        return True

    def finish(self) -> str:
        """Judges the last loss, and writes encoder, head, curves and record into the folder.

        Returns:
            A sentence of the run doctor.
        """
        verdict = self.doctor.conclude(self.history["loss"][-1])
        if self.folder is not None:
            config, preset, seed = self.made_with
            steps = int(self.model.optimizer.iterations.numpy())
            details = pretraining.describe_pretraining(
                self.dataset, config, preset, seed, steps, self.seconds, self.doctor.findings
            )
            done = pretraining.in_float32(self.model, self.history, details)
            pretraining.save_pretraining(self.folder, done)
            if steps == self.epochs * self.steps_per_epoch:  # to its end
                self.checkpoints.clear()
        return verdict


def knn_levels(encoder: keras.Model, dataset: Dataset) -> dict[str, float]:
    """Returns the kNN accuracy on validation images that pretraining has to beat.

    Args:
        encoder: `keras.Model`, images -> features, before its training.
        dataset: A `Dataset`.

    Returns:
        A dict with the keys `"untrained encoder"` and `"raw pixels"`, empty if nothing is labeled.
    """
    if not dataset.is_labeled:
        return {}
    (images, labels), (held_out, answers) = dataset.train, dataset.validation
    sources = {
        "untrained encoder": lambda part: extract_features(encoder, part),
        "raw pixels": pixel_features,
    }
    return {
        name: knn_accuracy(source(images), labels, (source(held_out), answers))
        for name, source in sources.items()
    }
