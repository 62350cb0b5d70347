"""What a parameter may be: asked in a notebook's first cell, on the command line, by `Config`."""

import ast
import math
from collections.abc import Mapping
from numbers import Real
from pathlib import Path

from simclr_utils.places import user_path
from simclr_utils.reading import READING_NAMES, Reading

NAMED_SOURCES = ("shapes", "cifar10", "fashion_mnist", "stl10")
PRESET_NAMES = ("tiny", "quick", "laptop", "full")
ENCODER_NAMES = ("small_cnn", "small_cnn_wide", "resnet18")
LOSS_NAMES = ("nt_xent",)
OPTIMIZER_NAMES = ("adamw", "sgd", "lamb")
# What may change where a run or a study goes on: what is measured already stays, more joins it.
GROWING = ("label_counts", "num_subsets", "num_seeds")
OPERATION_NAMES = ("crop", "flip", "color_jitter", "grayscale", "blur", "noise")


class ParameterError(ValueError):
    """A parameter has a name or a value that it cannot have; the message says what is possible."""


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def one_of(*names):
    return lambda value: value in names, f"one of {', '.join(names)}"


def whole(least):
    return lambda value: is_whole(value) and value >= least, f"a whole number of {least} or more"


def above(least):
    return lambda value: is_number(value) and value > least, f"a number above {least}"


def wholes(count=None):
    def allows(value):
        good = isinstance(value, list | tuple) and all(is_whole(v) and v > 0 for v in value)
        return good and len(value) > 0 and count in (None, len(value))

    number = "" if count is None else f"{count} "
    return allows, f"a list of {number}whole numbers above 0, such as [100, 500]"


def is_source(value):
    if not isinstance(value, str) or not value:
        return False
    collection, _, name = value.partition(":")
    named = value in NAMED_SOURCES or (collection == "medmnist" and name)
    return bool(named) or user_path(value).is_dir()


def is_named(source):
    """Whether a source is the name of a data set, and not the path of a folder.

    Args:
        source: str, such as `"shapes"` or `"./shapes"`.

    Raises:
        ParameterError: if it may be either: a folder so called is in the working directory.
    """
    if source not in NAMED_SOURCES:
        return False
    if Path(source).is_dir():
        raise ParameterError(
            f"source {source!r} is ambiguous: it names a data set of the course, and there is a "
            f"folder {Path(source).absolute()}. For the folder write ./{source}; for the data "
            "set rename the folder, or start from another working directory."
        )
    return True


def is_reading(value):
    """Whether a value is a dict of settings of `Reading`.

    Raises:
        ParameterError: if a setting has a value that it cannot have.
    """
    if not isinstance(value, Mapping) or not set(value) <= set(READING_NAMES):
        return False
    try:
        Reading(**value)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    return True


def are_operations(value):
    """Whether a value is what `build_augmenter` takes: strengths, or (strength, probability)."""
    if isinstance(value, list | tuple):
        if not all(isinstance(item, list | tuple) and len(item) == 2 for item in value):
            return False
        value = {str(name): strength for name, strength in value}
    if not isinstance(value, Mapping) or not value or not set(value) <= set(OPERATION_NAMES):
        return False
    pairs = [s if isinstance(s, list | tuple) else (s, 1) for s in value.values()]
    return all(
        len(pair) == 2 and all(map(is_number, pair)) and pair[0] >= 0 and 0 <= pair[1] <= 1
        for pair in pairs
    )


