"""Badges and the cell that fetches the course: right addresses, once, and the cell works."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest
import set_repository
from notebook_rules import content

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    shutil.copy(ROOT / "README.md", tmp_path)
    shutil.copytree(ROOT / "notebooks" / "text", tmp_path / "notebooks" / "text")
    return tmp_path


def texts(checkout):
    paths = [checkout / "README.md", *sorted((checkout / "notebooks" / "text").glob("*.md"))]
    return {path.stem: path.read_text(encoding="utf-8") for path in paths}


def test_each_page_gets_badges_for_itself_once(checkout):
    for name in ("some/course", "some/course", "other-owner/Course.2"):
        set_repository.set_repository(name, checkout)
    for stem, text in texts(checkout).items():
        notebook = "01_augmentations" if stem == "README" else stem
        end = rf"other-owner/Course\.2/blob/main/notebooks/{notebook}\.ipynb\)"
        assert len(re.findall(rf"\(https://colab\.research\.google\.com/github/{end}", text)) == 1
        end = rf"other-owner/Course\.2/main\?urlpath=lab/tree/notebooks/{notebook}\.ipynb\)"
        assert len(re.findall(rf"\(https://mybinder\.org/v2/gh/{end}", text)) == 1
        assert "some/course" not in text
        assert (ROOT / "notebooks" / f"{notebook}.ipynb").exists()


def test_nothing_else_changes(checkout):
    before = texts(checkout)
    set_repository.set_repository("some/course", checkout)
    for stem, text in texts(checkout).items():
        assert set_repository.CELL.sub("", set_repository.BADGES.sub("", text)) == before[stem]


def test_the_cell_fetches_the_course_where_it_is_missing(checkout):
    set_repository.set_repository("some/course", checkout)
    for stem, text in texts(checkout).items():
        if stem == "README":
            continue
        kind, source, tags = next(
            cell
            for cell in content(jupytext.reads(text, fmt="md:myst"))
            if "fetch-course" in cell[2]
        )
        assert (kind, tags) == ("code", ["fetch-course"])
    shell = f"""
from IPython.core.interactiveshell import InteractiveShell
shell, asked = InteractiveShell.instance(), []
shell.system = asked.append
shell.run_line_magic = lambda name, line, **options: asked.append(name + " " + line)
import importlib.util
cell = {source!r}
shell.run_cell(cell, silent=True).raise_error()
print(asked)
importlib.util.find_spec = lambda name: None
shell.run_cell(cell, silent=True).raise_error()
print(asked)
"""
    done = subprocess.run([sys.executable, "-c", shell], capture_output=True, text=True)
    here, elsewhere = done.stdout.splitlines()[-2:]
    assert here == "[]", done.stderr
    assert elsewhere == str(
        [
            "git clone --quiet --depth 1 https://github.com/some/course course",
            "pip install --quiet ./course",
            "cd course/notebooks",
        ]
    )


@pytest.mark.parametrize("name", ["course", "https://github.com/some/course", "a/b/c", "a b/c"])
def test_what_is_no_repository_is_refused(checkout, name):
    before = texts(checkout)
    with pytest.raises(ValueError, match="owner/name"):
        set_repository.set_repository(name, checkout)
    assert texts(checkout) == before
