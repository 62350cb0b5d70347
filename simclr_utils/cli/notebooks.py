"""Executes the notebooks in order, outside Jupyter, into one folder a run."""

import shlex
import shutil
import sys
import time

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from simclr_utils import files
from simclr_utils.cli import report
from simclr_utils.cli.arguments import assign_parameters, leave_out_labels, resolve_source
from simclr_utils.cli.run_folder import RunError, advise, open_run
from simclr_utils.parameters import (
    absolute_paths,
)
from simclr_utils.places import user_path
from simclr_utils.system import provenance
from simclr_utils.system.folder_lock import hold
from simclr_utils.training.findings import stored_findings

# Seconds a cell may take: long enough for slow machines, short enough that a hang is noticed. The
# trainings of the larger presets may take days.
CELL_TIMEOUTS = {"tiny": 600, "quick": 1800, "laptop": 7 * 24 * 3600, "full": 7 * 24 * 3600}
FAILURES = (PapermillExecutionError, CellTimeoutError, DeadKernelError)
# Errors in a cell that the same command may not meet again: what it needs comes and goes.
PASSING = ("KeyboardInterrupt", "OSError", "ConnectionError", "TimeoutError", "MemoryError")
PASSING += ("ResourceExhaustedError",)


def run(notebooks, source="shapes", preset="quick", seed=0, settings=None, out=None):
    """Executes notebooks with papermill and reports what they found.

    Args:
        notebooks: Paths of notebooks, as `select_notebooks` returns them.
        source: A named data set, or a folder of images.
        preset: str, one of `PRESET_NAMES`.
        seed: Integer.
        settings: Dict from name to value, for the notebooks with a parameter of that name.
        out: The folder to write, by default `runs/<source>-<preset>` with a number when that
            exists. One that exists is continued when it belongs to the same run.

    Returns:
        `True` if all notebooks ran to their end.

    Raises:
        RunError: If an argument does not fit; nothing has been written then.
    """
    source, settings = resolve_source(source), absolute_paths(settings or {})
    notebooks = leave_out_labels(notebooks, source)
    names = assign_parameters(notebooks, settings, seed)
    idle = [name for name in settings if not any(name in taken for taken in names.values())]
    if idle:
        print(f"Of no effect on these notebooks: {', '.join(idle)}.")
    keep_kinds_apart(notebooks, out)
    run_dir, record = open_run(
        {"kind": "run", "source": source, "preset": preset, "seed": seed, "settings": settings},
        out,
    )
    with hold(run_dir):
        return execute_all(notebooks, names, run_dir, record)


def keep_kinds_apart(notebooks, out):
    """Refuses encoders of notebook 09, which makes a study, beside the one of notebook 03.

    Args:
        notebooks: Paths of notebooks.
        out: The folder to write, or None.

    Raises:
        RunError: If both are asked for, or the folder holds the other kind.
    """
    stems = [path.stem[:2] for path in notebooks]
    study, run = "09" in stems, bool({"03", "04", "05", "06"} & set(stems))
    folder = None if out is None else user_path(out)
    if folder is not None and (folder / "study.json").exists():
        study = True
    elif folder is not None and (folder / "results.csv").exists():
        run = True
    if study and run:
        raise RunError(
            "Notebook 09 pretrains encoders of its own, which would mix with the one that 03 to "
            "06 share: give it a folder of its own, with --notebooks 09 --out FOLDER."
        )


def execute_all(notebooks, names, run_dir, record):
    """Executes notebooks into a run's folder and writes the report.

    Args:
        notebooks: Paths of notebooks.
        names: Dict from a notebook to the names of its parameters.
        run_dir, record: What `open_run` returned.

    Returns:
        `True` if all notebooks ran to their end.
    """
    source, preset, seed = record["source"], record["preset"], record["seed"]
    settings = record["settings"]
    record["command"] = "python -m simclr_utils " + shlex.join(sys.argv[1:])
    record["provenance"] = provenance.provenance(preset=preset, seed=seed)
    given = {"source": source, "preset": preset, "seed": seed, "run_dir": str(run_dir)}
    given |= {"cache_dir": str(run_dir.parent / "cache"), **settings}
    print(f"Writing {run_dir}", flush=True)
    files.save_json(run_dir / "run.json", record)
    for notebook in notebooks:
        parameters = {name: given[name] for name in names[notebook]}
        failure, passing, seconds = execute(notebook, run_dir, parameters, CELL_TIMEOUTS[preset])
        record.setdefault("notebooks", {})[notebook.stem] = {"failure": failure, **seconds}
        files.save_json(run_dir / "run.json", record)
        report.export_notebook(run_dir, notebook.name)
        if failure:
            left = ",".join(path.stem[:2] for path in notebooks[notebooks.index(notebook) :])
            print("\n".join(["", *stored_findings(run_dir), advise(run_dir, left, passing)]))
            print(failure, file=sys.stderr)
            return False
    print(report.write_report(run_dir, record))
    return True


def execute(notebook, run_dir, parameters, timeout):
    """Executes one notebook into `run_dir/notebooks`, keeping what ran when it fails.

    Args:
        notebook: Path of the notebook; its folder is the working directory.
        run_dir: Path of the run.
        parameters: Dict of the parameters to inject.
        timeout: Seconds that one cell may take.

    Returns:
        A sentence on what failed, or None; whether the same command may well succeed another
        time; and a dict with the `seconds` in all and the seconds of each of the `cells` that ran.
    """
    output = run_dir / "notebooks" / notebook.name
    output.parent.mkdir(exist_ok=True)
    # A bar redraws its line: in a log file every redrawing would be a line of its own.
    # The size is given because tqdm stays silent in terminals, such as containers', that have none.
    columns, rows = shutil.get_terminal_size()
    terminal = {"desc": notebook.stem, "ncols": columns, "nrows": rows}
    bar = terminal if sys.stderr.isatty() else False
    started, failure, passing = time.perf_counter(), None, True
    try:
        papermill.execute_notebook(
            notebook,
            output,
            parameters,
            kernel_name="python3",
            cwd=notebook.parent,
            execution_timeout=timeout,
            progress_bar=bar,
            # Kernels warn on every start that their traffic on this machine is not encrypted.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except (*FAILURES, KeyboardInterrupt) as error:
        failure = _cause(error, timeout)
        passing = getattr(error, "ename", None) in (None, *PASSING)
    seconds = time.perf_counter() - started
    cells = _cell_seconds(output)
    if failure:
        failure = f"{notebook.name} failed in cell [{len(cells)}] of {output}: {failure}"
    elif not bar:
        print(f"{notebook.stem}: {len(cells)} cells in {seconds:.0f} s", flush=True)
    return failure, passing, {"seconds": round(seconds, 1), "cells": cells}


def _cause(error, timeout):
    if isinstance(error, CellTimeoutError):
        return f"the cell took longer than {timeout} seconds"
    if isinstance(error, DeadKernelError):
        return (
            "the kernel died, perhaps for want of memory: try a smaller batch_size or image_size, "
            "in a new folder"
        )
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"{error.ename}: {error.evalue}"


def _cell_seconds(path):
    """The seconds of each code cell that was started; papermill notes them as it goes."""
    if not path.exists():
        return []
    cells = nbformat.read(path, as_version=4).cells
    notes = [cell.metadata.get("papermill", {}) for cell in cells if cell.cell_type == "code"]
    return [round(note.get("duration") or 0, 1) for note in notes if note.get("start_time")]
