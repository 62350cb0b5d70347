"""One worker of a small pretraining run, for `distributed_trial.py` and the tests.

    python tools/distributed_worker.py FOLDER

Each worker appends `epoch digest loss` to FOLDER/epochs-<worker>.txt after each epoch, and writes its
final weights to FOLDER/weights-<worker>.npz. The checkpoints are in FOLDER/checkpoints.
"""

import functools
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

STEPS = 4


def make_run(epochs):
    """Returns a dataset of noise and the config of a small run with BatchNormalization."""
    import numpy as np

    from simclr_utils.config import get_config
    from simclr_utils.data.dataset import Dataset

    images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype="uint8")
    none = (images[:0], np.empty(0, np.int64))
    dataset = Dataset("noise", images, none, none, none, (), "noise", [], [], {})
    changes = {"width": 16, "batch_size": 16, "pretraining_steps": epochs * STEPS}
    return dataset, replace(get_config("tiny"), **changes)


def note_epochs(path):
    """Returns a callback that writes the loss and a digest of all weights after each epoch."""
    import keras

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            digest = hashlib.sha256(b"".join(w.tobytes() for w in self.model.get_weights()))
            with open(path, "a") as file:
                file.write(f"{epoch} {digest.hexdigest()} {logs['loss']!r}\n")

    return Note()


def save_weights(path, pretraining):
    """Writes the weights of both networks of a `Pretraining`."""
    import numpy as np

    networks = (pretraining.encoder, pretraining.projection_head)
    np.savez(path, *(weight for network in networks for weight in network.get_weights()))


def work(folder, epochs=12):
    """Pretrains together with the other workers, with a checkpoint after each epoch."""
    from simclr_utils.distributed.cluster import open_strategy, read_cluster

    strategy, index = open_strategy(), read_cluster().index
    from simclr_utils.session import start

    start(0, "float32")
    from simclr_utils.distributed import loop
    from simclr_utils.training.checkpoints import Checkpoints

    loop.Checkpoints = functools.partial(Checkpoints, min_seconds=0)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    notes = [note_epochs(folder / f"epochs-{index}.txt")]
    made = loop.pretrain_on_workers(
        strategy, *make_run(epochs), callbacks=notes, checkpoint_folder=folder / "checkpoints"
    )
    save_weights(folder / f"weights-{index}.npz", made)


if __name__ == "__main__":
    work(sys.argv[1], *map(int, sys.argv[2:]))
