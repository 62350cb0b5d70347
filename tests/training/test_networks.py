"""Encoders, projection head and classifier: shapes, parameters counted by hand, precision."""

import keras
import numpy as np
import pytest

from simclr_utils.config import get_config
from simclr_utils.training.networks import (
    ENCODERS,
    as_float32,
    build_classifier,
    build_encoder,
    build_projection_head,
)
from simclr_utils.training.pretraining import build_model

pytestmark = pytest.mark.numbers


@pytest.fixture
def mixed_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def pictures(count=4, size=16, channels=3):
    shape = (count, size, size, channels)
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize("width, channels", [(4, 3), (8, 1), (32, 3)])
@pytest.mark.parametrize("name, last", [("small_cnn", 8), ("small_cnn_wide", 16)])
def test_small_cnns_have_the_parameters_of_four_convolutions(name, last, width, channels):
    widths = [width, 2 * width, 4 * width, last * width]
    kernels = sum(9 * a * b for a, b in zip([channels, *widths], widths, strict=False))
    encoder = build_encoder((16, 16, channels), name, width)
    assert trainable(encoder) == kernels + 2 * sum(widths)  # and a scale and an offset each
    assert encoder.count_params() == kernels + 4 * sum(widths)  # and a mean and a variance each
    assert encoder.output_shape == (None, last * width)


def test_resnet18_is_that_of_the_literature():
    """torchvision counts 11,689,512 with its stem for 224 pixels and 513,000 of a classifier."""
    small = build_encoder((32, 32, 3), "resnet18")
    assert trainable(small) == 11_689_512 - 513_000 - (7 * 7 - 3 * 3) * 3 * 64 == 11_168_832
    assert small.output_shape == (None, 512)
    assert len(layers_of(small, keras.layers.Conv2D)) == 17 + 3
    large = build_encoder((96, 96, 3), "resnet18")
    assert trainable(large) == 11_689_512 - 513_000


@pytest.mark.parametrize(
    "size, kernel, last_size", [(32, 3, 4), (64, 3, 8), (65, 7, 3), (96, 7, 3)]
)
def test_the_stem_follows_the_image_size(size, kernel, last_size):
    encoder = build_encoder((size, size, 3), "resnet18", width=4)
    first = layers_of(encoder, keras.layers.Conv2D)[0]
    assert first.kernel_size == (kernel, kernel)
    assert first.strides == ((1, 1) if kernel == 3 else (2, 2))
    assert len(layers_of(encoder, keras.layers.MaxPooling2D)) == (0 if kernel == 3 else 1)
    assert encoder.layers[-1].input.shape[1:3] == (last_size, last_size)


@pytest.mark.parametrize("name", ["small_cnn", "resnet18"])
@pytest.mark.parametrize("channels", [1, 3])
def test_features_have_eight_times_the_width(name, channels):
    encoder = build_encoder((16, 20, channels), name, width=4)
    images = np.random.default_rng(0).uniform(size=(3, 16, 20, channels)).astype("float32")
    features = encoder(images, training=False).numpy()
    assert features.shape == (3, 32) and features.dtype == np.float32
    assert (features >= 0).all() and np.ptp(features, axis=0).max() > 0
    alone = encoder(images[1:2], training=False)[0]
    np.testing.assert_allclose(alone, features[1], rtol=1e-5, atol=1e-5)


def test_the_residual_is_added():
    """With the branch scaled to nothing, a block without stride passes its input on."""
    encoder = build_encoder((16, 16, 3), "resnet18", width=4)
    addition = layers_of(encoder, keras.layers.Add)[0]
    branch = addition.input[0]._keras_history.operation, addition.input[1]._keras_history.operation
    norm = next(layer for layer in branch if isinstance(layer, keras.layers.BatchNormalization))
    norm.gamma.assign(0 * norm.gamma)
    stem = next(layer for layer in branch if layer is not norm)
    both = keras.Model(encoder.input, [stem.output, addition.output])
    before, after = both(pictures(), training=False)
    assert np.ptp(before) > 0
    np.testing.assert_array_equal(before, after)


def test_default_widths():
    assert build_encoder((16, 16, 3)).output_shape == (None, 256)
    assert build_encoder((16, 16, 3)).name == "small_cnn"


def test_wrong_encoders_are_refused():
    names = r"\['small_cnn', 'small_cnn_wide', 'resnet18'"
    with pytest.raises(ValueError, match=f"Unknown encoder 'nothing'. Choose from {names}"):
        build_encoder((32, 32, 3), "nothing")
    with pytest.raises(ValueError, match=r"at least 16x16 pixels. Received: \(15, 32, 3\)"):
        build_encoder((15, 32, 3))


