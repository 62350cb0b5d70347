"""The fused layer is Keras' layer: values, gradients, running statistics, and files."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.training.networks import BatchNormalization, as_float32, build_encoder

pytestmark = pytest.mark.numbers

IMAGES = tf.random.stateless_normal((6, 5, 4, 3), (1, 2)) * 3 + 1


def both(**options):
    found = [
        kind(momentum=0.7, **options)
        for kind in (keras.layers.BatchNormalization, BatchNormalization)
    ]
    for layer in found:
        layer.build(IMAGES.shape)
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([-1.0, 0.0, 1.0])
    return found


def slopes(layer, images, training=True):
    """Outputs, gradients by the images and the weights, and the statistics afterwards."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images, training=training)
        total = tf.reduce_sum(outputs**3)
    weights = [layer.gamma.value, layer.beta.value]
    found = [outputs, *tape.gradient(total, [images, *weights])]
    return [*found, layer.moving_mean.value, layer.moving_variance.value]


@pytest.mark.parametrize("training", [True, False])
def test_it_does_what_keras_does(training):
    for expected, found in zip(*(slopes(layer, IMAGES, training) for layer in both()), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_frozen_layer_keeps_its_statistics():
    _, layer = both()
    layer.trainable = False
    before = layer(IMAGES, training=False)
    np.testing.assert_array_equal(layer(IMAGES, training=True), before)
    assert layer.moving_mean.numpy().tolist() == [0, 0, 0]


def test_features_that_are_no_images_are_left_to_keras():
    rows = tf.reshape(IMAGES, (-1, 3))
    kinds = (keras.layers.BatchNormalization, BatchNormalization)
    np.testing.assert_array_equal(*(kind()(rows, training=True) for kind in kinds))


@pytest.mark.bfloat16
def test_it_trains_in_bfloat16():
    _, layer = both(dtype="mixed_bfloat16")
    outputs = layer(IMAGES, training=True)
    plain, _ = both()
    assert outputs.dtype == tf.bfloat16 and layer.moving_mean.dtype == "float32"
    np.testing.assert_allclose(
        tf.cast(outputs, tf.float32), plain(IMAGES, training=True), atol=0.05
    )


def test_a_saved_encoder_has_layers_of_keras_alone(tmp_path):
    encoder = build_encoder((16, 16, 3), width=4)
    encoder(np.ones((2, 16, 16, 3), "float32"), training=True)
    assert any(type(layer) is BatchNormalization for layer in encoder.layers)
    as_float32(encoder).save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras", compile=False)
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in encoder.layers]
    images = np.random.default_rng(0).uniform(size=(3, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(loaded(images, training=False), encoder(images, training=False))


@pytest.mark.parametrize("options", [{"center": False}, {"scale": False}, {"axis": 1}], ids=str)
def test_what_it_does_not_do_itself_is_left_to_keras(options):
    theirs, ours = (
        kind(momentum=0.7, **options)
        for kind in (keras.layers.BatchNormalization, BatchNormalization)
    )
    expected, found = (layer(IMAGES, training=True) for layer in (theirs, ours))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
