"""Data flow one way: no module of ours imports one further down the path of an image."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "simclr_utils"
# All that a module may import of ours; a module that is not named may import nothing.
DATA = {"image_cache", "image_decoding", "splits"}
TRAINING = {"batches", "optimizers"}
ALLOWED = {
    "__init__": {"keras_settings"},
    "__main__": {"folder_lock", "headless", "parameters", "startup", "study_command"},
    "artifacts": {"intervals", "provenance"},
    "augmentation_lab": {"augmentations", "sketch"},
    "augmentations": {"color_operations", "keras_settings", "random_operations"},
    "baselines": {"networks"} | TRAINING,
    "callbacks": {"evaluation"},
    "checkpoints": {"artifacts"},
    "color_operations": {"random_operations"},
    "cost_model": {"baselines", "evaluation", "networks", "pretraining"},
    "config": {"parameters"},
    "comparison": {"artifacts", "evaluation"},
    "datasets": {"image_folder", "named_datasets", "reading", "shapes"} | DATA,
    "doctor": {"diagnostics", "exercises"},
    "evaluation": {"encoder_input"},
    "explorers": {"plotting", "sketch"},
    "feature_explorer": {"augmentation_lab", "diagnostics", "plotting", "sketch"},
    "figures": {"plotting"},
    "fine_tuning": {"baselines", "evaluation", "optimizers", "splits"},
    "folder_listing": {"splits"},
    "headless": {"artifacts", "folder_lock", "parameters", "reading", "report"} | {"run_folder"},
    "image_cache": {"splits"},
    "image_decoding": {"cores"},
    "image_folder": {"folder_listing", "reading"} | DATA,
    "named_datasets": {"downloads", "medmnist_files"},
    "networks": {"fused_normalization", "keras_settings"},
    "paired": {"intervals"},
    "parameters": {"reading"},
    "pretraining": {"artifacts", "augmentations", "checkpoints", "doctor", "networks", "portable"}
    | {"simclr"}
    | TRAINING,
    "protocol": {"artifacts", "evaluation"},
    "provenance": {"cores"},
    "report": {"artifacts", "html_page"},
    "shapes": {"cores"},
    "losses": {"block_loss"},
    "simclr": {"gradient_caching", "keras_settings", "losses"},
    "sketch": {"plotting"},
    "step_exercise": {"losses"},
    "startup": {"cores", "keras_settings", "parameters", "provenance"},
    # A study puts everything together; nothing but what its command needs stands above it.
    "study": {"artifacts", "augmentations", "baselines", "comparison", "cost_model"}
    | {"evaluation", "fine_tuning", "frozen", "networks", "parameters", "pretraining", "progress"}
    | {"protocol"},
    "study_command": {
        "artifacts",
        "checkpoints",
        "comparison",
        "config",
        "cost_model",
        "datasets",
        "doctor",
        "figures",
        "folder_lock",
        "headless",
        "parameters",
        "plotting",
    }
    | {"report", "run_folder", "startup", "study", "study_summary", "study_takeover"},
    "run_folder": {"artifacts", "parameters"},
    "study_summary": {"artifacts", "paired"},
    "study_takeover": {"artifacts", "pretraining", "study"},
    "verdict_page": {"artifacts", "html_page"},
}
# Libraries that one module alone deals with.
ALONE = {"matplotlib": "plotting", "ipywidgets": "widgets"}
LIGHT = ("__init__", "__main__", "artifacts", "config", "datasets", "image_folder", "shapes")
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


def imported_names(source):
    """Yields the full name of everything that a module's source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "simclr_utils" if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def wrong_imports(module, source):
    """Returns the names among a module's imports that it may not have."""
    wrong = []
    for name in imported_names(source):
        first, *rest = name.split(".")
        alone = ALONE.get(first, module) != module
        ours = first == "simclr_utils" and (not rest or rest[0] not in ALLOWED.get(module, set()))
        if alone or ours:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    source = (PACKAGE / f"{module}.py").read_text()
    assert wrong_imports(module, source) == []
    parts = [name.split(".") for name in imported_names(source)]
    used = {part[1] for part in parts if part[0] == "simclr_utils" and len(part) > 1}
    assert used >= ALLOWED.get(module, set())  # what is not used is not allowed


@pytest.mark.parametrize(
    "module, line",
    [
        ("losses", "from simclr_utils.simclr import SimCLR"),
        ("losses", "from simclr_utils import simclr"),
        ("losses", "from . import simclr"),
        ("losses", "from .simclr import SimCLR"),
        ("losses", "import simclr_utils.simclr"),
        ("simclr", "def f():\n    from simclr_utils.evaluation import knn_accuracy"),
        ("datasets", "from simclr_utils.config import get_config"),
        ("losses", "import matplotlib.pyplot as plt"),
        ("plotting", "from ipywidgets import Image"),
    ],
)
def test_a_wrong_import_is_found(module, line):
    assert wrong_imports(module, line)


def test_right_imports_pass():
    assert wrong_imports("simclr", "from simclr_utils.losses import nt_xent_loss") == []
    assert wrong_imports("plotting", "import matplotlib.pyplot as plt\nimport numpy") == []


def test_the_modules_that_a_rule_is_about_exist():
    assert {*ALONE.values(), *LIGHT} <= set(MODULES)


@pytest.mark.parametrize(
    "code",
    [
        *(f"import simclr_utils.{module}" for module in LIGHT),
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
