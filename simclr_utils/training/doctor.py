"""The run doctor: watches a pretraining and says in plain words what is wrong with it."""

from dataclasses import asdict

import keras
import numpy as np

from simclr_utils.training.examinations import (
    FIRST_STEPS,
    examine_batch_size,
    examine_loss_level,
    examine_model,
    examine_projections,
    examine_value,
    examine_views,
    examine_weights,
    kernels,
)
from simclr_utils.training.findings import Finding

__all__ = ["FIRST_STEPS", "Finding", "RunDoctor", "TrainingFailedError", "examine_views"]

NUM_IMAGES = 256  # that the doctor looks at after an epoch
# Findings about the networks as they are, which more training may change, by name.
WEIGHTS = {"learning rate too low", "learning rate too high"}
STATES = {"collapse", "nothing learned", "loss far above chance"} | WEIGHTS


class TrainingFailedError(RuntimeError):
    """A training cannot go on; the message is that of a `Finding`."""


class RunDoctor(keras.callbacks.Callback):
    """Examines a `SimCLR` model before it is trained, after each step, and now and then.

    Each finding is reported once. A healthy run hears nothing. A finding about the state of the
    networks is withdrawn when a later examination no longer confirms it. The state of the random
    generators is what it was after every examination, so that the training is the same with a
    doctor.

    Args:
        images: uint8 array `[N, H, W, C]`, of which a few are looked at.
        batch_size: int, images of a step.
        report: function of a string.

    Attributes:
        findings: list of `Finding`.

    Raises:
        TrainingFailedError: as soon as the loss is no number, or, at the end of an epoch, a
            weight. Checkpoints stay as they were.
    """

    def __init__(self, images, batch_size, report=print):
        super().__init__()
        # From all of the pool: files in the order of their names may begin with one class.
        rows = np.linspace(0, len(images) - 1, min(len(images), NUM_IMAGES)).astype(int)
        self.images = np.asarray(images[rows])
        self.batch_size, self.report = batch_size, report
        self.findings, self.steps, self.examined = [], 0, 0

    def record(self):
        """Returns the findings so far as a list of dicts, for a checkpoint."""
        return [asdict(finding) for finding in self.findings]

    def recall(self, record):
        """Reports anew what `record` returned before the training was stopped."""
        for entry in record:
            self.tell(Finding(**entry))

    def conclude(self, loss):
        """Judges a training by its last loss, with the same rule as on the way.

        Args:
            loss: float, mean of the last epoch.

        Returns:
            A sentence that begins with "ok" where nothing was found. The findings are up to date
            afterwards.
        """
        steps = int(self.model.optimizer.iterations)
        explained = {"collapse", *WEIGHTS} & {finding.name for finding in self.findings}
        if steps >= FIRST_STEPS and not explained:
            self.confirm([self.examine_loss(loss)])
        if self.findings:
            names = ", ".join(finding.name for finding in self.findings)
            return f"not ok: the run doctor found {names}"
        if steps < FIRST_STEPS:
            return f"{steps} steps are too few to judge the loss"
        return "ok: below its chance level"

    def examine_loss(self, loss):
        steps = int(self.model.optimizer.iterations)
        return examine_loss_level(loss, self.batch_size, steps, self.model.temperature)

    def confirm(self, found):
        """Reports what an examination of the networks found; withdraws what it no longer finds.

        Args:
            found: list of `Finding` and `None`.
        """
        now = {finding.name for finding in found if finding is not None}
        for known in [known for known in self.findings if known.name in STATES - now]:
            # Weights that moved little before a stop are not examined after it.
            if not (known.name in WEIGHTS and self.resumed):
                self.findings.remove(known)
                self.report(f"{known.name}: no longer so.")
        for finding in found:
            self.tell(finding)

    def tell(self, finding):
        """Reports a finding, unless it is `None` or known."""
        if finding is not None and finding.name not in [known.name for known in self.findings]:
            self.findings.append(finding)
            self.report(str(finding))

    def on_train_begin(self, logs=None):
        # A training that goes on may be near its end, where a schedule moves weights no more.
        self.resumed = int(self.model.optimizer.iterations) > 0
        self.start = kernels(self.model)
        for finding in examine_model(self.model, self.images[:16]):
            self.tell(finding)
        self.tell(examine_batch_size(self.batch_size))

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        loss = (logs or {}).get("loss", 0.0)
        self.stop_at(examine_value("loss", loss, self.steps, self.model.temperature))

    def stop_at(self, finding):
        """Reports a finding and ends the training, unless it is `None`."""
        self.tell(finding)
        if finding is not None:
            raise TrainingFailedError(str(finding))

    def on_epoch_end(self, epoch, logs=None):
        now = kernels(self.model)
        largest = np.max([np.abs(kernel).max() for kernel in now])
        # By the last update.
        self.stop_at(examine_value("largest weight", largest, self.steps, self.model.temperature))
        if self.steps - self.examined < FIRST_STEPS:  # epochs may be short
            return
        self.examined = self.steps
        change = None if self.resumed else examine_weights(self.start, now, self.steps)
        pixels = self.images.astype("float32") / 255
        features = self.model.encoder(pixels, training=False)
        collapse = examine_projections(self.model.projection_head(features, training=False))
        level = None
        if change is None and collapse is None and logs:  # these two explain a loss by themselves
            level = self.examine_loss(logs["loss"])
        self.confirm([change, collapse, level])
