"""Executes notebooks and stores their outputs, the only way to make stored outputs.

Each notebook has a MyST twin in `text/`. The inputs come from the newer one of the two. The
notebook is executed in a fresh kernel with its default parameters. Then both are written, unless a
cell failed. The navigation line of every notebook is updated first.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from navigation import COURSE, navigation_line, update_navigation
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from notebook_rules import content, find_problems
from small_pictures import shrink_outputs
from tqdm import tqdm

from simclr_utils.cli.arguments import select
from simclr_utils.cli.run_folder import RunError
from simclr_utils.files import write_text

ROOT = Path(__file__).resolve().parent.parent
SECONDS_PER_CELL = 600


def read_inputs(notebook_path, twin_path):
    """Returns the notebook to execute, from the twin if that is newer and differs."""
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
    """Executes a notebook in place and shows a bar of its cells in a terminal."""
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
    """Removes what differs between executions, and numbers the cells."""
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


def refresh(notebook_path, line, times=None):
    """Refreshes one notebook and its twin.

    Args:
        notebook_path: `Path` of the notebook.
        line: String, its navigation line, or `None` if the course does not list it.
        times: `Path` of a JSON file in which the minutes are noted, or `None`.

    Returns:
        A list of sentences, one for each problem.
    """
    stem, folder = notebook_path.stem, notebook_path.parent
    twin_path = folder / "text" / f"{stem}.md"
    notebook = read_inputs(notebook_path, twin_path)
    started = time.perf_counter()
    try:
        execute(notebook, folder, stem)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return [f"a cell failed, so nothing was written:\n{error}"]
    seconds = time.perf_counter() - started
    clean(notebook, stem[:2])
    shrink_outputs(notebook)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    twin = jupytext.writes(notebook, fmt="md:myst")
    # The notebook last: it counts as the newer one if both have the same time.
    write_text(twin_path, twin)
    write_text(notebook_path, text)
    size = len(text.encode())
    print(f"{stem}: {size / 1000:.0f} kB, {seconds:.0f} s", flush=True)
    if times is not None:
        known = json.loads(times.read_text(encoding="utf-8")) if times.exists() else {}
        write_text(times, json.dumps({**known, stem: round(seconds / 60, 2)}, indent=1) + "\n")
    return find_problems(nbformat.reads(text, as_version=4), twin, size, line)


def main(arguments=None, folder=ROOT / "notebooks", course=COURSE):
    """Refreshes the notebooks that the arguments name and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("selection", nargs="?", default="", help="03, 01-03 or 01,04; default: all")
    parser.add_argument(
        "--times", type=Path, help="a JSON file for the minutes, which lesson_table.py reads"
    )
    options = parser.parse_args(arguments)
    os.environ.pop("MPLBACKEND", None)
    # A new notebook begins as a twin alone.
    stems = {path.stem for path in [*folder.glob("*.ipynb"), *folder.glob("text/*.md")]}
    found = {stem[:2]: folder / f"{stem}.ipynb" for stem in sorted(stems)}
    try:
        notebooks = select(found, options.selection)
    except RunError as error:
        parser.error(str(error))
    update_navigation(folder, course)
    failed = False
    for notebook in notebooks:
        for problem in refresh(notebook, navigation_line(notebook.stem, course), options.times):
            failed = True
            print(f"{notebook.stem}: {problem}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
