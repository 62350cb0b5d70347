"""What the command line asks for: a source of images, notebooks, settings."""

import ast
import json
import os
import re
from pathlib import Path

import papermill

from simclr_utils.cli.run_folder import RunError
from simclr_utils.data.listing import is_unlabeled
from simclr_utils.parameters import NAMED_SOURCES, ParameterError, check, is_named
from simclr_utils.places import user_path
from simclr_utils.reading import READING_NAMES

PARAMETERS = ("source", "preset", "seed", "run_dir")
NEED_LABELS = ("04", "05", "06")


def resolve_source(source):
    """Returns the name of a data set as it is, and a folder as an absolute path."""
    try:
        if is_named(source):
            return source
    except ParameterError as error:
        raise RunError(str(error)) from error
    if source.startswith("medmnist:"):
        name = source.removeprefix("medmnist:")
        # Notebooks have a working directory of their own.
        return f"medmnist:{user_path(name).resolve()}" if name.endswith(".npz") else source
    folder = user_path(source).resolve()
    if not folder.is_dir():
        raise RunError(
            f"There is no folder {folder}. A source is a folder of images, "
            f"medmnist:<name>, or one of {', '.join(NAMED_SOURCES)}."
        )
    return str(folder)


def select_notebooks(folder, selection=""):
    """Returns the paths of the notebooks that `selection` names, in order.

    Args:
        folder: Folder of notebooks whose names begin with two digits.
        selection: Numbers and ranges, such as `"01-03,05"`; empty for all.

    Raises:
        RunError: If there is no notebook, or none of a number that was named.
    """
    folder = Path(folder).resolve()
    found = {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    if not found:
        raise RunError(
            f"There are no notebooks in {folder}. Run from a checkout of the course, "
            "installed with `pip install -e .`."
        )
    return select(found, selection)


def select(found, selection):
    """Returns the values of the dict `found` whose keys, two digits each, `selection` names."""
    if not selection:
        return [found[number] for number in sorted(found)]
    chosen = set()
    for part in selection.split(","):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part.strip())
        if not match:
            raise RunError(f"{part!r} names no notebook: write 03, 01-03 or 01,04.")
        first, last = int(match[1]), int(match[2] or match[1])
        numbers = {f"{number:02d}" for number in range(first, last + 1)}
        if match[2]:
            numbers &= set(found)  # a range may have gaps
        if not numbers or not numbers <= set(found):
            raise RunError(f"{part!r} is not among the notebooks {', '.join(found)}.")
        chosen |= numbers
    return [found[number] for number in sorted(chosen)]


def parse_settings(settings):
    """Returns a dict from strings `name=value`; a value that is no literal stays a string."""
    parsed = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.isidentifier():
            raise RunError(f"{setting!r} is no setting: write name=value, as in image_size=64.")
        if name in PARAMETERS:
            option = "--out" if name == "run_dir" else f"--{name}"
            raise RunError(f"{name!r} is no setting: use {option}.")
        try:
            # The way through JSON is the one the value takes when the run is continued.
            parsed[name] = json.loads(json.dumps(ast.literal_eval(value)))
        except (ValueError, SyntaxError, TypeError):
            parsed[name] = value
    return gather_reading(parsed)


def gather_reading(settings):
    """Moves settings of `Reading` into the notebooks' parameter `reading`, a dict."""
    own = {name: value for name, value in settings.items() if name in READING_NAMES}
    if not own:
        return settings
    rest = {name: value for name, value in settings.items() if name not in own}
    return {**rest, "reading": {**rest.get("reading", {}), **own}}


def assign_parameters(notebooks, settings, seed=0):
    """Returns a dict from each notebook to the names of the parameters it is to be given.

    Raises:
        RunError: If neither these notebooks nor those beside them have a parameter, or one cannot
            have its value.
    """
    try:
        for name, value in {"seed": seed, **settings}.items():
            check(name, value)
    except ParameterError as error:
        raise RunError(str(error)) from error
    # Those beside them too: a run that is continued in its later part keeps all its settings.
    beside = {path for notebook in notebooks for path in notebook.parent.glob("[0-9][0-9]_*.ipynb")}
    known = {path: list(papermill.inspect_notebook(path)) for path in sorted(beside)}
    possible = {name for names in known.values() for name in names} - set(PARAMETERS)
    unknown = [name for name in settings if name not in possible]
    if unknown:
        offered = set(READING_NAMES) if "reading" in possible else set()
        raise RunError(
            f"No notebook has a parameter {unknown[0]!r}; "
            f"there are {', '.join(sorted(possible | offered)) or 'none beside the options'}."
        )
    return {
        notebook: [n for n in (*PARAMETERS, "cache_dir", *settings) if n in known[notebook]]
        for notebook in notebooks
    }


def leave_out_labels(notebooks, source):
    """Leaves out the notebooks that need labels where a folder has none, and says so.

    Args:
        notebooks: Paths of notebooks.
        source: As `resolve_source` returns it.

    Returns:
        The paths that are left.

    Raises:
        RunError: If none is left, or the folder is not laid out as it should be.
    """
    try:
        if not os.path.isdir(source) or not is_unlabeled(source):
            return notebooks
    except ValueError as error:
        raise RunError(str(error)) from error
    kept = [path for path in notebooks if path.stem[:2] not in NEED_LABELS]
    left_out = ", ".join(path.stem[:2] for path in notebooks if path not in kept)
    if left_out:
        words = (
            f"{source} has no train/, so that nothing is labeled: notebooks {left_out} need labels"
        )
        if not kept:
            raise RunError(
                f"{words}. Add train/<class>/, or take --notebooks 01-03 (pretraining) or 09 (an "
                "encoder and what it finds)."
            )
        print(f"{words} and are left out. --notebooks 09 shows what an encoder finds.", flush=True)
    return kept
