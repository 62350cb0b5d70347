"""The variants of NT-Xent against their formulas, written as loops in NumPy."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.training.doctor import RunDoctor
from simclr_utils.training.loss_checks import VARIANTS, find_difference
from simclr_utils.training.losses import LOSSES
from simclr_utils.training.networks import build_projection_head
from simclr_utils.training.simclr import SimCLR
from simclr_utils.views.recipe import build_augmenter

pytestmark = pytest.mark.numbers

NAMES = ("cross_view", "decoupled", "alignment", "unnormalized")


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def reference(name, first, second, temperature):
    """The mean over the 2N anchors, each with the candidates that the variant names."""
    views, num_images, losses = [*first, *second], len(first), []
    similarity = np.dot if name == "unnormalized" else cosine
    for i, anchor in enumerate(views):
        partner = (i + num_images) % (2 * num_images)
        terms = []
        for k, candidate in enumerate(views):
            same_side = (k < num_images) == (i < num_images)
            left_out = {
                "cross_view": same_side,
                "decoupled": k in (i, partner),
                "unnormalized": k == i,
            }
            if not left_out.get(name):
                terms.append(math.exp(similarity(anchor, candidate) / temperature))
        total = 0 if name == "alignment" else math.log(sum(terms))
        losses.append(total - similarity(anchor, views[partner]) / temperature)
    return sum(losses) / len(losses)


def slope(function, array, step=1e-6):
    """Central differences of a function of `array`, entry by entry."""
    gradient = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        shift = np.zeros_like(array)
        shift[place] = step
        gradient[place] = (function(array + shift) - function(array - shift)) / (2 * step)
    return gradient


def draw(num_images, dim=4):
    random = np.random.default_rng(num_images)
    return random.normal(size=(2, num_images, dim)) * random.uniform(0.3, 3, (2, num_images, 1))


@pytest.mark.parametrize("temperature", [0.1, 1.5])
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_those_of_the_formula(name, temperature):
    for num_images in (2, 5):
        first, second = draw(num_images)
        sides = [tf.constant(first), tf.constant(second)]
        with tf.GradientTape() as tape:
            tape.watch(sides)
            loss = LOSSES[name](*sides, temperature)
        assert loss.dtype == tf.float64
        assert abs(float(loss) - reference(name, first, second, temperature)) < 1e-9
        gradients = tape.gradient(loss, sides)
        expected = [
            slope(lambda z: reference(name, z, second, temperature), first),  # noqa: B023
            slope(lambda z: reference(name, first, z, temperature), second),  # noqa: B023
        ]
        assert np.abs(expected[0]).max() > 1e-4  # there is something to compare
        np.testing.assert_allclose(gradients, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_takes_small_types_and_refuses_a_temperature_of_0(name):
    first, second = draw(6)
    loss = LOSSES[name](tf.cast(first, tf.bfloat16), tf.cast(second, tf.bfloat16), 0.5)
    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(reference(name, first, second, 0.5), abs=0.1)
    with pytest.raises(ValueError, match="temperature"):
        LOSSES[name](first, second, temperature=0)


@pytest.mark.parametrize("name", LOSSES)
def test_the_chance_level_is_the_loss_of_identical_projections(name):
    loss = LOSSES[name]
    same = tf.fill([32, 8], tf.constant(0.3, tf.float64))
    if name == "alignment":  # its minimum, which is no chance level
        assert loss.chance_level is None and float(loss(same, same, 0.2)) == pytest.approx(-5)
    else:
        assert float(loss(same, same, 0.2)) == pytest.approx(loss.chance_level(32), abs=1e-9)


def test_each_loss_is_told_from_every_other():
    assert list(VARIANTS) == list(LOSSES)
    for name, loss in LOSSES.items():
        assert loss.find_mistake(loss) is None
        for other in set(LOSSES) - {name}:
            assert find_difference(LOSSES[other], name) == f"This is the loss `{other}`."
    assert "no other loss" in find_difference(lambda *sides: 3.0, "decoupled")
    assert "not a number" in find_difference(lambda *sides: np.nan, "decoupled")


def test_the_doctor_of_a_run_without_negatives_names_the_collapse_and_nothing_else():
    """Identical projections are the minimum of this loss: no level of it is a bad sign."""
    images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype="uint8")
    inputs = keras.Input((16, 16, 3))
    encoder = keras.Model(inputs, keras.layers.Dense(8)(keras.layers.Flatten()(inputs)))
    head = build_projection_head(8, output_dim=4, num_layers=1)
    model = SimCLR(build_augmenter(16, seed=0), encoder, head, 0.1, LOSSES["alignment"])
    model.compile("sgd")
    said = []
    watcher = RunDoctor(images, 32, said.append)
    watcher.set_model(model)
    watcher.on_train_begin()
    model.optimizer.iterations.assign(60)
    watcher.steps = 60
    watcher.on_train_batch_end(0, {"loss": -9.99})
    watcher.resumed = True  # the weights were not trained here
    watcher.on_epoch_end(0, {"loss": -9.99})
    assert said == [] and watcher.conclude(-9.99) == "ok: the run doctor found nothing"
    dense = encoder.layers[-1]
    dense.set_weights([0 * dense.get_weights()[0], np.ones(8)])
    watcher.steps += 60
    watcher.on_epoch_end(1, {"loss": -10.0})
    assert [finding.name for finding in watcher.findings] == ["collapse"]
    assert watcher.conclude(-10.0) == "not ok: the run doctor found collapse"
