"""What a study will take is told in seconds that were measured, and adds up."""

import sys
import time
from dataclasses import fields

import numpy as np
import pytest

from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.study import costs
from simclr_utils.study.costs import Rates, StepClock
from simclr_utils.study.study import Study
from simclr_utils.training.pretraining import pretrain, save_pretraining

CONFIG = get_config(
    "tiny",
    pretraining_steps=10,
    label_counts=(20, 60),
    num_subsets=2,
    limits={"unlabeled": 64, "train": 64, "validation": 30, "test": 50},
)


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("shapes", limits=CONFIG.limits)


def study(dataset, folder, rates=None):
    made = Study(dataset, CONFIG, folder, "tiny", num_seeds=1)
    made.rates = rates or made.rates
    return made


def total(study):
    return sum(task.cost for task in study.tasks())


def test_measured_rates_are_times_of_this_machine(dataset, tmp_path):
    before, started = dataset.train[0].copy(), time.monotonic()
    rates = costs.measure_rates(dataset, CONFIG, study(dataset, tmp_path).build_model)
    seconds = time.monotonic() - started
    assert 0 < rates.forward < seconds / 64 and 0 < rates.image < seconds / 64
    assert 0 < rates.view < seconds / 64 and 0 < rates.training < seconds
    assert 0 < rates.probe < seconds
    assert rates.graph > 10 * 64 * rates.view  # Python builds it
    assert np.array_equal(dataset.train[0], before)
    assert not (tmp_path / "encoders").exists()


def test_each_rate_counts_what_it_is_of(dataset, tmp_path):
    nothing = {each.name: 0.0 for each in fields(Rates)}

    def cost(name):
        return total(study(dataset, tmp_path, rates=Rates(**{**nothing, name: 1.0})))

    assert cost("view") == 2 * 32 * 8  # two epochs of four steps
    # Two methods, two subsets: with two labels of a class nothing is tuned, with six there are
    # five settings in five folds of twelve images.
    assert cost("training") == 2 * 2 * (1 + 5 * 5 + 1)
    assert cost("graph") == 1 + 3 + 3  # the pretraining's, and those of weight decays or shares
    assert cost("probe") == 5 * 2 * 2  # five methods, two numbers of labels, two subsets
    everything = sum(map(cost, nothing))
    assert everything == pytest.approx(
        total(study(dataset, tmp_path, rates=Rates(*[1] * len(nothing))))
    )
    assert cost("patches") == 64 + 30 + 50
    assert cost("given_image") == cost("given_forward") == 0


def test_a_step_clock_leaves_the_warm_up_out():
    clock = StepClock()
    clock.ends = [0.0, 50.0, 51.0, 52.0, 53.0]
    assert clock.seconds_per_step() == 1.0


def test_the_estimate_is_a_sentence(dataset, tmp_path):
    ours = study(dataset, tmp_path, rates=Rates(1.0, 1.0, 1.0))
    text = costs.estimate_costs(ours)
    assert text.startswith(f"{len(ours.tasks())} tasks are left: about ")
    assert f"about {total(ours) / 60:.0f} minutes" in text and text.endswith(" MB of disk")
    assert ("GiB of memory" in text) == (sys.platform != "win32")


def test_checkpoints_and_encoder_fit_into_what_was_said(dataset, tmp_path):
    ours = study(dataset, tmp_path / "study")
    with_patches, ours.methods = costs.disk_bytes(ours), ["linear_probe"]
    said = costs.disk_bytes(ours)
    assert with_patches - said > 4 * 2400 * (64 + 30 + 50)  # features of k-means are kept
    done = pretrain(dataset, CONFIG, checkpoint_folder=tmp_path / "run" / "checkpoints")
    save_pretraining(tmp_path / "run", done)
    found = sum(path.stat().st_size for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert said / 4 < found < said
