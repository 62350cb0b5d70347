"""Two workers on this machine end where one process ends.

Kills are tried by `tools/distributed_trial.py`.
"""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from distributed_worker import make_run, save_weights

from simclr_utils.__main__ import main
from simclr_utils.distributed.loop import (
    WorkerLostError,
    distributed_batches,
    lost_workers_named,
)
from simclr_utils.distributed.processes import run_processes
from simclr_utils.session import start
from simclr_utils.training import pretraining
from simclr_utils.training.checkpoints import Checkpoints

TOOLS = Path(__file__).resolve().parents[2] / "tools"
EPOCHS = 2
pytestmark = pytest.mark.numbers


def stored(path):
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]


def test_two_workers_end_where_one_process_ends(tmp_path, monkeypatch):
    """They continue from its first checkpoint, which only worker 0 reads."""
    start(0, "float32")
    monkeypatch.setattr(pretraining, "Checkpoints", functools.partial(Checkpoints, min_seconds=0))
    folder = tmp_path / "checkpoints"
    made = pretraining.pretrain(*make_run(EPOCHS), checkpoint_folder=folder)
    save_weights(tmp_path / "one.npz", made)
    (folder / f"{EPOCHS:06d}.npz").unlink()
    monkeypatch.setenv("PYTHONPATH", str(TOOLS.parent))  # the package that is tested
    command = [sys.executable, str(TOOLS / "distributed_worker.py"), str(tmp_path), str(EPOCHS)]
    assert run_processes(command, 2) == 0
    one = stored(tmp_path / "one.npz")
    first, second = (stored(tmp_path / f"weights-{index}.npz") for index in range(2))
    for a, b, expected in zip(first, second, one, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))
    epochs = (tmp_path / "epochs-1.txt").read_text().splitlines()
    assert [line.split()[0] for line in epochs] == ["1"]


def test_a_lost_worker_is_named_and_other_errors_stay():
    lost = pytest.raises(WorkerLostError, match="continues from its last checkpoint")
    with lost, lost_workers_named():
        raise tf.errors.UnavailableError(None, None, "connection reset by peer")
    other = pytest.raises(tf.errors.InvalidArgumentError, match="incompatible shapes")
    with other, lost_workers_named():
        raise tf.errors.InvalidArgumentError(None, None, "incompatible shapes")


def test_a_batch_has_to_divide_among_the_replicas():
    class OfThree:
        num_replicas_in_sync = 3

    with pytest.raises(ValueError, match="16 images does not divide among 3 replicas"):
        distributed_batches(OfThree(), np.zeros((16, 4, 4, 3), "uint8"), 16, 0, 0)


@pytest.mark.parametrize("option", ["--processes", "--ray"])
def test_no_worker_is_refused(option, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["pretrain", "--source", "shapes", "--out", str(out), option, "0"]) == 2
    assert f"{option} 0: expected at least one worker" in capsys.readouterr().err
    assert not out.exists()
