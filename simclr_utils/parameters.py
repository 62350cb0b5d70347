"""Which values a parameter may have, in a notebook, on the command line and in a `Config`."""

import ast
from collections.abc import Mapping
from pathlib import Path

from simclr_utils.methods import METHODS
from simclr_utils.places import user_path
from simclr_utils.reading import READING_NAMES, Reading, is_number


def names_in(module, table):
    """Returns the keys of a dict of the package, read from the source: importing it takes seconds.

    Args:
        module: String, the path of the module without its suffix, such as `"views/recipe"`.
        table: String, the name of the dict.

    Returns:
        A tuple of strings.

    Raises:
        LookupError: If the module has no such dict at its top level.
    """
    for node in _statements(module):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if table in [getattr(each, "id", None) for each in targets]:
            return tuple(ast.literal_eval(key) for key in node.value.keys)
    raise LookupError(f"{module}.py has no table {table}.")


def fields_in(module, name):
    """Returns the annotated names of a class of the package, read from the source.

    Args:
        module: String, as in `names_in`.
        name: String, the name of the class.

    Returns:
        A tuple of strings.
    """
    for node in _statements(module):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return tuple(each.target.id for each in node.body if isinstance(each, ast.AnnAssign))
    raise LookupError(f"{module}.py has no class {name}.")


def _statements(module):
    """Returns the statements of a module of the package, without importing it."""
    path = Path(__file__).resolve().parent / f"{module}.py"
    return ast.parse(path.read_text(encoding="utf-8")).body


NAMED_SOURCES = ("glyphs", "shapes", "chests", "cifar10", "fashion_mnist", "stl10")
PRESET_NAMES = ("tiny", "quick", "laptop", "full")
ENCODER_NAMES = names_in("training/networks", "ENCODERS")
LOSS_NAMES = names_in("training/losses", "LOSSES")
OPTIMIZER_NAMES = names_in("training/optimizers", "OPTIMIZERS")
# The headline metrics: of each, more is better, and two methods can be compared.
HEADLINE_NAMES = (
    *("accuracy", "balanced_accuracy", "auroc", "average_precision"),
    *("sensitivity_at_90", "sensitivity_at_95"),
)
OPERATION_NAMES = names_in("views/recipe", "OPERATIONS")
CLASS_WEIGHT_NAMES = names_in("evaluation/class_weights", "CLASS_WEIGHTS")
SEARCH_NAMES = names_in("evaluation/tuning", "SEARCHES")
METHOD_NAMES = tuple(METHODS)
CONFIG_NAMES = fields_in("config", "Config")
# Settings of the images, beside those of `Config`.
OF_DATA = ("image_size", "reading", "cache_dir")
# Parameters that may change when a run or a study is continued: results are kept, and more added.
GROWING = ("label_counts", "num_subsets", "num_seeds", "methods", "encoder_file", "input_size")


class ParameterError(ValueError):
    """A parameter has an impossible name or value; the message says what is possible."""


