"""The number of images that pass through a network at once follows from its activations."""

import keras

from simclr_utils.training.activations import BUDGET, activation_bytes, images_at_once
from simclr_utils.training.networks import build_encoder


def test_activations_are_those_of_all_layers():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, padding="same")(inputs)
    inner = keras.Sequential([keras.Input((8, 8, 5)), keras.layers.Conv2D(2, 1)])
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inner(x)))
    assert activation_bytes(model) == 4 * (64 * (3 + 5 + 2) + 2)


def test_images_at_once_fit_into_the_budget():
    small, large = build_encoder((32, 32, 3)), build_encoder((96, 96, 3))
    assert images_at_once(small) == 512
    assert images_at_once(small, most=200) == 200
    number = images_at_once(large)
    assert number * activation_bytes(large) <= BUDGET < (number + 1) * activation_bytes(large)


def test_a_model_of_unknown_shapes_is_given_the_most():
    class Unknown(keras.Model):
        def call(self, images):
            return images

    assert images_at_once(Unknown()) == 512
