"""Readouts: what they compute, and what they find in an encoder's graph."""

import keras
import numpy as np
import pytest
from keras import layers

from simclr_utils.evaluation.features import extract_features, frozen
from simclr_utils.evaluation.readouts import NoMapsError, build_readout, find_maps, in_cells
from simclr_utils.methods import METHODS, READOUTS, choose_methods
from simclr_utils.training.networks import build_encoder
from simclr_utils.training.portable import take_any_range

pytestmark = pytest.mark.numbers

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype="uint8")
PIXELS = IMAGES.astype("float32") / 255


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(0)
    return build_encoder((32, 32, 3), width=4)


def run_layers(encoder, pixels):
    """The outputs of the layers of a sequential graph, one after the other."""
    x, outputs = pixels, []
    for layer in encoder.layers[1:]:
        x = layer(x, training=False) if "normalization" in layer.name else layer(x)
        outputs.append(np.asarray(x))
    return outputs


def test_pooled_is_the_output_of_the_encoder_to_the_bit(encoder):
    expected = np.asarray(encoder(PIXELS, training=False))
    for options in ({}, {"readout": "pooled"}):
        np.testing.assert_array_equal(extract_features(encoder, IMAGES, **options), expected)


def test_mirror_is_the_mean_over_both_directions(encoder):
    mirrored = IMAGES[:, :, ::-1]
    features = extract_features(encoder, IMAGES, readout="mirror")
    both = [extract_features(encoder, images) for images in (IMAGES, mirrored)]
    np.testing.assert_allclose(features, np.mean(both, axis=0), rtol=0, atol=1e-6)
    assert np.abs(features - both[0]).max() > 1e-3
    again = extract_features(encoder, mirrored, readout="mirror")
    np.testing.assert_allclose(again, features, rtol=0, atol=1e-6)


def test_pyramid_is_the_last_map_beside_the_mean_of_the_stage_before(encoder):
    with frozen(encoder):
        features = extract_features(encoder, IMAGES, batch_size=4, readout="pyramid")
    found = []
    for pixels in (PIXELS, PIXELS[:, :, ::-1]):
        # Of each stage: convolution, pooling, normalization, ReLU. At the end the features.
        outputs = run_layers(encoder, np.ascontiguousarray(pixels))
        last, before = outputs[-2], outputs[-6]
        assert last.shape == (6, 2, 2, 32) and before.shape == (6, 4, 4, 16)
        found.append(np.concatenate([last.reshape(6, -1), before.mean(axis=(1, 2))], axis=1))
    assert features.shape == (6, 4 * 32 + 16) and features.dtype == np.float32
    np.testing.assert_allclose(features, np.mean(found, axis=0), rtol=0, atol=1e-5)
    order = np.random.default_rng(1).permutation(6)
    again = extract_features(encoder, IMAGES[order], readout="pyramid")
    np.testing.assert_allclose(again, features[order], rtol=0, atol=1e-5)
    stored = extract_features(take_any_range(encoder), IMAGES, readout="pyramid")
    np.testing.assert_allclose(stored, features, rtol=0, atol=1e-5)


def test_a_larger_map_is_averaged_in_cells():
    maps = np.random.default_rng(2).normal(size=(2, 5, 4, 3))
    cells = in_cells(maps).reshape(2, 2, 2, 3)
    np.testing.assert_allclose(cells[:, 0, 1], maps[:, :3, 2:].mean(axis=(1, 2)))
    np.testing.assert_allclose(cells[:, 1, 0], maps[:, 2:, :2].mean(axis=(1, 2)))
    small = maps[:, :2, :2]
    np.testing.assert_array_equal(in_cells(small), small.reshape(2, -1))
    np.testing.assert_array_equal(in_cells(maps[:, :1, :1]), maps[:, 0, 0])


def test_the_maps_of_other_networks_are_found():
    earlier, last = find_maps(build_encoder((32, 32, 3), "resnet18", 4))
    assert earlier.shape == (None, 8, 8, 16) and last.shape == (None, 4, 4, 32)
    assert earlier._keras_history.operation.__class__ is layers.ReLU
    # Activations inside convolutions, a sequential model, and a model inside another one.
    parts = [layers.Conv2D(4, 3, 2, activation="relu"), layers.Conv2D(5, 3, 2, activation="gelu")]
    plain = keras.Sequential([keras.Input((32, 32, 3)), *parts, layers.GlobalAveragePooling2D()])
    earlier, last = find_maps(plain)
    assert earlier.shape == (None, 15, 15, 4) and last.shape == (None, 7, 7, 5)
    inputs = keras.Input((32, 32, 3))
    base = keras.Model(plain.inputs, last)
    nested = keras.Model(inputs, layers.GlobalMaxPooling2D()(base(layers.Rescaling(1.0)(inputs))))
    features = build_readout(plain, "pyramid")(PIXELS)
    assert features.shape == (6, 4 * 5 + 4)
    np.testing.assert_allclose(build_readout(nested, "pyramid")(PIXELS), features, atol=1e-6)


def test_an_encoder_without_maps_is_refused():
    inputs = keras.Input((32, 32, 3))
    patches = layers.Conv2D(4, 8, 8)(inputs)
    makers = {
        "flat": layers.Dense(3)(layers.Flatten()(layers.Rescaling(2.0)(inputs))),
        "one map": layers.GlobalAveragePooling2D()(patches),
        "tokens": layers.GlobalAveragePooling1D()(layers.Reshape((16, 4))(patches)),
    }
    for output in makers.values():
        encoder = keras.Model(inputs, output, name="given")
        with pytest.raises(NoMapsError, match="'given' has no two feature maps.*Use readout='mir"):
            extract_features(encoder, IMAGES, readout="pyramid")
    with pytest.raises(ValueError, match=r"Unknown readout 'pool'. Choose from \['pooled', 'mir"):
        extract_features(encoder, IMAGES, readout="pool")


def test_every_frozen_encoder_has_the_same_readouts_on_request():
    names = [name for name, method in METHODS.items() if method.readout != "pooled"]
    probes = ("linear_probe", "frozen_file", "continued", "distilled", "random_encoder")
    assert names == [f"{name}_{readout}" for name in probes for readout in READOUTS]
    for name in names:
        method, plain = METHODS[name], METHODS[name.removesuffix(f"_{METHODS[name].readout}")]
        assert method.start == plain.start and method.label.startswith(plain.label)
        assert method.verdict is None and plain.readout == "pooled"
    assert not set(names) & set(choose_methods(None, encoder_given=True))
    asked = choose_methods(["linear_probe_pyramid", "linear_probe"], encoder_given=False)
    assert asked == ["linear_probe", "linear_probe_pyramid"]
