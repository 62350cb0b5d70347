"""Callbacks for the progress, the learning rate and the history of a run."""

import copy
import math
import time
from collections.abc import Callable

import keras

# A picture takes most of a second, in which nothing is learned.
SECONDS_BETWEEN_PICTURES = 10


class EpochLine(keras.callbacks.Callback):
    """Prints one line per epoch; use it with `fit(..., verbose=0)`.

    Args:
        chance_loss: Float, the chance level of the loss, printed beside it. `None` leaves it out.
        every: Integer, the number of epochs from line to line. The first and the last epoch
            always have one.
    """

    def __init__(self, chance_loss: float | None = None, every: int = 1):
        super().__init__()
        self.chance_loss = chance_loss
        self.every = every

    def on_train_begin(self, logs=None):
        self.clock = Clock(self.params["epochs"])

    def on_epoch_end(self, epoch, logs=None):
        duration = self.clock.after(epoch)
        done, epochs = epoch + 1, self.params["epochs"]
        if done % self.every and done not in (1, epochs):
            return
        measured = {name: value for name, value in (logs or {}).items() if value is not None}
        parts = {name: f"{name.replace('_', ' ')} {value:.3f}" for name, value in measured.items()}
        if self.chance_loss is not None and "loss" in parts:
            parts["loss"] += f" (chance {self.chance_loss:.3f})"
        print(f"epoch {done:3d}/{epochs}", *parts.values(), duration, sep="  ")


class LiveCurves(keras.callbacks.Callback):
    """Redraws the curves after an epoch, if the last picture is ten seconds old, and at the end.

    Args:
        draw: Function of the history so far, a dict from the name of a curve to a list with one
            value per epoch, that returns a picture.
        show: Function of the picture and of a string with the progress and the time left.
        past: Dict, the history of the epochs before a resumed run, or `None`.
    """

    def __init__(self, draw: Callable, show: Callable, past: dict | None = None):
        super().__init__()
        self.draw, self.show = draw, show
        self.history, self.drawn = copy.deepcopy(past or {}), -math.inf

    def on_train_begin(self, logs=None):
        self.clock = Clock(self.params["epochs"])

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        words = f"epoch {epoch + 1} of {self.params['epochs']}, {self.clock.after(epoch)}"
        last, now = epoch + 1 == self.params["epochs"], time.monotonic()
        if last or now - self.drawn >= SECONDS_BETWEEN_PICTURES:
            self.show(self.draw(self.history), words)
            self.drawn = now


class FollowSchedule(keras.callbacks.Callback):
    """Sets the learning rate before every step.

    A schedule inside the optimizer would be traced once, and a compiled model is used for several
    learning rates.

    Args:
        schedule: Function of the step, a scalar int32 tensor, that returns the learning rate.
    """

    def __init__(self, schedule: Callable):
        super().__init__()
        self.schedule, self.step = schedule, 0

    def on_train_batch_begin(self, batch, logs=None):
        step = keras.ops.convert_to_tensor(self.step, "int32")
        self.model.optimizer.learning_rate = float(self.schedule(step))
        self.step += 1


class Clock:
    """Measures how long a run has taken, and estimates the time left, even of a resumed run.

    Args:
        epochs: Integer, the number of epochs in the run.
    """

    def __init__(self, epochs):
        self.started, self.epochs, self.num_timed = time.monotonic(), epochs, 0

    def after(self, epoch):
        """Returns the time taken and the time left. Call it once at the end of each epoch.

        Args:
            epoch: Integer, the number of the epoch, counted from 0.

        Returns:
            A string such as `"1.5 min, 3.0 left"`.
        """
        self.num_timed += 1
        minutes = (time.monotonic() - self.started) / 60
        left = minutes / self.num_timed * (self.epochs - epoch - 1)
        return f"{minutes:.1f} min, {left:.1f} left"


class PartialHistory(keras.callbacks.History):
    """Records the history of a run, including an epoch that was interrupted.

    Args:
        past: Dict, the history of the epochs before a resumed run, or `None`.
    """

    def __init__(self, past=None):
        super().__init__()
        self.history, self.so_far = copy.deepcopy(past or {}), None

    def on_epoch_begin(self, epoch, logs=None):
        self.so_far = None

    def on_train_batch_end(self, batch, logs=None):
        self.so_far = logs

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.so_far = None

    def add_partial_epoch(self):
        """Adds the means over the steps of an interrupted epoch, if there are any."""
        if self.so_far is None:
            return
        done = max(map(len, self.history.values()), default=0)
        for name in {*self.history, *self.so_far}:
            self.history.setdefault(name, [None] * done).append(self.so_far.get(name))
