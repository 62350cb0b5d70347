"""A wrong parameter fails in the first cell, in one sentence that says what is possible."""

import ast
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from papermill.exceptions import PapermillExecutionError

from simclr_utils import parameters
from simclr_utils.config import PRESETS, get_config
from simclr_utils.parameters import ParameterError, check, check_parameters
from simclr_utils.training import losses, networks, optimizers
from simclr_utils.views import recipe

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
GOOD = {
    "source": ["shapes", "medmnist:pathmnist", "."],
    "preset": ["tiny", "full"],
    "seed": [0, 7],
    "run_dir": [None, "runs/a b"],
    "cache_dir": [None, "../runs/cache"],
    "image_size": [None, 32],
    "reading": [{}, {"resize": "pad", "value_range": [0, 4095]}, {"finding": "Edema"}],
    "settings": [{}, {"temperature": 0.2, "image_size": 64, "reading": {"resize": "pad"}}],
    "num_images": [10],
    "labels": [1],
    "width": [None, 8],
    "encoder": ["small_cnn"],
    "loss": [None, "nt_xent"],
    "mix_alpha": [0, 0.1, 1.0],
    "metric": [None, "auroc"],
    "class_weight": [None, "balanced"],
    "optimizer": ["lamb"],
    "projection_dims": [(256, 128), [16], ()],
    "temperature": [None, 0.1, 1],
    "batch_size": [2],
    "micro_batch_size": [None, 256],
    "devices": [None, 1, 8],
    "pretraining_steps": [1],
    "base_learning_rate": [1e-3],
    "weight_decay": [0, 0.1],
    "label_counts": [None, [100], (20, 50)],
    "num_subsets": [1],
    "num_seeds": [3],
    "supervised_steps_factor": [0.5],
    "search": [None, "short"],
    "operations": [None, {"crop": 0.87, "flip": 1}, {"blur": (1.0, 0.5)}, (("crop", 1.0),)],
    "second_operations": [None, {}, (), {"crop": 0.87}],
    "view_sizes": [None, [[32, 1.0]], ((20, 0.45), (24, 0.3), (32, 0.25))],
    "small_views": [None, (2, 16), [1, 8]],
    "methods": [None, ["default", "fixmatch"], ("linear_probe",)],
    "encoder_file": [None, "runs/a b/own.keras", "keras.applications:ResNet50", "hub:a"],
    "input_size": [None, 96],
}
BAD = {
    "source": [None, "", "imagse", 3, "medmnist:"],
    "preset": ["fast", None, 1],
    "seed": [-1, 1.5, "0", True, None],
    "run_dir": [3, ""],
    "cache_dir": [""],
    "image_size": [8, 32.0, "32"],
    "reading": [None, {"size": 3}, "pad"],
    "settings": [None, []],
    "num_images": [0],
    "labels": [0, "100"],
    "width": [0, 1.5],
    "encoder": ["vit"],
    "loss": ["simclr"],
    "mix_alpha": [-1, 0.01, True],
    "metric": ["f1", "calibration_error"],
    "class_weight": ["equal", True],
    "optimizer": ["adam"],
    "projection_dims": [(256, 0), 128],
    "temperature": [0, -1, "hot", float("nan"), float("inf"), True],
    "batch_size": [1, 256.0],
    "micro_batch_size": [0, 0.5],
    "devices": [0, "all"],
    "pretraining_steps": [0, "many"],
    "base_learning_rate": [0],
    "weight_decay": [-1e-4],
    "label_counts": [100, [], [0], [1.5], "100,500"],
    "num_subsets": [0],
    "num_seeds": [0, None],
    "supervised_steps_factor": [0],
    "search": ["long"],
    "operations": [{}, {"rotate": 1}, {"crop": -1}, {"crop": "hard"}, {"crop": (1, 2)}, "crop"],
    "second_operations": [{"rotate": 1}, "crop"],
    "view_sizes": [[], [32, 1.0], [(20, 0.5), (32, 0.4)], [(4, 1.0)], [(20, 1.5), (32, -0.5)]],
    "small_views": [2, (0, 16), (2, 4), (1.5, 16), (True, 16), (2, 16, 8), ("a", 16)],
    "methods": ["fixmatch", [], ["fix_match"]],
    "encoder_file": ["", 3],
    "input_size": [8, "96"],
}


