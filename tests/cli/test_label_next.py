"""The command `label-next`, on a folder of images and an encoder that is pretrained in seconds."""

import pandas as pd
import pytest
from image_folders import load, make_folder, noise, save

from simclr_utils.__main__ import main
from simclr_utils.cli import label_next
from simclr_utils.cli.run_folder import RunError


def test_the_pool_knows_the_names_of_its_files(tmp_path):
    folder = make_folder(tmp_path / "pets", unlabeled=6, train=10)
    save(folder / "unlabeled/again.png", noise(26))  # an image of test/, which is left out
    dataset = load(folder, tmp_path)[1]
    assert len(dataset["files"]) == sum(dataset["sizes"][name] for name in ("unlabeled", "train"))
    kinds = [name.split("/")[0] for name in dataset["files"]]
    assert kinds == ["unlabeled"] * 6 + ["train"] * dataset["sizes"]["train"]
    assert "unlabeled/again.png" not in dataset["files"]


def test_the_command_writes_a_list(tmp_path, capsys):
    folder = tmp_path / "pool"
    for index in range(40):
        save(folder / f"unlabeled/{index}.png", noise(index, size=16))
    out = tmp_path / "study"
    options = ["--preset", "tiny", "--seeds", "1", "--set", "pretraining_steps=4"]
    assert main(["study", "--source", str(folder), "--out", str(out), *options]) == 0
    label = ["label-next", "--out", str(out), "--count", "5", "--source"]
    assert main([*label, str(folder)]) == 0
    assert "label_next.csv" in capsys.readouterr().out
    table = pd.read_csv(out / "label_next.csv")
    assert len(table) == 5 and all((folder / name).is_file() for name in table["file"])
    # The images may have moved, and some may have a label by now.
    moved = folder.rename(tmp_path / "moved")
    assert main([*label, str(folder)]) == 2
    assert "There is no folder" in capsys.readouterr().err
    for number, name in enumerate(table["file"]):
        target = moved / "train" / "ab"[number % 2] / f"{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        (moved / name).rename(target)
    for index in range(100, 110):
        save(moved / "train" / "ab"[index % 2] / f"{index}.png", noise(index, size=16))
    assert main([*label, str(moved)]) == 0
    later = pd.read_csv(out / "label_next.csv")
    assert not set(later["file"]) & set(table["file"])
    assert later["file"].str.startswith("unlabeled/").all()


def test_what_cannot_be_listed_is_said(tmp_path):
    with pytest.raises(RunError, match="no run.json"):
        label_next.run(tmp_path)
    with pytest.raises(RunError, match="Add --source FOLDER"):
        label_next.source_of({"command": "python -m simclr_utils study"})
    assert label_next.source_of({"command": "python -m simclr_utils study --source='a b'"}) == "a b"
