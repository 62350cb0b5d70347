"""Data flow one way: no part of the package imports one further down the path of an image."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "simclr_utils"
# The path of an image. A part may import the parts before it, and what all of them stand on.
PATH = (
    "data",
    "views",
    "training",
    "distributed",
    "evaluation",
    "study",
    "ablation",
    "deploy",
    "cli",
)
# What all of them stand on: it imports none of them.
GROUND = (
    "config",
    "doors",
    "files",
    "keras_settings",
    "methods",
    "parameters",
    "places",
    "reading",
    "session",
)
# Beside the path: figures draw what data holds; lessons look at everything but the command line.
BESIDE = {"system": (), "plotting": ("data",), "course": (*PATH[:-1], "plotting")}
# Libraries that few modules deal with.
ALONE = {
    "matplotlib": ("plotting/style", "plotting/fonts", "data/photographs"),  # with a photograph
    "ipywidgets": ("course/widgets", "course/augmentation_lab"),
    "tensorflow": (*PATH[1:-1], "course", "session"),
}
LIGHT = ("", ".__main__", ".files", ".config", ".data.dataset", ".data.folder", ".data.shapes")
MODULES = sorted(str(p.relative_to(PACKAGE).with_suffix("")) for p in PACKAGE.rglob("*.py"))


def allowed_parts(part):
    """Returns the parts of the package that a part may import."""
    if part in GROUND or part == "__init__":
        return {*GROUND, "system"}
    if part in BESIDE:
        return {part, *BESIDE[part], *GROUND, "system"}
    if part == "__main__":
        return {*PATH, *BESIDE, *GROUND}
    beside = {"plotting", "course"} if part == "cli" else set()
    return {*PATH[: PATH.index(part) + 1], *GROUND, "system", *beside}


def imported_names(source):
    """Yields the full name of everything that a module's source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "simclr_utils" if node.level else ""
            base = ".".join(name for name in (base, node.module) if name)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def wrong_imports(module, source):
    """Returns the names among a module's imports that it may not have."""
    part, wrong = module.split("/")[0], []
    for name in imported_names(source):
        first, *rest = name.split(".")
        if first == "simclr_utils" and (not rest or rest[0] not in allowed_parts(part)):
            wrong.append(name)
        if first in ALONE and not {module, part} & set(ALONE[first]):
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    assert wrong_imports(module, (PACKAGE / f"{module}.py").read_text()) == []


@pytest.mark.parametrize(
    "module, line",
    [
        ("views/recipe", "from simclr_utils.training.simclr import SimCLR"),
        ("views/recipe", "from simclr_utils.training import simclr"),
        ("views/recipe", "import simclr_utils.training.simclr"),
        ("views/recipe", "from simclr_utils import training"),
        ("training/simclr", "def f():\n    from simclr_utils.evaluation import probes"),
        ("data/dataset", "import tensorflow as tf"),
        ("study/study", "from simclr_utils.plotting import curves"),
        ("files", "from simclr_utils.data import splits"),
        ("training/losses", "from ..evaluation import probes"),
        ("training/losses", "import matplotlib.pyplot as plt"),
        ("plotting/curves", "from ipywidgets import Image"),
    ],
)
def test_a_wrong_import_is_found(module, line):
    assert wrong_imports(module, line)


def test_right_imports_pass():
    line = "from simclr_utils.training.losses import nt_xent_loss"
    assert wrong_imports("training/simclr", line) == wrong_imports("evaluation/probes", line) == []
    assert wrong_imports("plotting/style", "import matplotlib.pyplot as plt\nimport numpy") == []


def test_every_part_has_its_place():
    parts = {module.split("/")[0] for module in MODULES} - {"__init__", "__main__"}
    assert parts == {*PATH, *GROUND, *BESIDE}


@pytest.mark.parametrize(
    "code",
    [
        *(f"import simclr_utils{module}" for module in LIGHT),
        "import runpy; runpy.run_module('simclr_utils', run_name='__main__')",
    ],
)
def test_light_modules_do_not_wait_for_tensorflow(code):
    """The last case is `python -m simclr_utils --help`, which is to answer at once."""
    report = "import atexit, sys; sys.argv[1:] = ['--help']; "
    report += "atexit.register(lambda: print('tensorflow' in sys.modules, file=sys.stderr)); "
    done = subprocess.run([sys.executable, "-c", report + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "False\n"


def test_the_map_in_contributing_names_every_part():
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [part for part in (*PATH, *BESIDE) if f"`{part}/`" not in text] == []
    assert [part for part in GROUND if f"`{part}`" not in text] == []


def test_the_tests_mirror_the_package():
    tests = {path.name for path in Path(__file__).parent.iterdir() if path.is_dir()}
    tests.discard("__pycache__")
    assert tests == {*PATH, *BESIDE, "browser", "notebooks", "project"}