PATH = (lambda value: isinstance(value, str) and value != "", "the path of a folder, in quotes")
PATHS = ("run_dir", "cache_dir", "pretrained_dir")
OPTIONAL = (
    *(*PATHS, "image_size", "width", "architecture", "encoder", "temperature", "batch_size"),
    *(
        "micro_batch_size",
        "pretraining_steps",
        "base_learning_rate",
        "weight_decay",
        "label_counts",
        "num_subsets",
    ),
    *("supervised_steps_factor", "operations", "projection_dims", "loss", "optimizer"),
)
# For each name: a function that tells whether a value will do, and what will do in words.
RULES = {
    "source": (
        is_source,
        f"one of {', '.join(NAMED_SOURCES)}, medmnist:<name>, or the path of a folder that exists",
    ),
    "preset": one_of(*PRESET_NAMES),
    "seed": whole(0),
    **dict.fromkeys(PATHS, PATH),
    "image_size": whole(16),
    "reading": (
        is_reading,
        f"a dict from {', '.join(READING_NAMES)} to values that `load_dataset` takes, such as "
        '{"resize": "pad"}',
    ),
    "num_images": whole(10),
    "labels": whole(1),
    "width": whole(1),
    "architecture": one_of(*ENCODER_NAMES),
    "encoder": one_of(*ENCODER_NAMES),
    "loss": one_of(*LOSS_NAMES),
    "optimizer": one_of(*OPTIMIZER_NAMES),
    "projection_dims": wholes(2),
    "temperature": above(0),
    "batch_size": whole(2),
    "micro_batch_size": whole(1),
    "pretraining_steps": whole(1),
    "base_learning_rate": above(0),
    "weight_decay": (lambda value: is_number(value) and value >= 0, "a number of 0 or more"),
    "label_counts": wholes(),
    "num_subsets": whole(1),
    "num_seeds": whole(1),
    "supervised_steps_factor": above(0),
    "operations": (
        are_operations,
        f"a dict from {', '.join(OPERATION_NAMES)} to strengths of 0 or more, such as "
        '{"crop": 0.87, "flip": 1}',
    ),
}


def check(name, value):
    """Asks whether a parameter may have a value; names without a rule may have any.

    Raises:
        ParameterError: if not; one sentence says what is possible.
    """
    if name not in RULES or (value is None and name in OPTIONAL):
        return
    allows, words = RULES[name]
    if not allows(value):
        none = ", or None" if name in OPTIONAL else ""
        raise ParameterError(f"`{name}` is {value!r}, but has to be {words}{none}.")


def absolute_paths(settings):
    """Returns settings with absolute paths, for notebooks that work in a folder of their own."""
    given = {name: settings[name] for name in PATHS if isinstance(settings.get(name), str)}
    return {**settings, **{name: str(user_path(path).absolute()) for name, path in given.items()}}


def check_parameters(namespace):
    """Checks the parameters of a notebook, those that papermill put in among them.

    Paths among them are expanded: `~/runs` becomes a folder in the home folder.

    papermill itself takes a mistyped name without a word. What it puts in is a cell that begins
    with "# Parameters"; what a notebook has are the annotated names, as in `seed: int = 0`.

    Args:
        namespace: dict, the notebook's `globals()`, with IPython's list of cells, `In`.

    Raises:
        ParameterError: for a name that the notebook does not have, or a value that cannot be.
    """
    cells = [cell for cell in namespace.get("In", []) if cell.strip()]
    declared = names_assigned(cells, ast.AnnAssign)
    injected = [cell for cell in cells if cell.startswith("# Parameters")]
    for name in names_assigned(injected, ast.Assign):
        if name not in declared:
            raise ParameterError(
                f"This notebook has no parameter `{name}`; it has {', '.join(declared)}."
            )
    for name in declared:
        check(name, namespace[name])
        if name in PATHS and namespace[name] is not None:
            namespace[name] = str(user_path(namespace[name]))


def names_assigned(cells, kind):
    """The names that cells assign at their top level by `ast.Assign` or `ast.AnnAssign`."""
    names = []
    for cell in cells:
        try:
            statements = ast.parse(cell).body
        except SyntaxError:  # a cell with a line for the shell
            continue
        for statement in statements:
            if isinstance(statement, kind):
                targets = statement.targets if kind is ast.Assign else [statement.target]
                names += [target.id for target in targets if isinstance(target, ast.Name)]
    return list(dict.fromkeys(names))
