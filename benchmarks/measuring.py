"""Times functions in turn, runs scripts in their own processes, and stores the results."""

import csv
import io
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from simclr_utils import files
from simclr_utils.system import provenance

RESULTS = Path(__file__).resolve().parent.parent / "results" / "benchmarks"


def interleave(variants, repetitions):
    """Times variants in turn, so that a slow minute of the machine affects all of them.

    Args:
        variants: Dict from a name to a function without arguments. Each is first called once
            without timing.
        repetitions: Integer, the number of timed calls.

    Returns:
        A dict from each name to its median seconds.
    """
    seconds = {name: [] for name in variants}
    for repetition in range(repetitions + 1):
        for name, work in variants.items():
            started = time.perf_counter()
            work()
            if repetition:  # the first call builds graphs
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def run_alone(script, *arguments, python=sys.executable):
    """Runs a script in its own process, so that its peak memory is its own (not on Windows).

    Args:
        script: Path of the script.
        *arguments: Arguments of its command line.
        python: Path of the interpreter.

    Returns:
        The last line that the script printed, decoded from JSON.
    """
    command = [str(part) for part in (python, script, *arguments)]
    environment = {
        **os.environ,
        "MALLOC_ARENA_MAX": "2",
    }  # free memory is returned to the system sooner
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def read_rows(name):
    """Returns the rows of `results/benchmarks/<name>.csv` as dicts, or an empty list."""
    path = RESULTS / f"{name}.csv"
    return pd.read_csv(path).to_dict("records") if path.exists() else []


def write_rows(name, rows, folder=None):
    """Writes rows and their provenance to `results/benchmarks/<name>.csv`.

    Args:
        name: String, the name of the file.
        rows: List of dicts with equal keys. A row that has its provenance from an earlier run
            keeps it.
        folder: Path of another folder than `results/benchmarks`, or `None`.
    """
    made = {"date": provenance.provenance()["date"][:10], "commit": provenance.commit()}
    made |= {"versions": provenance.versions_string(), "hardware": provenance.hardware_string()}
    table = io.StringIO()
    writer = csv.DictWriter(table, dict.fromkeys([*rows[0], *made]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**made, **row} for row in rows)
    files.write_text((folder or RESULTS) / f"{name}.csv", table.getvalue())
    print(rows[-1], flush=True)
