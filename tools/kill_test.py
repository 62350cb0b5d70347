"""Kills a pretraining run by SIGKILL again and again, and compares it with an unbroken run.

    python tools/kill_test.py FOLDER

is the process that is killed: a small run that resumes from its checkpoints. After each epoch it
appends `epoch digest loss` to FOLDER/epochs.txt.
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
KILL_SECONDS = 0.5  # a process is killed within this time after its first epoch


def pretrain(folder):
    """Pretrains for 60 epochs, with a checkpoint after each."""
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
    """Lets the run finish; returns a digest of its weights, and its losses, as a string."""
    process = start_process(folder)
    if process.wait(START_SECONDS):
        raise RuntimeError(f"The pretraining in {folder} failed with {process.returncode}.")
    return (folder / "end.txt").read_text()


def kill_once(folder, inside_a_save, random_moment):
    """Starts the run and kills it.

    Args:
        folder: Path.
        inside_a_save: Boolean, whether to wait for a checkpoint that is being written.
        random_moment: Float in [0, 1], when to kill it otherwise.

    Returns:
        A boolean, whether a checkpoint was half written when the run was killed; `None` if the
        run finished first.
    """
    process, end = start_process(folder), time.monotonic() + START_SECONDS
    done = epochs_done(folder)
    while epochs_done(folder) == done and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    if inside_a_save:
        while not unfinished(folder) and process.poll() is None:
            pass  # without a pause, because a save takes milliseconds
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
    """Returns whether a checkpoint is being written, or was when its process was killed."""
    return any(folder.glob(".writing-*/*.npz"))


def kill_and_compare(folder, num_kills, seed=0):
    """Kills a run again and again, and compares every epoch with that of an unbroken run.

    Args:
        folder: Path of an empty folder.
        num_kills: Integer. Every other kill is aimed at a save.
        seed: Integer, the seed of the random moments.

    Returns:
        A dict: `kills` and `inside saves`, the numbers of kills; `runs`, the number of runs;
        `epochs compared`; `different`, the number of epochs whose weights, optimizer, random
        state or loss differed; `same end`, whether weights and history at the end are those of
        the unbroken run.
    """
    moments, unbroken = random.Random(seed), Path(folder) / "unbroken"
    expected = finish(unbroken)
    reference = dict(line.split(" ", 1) for line in lines_of(unbroken / "epochs.txt"))
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
