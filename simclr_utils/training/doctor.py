"""The run doctor: watches a pretraining run and reports in plain words what is wrong with it."""

from collections.abc import Callable
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
    examine_weights,
    kernels,
)
from simclr_utils.training.findings import Finding

NUM_IMAGES = 256  # for the examinations at the end of an epoch
# Findings about the present state of the networks, which may change as training continues.
WEIGHTS = {"learning rate too low", "learning rate too high"}
STATES = {"collapse", "nothing learned", "loss far above chance"} | WEIGHTS


class TrainingFailedError(RuntimeError):
    """A run cannot continue; the message is that of a `Finding`."""


class RunDoctor(keras.callbacks.Callback):
    """Examines a `SimCLR` model before training, after each step, and from time to time.

    Each finding is reported once; the doctor says nothing about a healthy run. A finding about
    the state of the networks is withdrawn when a later examination no longer confirms it. The
    examinations leave all random states as they were, so the run is the same with a doctor and
    without one.

    The chance level of the loss and the check of its values come from the loss function (see
    `annotate_loss`). Without them, the doctor skips these examinations.

    Args:
        images: Uint8 array `[N, H, W, C]`, the pool. A sample spread over all of it is examined.
        batch_size: Integer, the number of images per step.
        report: Function that is called with each finding, a string.
        loss: Function, the loss that the model has to compute, such as `nt_xent_loss`. `None`
            stands for the model's attribute `loss_function`, if it has one.

    Attributes:
        findings: List of `Finding`.

    Raises:
        TrainingFailedError: When the loss, or a weight at the end of an epoch, is not a number.
            The checkpoints stay as they were.

    Example:

    >>> doctor = RunDoctor(images, batch_size=256)
    >>> model.fit(batches, steps_per_epoch=steps, epochs=10, callbacks=[doctor], shuffle=False)
    """

    def __init__(
        self,
        images: np.ndarray,
        batch_size: int,
        report: Callable = print,
        loss: Callable | None = None,
    ):
        super().__init__()
        # Spread over the pool: if files are sorted by name, the first ones may all be of one class.
        rows = np.linspace(0, len(images) - 1, min(len(images), NUM_IMAGES)).astype(int)
        self.images = np.asarray(images[rows])
        self.batch_size, self.report, self.loss = batch_size, report, loss
        self.findings, self.steps, self.examined = [], 0, 0

    def conclude(self, loss: float) -> str:
        """Judges a finished run by its last loss, and brings `findings` up to date.

        Args:
            loss: Float, the mean of the last epoch.

        Returns:
            A sentence that begins with "ok" if nothing was found and the run was long enough.
        """
        steps = int(self.model.optimizer.iterations.numpy())
        explained = {"collapse", *WEIGHTS} & {finding.name for finding in self.findings}
        if steps >= FIRST_STEPS and not explained:
            self.confirm([self.examine_loss(loss)])
        if self.findings:
            names = ", ".join(finding.name for finding in self.findings)
            return f"not ok: the run doctor found {names}"
        if steps < FIRST_STEPS:
            return f"{steps} steps are too few to judge the loss"
        if self.chance_level() is None:
            return "ok: the run doctor found nothing"
        return "ok: the loss is below its chance level"

    def record(self) -> list[dict]:
        """Returns the findings so far as a list of dicts, for a checkpoint."""
        return [asdict(finding) for finding in self.findings]

    def recall(self, record: list[dict]) -> None:
        """Reports again the findings that `record` returned before the run was stopped.

        Args:
            record: List of dicts.
        """
        for entry in record:
            self.tell(Finding(**entry))

    def expected_loss(self) -> Callable | None:
        """Returns the loss that the model has to compute, or `None` if it is unknown."""
        return self.loss or getattr(self.model, "loss_function", None)

    def chance_level(self) -> float | None:
        """Returns the chance level of the model's loss, a float, or `None` if it is unknown."""
        level = getattr(self.expected_loss(), "chance_level", None)
        return None if level is None else level(self.batch_size)

    def examine_loss(self, loss: float) -> Finding | None:
        """Compares a loss with its chance level; returns a `Finding` or `None`."""
        chance = self.chance_level()
        if chance is None:
            return None
        steps = int(self.model.optimizer.iterations.numpy())
        return examine_loss_level(loss, chance, steps, self.model.temperature)

    def confirm(self, found: list[Finding | None]) -> None:
        """Reports new findings about the networks, and withdraws those that are not found again.

        Args:
            found: List of `Finding` and `None`, the result of an examination.
        """
        now = {finding.name for finding in found if finding is not None}
        for known in [known for known in self.findings if known.name in STATES - now]:
            # In a resumed run the weights are not examined, so nothing can confirm these.
            if not (known.name in WEIGHTS and self.resumed):
                self.findings.remove(known)
                self.report(f"{known.name}: this is no longer the case.")
        for finding in found:
            self.tell(finding)

    def tell(self, finding: Finding | None) -> None:
        """Reports a finding, unless it is `None` or already known."""
        if finding is not None and finding.name not in [known.name for known in self.findings]:
            self.findings.append(finding)
            self.report(str(finding))

    def stop_at(self, finding: Finding | None) -> None:
        """Reports a finding and ends the run, unless it is `None`."""
        self.tell(finding)
        if finding is not None:
            raise TrainingFailedError(str(finding))

    def on_train_begin(self, logs=None):
        # Near the end of a schedule, weights hardly move, so a resumed run cannot tell whether the
        # learning rate was right.
        self.resumed = int(self.model.optimizer.iterations.numpy()) > 0
        self.start = kernels(self.model)
        for finding in examine_model(self.model, self.images[:16], self.expected_loss()):
            self.tell(finding)
        self.tell(examine_batch_size(self.batch_size))

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        loss = (logs or {}).get("loss", 0.0)
        self.stop_at(examine_value("loss", loss, self.steps, self.model.temperature))

    def on_epoch_end(self, epoch, logs=None):
        now = kernels(self.model)
        # No loss is computed after the last update, so only the weights can show that it failed.
        largest = np.max([np.abs(kernel).max() for kernel in now])
        self.stop_at(examine_value("largest weight", largest, self.steps, self.model.temperature))
        if self.steps - self.examined < FIRST_STEPS:  # epochs may be short
            return
        self.examined = self.steps
        change = None if self.resumed else examine_weights(self.start, now, self.steps)
        pixels = self.images.astype("float32") / 255
        features = self.model.encoder(pixels, training=False)
        collapse = examine_projections(self.model.projection_head(features, training=False))
        level = None
        if change is None and collapse is None and logs:  # either of them explains a bad loss
            level = self.examine_loss(logs["loss"])
        self.confirm([change, collapse, level])
