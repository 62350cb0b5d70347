"""What watches a pretraining: kNN accuracy, a line an epoch, live curves, and the stop button."""

import copy
import time

import keras


class EpochLine(keras.callbacks.Callback):
    """Prints one line an epoch; use it with `fit(..., verbose=0)`.

    Args:
        chance_loss: float, log(2N-1), printed beside the loss; `None` leaves it out.
        every: int, epochs between lines; the first and the last epoch always print.
    """

    def __init__(self, chance_loss=None, every=1):
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


class Clock:
    """Tells how long a training has taken and how long the rest will, also of a resumed one.

    Args:
        epochs: int, the number of the last epoch.
    """

    def __init__(self, epochs):
        self.started, self.epochs, self.num_timed = time.monotonic(), epochs, 0

    def after(self, epoch):
        """A string for the end of an epoch, whose number counts from 0; call it at each."""
        self.num_timed += 1
        minutes = (time.monotonic() - self.started) / 60
        left = minutes / self.num_timed * (self.epochs - epoch - 1)
        return f"{minutes:.1f} min, {left:.1f} left"


class LiveCurves(keras.callbacks.Callback):
    """Redraws a picture of the history after every epoch.

    Args:
        draw: function of the history so far (dict of lists, one value an epoch) -> a picture.
        show: function that takes the picture, and a string that says how far the training is and
            how long the rest will take.
        past: dict, the history of the epochs before this training, if it goes on from there.
    """

    def __init__(self, draw, show, past=None):
        super().__init__()
        self.draw, self.show = draw, show
        self.history = copy.deepcopy(past or {})

    def on_train_begin(self, logs=None):
        self.clock = Clock(self.params["epochs"])

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        words = f"epoch {epoch + 1} of {self.params['epochs']}, {self.clock.after(epoch)}"
        self.show(self.draw(self.history), words)


def fit_until_stopped(model, batches, callbacks=(), past=None, **options):
    """`model.fit`, but a training that is interrupted ends in order, early.

    Interrupt Kernel and Ctrl-C stop it between two steps, once there has been one. The model keeps
    what it has learned; the history gets one last entry, the means over the part of the epoch that
    was done.

    Args:
        model: compiled `keras.Model`.
        batches, callbacks, **options: as `fit` takes them.
        past: dict, the history of the epochs before, if the training goes on from there.

    Returns:
        The history, a dict from a metric's name to a list, one value an epoch; `None` stands
        where the last epoch was not measured.
    """
    history = PartialHistory(past)
    try:
        model.fit(batches, callbacks=[*callbacks, history], **options)
    except KeyboardInterrupt:
        history.add_partial_epoch()
        if not history.history:  # nothing was trained: there is nothing to go on with
            raise
        print(
            f"Stopped after {int(model.optimizer.iterations)} steps. The model is as they left "
            "it, and the cells below work with it."
        )
    return history.history


class PartialHistory(keras.callbacks.History):
    """A history that can still record an epoch that does not come to its end."""

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
        """Adds the means over the steps of the epoch that was interrupted, if there are any."""
        if self.so_far is None:
            return
        done = max(map(len, self.history.values()), default=0)
        for name in {*self.history, *self.so_far}:
            self.history.setdefault(name, [None] * done).append(self.so_far.get(name))
