"""Executes notebooks from the command line, in order, into the folder of a run."""

import shlex
import shutil
import sys
import time
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from simclr_utils import files
from simclr_utils.cli import report
from simclr_utils.cli.arguments import (
    assign_parameters,
    choose_parameters,
    leave_out_labels,
    resolve_source,
)
from simclr_utils.cli.frame import as_run_error
from simclr_utils.cli.run_folder import advise, describe_source, open_run
from simclr_utils.parameters import SETTING_NAMES, absolute_paths
from simclr_utils.system import provenance
from simclr_utils.system.folder_lock import hold
from simclr_utils.training.findings import stored_findings

# Seconds a cell may take: long enough for slow machines, short enough that a hang is noticed. A
# training run of the larger presets may take days.
CELL_TIMEOUTS = {"tiny": 600, "quick": 1800, "laptop": 7 * 24 * 3600, "full": 7 * 24 * 3600}
FAILURES = (PapermillExecutionError, CellTimeoutError, DeadKernelError)
# Errors in a cell that may not occur again when the command is repeated.
TRANSIENT = ("KeyboardInterrupt", "OSError", "ConnectionError", "TimeoutError", "MemoryError")
TRANSIENT += ("ResourceExhaustedError",)


def run(
    notebooks: list[Path],
    source: str = "glyphs",
    preset: str = "quick",
    seed: int = 0,
    settings: dict | None = None,
    out: str | Path | None = None,
) -> bool:
    """Executes notebooks with papermill and prints their results.

    Args:
        notebooks: Paths of notebooks, as `select_notebooks` returns them.
        source: String, the name of a data set or the path of a folder of images.
        preset: String, one of `PRESET_NAMES`.
        seed: Integer. The encoder goes to `encoders/<seed>/`.
        settings: Dict from names to values, for the notebooks with a parameter of that name.
        out: Path of the folder to write, by default `runs/<source>-<preset>`, with a number if
            that exists. An existing folder is continued if it belongs to the same run or study.

    Returns:
        `True` if all notebooks finished.

    Raises:
        RunError: If an argument is not allowed. Nothing has been written then.
    """
    source, settings = resolve_source(source), absolute_paths(settings or {})
    notebooks = leave_out_labels(notebooks, source)
    names = assign_parameters(notebooks, settings, seed)
    takes_all = any("settings" in taken for taken in names.values())
    unused = [
        name
        for name in settings
        if not any(name in taken for taken in names.values())
        and not (takes_all and name in SETTING_NAMES)
    ]
    if unused:
        print(f"These notebooks do not use: {', '.join(unused)}.")
    record = {**describe_source(source), "preset": preset, "seed": seed, "settings": settings}
    run_dir, record = open_run(record, out)
    with hold(run_dir):
        return execute_all(notebooks, names, run_dir, record, source)


def execute_all(
    notebooks: list[Path], names: dict, run_dir: Path, record: dict, source: str
) -> bool:
    """Executes notebooks into a run's folder and writes the report.

    Args:
        notebooks: Paths of notebooks.
        names: Dict from a notebook to the names of its parameters.
        run_dir: Path, as `open_run` returns it.
        record: Dict, as `open_run` returns it.
        source: String, as `resolve_source` returns it.

    Returns:
        `True` if all notebooks finished.
    """
    preset, seed, settings = (record[name] for name in ("preset", "seed", "settings"))
    record["command"] = "python -m simclr_utils " + shlex.join(sys.argv[1:])
    record["provenance"] = provenance.provenance(preset=preset, seed=seed)
    given = {"source": source, "preset": preset, "seed": seed, "run_dir": str(run_dir)}
    passed = {"cache_dir": str(run_dir.parent / "cache"), **settings}
    print(f"Writing {run_dir}", flush=True)
    path, done = run_dir / "run.json", record.setdefault("notebooks", {})
    files.save_json(path, record)
    for notebook in notebooks:
        parameters = choose_parameters(names[notebook], given, passed)
        failure, transient, seconds = execute(notebook, run_dir, parameters, CELL_TIMEOUTS[preset])
        done[notebook.stem] = {"failure": failure, **seconds}
        # Notebooks write to the same record.
        record = files.update_json(path, notebooks=done)
        report.export_notebook(run_dir, notebook.name)
        if failure:
            left = ",".join(path.stem[:2] for path in notebooks[notebooks.index(notebook) :])
            print("\n".join(["", *stored_findings(run_dir), advise(run_dir, left, transient)]))
            print(failure, file=sys.stderr)
            return False
    with as_run_error():  # rows of a method that is unknown
        print(report.write_report(run_dir, record))
    return True


def execute(notebook: Path, run_dir: Path, parameters: dict, timeout: int) -> tuple:
    """Executes one notebook into `run_dir/notebooks`. If it fails, the cells that ran are kept.

    Args:
        notebook: Path of the notebook. Its folder is the working directory.
        run_dir: Path of the run.
        parameters: Dict of the parameters to inject.
        timeout: Integer, the seconds that one cell may take.

    Returns:
        A tuple of three: a sentence on what failed, or `None`; whether the same command may
        succeed when it is repeated; and a dict with the total `seconds`, and the seconds of each
        of the `cells` that ran.
    """
    output = run_dir / "notebooks" / notebook.name
    output.parent.mkdir(exist_ok=True)
    # No bar without a terminal: it redraws its line, which would fill a log file. The size is
    # given because tqdm prints nothing in terminals without one, as in containers.
    columns, rows = shutil.get_terminal_size()
    terminal = {"desc": notebook.stem, "ncols": columns, "nrows": rows}
    bar = terminal if sys.stderr.isatty() else False
    started, failure, transient = time.perf_counter(), None, True
    try:
        papermill.execute_notebook(
            notebook,
            output,
            parameters,
            kernel_name="python3",
            cwd=notebook.parent,
            execution_timeout=timeout,
            progress_bar=bar,
            # Kernels warn at every start that their traffic on this machine is not encrypted.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except (*FAILURES, KeyboardInterrupt) as error:
        failure = _cause(error, timeout)
        transient = getattr(error, "ename", None) in (None, *TRANSIENT)
    seconds = time.perf_counter() - started
    cells = _cell_seconds(output)
    if failure:
        failure = f"{notebook.name} failed in cell [{len(cells)}] of {output}: {failure}"
    elif not bar:
        print(f"{notebook.stem}: {len(cells)} cells in {seconds:.0f} s", flush=True)
    return failure, transient, {"seconds": round(seconds, 1), "cells": cells}


def _cause(error, timeout):
    if isinstance(error, CellTimeoutError):
        return f"the cell took longer than {timeout} seconds"
    if isinstance(error, DeadKernelError):
        return (
            "the kernel died, perhaps because memory ran out. Try a smaller batch_size or "
            "image_size, in a new folder"
        )
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"{error.ename}: {error.evalue}"


def _cell_seconds(path):
    """Returns the seconds of each code cell that was started, as papermill notes them."""
    if not path.exists():
        return []
    cells = nbformat.read(path, as_version=4).cells
    notes = [cell.metadata.get("papermill", {}) for cell in cells if cell.cell_type == "code"]
    return [round(note.get("duration") or 0, 1) for note in notes if note.get("start_time")]
