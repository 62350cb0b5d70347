"""An encoder from elsewhere takes the images of a dataset as they are, or is refused by name."""

import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.files import load_json
from simclr_utils.training import encoder_file, pretraining
from simclr_utils.training.continued import continue_pretraining, continued_config
from simclr_utils.training.encoder_file import (
    EncoderFileError,
    describe_encoder,
    open_encoder,
    open_for_training,
)
from simclr_utils.training.networks import as_float32

SHAPE = (32, 32, 3)
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((4, *SHAPE)).astype("float32")


def build(shape=(None, None, 3), maps=False):
    """A small encoder that takes images of any size, with weights that are not the initial ones."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(6, 3, strides=2)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(inputs, x if maps else layers.GlobalAveragePooling2D()(x))


@pytest.fixture
def path(tmp_path):
    keras.utils.set_random_seed(1)
    model = build()
    model.save(tmp_path / "own.keras")
    return str(tmp_path / "own.keras")


def test_images_are_enlarged_and_weights_are_kept(path):
    encoder, own = open_encoder(path, SHAPE), keras.saving.load_model(path)
    assert encoder.input_shape == (None, *SHAPE) and encoder.output_shape == (None, 6)
    np.testing.assert_allclose(encoder(IMAGES), own(tf.image.resize(IMAGES, (96, 96))), atol=1e-6)
    small = open_encoder(path, SHAPE, 48)
    np.testing.assert_allclose(small(IMAGES), own(tf.image.resize(IMAGES, (48, 48))), atol=1e-6)
    np.testing.assert_allclose(open_encoder(path, SHAPE, 32)(IMAGES), own(IMAGES), atol=1e-6)
    trained = open_for_training(path, SHAPE)
    np.testing.assert_allclose(trained(IMAGES), own(tf.image.resize(IMAGES, (64, 64))), atol=1e-6)
    # Large images are made smaller, but not as small as those of small images are large.
    assert encoder_file.usual_size((128, 128, 3)) == 128
    assert encoder_file.usual_size((512, 512, 3)) == 224


def test_one_channel_is_repeated(path):
    gray = IMAGES[..., :1]
    found = open_encoder(path, (32, 32, 1))(gray)
    np.testing.assert_allclose(found, open_encoder(path, SHAPE)(gray.repeat(3, -1)), atol=1e-6)


def test_feature_maps_are_averaged(tmp_path):
    model = build(maps=True)
    model.save(tmp_path / "maps.keras")
    encoder = open_encoder(str(tmp_path / "maps.keras"), SHAPE, 32)
    np.testing.assert_allclose(encoder(IMAGES), np.mean(model(IMAGES), (1, 2)), atol=1e-6)


def test_an_encoder_of_one_size_gets_that_size(tmp_path):
    model = build((40, 40, 3))
    model.save(tmp_path / "fixed.keras")
    name = str(tmp_path / "fixed.keras")
    expected = model(tf.image.resize(IMAGES, (40, 40)))
    for opened in (open_encoder, open_for_training):
        np.testing.assert_allclose(opened(name, SHAPE)(IMAGES), expected, atol=1e-6)
    with pytest.raises(EncoderFileError, match="built for images of 40x40 pixels.*is 64"):
        open_encoder(name, SHAPE, 64)


def tokens():
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, layers.Reshape((-1, 3))(inputs))


def two_outputs():
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, [inputs[..., 0], layers.GlobalAveragePooling2D()(inputs)])


@pytest.mark.parametrize(
    "make, words",
    [
        (tokens, r"ends in an output of shape \(None, 1024, 3\). Expected features \[N, D\]"),
        (two_outputs, "Expected one input .* and one output"),
        (lambda: build((32, 32, 1)), "takes images with 1 channels, and these have 3"),
    ],
)
def test_what_is_no_encoder_is_refused(tmp_path, make, words):
    make().save(tmp_path / "wrong.keras")
    with pytest.raises(EncoderFileError, match=words):
        open_encoder(str(tmp_path / "wrong.keras"), SHAPE)


@pytest.mark.parametrize(
    "name, words",
    [
        ("nowhere.keras", "There is no encoder file 'nowhere.keras'. Give the path of a .keras"),
        ("resnet", "Give the path"),
        ("keras.applications:Nothing", "Keras has no network 'Nothing'. It has .*MobileNetV2"),
        ("hub:some_preset", "pip install keras-hub"),
    ],
)
def test_a_name_that_leads_nowhere_is_told_what_to_do(name, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(EncoderFileError, match=words):
        open_encoder(name, SHAPE)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "damaged.keras").write_bytes(b"nothing")
    with pytest.raises(EncoderFileError, match="damaged.keras cannot be loaded"):
        open_encoder(str(tmp_path / "damaged.keras"), SHAPE)


NETWORKS = {"MobileNetV2": "mobilenet_v2", "ResNet50": "resnet50", "EfficientNetB0": "efficientnet"}


@pytest.mark.parametrize("name", NETWORKS)
def test_scaling_is_what_keras_asks_for(name):
    """Three kinds: to -1..1, reversed with the mean taken off, and none."""
    preprocess = getattr(keras.applications, NETWORKS[name]).preprocess_input
    found = IMAGES
    for step in encoder_file.scaling_of(preprocess):
        found = step(found)
    np.testing.assert_allclose(found, preprocess(255 * IMAGES), atol=1e-3)


def test_a_network_of_keras_is_scaled_and_pooled(monkeypatch):
    def fake(include_top, weights, input_shape):
        assert (include_top, weights, input_shape) == (False, "imagenet", (96, 96, 3))
        inputs = keras.Input(input_shape)
        return keras.Model(inputs, layers.Identity()(inputs))

    for module in (keras.applications, keras.applications.mobilenet_v2):
        monkeypatch.setattr(module, "MobileNetV2", fake)
    encoder = open_encoder("keras.applications:MobileNetV2", SHAPE)
    large = tf.image.resize(IMAGES, (96, 96))
    expected = np.mean(2 * large - 1, (1, 2))
    np.testing.assert_allclose(encoder(IMAGES), expected, atol=1e-5)

    def offline(**kwargs):
        raise Exception("URL fetch failure")

    for module in (keras.applications, keras.applications.mobilenet_v2):
        monkeypatch.setattr(module, "MobileNetV2", offline)
    with pytest.raises(EncoderFileError, match="could not be downloaded: URL fetch.*Connect to a"):
        open_encoder("keras.applications:MobileNetV2", SHAPE)


def test_a_preset_of_keras_hub(monkeypatch):
    class From:
        def __init__(self, made):
            self.from_preset = lambda preset: made

    converter = types.SimpleNamespace(scale=[1 / 255] * 3, offset=[-1.0, 0.0, 1.0])
    hub = types.SimpleNamespace(
        models=types.SimpleNamespace(Backbone=From(build(maps=True))),
        layers=types.SimpleNamespace(ImageConverter=From(converter)),
    )
    monkeypatch.setitem(sys.modules, "keras_hub", hub)
    expected = np.mean(hub.models.Backbone.from_preset("a")(IMAGES + [-1.0, 0.0, 1.0]), (1, 2))
    np.testing.assert_allclose(open_encoder("hub:a", SHAPE, 32)(IMAGES), expected, atol=1e-5)


def test_a_file_is_known_by_its_content(path, tmp_path):
    moved = tmp_path / "elsewhere" / "own.keras"
    moved.parent.mkdir()
    moved.write_bytes(Path(path).read_bytes())
    assert describe_encoder(str(moved)) == describe_encoder(path)
    assert describe_encoder(path, 64) != describe_encoder(path)
    moved.write_bytes(b"something else")
    assert describe_encoder(str(moved)) != describe_encoder(path)


def test_it_is_an_encoder_like_any_other(path, tmp_path):
    encoder = open_encoder(path, SHAPE)
    np.testing.assert_allclose(as_float32(encoder)(IMAGES), encoder(IMAGES), atol=1e-6)
    encoder.save(tmp_path / "wrapped.keras")
    again = keras.saving.load_model(tmp_path / "wrapped.keras")
    np.testing.assert_allclose(again(IMAGES), encoder(IMAGES), atol=1e-6)


def test_pretraining_goes_on_from_it_and_resumes(path, tmp_path):
    limits = {"unlabeled": 64, "train": 60, "validation": 30, "test": 50}
    config = get_config("tiny", pretraining_steps=20, batch_size=16, limits=limits)
    dataset = load_dataset("shapes", limits=limits)
    assert continued_config(config).pretraining_steps == 4
    assert continued_config(config).base_learning_rate == config.base_learning_rate / 10
    encoder = open_encoder(path, SHAPE, 32)
    before = encoder.get_weights()
    whole = continue_pretraining(encoder, dataset, config, seed=3)
    for kept, now in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)
    moved = [np.abs(a - b).max() for a, b in zip(before, whole.encoder.get_weights(), strict=True)]
    assert 0 < moved[0] < 0.1
    pretraining.save_pretraining(tmp_path / "encoder", whole)
    loaded, made = pretraining.load_encoder(tmp_path / "encoder", dataset)
    np.testing.assert_allclose(loaded(IMAGES), whole.encoder(IMAGES), atol=1e-6)
    assert made["steps"] == 4 and made["batch_size"] == 16
    assert load_json(tmp_path / "encoder" / "encoder.json")["input"]["feature_dim"] == 6


def test_checkpoints_of_another_encoder_are_refused(path, tmp_path):
    limits = {"unlabeled": 32, "train": 60, "validation": 30, "test": 50}
    config = get_config("tiny", pretraining_steps=10, batch_size=16, limits=limits)
    dataset, folder = load_dataset("shapes", limits=limits), tmp_path / "checkpoints"
    continue_pretraining(open_encoder(path, SHAPE, 32), dataset, config, checkpoint_folder=folder)
    keras.utils.set_random_seed(2)
    build().save(path)
    other = open_encoder(path, SHAPE, 32)
    with pytest.raises(ValueError, match="another run .*start is"):
        continue_pretraining(other, dataset, config, checkpoint_folder=folder)