def is_whole(value):
    """Returns whether a value is an integer, and not a boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def one_of(*names):
    """Makes a rule, as in `RULES`, for a choice among names."""
    return lambda value: value in names, f"one of {', '.join(names)}"


def whole(least):
    """Makes a rule, as in `RULES`, for an integer of `least` or more."""
    return lambda value: is_whole(value) and value >= least, f"a whole number of {least} or more"


def above(least):
    """Makes a rule, as in `RULES`, for a number above `least`."""
    return lambda value: is_number(value) and value > least, f"a number above {least}"


def wholes(least=1):
    """Makes a rule, as in `RULES`, for a list of `least` or more positive integers."""

    def allows(value):
        good = isinstance(value, list | tuple) and all(is_whole(v) and v > 0 for v in value)
        return good and len(value) >= least

    return allows, "a list of whole numbers above 0, such as [100, 500]"


def is_source(value):
    """Returns whether a value names a dataset, a folder that exists or an `.npz` file that does."""
    if not isinstance(value, str) or not value:
        return False
    collection, _, name = value.partition(":")
    named = value in NAMED_SOURCES or (collection == "medmnist" and name)
    is_array_file = value.endswith(".npz") and user_path(value).is_file()
    return bool(named) or is_array_file or user_path(value).is_dir()


def is_named(source):
    """Returns whether a source is the name of a dataset, and not the path of a folder.

    Args:
        source: String, such as `"shapes"` or `"./shapes"`.

    Returns:
        A boolean.

    Raises:
        ParameterError: If it may be either, because the working directory has a folder of that
            name.
    """
    if source not in NAMED_SOURCES:
        return False
    if Path(source).is_dir():
        raise ParameterError(
            f"source {source!r} is ambiguous: it is the name of a dataset of the course, and there "
            f"is a folder {Path(source).absolute()}. For the folder write ./{source}; for the "
            "dataset rename the folder, or start from another working directory."
        )
    return True


def is_reading(value):
    """Returns whether a value is a dict of settings of `Reading`.

    Raises:
        ParameterError: If a setting has an impossible value.
    """
    if not isinstance(value, Mapping) or not set(value) <= set(READING_NAMES):
        return False
    try:
        Reading(**value)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    return True


def are_settings(value):
    """Returns whether a value is a dict of settings of `Config` and of the images.

    Raises:
        ParameterError: If a setting has an impossible name or value.
    """
    if not isinstance(value, Mapping):
        return False
    for name, setting in value.items():
        if name not in SETTING_NAMES:
            raise ParameterError(
                f"There is no setting {name!r}. The settings are {', '.join(SETTING_NAMES)}."
            )
        check(name, setting)
    return True


def are_operations(value, least=1):
    """Returns whether a value is `least` or more `operations` of `build_augmenter`."""
    if isinstance(value, list | tuple):
        if not all(isinstance(item, list | tuple) and len(item) == 2 for item in value):
            return False
        value = {str(name): strength for name, strength in value}
    if not isinstance(value, Mapping) or len(value) < least:
        return False
    if not set(value) <= set(OPERATION_NAMES):
        return False
    pairs = [s if isinstance(s, list | tuple) else (s, 1) for s in value.values()]
    return all(
        len(pair) == 2 and all(map(is_number, pair)) and pair[0] >= 0 and 0 <= pair[1] <= 1
        for pair in pairs
    )


def are_methods(value):
    """Returns whether a value is a list of names of methods, or of groups of them."""
    known = {"default", "all", *METHOD_NAMES}
    return isinstance(value, list | tuple) and len(value) > 0 and set(map(str, value)) <= known


def are_view_sizes(value):
    """Returns whether a value is a list of pairs of a size and a share, and the shares add to 1."""
    if not isinstance(value, list | tuple) or not value:
        return False
    if not all(isinstance(item, list | tuple) and len(item) == 2 for item in value):
        return False
    good = all(is_whole(size) and size >= 8 for size, _ in value)
    good &= all(is_number(share) and share > 0 for _, share in value)
    return good and abs(sum(share for _, share in value) - 1) < 1e-6


def are_small_views(value):
    """Returns whether a value is a pair of a number of views and their size."""
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(map(is_whole, value)):
        return False
    return value[0] >= 1 and value[1] >= 8


PATH = (lambda value: isinstance(value, str) and value != "", "the path of a folder, in quotes")
# What a notebook's parameter `settings` may hold.
SETTING_NAMES = (*CONFIG_NAMES, *OF_DATA)
# Parameters that are paths of folders.
PATHS = ("run_dir", "cache_dir")
# Parameters that may be None.
OPTIONAL = (
    *(*PATHS, "image_size", "width", "encoder", "temperature", "batch_size"),
    *("micro_batch_size", "devices", "pretraining_steps", "base_learning_rate", "weight_decay"),
    *("label_counts", "num_subsets", "supervised_steps_factor", "operations"),
    *("projection_dims", "loss", "optimizer", "search", "methods", "metric", "encoder_file"),
    *("input_size", "second_operations", "class_weight", "view_sizes", "small_views"),
)
# For each name, a rule: a function that tells whether a value is allowed, and the allowed values
# in words.
RULES = {
    "source": (
        is_source,
        f"one of {', '.join(NAMED_SOURCES)}, medmnist:<name>, or the path of a folder or of a "
        "MedMNIST file (.npz) that exists",
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
    "settings": (
        are_settings,
        'a dict from names of settings to values, such as {"temperature": 0.2}',
    ),
    "num_images": whole(10),
    "labels": whole(1),
    "width": whole(1),
    "encoder": one_of(*ENCODER_NAMES),
    "loss": one_of(*LOSS_NAMES),
    "mix_alpha": (
        # Computed in 32 bits, Beta distributions with still lower parameters are wrong.
        lambda value: is_number(value) and (value == 0 or value >= 0.1),
        "0 for views that are not mixed, or a number of 0.1 or more",
    ),
    "metric": one_of(*HEADLINE_NAMES),
    "class_weight": one_of(*CLASS_WEIGHT_NAMES),
    "optimizer": one_of(*OPTIMIZER_NAMES),
    "projection_dims": wholes(0),
    "temperature": above(0),
    "batch_size": whole(2),
    "micro_batch_size": whole(1),
    "devices": whole(1),
    "pretraining_steps": whole(1),
    "base_learning_rate": above(0),
    "weight_decay": (lambda value: is_number(value) and value >= 0, "a number of 0 or more"),
    "label_counts": wholes(),
    "num_subsets": whole(1),
    "num_seeds": whole(1),
    "supervised_steps_factor": above(0),
    "search": one_of(*SEARCH_NAMES),
    "methods": (
        are_methods,
        f"a list of default, all, {', '.join(METHOD_NAMES)}, such as ['default', 'fixmatch']",
    ),
    "encoder_file": (
        lambda value: isinstance(value, str) and value != "",
        "the path of a .keras file, keras.applications:<network> or hub:<preset>",
    ),
    "input_size": whole(16),
    "operations": (
        are_operations,
        f"a dict from {', '.join(OPERATION_NAMES)} to strengths of 0 or more, such as "
        '{"crop": 0.87, "flip": 1}',
    ),
    "second_operations": (
        lambda value: are_operations(value, least=0),
        f"a dict from {', '.join(OPERATION_NAMES)} to strengths of 0 or more, such as "
        '{"crop": 0.87}, or {} for the image itself',
    ),
    "view_sizes": (
        are_view_sizes,
        "a list of pairs of a size of 8 or more and a share of the steps, whose shares add up to "
        "1, such as [(20, 0.5), (32, 0.5)]",
    ),
    "small_views": (
        are_small_views,
        "the number of views, 1 or more, and their size, 8 or more, such as (2, 16)",
    ),
}


def check(name, value):
    """Checks that a parameter may have a value. A name without a rule may have any value.

    Args:
        name: String, the name of the parameter.
        value: The value to check.

    Raises:
        ParameterError: If the value is not allowed; the message says which values are.
    """
    if name not in RULES or (value is None and name in OPTIONAL):
        return
    allows, words = RULES[name]
    if not allows(value):
        none = ", or None" if name in OPTIONAL else ""
        raise ParameterError(f"`{name}` is {value!r}, but has to be {words}{none}.")


def absolute_paths(settings):
    """Makes the paths in settings absolute, for notebooks that run in another folder.

    Args:
        settings: Dict from names of parameters to values.

    Returns:
        A new dict.
    """
    given = {name: settings[name] for name in PATHS if isinstance(settings.get(name), str)}
    if str(settings.get("encoder_file")).endswith(".keras"):
        given["encoder_file"] = settings["encoder_file"]
    return {**settings, **{name: str(user_path(path).absolute()) for name, path in given.items()}}


def check_parameters(namespace):
    """Checks the parameters of a notebook, including those that papermill injected.

    Paths are expanded in place: `~/runs` becomes a folder in the home folder.

    papermill itself accepts a misspelled name silently. It injects a cell that begins with
    "# Parameters". The parameters of a notebook are its annotated names, as in `seed: int = 0`.

    Args:
        namespace: Dict, the notebook's `globals()`, with IPython's list of cells, `In`.

    Raises:
        ParameterError: If the notebook does not have a parameter of that name, or the value is
            impossible.
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
    """Returns the names that cells assign at their top level.

    Args:
        cells: List of strings, the source of each cell.
        kind: Class `ast.Assign` or `ast.AnnAssign`, the kind of assignment.

    Returns:
        A list of strings, each name once.
    """
    names = []
    for cell in cells:
        try:
            statements = ast.parse(cell).body
        except SyntaxError:  # a cell with a shell command
            continue
        for statement in statements:
            if isinstance(statement, kind):
                targets = statement.targets if kind is ast.Assign else [statement.target]
                names += [target.id for target in targets if isinstance(target, ast.Name)]
    return list(dict.fromkeys(names))
