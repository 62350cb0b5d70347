"""MixUp and CutMix: the targets of a mixture are the shares of its pixels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.mixing import MIXERS, AugmentedClassifier, with_mixing
from simclr_utils.evaluation.supervised import SupervisedBaseline, build_supervised

pytestmark = pytest.mark.numbers

COUNT, SIZE = 12, 8
# Image n is n everywhere, and class n: what a pixel holds says where it comes from.
NUMBERED = np.ones((COUNT, SIZE, SIZE, 1), "float32") * np.arange(COUNT)[:, None, None, None]
SETTINGS = {"learning_rate": 4e-3, "weight_decay": 1e-4, "augmentation_strength": 1.0}


def mixtures(name, calls=20):
    """Views and targets of some calls of one traced mixer."""
    keras.utils.set_random_seed(0)
    mix = tf.function(MIXERS[name]())
    pairs = [mix(tf.constant(NUMBERED), tf.eye(COUNT)) for _ in range(calls)]
    return [np.stack([np.asarray(each) for each in part]) for part in zip(*pairs, strict=True)]


def test_the_targets_of_mixup_are_the_weights_of_the_two_views():
    views, targets = mixtures("mixup")
    np.testing.assert_allclose(targets.sum(-1), 1, atol=1e-6)
    assert targets.min() >= 0 and (np.count_nonzero(targets, axis=-1) <= 2).all()
    mean = targets @ np.arange(COUNT)
    np.testing.assert_allclose(views, mean[..., None, None, None] * np.ones_like(views), atol=1e-5)


def test_the_targets_of_cutmix_are_the_shares_of_the_pixels():
    views, targets = mixtures("cutmix")
    np.testing.assert_allclose(targets.sum(-1), 1, atol=1e-6)
    shares = (views[..., 0, None] == np.arange(COUNT)).mean(axis=(2, 3))
    np.testing.assert_allclose(targets, shares, atol=1e-6)
    # What is pasted is one box.
    for picture, number in zip(views.reshape(-1, SIZE, SIZE), 20 * [*range(COUNT)], strict=True):
        rows, columns = (np.flatnonzero((picture != number).any(axis)) for axis in (1, 0))
        assert (picture != number).sum() == len(rows) * len(columns)
        assert (np.diff(rows) == 1).all() and (np.diff(columns) == 1).all()


@pytest.mark.parametrize("name", MIXERS)
def test_every_image_and_every_call_draws_anew(name):
    own = np.diagonal(mixtures(name)[1], axis1=1, axis2=2)  # of each call and image
    assert (np.ptp(own, axis=0) > 0.3).all() and (np.ptp(own, axis=1) > 0.3).all()
    assert 0.35 < own.mean() < 0.75  # half, and a little more: some images are their own partner
    np.testing.assert_array_equal(own, np.diagonal(mixtures(name)[1], axis1=1, axis2=2))


def trainer(kind=SupervisedBaseline):
    """Two classes of even images, and a network that is one layer."""

    def encoder():
        inputs = keras.Input((4, 4, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(inputs)
        return keras.Model(inputs, keras.layers.Dense(4, name="features")(pooled))

    def build_model(strength):
        return build_supervised(keras.layers.Rescaling(strength / 255), encoder(), 2)

    return kind(build_model) if kind is SupervisedBaseline else kind(build_model, encoder())


def bright_and_dark(count):
    labels = np.arange(count) % 2
    pixels = np.ones((count, 4, 4, 3)) * (60 + 120 * labels[:, None, None, None])
    return pixels.astype("uint8"), labels


@pytest.mark.parametrize("kind, mixing", [(SupervisedBaseline, "mixup"), (FineTuning, "cutmix")])
def test_training_with_mixtures_learns_and_starts_anew_each_time(kind, mixing):
    """Also after other runs: the random state of the mixer is reset with the weights."""
    made, settings = trainer(kind), {**SETTINGS, "encoder_share": 1.0, "mixing": mixing}
    settings["learning_rate"] = 0.1
    train = bright_and_dark(16)
    runs = [made.train(train, bright_and_dark(10), 40, settings) for _ in range(2)]
    assert runs[0].validation_curve[-1] == 1.0 and runs[0].settings["mixing"] == mixing
    for one, other in zip(runs[0].weights, runs[1].weights, strict=True):
        np.testing.assert_array_equal(one, other)
    shares = made.predict_probabilities(runs[0], train[0])
    assert (shares.argmax(1) == train[1]).all()


def test_without_mixing_a_classifier_is_the_one_that_was_given():
    model = trainer().build_model(1.0)
    assert with_mixing(model, "none") is model and type(model) is AugmentedClassifier
    made = trainer()
    assert made.fresh_model(SETTINGS, 0) is made.fresh_model({**SETTINGS, "mixing": "none"}, 0)
    with pytest.raises(ValueError, match=r"'blend'. Choose from \['none', 'mixup', 'cutmix'\]"):
        with_mixing(model, "blend")
