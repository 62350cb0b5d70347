"""The stored notebooks keep the rules, each rule can fail, and `make refresh` works."""

import copy
import json
import os
import re
import subprocess
from pathlib import Path

import jupytext
import lesson_table
import nbformat
import pytest
import refresh_notebooks
from navigation import COURSE, LINE, navigation_line, read_course, update_navigation
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_rules import MAXIMUM_BYTES, find_problems

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PARAMETERS = (
    'source = "shapes"\npreset = "quick"\nseed = 0\nrun_dir: str = None  # of 01\nrate = -0.5'
)


def test_the_course_is_complete():
    assert [path.stem for path in NOTEBOOKS] == list(COURSE)
    twins = {path.stem for path in (FOLDER / "text").glob("*.md")}
    assert twins == {path.stem for path in NOTEBOOKS}


def test_the_readme_lists_every_notebook():
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[.*?\]\(notebooks/(\w+)\.ipynb\)", readme, re.MULTILINE)
    assert listed == list(COURSE)


def test_titles_come_from_the_twins(tmp_path):
    assert COURSE["01_augmentations"] == "views"
    (tmp_path / "07_new.md").write_text(f"# New\n\n{PLACE}\n", encoding="utf-8")
    (tmp_path / "08_other_one.md").write_text("# Other\n", encoding="utf-8")
    assert read_course(tmp_path) == {"07_new": "new", "08_other_one": "other one"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_the_rules(path):
    notebook = nbformat.read(path, as_version=4)
    twin = (FOLDER / "text" / f"{path.stem}.md").read_text(encoding="utf-8")
    line = navigation_line(path.stem)
    assert find_problems(notebook, twin, path.stat().st_size, line) == []


@pytest.mark.parametrize("twin", sorted(FOLDER.glob("text/*.md")), ids=lambda path: path.stem)
def test_a_twin_imports_little_and_shows_its_place(twin):
    notebook = jupytext.read(twin, fmt="md:myst")
    problems = problems_of(notebook, line=navigation_line(twin.stem))
    assert [p for p in problems if "imports" in p or "navigation" in p] == []


WHO = ("AUTHOR", "COMMITTER")
TITLES = {"07_new": "new", "08_other": "other"}
PLACE = "Notebook 7: **07 new** → 08 other"
FIRST = f"# Count\n\n{PLACE}\n\n" + "many words " * 90


@pytest.fixture
def good():
    def text(words):
        return new_output("stream", name="stdout", text=words)

    picture = new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
    lesson = "\n".join(f"x{n} = {n}" for n in range(25))
    exercise = "def check_one(answer):\n    return answer\n\n\nprint(check_one(1))"
    cells = [
        new_markdown_cell(FIRST),
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell("print(seed)", outputs=[text("0\n")]),
        new_code_cell("print(1)", outputs=[text("https://example.org/home/x and 3/root/x\n")]),
        new_code_cell("draw()", outputs=[picture]),
        new_code_cell("slow()  # a;", metadata={"tags": ["nbval-ignore-output"]}),
        *(new_code_cell(f"print({n})", outputs=[text(f"{n}\n")]) for n in (5, 6, 7)),
        new_code_cell(lesson),
        new_markdown_cell("## Exercises\n\n**1. Count.** Change it."),
        new_code_cell(exercise, outputs=[text("1\n")]),
        new_markdown_cell("## What we saw\n\n**2. This is no exercise.**"),
    ]
    code_cells = [cell for cell in cells if cell.cell_type == "code"]
    for count, cell in enumerate(code_cells, start=1):
        cell.execution_count = count
    return new_notebook(cells=cells)


def problems_of(notebook, twin=None, size=1000, line=PLACE):
    return find_problems(notebook, twin or jupytext.writes(notebook, fmt="md:myst"), size, line)


def test_a_good_notebook_has_no_problems(good):
    assert problems_of(good) == []


def code(source):
    return lambda notebook: notebook.cells[2].update(source=source)


def output(kind, **fields):
    return lambda notebook: notebook.cells[2].outputs.append(new_output(kind, **fields))


def exercise(source):
    return lambda notebook: notebook.cells[10].update(source=f"## Exercises\n\n{source}")


def parameters(source):
    return lambda notebook: notebook.cells[1].update(source=source)


def tags(position, *names):
    return lambda notebook: notebook.cells[position].metadata.update(tags=list(names))


WRONG = {
    "0 cells are tagged": tags(1),
    "2 cells are tagged": tags(2, "parameters"),
    "assigns no literal": parameters(PARAMETERS + "\nwidth = 2 * rate"),
    "`import os` among the parameters": parameters("import os\n" + PARAMETERS),
    "lack ['seed']": parameters(PARAMETERS.replace("seed", "sead")),
    "default preset is 'full'": parameters(PARAMETERS.replace("quick", "full")),
    "execution counts": lambda notebook: notebook.cells[3].update(execution_count=9),
    "counts are [1, None": lambda notebook: notebook.cells[2].update(execution_count=None),
    "an error": output("error", ename="E", evalue="e", traceback=[]),
    "stderr": output("stream", name="stderr", text="warning"),
    "metadata.widgets": lambda notebook: notebook.metadata.update(widgets={}),
    "calls interact": code("widgets.interact(draw, x=3)"),
    "Output widget": code("with widgets.Output():\n    print(1)"),
    "semicolon": code("plot();  # quiet"),
    "path of one machine": code('folder = "/home/somebody/images"'),
    "stores a path": output("stream", name="stdout", text="wrote /tmp/abc/file"),
    "not compared": tags(2, "nbval-skip"),
    "2 of 10 code cells are not": code("# NBVAL_IGNORE_OUTPUT\nprint(1)"),
    "only 0 of 10": lambda notebook: [
        cell.update(outputs=[]) for cell in notebook.cells if cell.cell_type == "code"
    ],
    "'tolerance-some' is not a tolerance": tags(2, "tolerance-some"),
    "more than 25 lines": code("print(1)\n" * 26),
    "more than 150": code("print(1)\n" * 150),
    "17.1% of the code is plumbing": code("import os\nimport re"),
    "exercise 1 calls no check": lambda notebook: notebook.cells[11].update(source="print(1)"),
    "exercise 3 calls no check": exercise("**3. Count.**\n\n**4. Count.**"),
    "no numbered exercise": exercise("Count."),
    "words for": lambda notebook: notebook.cells[0].update(source=FIRST[:60]),
    "9 lines of imports": code("import os\n" * 5 + "from os import (\n    path,\n    sep,\n)"),
    "navigation line": lambda notebook: notebook.cells[0].update(source=FIRST.replace("8", "9")),
    "line is out": lambda notebook: notebook.cells[0].update(source="many words " * 90),
    "not as PNG": output("display_data", data={"image/svg+xml": "<svg/>"}),
}


@pytest.mark.parametrize("said", WRONG)
def test_each_rule_can_fail(good, said):
    bad = copy.deepcopy(good)
    WRONG[said](bad)
    assert any(said in problem for problem in problems_of(bad)), problems_of(bad)


def test_import_lines_are_counted_wherever_they_are():
    source = (
        "import os, sys\nif os:\n    %cd x\n    !ls\n    from os import (\n        path)\nx = 1"
    )
    assert lesson_table.count_import_lines(source) == 3


SETUP = """from simclr_utils.course import open_lesson

lesson = open_lesson(
    globals()
)
print(lesson)
images = lesson.images  # the lesson begins here
print(images)"""


def test_plumbing_is_what_a_lesson_does_not_teach(good):
    cell = new_code_cell(SETUP)
    assert lesson_table.plumbing_lines(cell) == {1, 3, 4, 5, 6}
    cell.metadata.tags = ["setup"]
    assert lesson_table.plumbing_lines(cell) == {1, 3, 4, 5, 6, 7, 8}
    shown = "x = print(1)\nfor x in y:\n    print(x)\n    print(2)\nfor x in y:\n    x()"
    assert lesson_table.print_lines(shown) == {2, 3, 4}
    size = lesson_table.measure(good)
    assert size["cells"] == 13 and size["code lines"] == 40 and size["import lines"] == 0
    assert size["plumbing"] == 5 / 40 and size["words"] > 180


def test_the_table_of_lessons(good):
    sizes = {"07_new": lesson_table.measure(good), "08_other": lesson_table.measure(good)}
    lines = lesson_table.as_markdown(sizes, {"07_new": 1.25}).splitlines()
    assert lines[0].startswith("| notebook | cells | code lines |")
    assert lines[2].startswith("| 07_new | 13 | 40 | 0 | 12% | 6 | ") and lines[2].endswith(
        "| 1.2 |"
    )
    assert lines[3].endswith("|  |")


def test_the_notebooks_of_another_revision_are_read(tmp_path, good, capsys):
    def git(*arguments):
        names = {f"GIT_{who}_{what}": "x" for who in WHO for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **names}
        subprocess.run(["git", *arguments], cwd=tmp_path, env=environment, check=True)

    path = tmp_path / "notebooks" / "07_new.ipynb"
    path.parent.mkdir()
    path.write_text(nbformat.writes(good))
    git("init", "--quiet")
    git("add", "notebooks")
    git("commit", "--quiet", "--message", "first")
    good.cells.pop()
    path.write_text(nbformat.writes(good))
    for revision, cells in ((None, 12), ("HEAD", 13)):
        read = lesson_table.read_notebooks(revision, tmp_path)
        assert {stem: len(each.cells) for stem, each in read.items()} == {"07_new": cells}
    with pytest.raises(SystemExit, match="error: .*nowhere"):
        lesson_table.read_notebooks("nowhere", tmp_path)


def test_a_notebook_has_to_be_listed(good):
    assert navigation_line("07_new") is None
    assert "not part of the course" in problems_of(good, line=None)[0]


def test_size_and_twin_can_fail(good):
    assert "more than" in problems_of(good, size=MAXIMUM_BYTES + 1)[0]
    twin = jupytext.writes(good, fmt="md:myst")
    assert "print(seed)" in twin
    for changed in (twin.replace("print(seed)", "print(see)"), twin.replace("many", "few")):
        assert "twin" in problems_of(good, twin=changed)[0]


@pytest.fixture
def course(tmp_path, good):
    """A folder with the twin of one notebook."""
    (tmp_path / "text").mkdir()
    for cell, source in zip(good.cells[4:6], ("print(2)", "print(3)"), strict=True):
        cell.source = source
    twin = tmp_path / "text" / "07_new.md"
    twin.write_text(jupytext.writes(good, fmt="md:myst"))
    return tmp_path


def test_minutes_are_noted(course):
    times = course / "times.json"
    times.write_text('{"01_first": 2.5}')
    assert refresh(course, "--times", str(times)) == 0
    noted = json.loads(times.read_text())
    assert noted["01_first"] == 2.5 and 0 < noted["07_new"] < 5


def refresh(course, *arguments):
    return refresh_notebooks.main(list(arguments), folder=course, course=TITLES)


def test_refresh_makes_a_notebook_that_keeps_the_rules(course, capsys):
    assert refresh(course) == 0, capsys.readouterr().err
    path, twin = course / "07_new.ipynb", course / "text" / "07_new.md"
    notebook = nbformat.read(path, as_version=4)
    line = navigation_line("07_new", TITLES)
    assert find_problems(notebook, twin.read_text(), path.stat().st_size, line) == []
    assert [cell.id for cell in notebook.cells][:2] == ["07-01", "07-02"]
    assert notebook.cells[2].outputs[0].text == "0\n"
    assert "version" not in notebook.metadata.language_info
    before = path.read_bytes(), twin.read_bytes()
    assert refresh(course, "7") == 0
    assert (path.read_bytes(), twin.read_bytes()) == before


def test_refresh_takes_the_inputs_of_the_newer(course):
    assert refresh(course) == 0
    path, twin = course / "07_new.ipynb", course / "text" / "07_new.md"
    for newer, other, old, new in ((twin, path, "2", "10"), (path, twin, "10", "11")):
        newer.write_text(newer.read_text().replace(f"print({old})", f"print({new})"))
        os.utime(other, (1, 1))
        assert refresh(course) == 0
        assert f"print({new})" in path.read_text() and f"print({new})" in twin.read_text()


def test_refresh_writes_nothing_when_a_cell_fails(course, capsys):
    assert refresh(course) == 0
    path, twin = course / "07_new.ipynb", course / "text" / "07_new.md"
    before = path.read_bytes()
    twin.write_text(twin.read_text().replace("print(2)", "1 / 0"))
    os.utime(path, (1, 1))
    assert refresh(course) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert path.read_bytes() == before and "1 / 0" in twin.read_text()


def test_refresh_tells_of_broken_rules(course, capsys):
    twin = course / "text" / "07_new.md"
    twin.write_text(twin.read_text().replace("print(2)", "print(2);"))
    assert refresh(course) == 1
    assert "semicolon" in capsys.readouterr().err


def lines_of(folder):
    paths = [*folder.glob("text/*.md"), *folder.glob("*.ipynb")]
    return {path.name: LINE.findall(path.read_text(encoding="utf-8")) for path in paths}


def test_a_renamed_notebook_is_renamed_everywhere(tmp_path, good):
    (tmp_path / "text").mkdir()
    for stem in TITLES:
        text = jupytext.writes(good, fmt="md:myst")
        (tmp_path / "text" / f"{stem}.md").write_text(text, encoding="utf-8")
        (tmp_path / f"{stem}.ipynb").write_text(nbformat.writes(good) + "\n", encoding="utf-8")
    changed = {"07_new": "renamed", "08_other": "other"}
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*.*"))]
    update_navigation(tmp_path, changed)
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*.*"))] == times
    assert lines_of(tmp_path)["07_new.md"] == ["Notebook 7: **07 renamed** → 08 other"]
    assert lines_of(tmp_path)["08_other.md"] == ["Notebook 8: 07 renamed → **08 other**"]
    for stem in TITLES:
        notebook = nbformat.read(tmp_path / f"{stem}.ipynb", as_version=4)
        twin = (tmp_path / "text" / f"{stem}.md").read_text(encoding="utf-8")
        assert problems_of(notebook, twin, line=navigation_line(stem, changed)) == []
    before = [path.read_bytes() for path in sorted(tmp_path.rglob("*.*"))]
    update_navigation(tmp_path, changed)
    assert [path.read_bytes() for path in sorted(tmp_path.rglob("*.*"))] == before


def test_a_notebook_without_the_line_gets_one_below_its_title(tmp_path):
    (tmp_path / "text").mkdir()
    twin = tmp_path / "text" / "07_new.md"
    twin.write_text("---\na: b\n---\n\n# New\n\nText.\n", encoding="utf-8")
    update_navigation(tmp_path, TITLES)
    line = navigation_line("07_new", TITLES)
    assert twin.read_text(encoding="utf-8") == f"---\na: b\n---\n\n# New\n\n{line}\n\nText.\n"
