"""What a run leaves on disk: files written whole or not at all, and the table of results."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from simclr_utils.places import user_path


@contextmanager
def atomic_path(path):
    """Gives a temporary path that takes the place of `path` when the block ends well.

    A reader sees the old file or the new one, never half of either, also when the process is
    killed. The temporary file lies in the same folder and keeps the suffix, which
    `keras.Model.save` goes by; missing parent folders are made.

    Args:
        path: The file to write, a string or a `Path`.

    Returns:
        A context manager that yields the `Path` to write to.

    Example:

    >>> with atomic_path("runs/mine/encoder.keras") as temporary:
    ...     encoder.save(temporary)
    """
    path = user_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder, not a file: files made by mkstemp are closed to everybody else.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


def run_folder(run_dir: str | None = None) -> Path:
    """Returns the folder that a notebook writes to, a temporary one if none is named.

    Args:
        run_dir: String, a folder, or `None`.

    Returns:
        A `Path`. Only the temporary folder is made.
    """
    return user_path(run_dir) if run_dir else Path(tempfile.mkdtemp())


def write_text(path, text):
    """Writes the string `text` to `path` in UTF-8, whole or not at all."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_bytes(path, content):
    """Writes the bytes `content` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def save_json(path, content):
    """Writes dicts, lists, strings, numbers and None to `path` as indented JSON."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def load_json(path):
    """Returns what `save_json` wrote to `path`."""
    return json.loads(user_path(path).read_text(encoding="utf-8"))


def update_json(path, **changes):
    """Replaces some values of the dict in a JSON file, which need not exist; returns all of it."""
    path = user_path(path)
    content = {**(load_json(path) if path.exists() else {}), **changes}
    save_json(path, content)
    return content


def as_stored(content):
    """What `load_json` would give back of `content`: tuples, for one, become lists."""
    return json.loads(json.dumps(content))


def describe_differences(there, here):
    """What differs between two records that should agree in all that `here` has, sentences."""
    return [
        f"{name} is {there.get(name)!r} there and {value!r} here"
        for name, value in here.items()
        if there.get(name) != value
    ]


def save_history(path, history):
    """Writes training curves as CSV, one row an epoch.

    Args:
        path: The file to write.
        history: Dict from a curve's name to its list of numbers, as in the `history` of what
            `keras.Model.fit` returns. A curve measured every few epochs holds None elsewhere.

    Raises:
        ValueError: If the curves differ in length.
    """
    lengths = {name: len(values) for name, values in history.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"The curves of a history have one value an epoch each, received lengths {lengths}. "
            "Fill the epochs in which a curve was not measured with None."
        )
    frame = pd.DataFrame(history)
    frame.insert(0, "epoch", range(1, len(frame) + 1))
    write_text(path, frame.to_csv(index=False))


def load_history(path):
    """Returns the dict that `save_history` wrote; what was not measured is None."""
    frame = pd.read_csv(user_path(path)).drop(columns="epoch").astype(object)
    return frame.where(frame.notna(), None).to_dict("list")
