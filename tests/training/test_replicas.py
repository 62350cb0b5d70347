"""Several devices compute what one does: gradients, statistics, views, resumed and whole runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import simclr_utils
from simclr_utils.config import get_config
from simclr_utils.session import divide_processor
from simclr_utils.training.replicas import choose_strategy

pytestmark = pytest.mark.numbers

EXACT = 1e-5  # of the largest gradient, in float32


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    script = Path(__file__).with_name("replica_cases.py")
    command = [sys.executable, str(script), str(tmp_path_factory.mktemp("replicas"))]
    package = {**os.environ, "PYTHONPATH": str(Path(simclr_utils.__file__).parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=package)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return {name: value for line in lines for name, value in json.loads(line).items()}


@pytest.mark.parametrize("case", ["plain", "batch", "cached", "small", "mixed"])
def test_the_update_is_that_of_one_device(found, case):
    for count, row in found[case].items():
        assert row["gradient"] < EXACT, (count, row)
        assert abs(row["loss"]) < 1e-5
        assert row.get("statistics", 0) < EXACT


def test_batch_normalization_was_among_the_cases(found):
    assert all("statistics" in row for row in found["batch"].values())


def test_wrong_variants_fail_the_same_comparison(found):
    """None of them shows in the value of the loss, except for its scale."""
    assert len(found["wrong"]) == 3
    assert all(difference > 1000 * EXACT for difference in found["wrong"].values())
    # The gradient of an average is half of the sum that two replicas should give.
    assert found["wrong"]["averaged"] == pytest.approx(0.5, abs=1e-4)


def test_every_loss_has_the_gradient_of_the_whole_batch(found):
    assert {"nt_xent", "alignment", "own"} <= set(found["losses"])
    assert all(difference < EXACT for difference in found["losses"].values())


def test_an_image_has_the_same_views_on_one_and_two_devices(found):
    assert found["random"]["recipe"] < 1e-6


@pytest.mark.parametrize("kind", ["noise", "changes", "keras", "dropout"])
def test_replicas_draw_numbers_of_their_own(found, kind):
    assert found["random"][kind] > 0.01
    assert found["random"].get(f"{kind} states", True)


def test_a_resumed_run_ends_in_the_same_bits(found):
    assert found["resumed"]["first"] == 1 and found["resumed"]["same"]
    assert len(found["resumed"]["loss"]) == 2


def test_a_whole_run_on_two_devices_is_that_on_one(found):
    whole = found["whole"]
    assert whole["features"] < 1e-3
    np.testing.assert_allclose(*whole["loss"], atol=1e-4)
    assert whole["synchronized"] and not any(whole["synchronized"])  # Keras' layers, as on one


def test_views_that_change_their_size_are_refused(found):
    assert "2 devices cannot do together" in found["refused"]


def test_one_device_is_no_strategy():
    assert choose_strategy(None, 7) is choose_strategy(1, 7) is tf.distribute.get_strategy()


def test_devices_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=r"`devices` is 2, and TensorFlow has 1 here .*CPU:0"):
        choose_strategy(2, 8)


class TestNamesOfGpus:
    """There is no GPU here: only the choice is tested."""

    @pytest.fixture(autouse=True)
    def gpus(self, monkeypatch):
        self.asked = []
        names = [tf.config.LogicalDevice(f"/device:GPU:{number}", "GPU") for number in range(4)]
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: names)
        monkeypatch.setattr("simclr_utils.training.replicas._mirrored", lambda names: len(names))

    @pytest.mark.parametrize(
        "devices, batch, micro, expected",
        [(None, 8, None, 4), (2, 6, None, 2), (None, 64, 8, 4), (None, 8, 64, 4)],
    )
    def test_gpus_that_divide_the_batch_are_used(self, devices, batch, micro, expected):
        assert choose_strategy(devices, batch, micro) == expected

    @pytest.mark.parametrize("batch, micro", [(6, None), (64, 6)])
    def test_otherwise_one_is_used(self, batch, micro):
        assert choose_strategy(None, batch, micro) is tf.distribute.get_strategy()

    def test_a_batch_that_does_not_divide_is_refused(self):
        with pytest.raises(ValueError, match="batch of 10 images does not divide into 4 equal"):
            choose_strategy(4, 10)
        with pytest.raises(ValueError, match="whole microbatches of 6"):
            choose_strategy(4, 64, 6)


def test_the_processor_is_divided_before_anything_is_computed():
    tf.zeros(1) + 1
    with pytest.raises(RuntimeError, match="`cpu_devices` is 3, .* Restart the kernel"):
        divide_processor(tf, 3)


def test_devices_are_a_setting_that_may_change():
    assert get_config("tiny").devices is None
    with pytest.raises(ValueError, match="devices"):
        get_config("tiny", devices=0)
