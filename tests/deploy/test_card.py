"""The model card: what model hubs read of it, its numbers, and that no path is in it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from simclr_utils.__main__ import main
from simclr_utils.deploy.card import describe_card
from simclr_utils.evaluation.results import Results

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "results" / "studies" / "glyphs"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with a verdict, whose records name a folder of the machine."""
    folder = tmp_path_factory.mktemp("private") / "study"
    shutil.copytree(STUDY / "encoders" / "0", folder / "encoders" / "0")
    rows = (STUDY / "results.csv").read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if ",500," in row or row.startswith("dataset")]
    (folder / "results.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    run = {"command": f"python -m simclr_utils study --source {folder}"}
    (folder / "run.json").write_text(json.dumps(run))
    verdict = {"answer": ["It helps."], "limits": ["Few images."], "data": {"sentence": "Many."}}
    verdict |= {"title": "Does it help?"}
    verdict["answer"].append("Given encoder + probe is ahead.")
    (folder / "verdict.json").write_text(json.dumps(verdict))
    return folder


def test_a_hub_reads_the_metadata_and_the_metrics(study, tmp_path):
    assert main(["card", str(study), "--out", str(tmp_path), "--license", "mit"]) == 0
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    empty, front, body = text.split("---\n", 2)
    content = yaml.safe_load(front)
    assert empty == "" and content["library_name"] == "keras" and content["license"] == "mit"
    (model,) = content["model-index"]
    tasks = {each["task"]["name"]: each["metrics"] for each in model["results"]}
    frame = Results(study / "results.csv").frame()
    mean = frame[(frame["method"] == "fine_tuned") & (frame["metric"] == "accuracy")][
        "value"
    ].mean()
    (accuracy,) = [
        each for each in tasks["SimCLR + fine-tuning, 500 labels"] if each["type"] == "accuracy"
    ]
    assert accuracy["value"] == pytest.approx(mean, abs=1e-4)
    assert "95 % interval" in accuracy["name"]
    for words in ("It helps.", "Few images.", "Many.", "color_jitter 1.0", f"{mean:.3f} ["):
        assert words in body
    assert "one of 3 encoders that a study trained" in body and "that of seed 0" in body
    assert "means over all of them" in body and "**Does it help?**\nIt helps." in body
    assert "- SimCLR + kNN: The same encoder." in body and "before it." in body
    assert "- given encoder: Another network" in body
    assert "numpy.asarray" in body and "0..1 or 0..255" in body


def test_no_path_of_the_machine_is_in_it(study, tmp_path):
    main(["card", str(study), "--out", str(tmp_path)])
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "license: unknown" in text and "It has not been stated" in text
    for part in (str(study), str(study.parent), str(tmp_path), str(Path.home()), "private"):
        assert part not in text


def test_an_encoder_without_results_says_so():
    content = describe_card(ROOT / "data" / "pretrained", "mine")
    assert content["results"] is None and content["name"] == "mine"
    assert content["siblings"] == "" and content["methods"] == []
    assert any("No result of this encoder" in each for each in content["limits"])
    assert "model-index" not in content["front"]


def test_what_exists_or_has_no_record_is_refused(study, tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    assert main(["card", str(study), "--out", str(tmp_path)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["card", str(tmp_path), "--out", str(tmp_path / "new")]) == 2
    assert "There is no encoder" in capsys.readouterr().err
