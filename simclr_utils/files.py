"""Files of a run: text, JSON and training curves, written completely or not at all."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from simclr_utils.places import user_path


@contextmanager
def atomic_path(path):
    """Yields a temporary path that replaces `path` if no error occurs.

    A reader sees the old file or the new file, never half of one, even if the process is killed.
    The temporary file lies in the same folder and keeps the suffix, which decides the format in
    `keras.Model.save`. Missing parent folders are created.

    Args:
        path: String or `Path`, the file to write.

    Yields:
        The `Path` to write to.

    Example:

    >>> with atomic_path("runs/mine/encoder.keras") as temporary:
    ...     encoder.save(temporary)
    """
    path = user_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder, not a file: other users could not read a file made by mkstemp.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


def run_folder(run_dir: str | None = None) -> Path:
    """Returns the folder that a notebook writes to, a temporary one if none is named.

    Args:
        run_dir: String, a folder, or `None`.

    Returns:
        A `Path`. Only the temporary folder is created.
    """
    return user_path(run_dir) if run_dir else Path(tempfile.mkdtemp())


def write_text(path, text):
    """Writes the string `text` to `path` in UTF-8, completely or not at all."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_bytes(path, content):
    """Writes the bytes `content` to `path`, completely or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def save_json(path, content):
    """Writes dicts, lists, strings, numbers and `None` to `path` as indented JSON."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def load_json(path):
    """Returns what `save_json` wrote to `path`."""
    return json.loads(user_path(path).read_text(encoding="utf-8"))


def update_json(path, **changes):
    """Updates the dict in a JSON file, which need not exist, and returns the whole dict."""
    path = user_path(path)
    content = {**(load_json(path) if path.exists() else {}), **changes}
    save_json(path, content)
    return content


def as_stored(content):
    """Returns `content` as `load_json` would read it back, with lists in place of tuples."""
    return json.loads(json.dumps(content))


def describe_differences(there, here):
    """Describes the values in which a stored record differs from the present one.

    Args:
        there: Dict, the stored record.
        here: Dict, the present record. Keys that only `there` has are ignored.

    Returns:
        A list of phrases, empty if all values agree.
    """
    return [
        f"{name} is {there.get(name)!r} there and {value!r} here"
        for name, value in here.items()
        if there.get(name) != value
    ]


def save_history(path, history):
    """Writes training curves as CSV, one row for each epoch.

    Args:
        path: String or `Path`, the file to write.
        history: Dict from a curve's name to its list of numbers, as in the `history` that
            `keras.Model.fit` returns. A curve that is measured every few epochs holds `None` in
            between.

    Raises:
        ValueError: If the curves differ in length.
    """
    lengths = {name: len(values) for name, values in history.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"Each curve of a history needs one value per epoch; received the lengths {lengths}. "
            "Use None for the epochs in which a curve was not measured."
        )
    frame = pd.DataFrame(history)
    frame.insert(0, "epoch", range(1, len(frame) + 1))
    write_text(path, frame.to_csv(index=False))


def load_history(path):
    """Returns the dict that `save_history` wrote, with `None` where nothing was measured."""
    frame = pd.read_csv(user_path(path)).drop(columns="epoch").astype(object)
    return frame.where(frame.notna(), None).to_dict("list")
