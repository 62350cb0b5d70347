"""The course's own folders are found from anywhere, and `~` means the home folder everywhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from simclr_utils import files, places
from simclr_utils.evaluation.results import Results

TWINS = sorted((Path(__file__).parent.parent / "notebooks" / "text").glob("*.md"))


def test_the_course_is_found_from_another_folder(tmp_path):
    code = "from simclr_utils.places import *; print(PRETRAINED, RESULTS, CACHE, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = [Path(line) for line in done.stdout.splitlines()]
    assert (found[0] / "encoder.json").is_file() and (found[1] / "cifar10.csv").is_file()
    assert found[2] == places.COURSE / "runs" / "cache"


def test_without_a_checkout_the_course_is_looked_for_above_the_working_directory(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(places, "__file__", str(tmp_path / "site-packages" / "x" / "places.py"))
    (tmp_path / "course" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "course" / "notebooks")
    assert places.find_course() == Path.cwd()
    (tmp_path / "course" / "data" / "pretrained").mkdir(parents=True)
    assert places.find_course() == tmp_path / "course"


@pytest.mark.parametrize("twin", TWINS, ids=lambda path: path.stem)
def test_no_notebook_depends_on_its_working_directory(twin):
    blocks = twin.read_text(encoding="utf-8").split("```{code-cell}")[1:]
    code = "\n".join(block.split("\n```")[0] for block in blocks)
    assert '"../' not in code and "'../" not in code


def test_no_folder_is_called_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    files.save_json("~/runs/a.json", {"a": 1})
    assert files.load_json("~/runs/a.json") == {"a": 1}
    files.save_history("~/runs/h.csv", {"loss": [1.0]})
    assert files.load_history("~/runs/h.csv") == {"loss": [1.0]}
    results = Results("~/runs/results.csv", dataset="d", preset="p", fingerprint="f")
    results.add(method="m", labels=1, metric="accuracy", value=0.5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]
    assert len(results.frame()) == 1 and (tmp_path / "home" / "runs" / "results.csv").exists()


def test_a_home_that_is_not_there_stays_as_it_is():
    assert places.user_path("~nobody-here/x") == Path("~nobody-here/x")
    assert places.user_path("runs/x") == Path("runs/x")
