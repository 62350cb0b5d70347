"""The command `findings`, on a small folder of images and an encoder that knows nothing."""

import numpy as np
import pandas as pd
import pytest
from image_folders import noise, save
from small_encoders import save_encoder

from simclr_utils.__main__ import main
from simclr_utils.evaluation import features


@pytest.fixture
def folder(tmp_path):
    root, rows = tmp_path / "xrays", ["file,label,group"]
    for index in range(72):
        bright = noise(index, size=16, channels=1) // (1 + index % 2)
        save(root / f"{index}.png", bright)
        shown = ["Bright"] * (index % 2 == 0) + ["Rare"] * (index < 2)
        rows.append(f"{index}.png,{'|'.join(shown) or 'No Finding'},p{index // 2}")
    (root / "labels.csv").write_text("\n".join(rows))
    return root


def test_the_command_scores_every_finding(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoder = save_encoder(tmp_path / "encoder")  # of color images
    out = tmp_path / "tables" / "all.csv"
    command = ["findings", "--source", str(folder), "--encoder", str(encoder)]
    read, extract = [], features.extract_features
    monkeypatch.setattr(
        "simclr_utils.cli.findings.extract_features",
        lambda encoder, images: read.append(len(images)) or extract(encoder, images),
    )
    assert main([*command, "--test", "--out", str(out)]) == 0
    said, table = capsys.readouterr().out, pd.read_csv(out).set_index("finding")
    assert list(table.index) == ["Bright", "No Finding", "Rare"]
    assert table.loc["Bright", "auroc"] > 0.9 and "groups are drawn" in said
    assert "images with it in" in table.loc["Rare", "reason"] and "fewer than 5" in said
    assert "The test images have been scored" in said
    assert read == [table.loc["Rare", "train_images"], table.loc["Rare", "images"]]  # once
    assert main([*command, "--out", str(out)]) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert main([*command, "--labels", "30"]) == 0
    said = capsys.readouterr().out
    assert "of 30" in said and "validation" in said and "have been scored" not in said
    assert main([*command, "--labels", "1"]) == 2
    assert "--labels 1: expected from 2, one for each finding" in capsys.readouterr().err


def test_without_labels_there_is_nothing_to_score(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(4):
        save(tmp_path / f"pool/{index}.png", np.asarray(noise(index, size=16)))
    encoder = save_encoder(tmp_path / "encoder")
    assert main(["findings", "--source", str(tmp_path / "pool"), "--encoder", str(encoder)]) == 2
    assert "has no labels" in capsys.readouterr().err
