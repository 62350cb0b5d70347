"""Timing several things in turn, and one table of what was found."""

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
    """Times variants in turn, so that a slow minute of the machine meets all of them.

    Args:
        variants: dict from a name to a function without arguments; each is called once before.
        repetitions: int.

    Returns:
        A dict from each name to the median of its seconds.
    """
    seconds = {name: [] for name in variants}
    for repetition in range(repetitions + 1):
        for name, work in variants.items():
            started = time.perf_counter()
            work()
            if repetition:  # the first one builds graphs
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def run_alone(script, *arguments, python=sys.executable):
    """Runs a script in a process of its own, whose largest memory is its own (not on Windows).

    Args:
        script: path.
        *arguments: what the command line takes.
        python: path of the interpreter.

    Returns:
        What the script printed last, read as JSON.
    """
    command = [str(part) for part in (python, script, *arguments)]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}  # memory that is free goes back sooner
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def read_rows(name):
    """The rows of `results/benchmarks/<name>.csv`, a list of dicts; empty if there are none."""
    path = RESULTS / f"{name}.csv"
    return pd.read_csv(path).to_dict("records") if path.exists() else []


def write_rows(name, rows):
    """Writes rows (dicts of the same keys) as `results/benchmarks/<name>.csv`, with what made them.

    Args:
        name: str.
        rows: list of dicts; what made a row and stands in it already, from an earlier run, stays.
    """
    made = {"date": provenance.provenance()["date"][:10], "commit": provenance.commit()}
    made |= {"versions": provenance.versions_string(), "hardware": provenance.hardware_string()}
    table = io.StringIO()
    writer = csv.DictWriter(table, dict.fromkeys([*rows[0], *made]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**made, **row} for row in rows)
    files.write_text(RESULTS / f"{name}.csv", table.getvalue())
    print(rows[-1], flush=True)
