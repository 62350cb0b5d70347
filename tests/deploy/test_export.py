"""Exported encoders: each format gives the features of Keras, or is not written at all."""

import json

import keras
import numpy as np
import pytest
from small_encoders import save_encoder

from simclr_utils.__main__ import main
from simclr_utils.deploy import check, export, formats
from simclr_utils.deploy.check import TOLERANCE, cosines
from simclr_utils.deploy.export import export_encoder, image_model
from simclr_utils.deploy.formats import FORMATS, ExportError, Format
from simclr_utils.deploy.ready import open_ready
from simclr_utils.evaluation.features import extract_features
from simclr_utils.training.encoder_file import EncoderFileError
from simclr_utils.training.portable import without_range_step

IMAGES = np.random.default_rng(1).integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)
needs_libraries = pytest.mark.usefixtures("libraries")


@pytest.fixture
def libraries():
    for name in ("tf2onnx", "onnx", "onnxruntime", "ai_edge_litert"):
        pytest.importorskip(name)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(check, "SECONDS", 0.0)
    monkeypatch.setattr(check, "BATCHES", (1, 2))


@needs_libraries
@pytest.mark.filterwarnings("ignore")
def test_every_format_gives_the_features_of_keras(encoder_folder, ready, tmp_path):
    done = export_encoder(ready, list(FORMATS), tmp_path, IMAGES)
    assert [each.format for each in done] == ["keras", *FORMATS]
    expected = extract_features(ready.encoder, IMAGES[:3])
    for each in done[1:]:
        found = FORMATS[each.format].open(tmp_path / each.file)(IMAGES[:3])
        scale = np.abs(expected).max()
        if FORMATS[each.format].exact:
            assert each.difference <= TOLERANCE
            np.testing.assert_allclose(found, expected, atol=TOLERANCE * scale)
        else:
            assert each.cosine > 0.98 and cosines(found, expected).min() > 0.98
        assert each.bytes > 0 and each.ms_1 > 0 and each.ms_32 > 0
    whole, small = (each.bytes for each in done if each.format.startswith("litert"))
    assert small < whole
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        FORMATS[name].file for name in FORMATS
    )


def write_quickly(model, path, images):
    model.save(path)


QUICK = Format("taken.keras", write_quickly, lambda path: keras.saving.load_model(path))


def test_the_command_writes_a_table_and_what_the_input_is(
    encoder_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(FORMATS, "savedmodel", QUICK)
    command = ["export", str(encoder_folder), "--to", "savedmodel", "--out", str(tmp_path)]
    assert main(command) == 0
    assert "savedmodel" in capsys.readouterr().out
    record = json.loads((tmp_path / "export.json").read_text())
    assert record["input"]["values"] == "uint8, 0..255" and record["input"]["resize"] == "pad"
    assert str(tmp_path) not in json.dumps(record)
    assert main(command) == 2
    assert "already has taken.keras" in capsys.readouterr().err


def test_integers_need_typical_images(encoder_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(formats, "require", lambda names: None)
    monkeypatch.setattr(export, "require", lambda names: None)
    command = ["export", str(encoder_folder), "--to", "litert-int8", "--out", str(tmp_path)]
    assert main(command) == 2
    assert "Add --source FOLDER" in capsys.readouterr().err


def test_a_wrong_export_does_not_get_a_place(ready, tmp_path, monkeypatch):
    wrong = QUICK._replace(open=lambda path: lambda images: np.ones((len(images), 32)))
    monkeypatch.setitem(FORMATS, "savedmodel", wrong)
    with pytest.raises(ExportError, match="features differ from those of Keras by"):
        export_encoder(ready, ["savedmodel"], tmp_path, IMAGES)
    monkeypatch.setitem(FORMATS, "savedmodel", wrong._replace(exact=False))
    with pytest.raises(ExportError, match="cosine similarity"):
        export_encoder(ready, ["savedmodel"], tmp_path, IMAGES)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_or_unknown_is_named(ready, tmp_path):
    with pytest.raises(ExportError, match="Unknown format 'torch'. Choose from savedmodel"):
        export_encoder(ready, ["torch"], tmp_path, IMAGES)
    with pytest.raises(ExportError, match="needs no-such-library, .* pip install"):
        formats.require(["no_such_library.part"])


def test_the_step_for_other_ranges_is_left_out(ready):
    inner = without_range_step(ready.encoder)
    assert len(inner.operations) < len(ready.encoder.operations)
    assert without_range_step(inner) is inner
    unit = IMAGES[:2] / np.float32(255)
    np.testing.assert_array_equal(inner(unit), ready.encoder(unit))
    np.testing.assert_allclose(image_model(ready.encoder)(IMAGES[:2]), inner(unit), atol=1e-5)


def test_encoders_are_found_and_keep_their_size(encoder_folder, tmp_path):
    assert open_ready(encoder_folder).reading.background == "black"
    study = tmp_path / "study"
    save_encoder(study / "encoders" / "0", shape=(16, 16, 1))
    assert open_ready(study).image_shape == (16, 16, 1)
    with pytest.raises(EncoderFileError, match="takes images of 16x16 pixels"):
        open_ready(study, image_size=32)
    with pytest.raises(EncoderFileError, match="There is no encoder"):
        open_ready(tmp_path)
    images = keras.Input((None, None, 3))
    keras.Model(images, keras.layers.Conv2D(4, 3)(images)).save(tmp_path / "any.keras")
    found = open_ready(tmp_path / "any.keras", image_size=24)
    assert found.image_shape == (24, 24, 3) and found.name == "any"
    assert found.encoder.output_shape == (None, 4) and found.record == {}
