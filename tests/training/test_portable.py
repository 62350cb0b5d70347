"""Encoder files: every Keras from 3.12 on reads them, in any value range, and they say how."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from simclr_utils import files
from simclr_utils.evaluation.features import extract_features
from simclr_utils.training import networks, portable
from simclr_utils.training.pretraining import Pretraining, load_encoder, save_pretraining

ROOT = Path(__file__).resolve().parents[2]
STORED = sorted(ROOT.glob("data/pretrained/*.keras"))
STORED += sorted(ROOT.glob("results/studies/*/encoders/*/*.keras"))
# All that Keras 3.12 knows of what our networks are made of.
KNOWN = {
    "Functional": {"name", "trainable", "layers", "input_layers", "output_layers"},
    "InputLayer": {"name", "batch_shape", "dtype", "sparse", "ragged"},
    "Conv2D": {"name", "trainable", "dtype", "filters", "kernel_size", "strides", "padding"}
    | {"data_format", "activation", "use_bias", "kernel_initializer", "bias_initializer"},
    "BatchNormalization": {"name", "trainable", "dtype", "momentum", "beta_initializer"}
    | {"gamma_initializer", "moving_mean_initializer", "moving_variance_initializer"},
    "MaxPooling2D": {"name", "trainable", "dtype", "padding", "strides", "data_format"}
    | {"pool_size"},
    "GlobalAveragePooling2D": {"name", "trainable", "dtype", "data_format"},
    "ReLU": {"name", "trainable", "dtype"},
    "Add": {"name", "trainable", "dtype"},
    "Identity": {"name", "trainable", "dtype"},
    "Dense": {"name", "trainable", "dtype", "units", "activation", "use_bias"}
    | {"kernel_initializer", "bias_initializer"},
    "Max": {"name", "axis", "keepdims"},
    "Greater": {"name"},
    "Where": {"name"},
    "Divide": {"name"},
    "DTypePolicy": {"name"},
    "HeNormal": set(),
    "GlorotUniform": set(),
    "Zeros": set(),
    "Ones": set(),
}


def parts(node):
    """Yields each object of a configuration: a class with its settings."""
    if isinstance(node, list):
        for value in node:
            yield from parts(value)
    elif isinstance(node, dict):
        if node.get("class_name") not in (None, "__keras_tensor__"):
            yield node
        for value in node.values():
            yield from parts(value)


def unknown_parts(path):
    """Returns sentences on what Keras 3.12, without this package, would not know in a file."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    problems = []
    for part in parts(config):
        kind, settings = part["class_name"], set(part["config"])
        if part["module"].split(".")[0] != "keras":
            problems.append(f"{kind} is of {part['module']}")
        elif not settings <= KNOWN.get(kind, set()) or kind not in KNOWN:
            problems.append(f"{kind} has {settings - KNOWN.get(kind, set())}")
    return problems


def saved(folder, name="small_cnn", shape=(16, 16, 3)):
    """Saves a network with statistics that are not those of the start; returns it."""
    encoder = networks.build_encoder(shape, name, width=4)
    encoder(np.random.default_rng(0).uniform(size=(8, *shape)), training=True)
    encoder = networks.as_float32(encoder)
    head = networks.as_float32(networks.build_projection_head(encoder.output_shape[-1], 8, 4))
    details = {"dataset": "shapes", "fingerprint": "f", "class_names": ["disc", "ring"]}
    save_pretraining(folder, Pretraining(encoder, head, {"loss": [1.0]}, details))
    return encoder


def pictures(count=6, shape=(16, 16, 3)):
    return np.random.default_rng(1).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize("name", networks.ENCODERS)
@pytest.mark.parametrize("size", [16, 68])
def test_a_saved_network_has_nothing_that_the_oldest_keras_lacks(name, size, tmp_path):
    saved(tmp_path, name, (size, size, 3))
    for file in ("encoder.keras", "projection_head.keras"):
        assert unknown_parts(tmp_path / file) == []


@pytest.mark.parametrize("path", STORED, ids=lambda path: str(path.relative_to(ROOT)))
def test_so_has_a_stored_one(path):
    assert unknown_parts(path) == []
    assert portable.read_record(path)["class_names"]


def test_what_older_versions_lack_is_found(tmp_path):
    networks.build_encoder((16, 16, 3), width=4).save(tmp_path / "ours.keras")
    problems = " ".join(unknown_parts(tmp_path / "ours.keras"))
    assert "BatchNormalization is of simclr_utils" in problems
    assert "Conv2D has" in problems


def test_only_defaults_are_left_out(tmp_path):
    layer = keras.layers.Conv2D(4, 3, kernel_regularizer="l2", kernel_initializer="he_normal")
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.BatchNormalization(epsilon=0.1)(layer(inputs)))
    portable.save_model(model, tmp_path / "model.keras", {})
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())


def test_data_format_and_precision_do_not_follow_the_readers_settings(tmp_path):
    saved(tmp_path)
    with zipfile.ZipFile(tmp_path / "encoder.keras") as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    settings = [layer["config"] for layer in layers if layer["module"] == "keras.layers"]
    assert all("dtype" in each for each in settings)
    spatial = [layer for layer in layers if "2D" in layer["class_name"]]
    assert len(spatial) == 9
    assert {layer["config"]["data_format"] for layer in spatial} == {"channels_last"}


