"""kNN accuracy of an encoder while it is being pretrained."""

import keras

from simclr_utils.evaluation.features import extract_features
from simclr_utils.evaluation.probes import knn_accuracy


class KNNMonitor(keras.callbacks.Callback):
    """Measures the encoder's kNN accuracy on validation images while it is being pretrained.

    Writes `knn_accuracy` into the epoch's logs, `None` for an epoch without a measurement, and for
    all of them where there are no labels. List it before callbacks that read it. The labels tell
    how good the features are; they teach the encoder nothing.

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
        if not len(self.train[1]):
            return
        (images, labels), (validation_images, validation_labels) = self.train, self.validation
        features = extract_features(self.encoder, images)
        validation_features = extract_features(self.encoder, validation_images)
        logs["knn_accuracy"] = knn_accuracy(
            features, labels, (validation_features, validation_labels)
        )
