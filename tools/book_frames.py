"""Draws the pictures of a notebook's explorers, and keeps them until the code changes."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import nbformat
from explorer_frames import MIME
from refresh_notebooks import execute

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(__file__).resolve().parent
CALL = re.compile(r"\bexplore\(")
PAGE_BYTES = 1_000_000  # of all frames of a page; the rest of its 2 MB is text and figures


def explorer_cells(notebook):
    """Returns the positions of the code cells that make an explorer."""
    return [
        index
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and CALL.search(cell.source)
    ]


def key_of(notebook, root=ROOT):
    """Returns a hash of all that the pictures depend on: code, package and stored encoder."""
    last = explorer_cells(notebook)[-1]
    found = hashlib.sha256()
    for cell in notebook.cells[: last + 1]:
        if cell.cell_type == "code":
            found.update(cell.source.encode() + b"\0")
    files = [*root.glob("simclr_utils/**/*.py"), *root.glob("data/pretrained/*")]
    for path in sorted([*files, TOOLS / "explorer_frames.py"]):
        if path.is_file():
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def draw_explorers(path, cache):
    """Returns the explorers of a notebook, and draws their pictures if the code is new.

    The notebook is executed up to its last explorer, with its default parameters.

    Args:
        path: `Path` of the notebook.
        cache: `Path` of the folder that keeps the pictures.

    Returns:
        A pair: the `Path` of a folder of pictures, or `None`, and a dict from a cell's position to
        its explorer, a dict for `explorer_page.to_html`. The page finds the pictures in
        `../_static/frames/<name of the notebook>`.
    """
    notebook = nbformat.read(path, as_version=4)
    cells = explorer_cells(notebook)
    if not cells:
        return None, {}
    folder = cache / f"{path.stem}-{key_of(notebook)}"
    stored = folder / "explorers.json"
    if not stored.exists():
        print(f"{path.stem}: runs up to its last explorer to draw the pictures", flush=True)
        for old in cache.glob(f"{path.stem}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        shown = _execute(notebook, cells, path, folder)
        stored.write_text(json.dumps(shown), encoding="utf-8")  # last: it says that all is there
    shown = json.loads(stored.read_text(encoding="utf-8"))
    return folder, {int(index): explorer for index, explorer in shown.items()}


def _execute(notebook, cells, path, folder):
    """Executes a notebook up to its last explorer; returns each cell's explorer."""
    budget = PAGE_BYTES // len(cells)
    address = f"../_static/frames/{path.stem}"
    # Expressions alone, because a notebook's names are checked against its parameters.
    setup = nbformat.v4.new_code_cell(
        f"__import__('sys').path.insert(0, {str(TOOLS)!r})\n"
        f"__import__('explorer_frames').record({str(folder)!r}, {address!r}, {budget})"
    )
    notebook.cells = [setup, *notebook.cells[: cells[-1] + 1]]
    os.environ.pop("MPLBACKEND", None)
    execute(notebook, path.parent, path.stem)
    shown = {}
    for index in cells:
        for output in notebook.cells[index + 1].outputs:
            if MIME in output.get("data", {}):
                shown[index] = output.data[MIME]
    return shown