@pytest.mark.parametrize("name, channels", [("small_cnn", 3), ("resnet18", 3), ("small_cnn", 1)])
def test_features_do_not_depend_on_the_value_range(name, channels, tmp_path):
    shape = (16, 16, channels)
    encoder = saved(tmp_path, name, shape)
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    images = pictures(shape=shape)
    images[0] = 0
    unit = images.astype("float32") / 255
    expected = np.asarray(encoder(unit, training=False))
    for given in (unit, images, images.astype("float32"), images.astype("float64")):
        np.testing.assert_array_equal(loaded(given), expected)
    mixed = np.concatenate([unit[:3], images[3:].astype("float32")])
    np.testing.assert_array_equal(loaded(mixed), expected)
    one = np.asarray(encoder(unit[1:2], training=False))
    np.testing.assert_array_equal(loaded(images[1:2]), one)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_a_picture_that_is_slightly_above_one_stays_as_it_is(tmp_path):
    encoder = saved(tmp_path)
    loaded, _ = load_encoder(tmp_path)
    bright = np.full((1, 16, 16, 3), 1.2, "float32")
    np.testing.assert_array_equal(loaded(bright), encoder(bright, training=False))


def test_what_loads_an_encoder_sees_the_network_it_was(tmp_path):
    encoder = saved(tmp_path)
    loaded, made = load_encoder(tmp_path)
    np.testing.assert_array_equal(
        extract_features(loaded, pictures()), extract_features(encoder, pictures())
    )
    assert (loaded.name, len(loaded.layers)) == (encoder.name, len(encoder.layers))
    assert loaded.trainable_weights[0].shape == (3, 3, 3, 4)
    for a, b in zip(loaded.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    copy = networks.as_float32(loaded)
    np.testing.assert_array_equal(copy(pictures()), loaded(pictures()))
    logits = networks.build_classifier(loaded, 3)(pictures())
    assert logits.shape == (6, 3)
    assert portable.read_record(tmp_path / "encoder.keras") == made
    assert files.load_json(tmp_path / "encoder.json") == made


def own_encoders():
    """Encoders as a user may write them: sequential, one inside another, and with a shortcut."""
    images = keras.Input((16, 16, 3))
    pooled = keras.layers.GlobalAveragePooling2D()
    convolution = keras.layers.Conv2D(3, 3, padding="same")
    yield keras.Sequential([keras.Input((16, 16, 3)), convolution, pooled], name="sequential")
    inner = networks.as_float32(networks.build_encoder((16, 16, 3), width=4))
    yield keras.Model(images, keras.layers.Dense(5)(inner(images)), name="nested")
    added = keras.layers.Add()([images, keras.layers.Conv2D(3, 3, padding="same")(images)])
    yield keras.Model(images, keras.layers.GlobalAveragePooling2D()(added * 2.0), name="shortcut")


@pytest.mark.parametrize("number", range(3))
def test_encoders_of_ones_own_take_any_range(number, tmp_path):
    encoder = networks.as_float32(list(own_encoders())[number])
    portable.save_model(portable.take_any_range(encoder), tmp_path / "own.keras", {})
    loaded = keras.saving.load_model(tmp_path / "own.keras")
    assert loaded.name == encoder.name
    expected = encoder(pictures() / np.float32(255))
    np.testing.assert_array_equal(loaded(pictures()), expected)


def test_an_encoder_is_exported_with_its_range(tmp_path):
    import tensorflow as tf

    saved(tmp_path)
    loaded, _ = load_encoder(tmp_path)
    loaded.export(tmp_path / "exported", verbose=False)
    images = pictures().astype("float32")
    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.serve(images), loaded(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(40, 40), (20, 50)])
def test_the_lines_that_a_file_holds_work(channels, shape, tmp_path, monkeypatch):
    saved(tmp_path, shape=(16, 16, channels))
    monkeypatch.chdir(tmp_path)
    picture = Image.fromarray(pictures(1, (*shape, 3))[0])
    picture.save("picture.png")
    lines = portable.read_record("encoder.keras")["input"]["use"]
    names = {}
    exec("\n".join(lines), names)
    assert names["pixels"].shape == (1, 16, 16, channels)
    encoder, _ = load_encoder(tmp_path)
    expected = extract_features(encoder, names["pixels"])
    np.testing.assert_array_equal(names["features"], expected)


def test_each_rule_of_resizing_has_its_line():
    encoder = networks.build_encoder((16, 24, 3), width=4)
    for resize in portable.RESIZE:
        *_, pixels, _ = portable.describe_use(encoder, resize)["use"]
        image = Image.fromarray(pictures(1, (40, 50, 3))[0])
        names = {"image": image}
        exec(f"import numpy, PIL.Image, PIL.ImageOps\n{pixels}", names)
        assert names["pixels"].shape == (1, 16, 24, 3)


def test_the_range_of_deeper_pictures_is_said():
    encoder = networks.build_encoder((16, 16, 1), width=4)
    use = portable.describe_use(encoder, value_range=(51600.0, 51850.0))
    assert "(value - 51600) / (51850 - 51600)" in use["values"]
    assert "more than 8 bits" not in portable.describe_use(encoder)["values"]


def test_a_file_without_a_record_says_so(tmp_path):
    networks.build_encoder((16, 16, 3), width=4).save(tmp_path / "encoder.keras")
    with pytest.raises(ValueError, match="encoder.keras has no record .* encoder.json"):
        portable.read_record(tmp_path / "encoder.keras")
