"""Callbacks for pretraining: one quiet line an epoch, and kNN accuracy every few epochs."""

import time

import keras

from simclr_utils.evaluation import extract_features, knn_accuracy


class KNNMonitor(keras.callbacks.Callback):
    """Measures the encoder's kNN accuracy on validation images while it is being pretrained.

    Writes `knn_accuracy` into the epoch's logs, `None` for an epoch without a measurement. List it
    before callbacks that read it. The labels tell how good the features are; they teach the
    encoder nothing.

    Args:
        encoder: `keras.Model`, images -> features.
        train: pair of uint8 images and int labels, the neighbours.
        validation: a pair likewise, which is scored.
        every: int, epochs between measurements; the last epoch is always measured.
    """

    def __init__(self, encoder, train, validation, every=5):
        super().__init__()
        self.encoder, self.train, self.validation = encoder, train, validation
        self.every = every

    def on_epoch_end(self, epoch, logs=None):
        logs["knn_accuracy"] = None
        if (epoch + 1) % self.every and epoch + 1 < self.params["epochs"]:
            return
        (images, labels), (validation_images, validation_labels) = self.train, self.validation
        features = extract_features(self.encoder, images)
        validation_features = extract_features(self.encoder, validation_images)
        logs["knn_accuracy"] = knn_accuracy(
            features, labels, (validation_features, validation_labels)
        )


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
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        done, epochs = epoch + 1, self.params["epochs"]
        if done % self.every and done not in (1, epochs):
            return
        measured = {name: value for name, value in (logs or {}).items() if value is not None}
        parts = {name: f"{name.replace('_', ' ')} {value:.3f}" for name, value in measured.items()}
        if self.chance_loss is not None and "loss" in parts:
            parts["loss"] += f" (chance {self.chance_loss:.3f})"
        minutes = (time.monotonic() - self.started) / 60
        duration = f"{minutes:.1f} min, {minutes / done * (epochs - done):.1f} left"
        print(f"epoch {done:3d}/{epochs}", *parts.values(), duration, sep="  ")


class LiveCurves(keras.callbacks.Callback):
    """Redraws a picture of the history after every epoch.

    Args:
        draw: function of the history so far (dict of lists, one value an epoch) -> a picture.
        show: function that takes the picture, such as `LivePicture.update`.
    """

    def __init__(self, draw, show):
        super().__init__()
        self.draw, self.show = draw, show
        self.history = {}

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.show(self.draw(self.history))