@pytest.mark.parametrize(
    "num_layers, parameters",
    [
        (0, 0),
        (1, 6 * 4),
        (2, 6 * 5 + 2 * 5 + 5 * 4),
        (3, 6 * 5 + 2 * 5 + 5 * 5 + 2 * 5 + 5 * 4),
    ],
)
def test_projection_heads_of_0_to_3_layers(num_layers, parameters):
    keras.utils.set_random_seed(0)  # a hidden layer that nothing switches off would be linear
    head = build_projection_head(6, hidden_dim=5, output_dim=4, num_layers=num_layers)
    features = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    projections = head(features)
    assert trainable(head) == parameters
    assert projections.shape == (8, 4 if num_layers else 6)
    if num_layers == 0:
        np.testing.assert_array_equal(projections, features)
    parts = head(features[:1], training=False) + head(features[1:2], training=False)
    whole = head(features[:1] + features[1:2], training=False)
    assert np.allclose(parts, whole, atol=1e-5) == (num_layers < 2)  # linear up to one layer


@pytest.mark.parametrize("num_layers", [-1, 4])
def test_other_heads_are_refused(num_layers):
    with pytest.raises(ValueError, match=f"0, 1, 2 or 3. Received: {num_layers}"):
        build_projection_head(6, num_layers=num_layers)


def test_a_classifier_shares_the_encoders_weights():
    encoder = build_encoder((16, 16, 3), width=4)
    classifier = build_classifier(encoder, 7)
    assert classifier.output_shape == (None, 7)
    assert trainable(classifier) == trainable(encoder) + 32 * 7 + 7
    kernel = encoder.trainable_weights[0]
    before = classifier(pictures(), training=False).numpy()
    kernel.assign(kernel * -1)
    assert np.abs(classifier(pictures(), training=False) - before).max() > 1e-4
    weights, bias = classifier.get_layer("logits").get_weights()
    features = encoder(pictures(), training=False).numpy()
    logits = classifier(pictures(), training=False)
    np.testing.assert_allclose(logits, features @ weights + bias, rtol=0, atol=1e-5)


@pytest.mark.bfloat16
def test_outputs_are_float32_under_mixed_precision(mixed_bfloat16):
    encoder = build_encoder((16, 16, 3), width=4)
    assert layers_of(encoder, keras.layers.Conv2D)[0].compute_dtype == "bfloat16"
    features = encoder(pictures())
    assert features.dtype == "float32"
    for num_layers in range(1, 4):
        assert build_projection_head(32, 8, 4, num_layers)(features).dtype == "float32"
    assert build_classifier(encoder, 3)(pictures()).dtype == "float32"


@pytest.mark.bfloat16
@pytest.mark.parametrize("name", ENCODERS)
def test_as_float32_keeps_the_weights(name, mixed_bfloat16, tmp_path):
    encoder = build_encoder((16, 16, 3), name, width=4)
    encoder(pictures(), training=True)  # moves the batch statistics
    copy = as_float32(encoder)
    assert {layer.compute_dtype for layer in copy.layers[1:]} == {"float32"}
    for a, b in zip(encoder.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    mixed, plain = (np.asarray(model(pictures(), training=False)) for model in (encoder, copy))
    np.testing.assert_allclose(mixed, plain, rtol=0, atol=0.1 * plain.max())
    assert np.abs(mixed - plain).max() > 0  # the other one did compute in bfloat16
    copy.save(tmp_path / "encoder.keras")
    keras.config.set_dtype_policy("float32")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(loaded(pictures(), training=False), plain)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_saved_and_loaded_in_safe_mode(name, tmp_path):
    encoder = build_encoder((16, 16, 3), name, width=4)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras", safe_mode=True)
    np.testing.assert_array_equal(
        loaded(pictures(), training=False), encoder(pictures(), training=False)
    )


@pytest.mark.parametrize("sizes, layers", [((), 0), ((5,), 1), ((8, 7, 5), 3)])
def test_a_configuration_gives_the_head_any_depth(sizes, layers):
    config = get_config("tiny", projection_dims=sizes)
    head = build_model((16, 16, 3), config).projection_head
    kernels = [weight for weight in head.trainable_weights if len(weight.shape) == 2]
    assert [weight.shape[1] for weight in kernels] == list(sizes) and len(kernels) == layers
    assert head.output_shape[-1] == (sizes[-1] if sizes else head.input_shape[-1])
