"""Checkpoints of a run: everything it needs to continue as if it had never stopped."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from simclr_utils import config
from simclr_utils.files import as_stored, atomic_path, describe_differences
from simclr_utils.places import user_path
from simclr_utils.training.doctor import RunDoctor

NUM_KEPT = 2  # the newest may be damaged
MIN_SECONDS = 60  # between two checkpoints: saving may take longer than an epoch of a small pool


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says which one, and why."""


class Checkpoints(keras.callbacks.Callback):
    """Saves a run at the end of its epochs, and restores it.

    A checkpoint holds the values of *every* variable of model and optimizer: weights, batch
    statistics, slots, the step, and the state of every `keras.random.SeedGenerator`, which
    Keras' own savers leave out. If the batches depend on seed and step alone, as those of
    `image_batches` do, a resumed run is bit-identical to a run that was never stopped. This
    holds on one machine with deterministic operations, which `session.start` turns on.

    A file is written completely or not at all, and reading it verifies the checksum of each
    array. The newest two files are kept. A damaged file is reported, and the one before it is
    used. A run is resumed only with the precision and the versions of Keras and TensorFlow that
    it was started with.

    Args:
        folder: Path of a folder for the checkpoints alone.
        identity: Dict that JSON can hold: what a run must have in common with the run that it
            continues, such as seed and fingerprint of the data. If there is an entry `"config"`,
            it holds settings of a `Config`. A setting that the checkpoint does not have counts as
            its default.
        min_seconds: Float, the least time between two checkpoints. The last epoch is always
            saved.
        report: Function that is called with a message, a string, about each damaged file.
        doctor: `RunDoctor` of the run, whose findings are saved too, or `None`.

    Attributes:
        history: Dict from the name of a curve to a list with one value per epoch, including the
            epochs before the run was resumed.
        seconds: Float, the time spent on training, including the time before the run was resumed.

    Example:

    >>> checkpoints = Checkpoints("runs/mine/checkpoints", {"seed": 0})
    >>> first = checkpoints.restore(model)
    >>> batches = image_batches(images, 256, seed=0, first_step=first * steps)
    >>> model.fit(batches, steps_per_epoch=steps, epochs=9, initial_epoch=first,
    ...           callbacks=[checkpoints], shuffle=False)
    """

    def __init__(
        self,
        folder: str | Path,
        identity: dict,
        min_seconds: float = MIN_SECONDS,
        report: Callable = print,
        doctor: RunDoctor | None = None,
    ):
        super().__init__()
        self.folder, self.min_seconds, self.report = user_path(folder), min_seconds, report
        self.doctor = doctor
        made_with = {"precision": keras.config.dtype_policy().name, "keras": keras.__version__}
        made_with["tensorflow"] = tf.__version__
        self.identity = as_stored({**identity, **made_with})
        self.history, self.seconds = {}, 0.0

    def restore(self, model: keras.Model) -> int:
        """Restores the newest usable checkpoint, if there is one.

        Args:
            model: Compiled and built `keras.Model`. Its variables get the values of the
                checkpoint.

        Returns:
            The number of epochs that are done, an integer: the `initial_epoch` of `fit`.

        Raises:
            CheckpointError: If the checkpoints belong to another run.
        """
        for left in self.folder.glob(".writing-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        model.optimizer.build(model.trainable_variables)
        self.history, self.seconds = {}, 0.0
        for path in self.paths():
            try:
                record, values = self._read(path)
            except CheckpointError:
                raise
            except Exception as error:  # a flipped bit may be anywhere in a zip file
                self.report(f"{path} is damaged ({error}). The run resumes from an earlier state.")
                path.replace(path.with_suffix(".damaged"))
                continue
            _assign(path, variables_of(model), values)
            self.history, self.seconds = record["history"], record["seconds"]
            if self.doctor is not None:
                self.doctor.recall(record.get("findings", []))
            return record["epoch"]
        return 0

    def clear(self) -> None:
        """Removes the folder. Call it when the result of the run is stored elsewhere."""
        shutil.rmtree(self.folder)

    def paths(self) -> list[Path]:
        """Returns the paths of the checkpoints, the newest first."""
        found = [path for path in self.folder.glob("*.npz") if re.fullmatch(r"\d{6}", path.stem)]
        return sorted(found, reverse=True)

    def on_train_begin(self, logs=None):
        self.started = time.monotonic() - self.seconds
        self.saved = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.monotonic() - self.started
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(None if value is None else float(value))
        last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        if last or time.monotonic() - self.saved >= self.min_seconds:
            try:
                self._write(epoch + 1)
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"{error.strerror}: the checkpoint after epoch {epoch + 1} could not be "
                    "written. Earlier checkpoints are intact; free some space and run again to "
                    "resume",
                    str(self.folder),
                ) from error
            self.saved = time.monotonic()

    def _write(self, epoch):
        """Writes a checkpoint and removes those that are older than the newest two."""
        record = {"identity": self.identity, "epoch": epoch, "history": self.history}
        record["seconds"] = self.seconds
        record["findings"] = [] if self.doctor is None else self.doctor.record()
        arrays = {f"{n:05d}": np.asarray(v) for n, v in enumerate(variables_of(self.model))}
        target = self.folder / f"{epoch:06d}.npz"
        with atomic_path(target) as path, open(path, "wb") as file:
            np.savez(file, record=np.array(json.dumps(record)), **arrays)
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave a name without its bytes
        for path in self.paths()[NUM_KEPT:]:
            path.unlink()

    def _read(self, path):
        """Returns the record and the values of a checkpoint; zipfile verifies their checksums."""
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            record = json.loads(str(stored["record"]))
            differences = _differences(record["identity"], self.identity)
            if differences:
                raise CheckpointError(
                    f"{path} belongs to another run ({'; '.join(differences)}). Use that run's "
                    "settings to resume it, or choose another folder."
                )
            names = sorted(name for name in stored.files if name != "record")
            return record, [stored[name] for name in names]


def variables_of(model: keras.Model) -> list:
    """Returns all variables of a model and its optimizer, including random states, in order."""
    return [*model.variables, *model.optimizer.variables]


def _differences(there, here):
    """Lists the differences between two identities as phrases."""
    there, here = dict(there), dict(here)
    differences = []
    if "config" in here:
        if "config" not in there:
            return ["an earlier version of the course wrote it"]
        try:
            settings = config.restore(here.pop("config"))
            differences = config.describe_changes(there.pop("config"), settings)
        except ValueError as error:  # a setting of a later version
            return [str(error)]
    return describe_differences(there, here) + differences


def _assign(path, variables, values):
    """Assigns values to variables; raises `CheckpointError` if they do not fit."""
    shapes = [tuple(variable.shape) for variable in variables]
    found = [value.shape for value in values]
    if shapes != found:
        raise CheckpointError(
            f"{path} holds {len(found)} arrays that do not fit the {len(shapes)} variables of "
            "this model: another version of the course wrote it. Choose another folder."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
