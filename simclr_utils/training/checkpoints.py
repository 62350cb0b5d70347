"""Checkpoints of a training: everything it needs to go on as if it had never stopped."""

import json
import os
import re
import shutil
import time

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.files import as_stored, atomic_path, describe_differences
from simclr_utils.places import user_path

NUM_KEPT = 2  # the newest may be damaged
MIN_SECONDS = 60  # between two of them: an epoch of a small pool takes less than a save


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says which, and why."""


class Checkpoints(keras.callbacks.Callback):
    """Saves a training at the end of its epochs, and brings it back.

    A checkpoint holds the values of *every* variable of model and optimizer: weights, batch
    statistics, slots, the step, and the state of every `keras.random.SeedGenerator`, which
    Keras' own savers leave out. Together with batches that depend on seed and step alone, such
    as those of `image_batches`, a training that is resumed ends in the same bits as one that was
    never stopped.

    Files are written whole or not at all, and read back with the checksum of each array. The
    newest two stay. One that is damaged is reported and the one before it is used.

    Bits are the same on the same machine, with deterministic operations, as `session.start` sets
    them. Precision and versions belong to what has to agree.

    Args:
        folder: path, for these files alone.
        identity: dict that JSON can hold: what a training must have in common with the one that
            it continues, such as configuration, seed and fingerprint of the data.
        min_seconds: float, at least so long between two checkpoints; the last epoch is always
            saved.
        report: function of a string, told of damaged files.
        doctor: the `RunDoctor` of the training, whose findings are kept too, or `None`.

    Attributes:
        history: dict from a curve's name to one value an epoch, those before the resumption
            included.
        seconds: float, time spent in training likewise.

    Example:
        checkpoints = Checkpoints("runs/mine/checkpoints", {"seed": 0})
        first = checkpoints.restore(model)
        batches = image_batches(images, 256, seed=0, first_step=first * steps)
        model.fit(batches, steps_per_epoch=steps, epochs=9, initial_epoch=first,
                  callbacks=[checkpoints], shuffle=False)
    """

    def __init__(self, folder, identity, min_seconds=MIN_SECONDS, report=print, doctor=None):
        super().__init__()
        self.folder, self.min_seconds, self.report = user_path(folder), min_seconds, report
        self.doctor = doctor
        made_with = {"precision": keras.config.dtype_policy().name, "keras": keras.__version__}
        made_with["tensorflow"] = tf.__version__
        self.identity = as_stored({**identity, **made_with})
        self.history, self.seconds = {}, 0.0

    def restore(self, model):
        """Puts the newest usable checkpoint into a model, or leaves it as it is without one.

        Args:
            model: compiled and built `keras.Model`.

        Returns:
            An int, the epochs that are done: the `initial_epoch` of `fit`.

        Raises:
            CheckpointError: if the checkpoints belong to another training.
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
                self.report(f"{path} is damaged ({error}): the training goes on from before it.")
                path.replace(path.with_suffix(".damaged"))
                continue
            assign(path, variables_of(model), values)
            self.history, self.seconds = record["history"], record["seconds"]
            if self.doctor is not None:
                self.doctor.recall(record.get("findings", []))
            return record["epoch"]
        return 0

    def clear(self):
        """Removes the folder, once what the training ended in is kept elsewhere."""
        shutil.rmtree(self.folder)

    def paths(self):
        """The checkpoints that are there, the newest first."""
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
                    "written, those before it are whole; make room and start again to go on",
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
        """The record and the values of a checkpoint; zip files carry a checksum an array."""
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            record = json.loads(str(stored["record"]))
            differences = describe_differences(record["identity"], self.identity)
            if differences:
                raise CheckpointError(
                    f"{path} belongs to another training ({'; '.join(differences)}). Repeat that "
                    "one's settings to continue it, or name another folder."
                )
            names = sorted(name for name in stored.files if name != "record")
            return record, [stored[name] for name in names]


def variables_of(model):
    """Every variable of a model and its optimizer, random states included, in one order."""
    return [*model.variables, *model.optimizer.variables]


def assign(path, variables, values):
    """Puts values into variables.

    Raises:
        CheckpointError: if they do not fit.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    found = [value.shape for value in values]
    if shapes != found:
        raise CheckpointError(
            f"{path} holds {len(found)} arrays that do not fit the {len(shapes)} variables of "
            "this model: it was made by another version of the course. Name another folder."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
