"""LARS: the update rule of the paper, what it leaves alone, and its learning rate."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.training.lars import LARS
from simclr_utils.training.optimizers import (
    build_optimizer,
    linear_learning_rate,
    peak_learning_rate,
    square_root_learning_rate,
)

pytestmark = pytest.mark.numbers


def algorithm_1(weights, gradients, rate, momentum, decay, trust):
    """You et al. 2017, algorithm 1, of one layer, in NumPy and float64."""
    velocity = np.zeros_like(weights)
    for gradient in gradients:
        length, slope = np.sqrt(np.sum(weights**2)), np.sqrt(np.sum(gradient**2))
        local_rate = trust * length / (slope + decay * length)
        velocity = momentum * velocity + rate * local_rate * (gradient + decay * weights)
        weights = weights - velocity
    return weights


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("shape", [(4, 3), (3, 3, 2, 5)], ids=str)
def test_the_update_is_that_of_the_paper(shape, decay):
    draws = np.random.default_rng(0)
    start, gradients = draws.normal(size=shape), 30 * draws.normal(size=(4, *shape))
    variable = keras.Variable(start)
    optimizer = LARS(0.7, momentum=0.8, weight_decay=decay, trust_coefficient=0.02)
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
    expected = algorithm_1(start, gradients, 0.7, 0.8, decay, 0.02)
    assert np.abs(expected - start).max() > 0.02
    np.testing.assert_allclose(variable.numpy(), expected, rtol=0, atol=1e-6)


def test_the_length_of_a_gradient_does_not_matter():
    """This is what the trust ratio is for; with plain SGD the second step would be far longer."""
    found = []
    for scale in (1.0, 1000.0):
        variable = keras.Variable(np.ones((2, 2)))
        LARS(1.0).apply([scale * tf.constant([[1.0, 2.0], [0.0, -1.0]])], [variable])
        found.append(variable.numpy())
    np.testing.assert_allclose(*found, atol=1e-7)
    assert found[0][0, 0] < 1


def test_vectors_are_neither_adapted_nor_decayed():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(2)(inputs)))
    bias, gamma, beta = model.trainable_variables[1:]
    before = [each.numpy() for each in (bias, gamma, beta)]
    optimizer = build_optimizer("lars", 0.5, weight_decay=0.1)
    optimizer.apply([tf.ones(each.shape) for each in model.trainable_variables],
                    model.trainable_variables)  # fmt: skip
    for each, old in zip((bias, gamma, beta), before, strict=True):
        np.testing.assert_allclose(each.numpy(), old - 0.5, atol=1e-6)


def test_a_matrix_of_zeros_can_move():
    variable = keras.Variable(np.zeros((2, 2)))
    LARS(0.5, weight_decay=0.1).apply([tf.ones((2, 2))], [variable])
    np.testing.assert_allclose(variable.numpy(), -0.5)
    LARS(0.5).apply([tf.zeros((2, 2))], [variable])
    np.testing.assert_allclose(variable.numpy(), -0.5)


def test_it_is_stored_with_its_settings():
    optimizer = LARS(0.5, momentum=0.8, weight_decay=0.1, trust_coefficient=0.02, name="mine")
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, LARS)
    assert again.get_config() == optimizer.get_config()
    assert again.decay == 0.1 and again.momentum == 0.8


def test_its_learning_rate_grows_with_the_batch():
    assert linear_learning_rate(0.3, 4096) == pytest.approx(4.8)
    assert peak_learning_rate("lars", 0.3, 1024) == pytest.approx(1.2)
    for name in ("adamw", "sgd", "lamb"):
        assert peak_learning_rate(name, 0.3, 1024) == square_root_learning_rate(0.3, 1024) == 0.6
