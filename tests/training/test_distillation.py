"""Distillation: the student learns the teacher's features, and a run that was stopped goes on."""

import keras
import numpy as np
import pytest

from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.evaluation.features import extract_features
from simclr_utils.training import distillation
from simclr_utils.training.distillation import as_targets, distill

LIMITS = {"unlabeled": 64, "train": 60, "validation": 30, "test": 50}
CONFIG = get_config("tiny", pretraining_steps=40, batch_size=32, limits=LIMITS)


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("shapes", limits=LIMITS)


@pytest.fixture(scope="module")
def targets(dataset):
    """What a teacher of colors would say: the mean of each channel, and differences of them."""
    colors = dataset.unlabeled.mean((1, 2))
    return as_targets(np.concatenate([colors, colors - colors[:, [1, 2, 0]]], axis=1))


def test_targets_are_directions_without_a_common_part():
    features = 5 + np.random.default_rng(0).normal(size=(50, 8)) * np.array([1, 100] * 4)
    found = as_targets(features).astype(float)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-2)
    assert np.abs(found.mean(0)).max() < 0.1
    spread = found.std(0)
    assert spread.max() < 2 * spread.min()  # no feature outweighs the others by its unit
    assert np.isfinite(as_targets(np.ones((3, 2)))).all()


def test_the_loss_falls_and_the_encoder_knows_what_the_teacher_knows(dataset, targets):
    done = distill(targets, dataset, CONFIG, seed=0)
    loss = done.history["loss"]
    assert loss[-1] < 0.7 * loss[0] and done.details["steps"] == 39
    features = extract_features(done.encoder, dataset.unlabeled)
    predicted = np.asarray(done.projection_head(features))
    predicted = predicted / np.linalg.norm(predicted, axis=1, keepdims=True)
    own = (predicted * targets).sum(1)
    others = (predicted * np.roll(targets, 1, axis=0)).sum(1)
    assert own.mean() > others.mean() + 0.3


def test_each_image_gets_its_own_target(dataset, targets):
    (pixels, found), *_ = distillation.target_batches(dataset.unlabeled, targets, 16, 5).take(1)
    for image, target in zip(pixels.numpy(), found.numpy(), strict=True):
        (row,) = np.flatnonzero((dataset.unlabeled == image).all((1, 2, 3)))
        np.testing.assert_array_equal(target, targets[row].astype("float32"))


def test_a_stopped_run_goes_on_to_the_bit(dataset, targets, tmp_path, monkeypatch):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 6:
                raise KeyboardInterrupt

    monkeypatch.setattr("simclr_utils.training.checkpoints.MIN_SECONDS", 0)
    monkeypatch.setattr(distillation.Checkpoints.__init__, "__defaults__", (0, print, None))
    whole = distill(targets, dataset, CONFIG, seed=1)
    folder = tmp_path / "checkpoints"
    with pytest.raises(KeyboardInterrupt):
        distill(targets, dataset, CONFIG, 1, None, [Stop()], folder)
    again = distill(targets, dataset, CONFIG, 1, None, (), folder)
    assert len(again.history["loss"]) == 13
    for first, second in zip(whole.encoder.get_weights(), again.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    with pytest.raises(ValueError, match="another run .*teacher is"):
        distill(targets[::-1].copy(), dataset, CONFIG, 1, None, (), folder)


def test_targets_of_another_pool_are_refused(dataset, targets):
    with pytest.raises(ValueError, match="123 rows of targets for 124 images"):
        distill(targets[1:], dataset, CONFIG)
