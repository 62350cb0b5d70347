"""Reads the arguments of the command line: a source of images, notebooks and settings."""

import argparse
import ast
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import papermill

from simclr_utils.cli.frame import as_run_error
from simclr_utils.cli.run_folder import RunError
from simclr_utils.data.listing import is_unlabeled
from simclr_utils.parameters import (
    NAMED_SOURCES,
    SETTING_NAMES,
    ParameterError,
    check,
    is_named,
)
from simclr_utils.places import user_path
from simclr_utils.reading import READING_NAMES

PARAMETERS = ("source", "preset", "seed", "run_dir")
NEED_LABELS = ("04", "05", "06")


def resolve_source(source: str) -> str:
    """Returns the name of a data set unchanged, and a folder as an absolute path.

    Args:
        source: String, the name of a data set, or the path of a folder of images or of an `.npz`
            file in the format of MedMNIST.

    Returns:
        A string.

    Raises:
        RunError: If the source is neither, or could be either.
    """
    with as_run_error(ParameterError):
        if is_named(source):
            return source
    if source.startswith("medmnist:") or source.endswith(".npz"):
        name = source.removeprefix("medmnist:")
        # Notebooks have a working directory of their own.
        return f"medmnist:{user_path(name).resolve()}" if name.endswith(".npz") else source
    folder = user_path(source).resolve()
    if not folder.is_dir():
        raise RunError(
            f"There is no folder {folder}. The source has to be a folder of images, "
            f"medmnist:<name>, or one of {', '.join(NAMED_SOURCES)}."
        )
    return str(folder)


def select_notebooks(folder: str | Path, selection: str = "") -> list[Path]:
    """Returns the paths of the notebooks that `selection` names, in order.

    Args:
        folder: Path of a folder of notebooks whose names begin with two digits.
        selection: String, numbers and ranges such as `"01-03,05"`. All by default.

    Returns:
        A list of paths.

    Raises:
        RunError: If a number has no notebook, or there are none at all.
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
    """Returns the values of the dict `found` whose keys, two digits each, are selected."""
    if not selection:
        return [found[number] for number in sorted(found)]
    chosen = set()
    for part in selection.split(","):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part.strip())
        if not match:
            raise RunError(f"{part!r} does not name a notebook. Write 03, 01-03 or 01,04.")
        first, last = int(match[1]), int(match[2] or match[1])
        numbers = {f"{number:02d}" for number in range(first, last + 1)}
        if match[2]:
            numbers &= set(found)  # a range may have gaps
        if not numbers or not numbers <= set(found):
            raise RunError(f"{part!r} is not one of the notebooks {', '.join(found)}.")
        chosen |= numbers
    return [found[number] for number in sorted(chosen)]


def parse_settings(settings: Sequence[str]) -> dict:
    """Parses settings of the command line.

    Args:
        settings: Strings `name=value`. A value that is not a Python literal stays a string.

    Returns:
        A dict from names to values.

    Raises:
        RunError: If a string has another form, or names a parameter that has its own option.
    """
    parsed = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.isidentifier():
            raise RunError(f"{setting!r} is not a setting. Write name=value, as in image_size=64.")
        if name in PARAMETERS:
            option = "--out" if name == "run_dir" else f"--{name}"
            raise RunError(f"{name!r} is not a setting. Use {option}.")
        try:
            # Through JSON, as the value is stored and read when the run is continued.
            parsed[name] = json.loads(json.dumps(ast.literal_eval(value)))
        except (ValueError, SyntaxError, TypeError):
            parsed[name] = value
    return gather_reading(parsed)


def own_options(options: argparse.Namespace) -> dict:
    """Returns the settings that have an option of their own, where it was given.

    Args:
        options: The parsed command line.

    Returns:
        A dict from names of settings to values.
    """
    given = {"encoder_file": getattr(options, "encoder", None)}
    names = getattr(options, "methods", None)
    given["methods"] = names and [name.strip() for name in names.split(",")]
    return {name: value for name, value in given.items() if value is not None}


def gather_reading(settings):
    """Moves settings of `Reading` into the notebooks' parameter `reading`, a dict."""
    own = {name: value for name, value in settings.items() if name in READING_NAMES}
    if not own:
        return settings
    rest = {name: value for name, value in settings.items() if name not in own}
    return {**rest, "reading": {**rest.get("reading", {}), **own}}


def assign_parameters(notebooks: Sequence[Path], settings: dict, seed: int = 0) -> dict:
    """Returns the names of the parameters to pass to each notebook.

    Args:
        notebooks: Paths of notebooks.
        settings: Dict from names to values.
        seed: Integer, checked with the settings.

    Returns:
        A dict from each path to a list of names.

    Raises:
        RunError: If no notebook of the folder has a parameter of that name, or if a value is
            not allowed.
    """
    with as_run_error(ParameterError):
        for name, value in {"seed": seed, **settings}.items():
            check(name, value)
    # All notebooks of the folder, because a run may be continued with other notebooks.
    beside = {path for notebook in notebooks for path in notebook.parent.glob("[0-9][0-9]_*.ipynb")}
    known = {path: list(papermill.inspect_notebook(path)) for path in sorted(beside)}
    possible = {name for names in known.values() for name in names} - {*PARAMETERS, "settings"}
    if any("settings" in names for names in known.values()):
        possible |= set(SETTING_NAMES)
    unknown = [name for name in settings if name not in possible]
    if unknown:
        offered = set(READING_NAMES) if "reading" in possible else set()
        raise RunError(
            f"No notebook has a parameter {unknown[0]!r}. The parameters are "
            f"{', '.join(sorted(possible | offered)) or 'those set by options'}."
        )
    return {
        notebook: [
            n for n in (*PARAMETERS, "cache_dir", *settings, "settings") if n in known[notebook]
        ]
        for notebook in notebooks
    }


def choose_parameters(names: Sequence[str], given: dict, settings: dict) -> dict:
    """Returns the parameters to pass to one notebook.

    Args:
        names: Strings, the names of its parameters, as `assign_parameters` returns them.
        given: Dict from `PARAMETERS` to values.
        settings: Dict from names to values. Those that the notebook has no parameter for go into
            its parameter `settings`.

    Returns:
        A dict from names to values.
    """
    own = {**given, **settings}
    chosen = {name: own[name] for name in names if name != "settings"}
    if "settings" in names:
        rest = {name: value for name, value in settings.items() if name in SETTING_NAMES}
        chosen["settings"] = {name: value for name, value in rest.items() if name not in names}
    return chosen


def leave_out_labels(notebooks: Sequence[Path], source: str) -> Sequence[Path]:
    """Leaves out the notebooks that need labels if a folder has none, and says so.

    Args:
        notebooks: Paths of notebooks.
        source: String, as `resolve_source` returns it.

    Returns:
        The remaining paths.

    Raises:
        RunError: If none remains, or the folder is not laid out as it should be.
    """
    with as_run_error():
        if not os.path.isdir(source) or not is_unlabeled(source):
            return notebooks
    kept = [path for path in notebooks if path.stem[:2] not in NEED_LABELS]
    left_out = ", ".join(path.stem[:2] for path in notebooks if path not in kept)
    if left_out:
        words = (
            f"{source} has no train/ and no labels in labels.csv, so nothing is labeled. Notebooks "
            f"{left_out} need labels"
        )
        if not kept:
            raise RunError(
                f"{words}. Add train/<class>/ or labels.csv, or use --notebooks 01-03 "
                "(pretraining) or 09 (an encoder and its nearest images)."
            )
        print(f"{words} and are left out. For an encoder, use --notebooks 09.", flush=True)
    return kept
