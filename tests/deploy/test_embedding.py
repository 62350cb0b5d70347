"""Features of folders: read as the study did, in each format, whatever the files are called."""

import json

import numpy as np
import pytest
from image_folders import noise, save
from PIL import Image
from small_encoders import save_encoder

from simclr_utils.__main__ import main
from simclr_utils.data.decoding import decode_image
from simclr_utils.deploy import embedding
from simclr_utils.deploy.embedding import embed_folder
from simclr_utils.deploy.feature_files import FeatureFileError, read_features, write_features
from simclr_utils.deploy.image_files import as_channels, list_image_files, sample_images, spread
from simclr_utils.deploy.ready import open_ready
from simclr_utils.evaluation.features import extract_features

ODD = ['q"u<o>te & more.png', "a b/two words.png", "ünïcode/日本 10 %.png"]


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    for seed, name in enumerate(ODD):
        save(root / name, np.repeat(noise(seed, size=20), 2, axis=1))
    (root / "broken.png").write_bytes(b"no image")
    (root / "notes.txt").write_text("not an image")
    return root


def test_features_are_those_of_the_study(folder, ready, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "ROWS", 2)  # several parts
    done = embed_folder(folder, ready, tmp_path / "features.npz")
    names, features = read_features(tmp_path / "features.npz")
    assert (done.count, names) == (3, sorted(ODD)) and features.dtype == np.float32
    pixels = [decode_image(folder / name, 16, ready.reading).pixels for name in names]
    np.testing.assert_allclose(
        features, extract_features(ready.encoder, np.stack(pixels)), rtol=1e-5, atol=1e-6
    )
    record = json.loads((tmp_path / "features.npz.json").read_text())
    assert record["reading"]["background"] == "black" and record["images"] == 3
    assert [name for name, _ in record["refused"]] == ["broken.png"]
    assert not list(tmp_path.glob(".writing-*"))


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
def test_each_format_gives_back_what_was_written(suffix, tmp_path):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    features = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    path = tmp_path / f"features{suffix}"
    parts = [(ODD[:2], features[:2]), (["NA"], features[2:])]
    assert write_features(path, parts, 5) == 3
    names, found = read_features(path)
    assert names == [*ODD[:2], "NA"]
    np.testing.assert_array_equal(found, features)


def test_the_command_does_not_replace_a_file(folder, encoder_folder, tmp_path, capsys):
    out = tmp_path / "features.csv"
    command = ["embed", str(folder), "--encoder", str(encoder_folder), "--out", str(out)]
    assert main(command) == 0
    assert "left out: broken.png" in capsys.readouterr().out
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


def test_wrong_files_and_folders_are_named(ready, tmp_path):
    with pytest.raises(FeatureFileError, match="ends in .parquet, .npz, .csv"):
        embed_folder(tmp_path, ready, tmp_path / "features.txt")
    with pytest.raises(FeatureFileError, match="There is no file of features"):
        read_features(tmp_path / "none.npz")
    (tmp_path / "wrong.npz").write_bytes(b"nothing")
    with pytest.raises(FeatureFileError, match="not a file of features"):
        read_features(tmp_path / "wrong.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image"):
        embed_folder(tmp_path / "empty", ready, tmp_path / "features.npz")


def test_images_of_more_than_8_bits_use_the_range_of_the_study(tmp_path):
    decoding = {"resize": "crop", "background": "white", "value_range": (1000, 5000)}
    gray = open_ready(save_encoder(tmp_path / "deep", shape=(16, 16, 1), decoding=decoding))
    values = np.random.default_rng(0).integers(1000, 3000, (16, 16), dtype=np.uint16)
    (tmp_path / "scans").mkdir()
    Image.fromarray(values).save(tmp_path / "scans" / "one.png")
    found = sample_images(str(tmp_path / "scans"), gray, 5)
    expected = np.rint((values - 1000.0) * (255 / 4000)).astype(np.uint8)
    np.testing.assert_array_equal(found[0, ..., 0], expected)


def test_masks_are_left_out_and_color_becomes_gray(tmp_path):
    for name in ("one", "two"):
        save(tmp_path / f"{name}.png", noise(1))
        save(tmp_path / f"{name}_mask.png", noise(2))
    names, refused = list_image_files(tmp_path)
    assert names == ["one.png", "two.png"] and len(refused) == 2
    color = noise(0, size=4)[None]
    gray = np.asarray(Image.fromarray(color[0]).convert("L"))
    np.testing.assert_array_equal(as_channels(color, 1)[0, ..., 0], gray)
    assert as_channels(color, 3) is color
    assert list(spread(range(10), 4)) == [0, 3, 6, 9]
