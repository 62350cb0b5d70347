"""Data flow one way: no module of ours imports one further down the path of an image."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "simclr_utils"
# All that a module may import of ours; a module that is not named may import nothing.
ALLOWED = {
    "__init__": {"keras_settings"},
    "__main__": {"folder_lock", "headless", "parameters", "startup", "study_command"},
    "artifacts": {"intervals", "places", "provenance"},
    "augmentation_lab": {"augmentations", "sketch"},
    "augmentations": {"color_operations", "keras_settings", "random_operations"},
    "baselines": {"batches", "networks", "optimizers"},
    "callbacks": {"evaluation"},
    "checkpoints": {"artifacts", "places"},
    "color_operations": {"random_operations"},
    "comparison": {"artifacts", "evaluation"},
    "config": {"parameters"},
    "conflicts": {"splits"},
    "cost_model": {"baselines", "evaluation", "networks", "pretraining"},
    "datasets": {
        "image_cache",
        "image_decoding",
        "image_folder",
        "named_datasets",
        "parameters",
        "pictures",
        "places",
        "reading",
        "shapes",
        "splits",
    },
    "decoding_notes": {"deep_images", "pictures", "reading", "value_range"},
    "deep_images": {"pictures"},
    "doctor": {"examinations", "findings"},
    "encoder_signs": {"augmentations", "diagnostics", "evaluation", "image_sheets", "pretraining"},
    "evaluation": {"encoder_input"},
    "examinations": {"diagnostics", "exercises", "findings"},
    "explorers": {"fonts", "plotting", "sketch"},
    "feature_explorer": {"augmentation_lab", "diagnostics", "plotting", "sketch"},
    "figures": {"fonts", "plotting"},
    "findings": {"artifacts", "places"},
    "fine_tuning": {"baselines", "evaluation", "optimizers", "splits"},
    "folder_listing": {"file_names", "folder_walk", "split_names", "splits"},
    "folder_walk": {"file_names", "split_names"},
    "headless": {
        "artifacts",
        "findings",
        "folder_lock",
        "notebook_choice",
        "parameters",
        "places",
        "reading",
        "report",
        "run_folder",
    },
    "image_cache": {"conflicts", "splits"},
    "image_decoding": {"cores", "image_files", "pictures", "reading", "value_range"},
    "image_files": {"deep_images", "foreign_formats", "pictures", "reading", "tiff_files"},
    "image_folder": {
        "decoding_notes",
        "folder_listing",
        "image_cache",
        "image_decoding",
        "image_files",
        "pictures",
        "places",
        "reading",
        "splits",
    },
    "image_sheets": {"fonts", "plotting"},
    "losses": {"block_loss"},
    "named_datasets": {"downloads", "medmnist_files", "places"},
    "networks": {"fused_normalization", "keras_settings"},
    "notebook_choice": {"folder_listing", "run_folder"},
    "paired": {"intervals"},
    "parameters": {"places", "reading"},
    "pictures": {"reading"},
    "plotting": {"fonts"},
    "pretraining": {
        "artifacts",
        "augmentations",
        "batches",
        "checkpoints",
        "doctor",
        "networks",
        "optimizers",
        "places",
        "portable",
        "simclr",
    },
    "protocol": {"artifacts", "evaluation"},
    "provenance": {"cores", "processor"},
    "report": {"artifacts", "findings", "html_page"},
    "run_folder": {"artifacts", "parameters", "places"},
    "shapes": {"cores"},
    "simclr": {"gradient_caching", "keras_settings", "losses"},
    "sketch": {"fonts"},
    "split_names": {"splits"},
    "startup": {"cores", "keras_settings", "parameters", "processor", "provenance"},
    "step_exercise": {"losses"},
    "study": {
        "artifacts",
        "augmentations",
        "baselines",
        "comparison",
        "cost_model",
        "evaluation",
        "fine_tuning",
        "frozen",
        "networks",
        "parameters",
        "places",
        "pretraining",
        "progress",
        "protocol",
    },
    "study_command": {
        "artifacts",
        "checkpoints",
        "comparison",
        "config",
        "cost_model",
        "datasets",
        "doctor",
        "encoder_signs",
        "figures",
        "folder_lock",
        "headless",
        "parameters",
        "plotting",
        "report",
        "run_folder",
        "startup",
        "study",
        "study_summary",
        "study_takeover",
        "verdict_page",
    },
    "study_summary": {"artifacts", "findings", "paired"},
    "study_takeover": {"artifacts", "places", "pretraining", "study"},
    "tiff_files": {"deep_images", "pictures"},
    "value_range": {"pictures", "reading"},
    "verdict_page": {"artifacts", "html_page"},
}
# Libraries that few modules deal with.
ALONE = {"matplotlib": {"fonts", "plotting"}, "ipywidgets": {"widgets"}}
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
        alone = module not in ALONE.get(first, {module})
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
    assert set().union(*ALONE.values(), LIGHT) <= set(MODULES)


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
