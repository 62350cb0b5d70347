"""One worker of a small pretraining run, for `distributed_trial.py` and the tests.

    python tools/distributed_worker.py FOLDER EPOCHS [RAY_WORKERS]

The cluster is that of TF_CONFIG, or RAY_WORKERS workers of Ray. Each worker writes its process
number to FOLDER/pid-<worker>.txt, appends `epoch digest seconds` to FOLDER/epochs-<worker>.txt
after each epoch, and writes its final weights to FOLDER/weights-<worker>.npz. The checkpoints are
in FOLDER/checkpoints.
"""

import functools
import hashlib
import os
import sys
import time
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
    # AdamW would turn the roundings of gradients that are zero into whole steps.
    changes = {"width": 16, "batch_size": 16, "optimizer": "sgd"}
    changes["operations"] = (("crop", 0.87), ("flip", 1.0))
    changes["pretraining_steps"] = epochs * STEPS
    return dataset, replace(get_config("tiny"), **changes)


def note_epochs(path):
    """Returns a callback that writes a digest of all weights and the seconds of each epoch."""
    import keras

    class Note(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.started = time.monotonic()

        def on_epoch_end(self, epoch, logs=None):
            seconds = time.monotonic() - self.started
            digest = hashlib.sha256(b"".join(w.tobytes() for w in self.model.get_weights()))
            with open(path, "a") as file:
                file.write(f"{epoch} {digest.hexdigest()} {seconds:.4f}\n")

    return Note()


def save_weights(path, pretraining):
    """Writes the weights of both networks of a `Pretraining`."""
    import numpy as np

    networks = (pretraining.encoder, pretraining.projection_head)
    np.savez(path, *(weight for network in networks for weight in network.get_weights()))


def work(folder, epochs):
    """Pretrains together with the other workers, with a checkpoint after each epoch."""
    from simclr_utils.distributed.cluster import open_strategy, read_cluster

    folder, index = Path(folder), read_cluster().index
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"pid-{index}.txt").write_text(str(os.getpid()))
    strategy = open_strategy()
    from simclr_utils.session import start

    start(0, "float32")
    from simclr_utils.distributed import loop
    from simclr_utils.training.checkpoints import Checkpoints

    loop.Checkpoints = functools.partial(Checkpoints, min_seconds=0)
    given = (strategy, *make_run(epochs), 0, None)
    notes = [note_epochs(folder / f"epochs-{index}.txt")]
    made = loop.pretrain_on_workers(*given, notes, folder / "checkpoints")
    save_weights(folder / f"weights-{index}.npz", made)


def work_for_ray(given):
    """Does the work of one worker that Ray has started."""
    work(given["folder"], given["epochs"])


def main(folder, epochs, ray_workers=0):
    """Runs one worker, or a group of workers of Ray."""
    if not ray_workers:
        from simclr_utils.distributed.loop import WorkerLostError

        try:
            return work(folder, epochs)
        except WorkerLostError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            os._exit(75)
    import distributed_worker  # not `__main__`, which the workers could not import

    from simclr_utils.distributed.ray_train import run_on_ray

    given = {"folder": str(Path(folder).resolve()), "epochs": epochs}
    run_on_ray(distributed_worker.work_for_ray, given, ray_workers, Path(folder).resolve() / "ray")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
