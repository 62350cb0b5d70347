"""Executes notebooks afresh and stores their outputs: the one way stored outputs are made.

Each notebook has a MyST twin in `text/`. The newer one of the two gives the inputs; the notebook
is executed in a fresh kernel with its default parameters; then both are written, unless a cell
failed.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from notebook_rules import content, find_problems
from tqdm import tqdm

from simclr_utils.cli.arguments import select
from simclr_utils.cli.run_folder import RunError
from simclr_utils.files import write_text

ROOT = Path(__file__).resolve().parent.parent
SECONDS_PER_CELL = 600


def read_inputs(notebook_path, twin_path):
    """Returns the notebook to execute: from the twin when that is newer and says something else."""
    if not notebook_path.exists():
        return jupytext.read(twin_path, fmt="md:myst")
    notebook = nbformat.read(notebook_path, as_version=4)
    if not twin_path.exists():
        return notebook
    twin = jupytext.read(twin_path, fmt="md:myst")
    twin_is_newer = twin_path.stat().st_mtime > notebook_path.stat().st_mtime
    if twin_is_newer and content(twin) != content(notebook):
        print(f"{notebook_path.stem}: inputs from text/{twin_path.name}")
        return twin
    return notebook


def execute(notebook, folder, description=""):
    """Executes a notebook in place, with a bar that advances by cells in a terminal."""
    with tqdm(
        total=len(notebook.cells), unit="cell", desc=description, disable=not sys.stderr.isatty()
    ) as bar:
        client = NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            record_timing=False,
            store_widget_state=False,
            # Kernels warn on every start that their traffic on this machine is not encrypted.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            on_cell_complete=lambda cell, cell_index: bar.update(),
        )
        client.execute()


def clean(notebook, number):
    """Removes what changes from one execution to the next, and numbers the cells' ids."""
    language = notebook.metadata.get("language_info", {"name": "python"})
    language.pop("version", None)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": language,
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for position, cell in enumerate(notebook.cells, start=1):
        cell.id = f"{number}-{position:02d}"
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = output.text.replace("\r\n", "\n")


def refresh(notebook_path):
    """Refreshes one notebook and its twin; returns what is wrong with it, a list of sentences."""
    stem, folder = notebook_path.stem, notebook_path.parent
    twin_path = folder / "text" / f"{stem}.md"
    notebook = read_inputs(notebook_path, twin_path)
    started = time.perf_counter()
    try:
        execute(notebook, folder, stem)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return [f"nothing was written, a cell failed:\n{error}"]
    seconds = time.perf_counter() - started
    clean(notebook, stem[:2])
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    twin = jupytext.writes(notebook, fmt="md:myst")
    # The notebook last: of two files of one time, the notebook is to be the newer.
    write_text(twin_path, twin)
    write_text(notebook_path, text)
    size = len(text.encode())
    print(f"{stem}: {size / 1000:.0f} kB, {seconds:.0f} s", flush=True)
    return find_problems(nbformat.reads(text, as_version=4), twin, size)


def main(arguments=None, folder=ROOT / "notebooks"):
    """Refreshes the notebooks that the arguments name; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("selection", nargs="?", default="", help="03, 01-03 or 01,04; else all")
    options = parser.parse_args(arguments)
    os.environ.pop("MPLBACKEND", None)
    # A new notebook begins as a twin alone.
    stems = {path.stem for path in [*folder.glob("*.ipynb"), *folder.glob("text/*.md")]}
    found = {stem[:2]: folder / f"{stem}.ipynb" for stem in sorted(stems)}
    try:
        notebooks = select(found, options.selection)
    except RunError as error:
        parser.error(str(error))
    failed = False
    for notebook in notebooks:
        for problem in refresh(notebook):
            failed = True
            print(f"{notebook.stem}: {problem}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