def cases(table):
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize("name, value", cases(GOOD))
def test_what_is_possible_passes(name, value):
    check(name, value)


@pytest.mark.parametrize("name, value", cases(BAD))
def test_what_is_not_says_what_is(name, value):
    with pytest.raises(ParameterError) as caught:
        check(name, value)
    message = str(caught.value)
    assert message.startswith(f"`{name}` is {value!r}, but has to be ")
    assert ("or None" in message) == (name in parameters.OPTIONAL)


def test_every_rule_is_tested_and_every_parameter_has_one():
    assert set(GOOD) == set(BAD) == set(parameters.RULES)
    for path in NOTEBOOKS:
        assert set(papermill.inspect_notebook(path)) <= set(parameters.RULES)


def test_names_are_those_of_the_code():
    assert tuple(PRESETS) == parameters.PRESET_NAMES
    assert tuple(networks.ENCODERS) == parameters.ENCODER_NAMES
    assert tuple(losses.LOSSES) == parameters.LOSS_NAMES
    assert tuple(optimizers.OPTIMIZERS) == parameters.OPTIMIZER_NAMES
    assert tuple(recipe.OPERATIONS) == parameters.OPERATION_NAMES


@pytest.mark.parametrize(
    "function, table",
    [(networks.build_encoder, networks.ENCODERS), (recipe.build_augmenter, recipe.OPERATIONS)],
)
def test_a_docstring_names_every_choice(function, table):
    assert [name for name in table if f'`"{name}"`' not in function.__doc__] == []


def test_the_presets_pass_their_own_rules():
    for preset in PRESETS.values():
        for name in ("encoder", "projection_dims", "operations", "temperature", "label_counts"):
            check(name, getattr(preset, name))
    with pytest.raises(ParameterError, match="`temperature` is 'hot', but has to be a number"):
        get_config("quick", temperature="hot")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_checks_its_parameters_right_after_them(path):
    code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    first = next(n for n, c in enumerate(code) if "parameters" in c.metadata.get("tags", []))
    assert "open_lesson(globals())" in code[first + 1].source
    defaults = {
        statement.target.id: ast.literal_eval(statement.value)
        for statement in ast.parse(code[first].source).body
    }
    assert "source" in defaults
    check_parameters({"In": ["", code[first].source], **defaults})


@pytest.mark.parametrize("name", parameters.PATHS)
def test_a_home_folder_in_a_notebooks_path_is_found(name):
    """papermill's `-p run_dir '~/runs'` is expanded by no shell."""
    cell = f"{name}: str = '~/runs/mine'"
    namespace = {"In": ["", cell], name: "~/runs/mine"}
    check_parameters(namespace)
    assert namespace[name] == str(Path.home() / "runs" / "mine")
    namespace[name] = None
    check_parameters(namespace)
    assert namespace[name] is None


DECLARED = 'source: str = "shapes"\nseed: int = 0  # of weights'


def test_injected_names_have_to_be_declared():
    cells = ["", DECLARED, "# Parameters\nsede = 3\n", "!ls", "other = 1"]
    with pytest.raises(ParameterError, match="no parameter `sede`; it has source, seed"):
        check_parameters({"In": cells, "source": "shapes", "seed": 0, "sede": 3})
    cells[2] = "# Parameters\nseed = 3\n"
    check_parameters({"In": cells, "source": "shapes", "seed": 3, "other": 1})
    with pytest.raises(ParameterError, match="`seed` is 'three'"):
        check_parameters({"In": cells, "source": "shapes", "seed": "three"})


@pytest.mark.parametrize(
    "wrong, words", [({"sede": 3}, "no parameter `sede`"), ({"seed": 1.5}, "`seed` is 1.5")]
)
def test_papermill_stops_in_the_first_cell(tmp_path, wrong, words):
    sources = [DECLARED, "from simclr_utils.session import start\nstart(parameters=globals())"]
    cells = [new_code_cell(source) for source in [*sources, "print('too late')"]]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "python3", "language": "python"}
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": kernel}), tmp_path / "in.ipynb"
    )
    with pytest.raises(PapermillExecutionError, match=words) as caught:
        papermill.execute_notebook(
            tmp_path / "in.ipynb", tmp_path / "out.ipynb", wrong, progress_bar=False
        )
    assert caught.value.ename == "ParameterError" and "too late" not in str(caught.value.evalue)
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert not executed[-1].outputs  # and the partial notebook is there
