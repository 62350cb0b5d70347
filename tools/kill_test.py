"""Kills a pretraining by SIGKILL, again and again, and compares what it ends in.

    python tools/kill_test.py FOLDER     a small pretraining that goes on from its checkpoints

is the process that is killed. After each epoch it appends `epoch digest` to FOLDER/epochs.txt.
"""

import functools
import hashlib
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

EPOCHS, STEPS = 60, 4
START_SECONDS = 300  # for a process to import TensorFlow and to trace its model
KILL_SECONDS = 0.5  # seconds after the first epoch of a process, within which it is killed


def pretrain(folder):
    """The pretraining: 60 epochs, a checkpoint after each."""
    from simclr_utils.session import start

    start(0, "float32")
    import keras
    import numpy as np

    from simclr_utils.config import get_config
    from simclr_utils.data.dataset import Dataset
    from simclr_utils.training import pretraining
    from simclr_utils.training.checkpoints import Checkpoints, variables_of

    pretraining.Checkpoints = functools.partial(Checkpoints, min_seconds=0)
    images = np.random.default_rng(0).integers(0, 256, (128, 16, 16, 3), dtype="uint8")
    none = (images[:0], np.empty(0, np.int64))
    dataset = Dataset("noise", images, none, none, none, (), "noise", [], [], {})
    config = replace(get_config("tiny"), width=16, batch_size=32, pretraining_steps=EPOCHS * STEPS)

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            digest = hashlib.sha256()
            for variable in variables_of(self.model):
                digest.update(np.asarray(variable).tobytes())
            line = f"{epoch} {digest.hexdigest()} {logs['loss']!r}\n"
            with open(folder / "epochs.txt", "a") as file:
                file.write(line)

    folder.mkdir(exist_ok=True)
    made = pretraining.pretrain(dataset, config, callbacks=[Note()], checkpoint_folder=folder)
    digest = hashlib.sha256()
    for weight in [*made.encoder.get_weights(), *made.projection_head.get_weights()]:
        digest.update(weight.tobytes())
    losses = [float(value) for value in made.history["loss"]]
    (folder / "end.txt").write_text(f"{digest.hexdigest()} {losses!r}")


def start_process(folder):
    command = [sys.executable, __file__, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finish(folder):
    """Runs the pretraining to its end; returns what it ended in."""
    process = start_process(folder)
    if process.wait(START_SECONDS):
        raise RuntimeError(f"The pretraining in {folder} failed with {process.returncode}.")
    return (folder / "end.txt").read_text()


def kill_once(folder, inside_a_save, random_moment):
    """Starts the pretraining and kills it.

    Args:
        folder: path.
        inside_a_save: bool, whether to wait for a checkpoint that is being written.
        random_moment: float in 0..1.

    Returns:
        Whether it was killed while a checkpoint was half written: `True` or `False`; `None` if it
        came to its end first.
    """
    process, end = start_process(folder), time.monotonic() + START_SECONDS
    done = epochs_done(folder)
    while epochs_done(folder) == done and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    if inside_a_save:
        while not unfinished(folder) and process.poll() is None:
            pass  # a save takes milliseconds
    else:
        time.sleep(KILL_SECONDS * random_moment)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        return None
    return unfinished(folder)


def epochs_done(folder):
    return len(lines_of(folder / "epochs.txt"))


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def unfinished(folder):
    """Whether a checkpoint is being written, or was when its process was killed."""
    return any(folder.glob(".writing-*/*.npz"))


def kill_and_compare(folder, num_kills, seed=0):
    """Kills a pretraining again and again, and compares every epoch with one left in peace.

    Args:
        folder: path, empty.
        num_kills: int; every other one is aimed at a save.
        seed: int, of the moments.

    Returns:
        A dict: `kills`, how many; `inside saves`; `epochs compared`; `different`, epochs whose
        weights, optimizer, random state or loss differed; `same end`, whether weights and history
        at the end are those of the run left in peace.
    """
    moments, peace = random.Random(seed), Path(folder) / "peace"
    expected = finish(peace)
    reference = dict(line.split(" ", 1) for line in lines_of(peace / "epochs.txt"))
    kills = inside = compared = different = run = 0
    ends = []
    while kills < num_kills:
        run += 1
        killed = Path(folder) / f"killed-{run}"
        killed.mkdir()
        while kills < num_kills:
            half_written = kill_once(killed, kills % 2 == 0, moments.random())
            if half_written is None:
                break
            kills, inside = kills + 1, inside + half_written
        ends.append(finish(killed) == expected)
        for line in lines_of(killed / "epochs.txt"):
            epoch, rest = line.split(" ", 1)
            compared, different = compared + 1, different + (rest != reference[epoch])
    return {
        "kills": kills,
        "inside saves": inside,
        "runs": run,
        "epochs compared": compared,
        "different": different,
        "same end": all(ends),
    }


if __name__ == "__main__":
    pretrain(Path(sys.argv[1]))
