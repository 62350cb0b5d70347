"""Measures the parts of the duration of `make run` and `make test`, in a fresh clone.

python benchmarks/where_time_goes.py

The clone makes its own environment first, as a new user's would.
"""

import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from measuring import write_rows

ROOT = Path(__file__).resolve().parent.parent
# Matches a line of `make run`, and a line of pytest's list of durations.
NOTEBOOK = re.compile(r"^(\w+): \d+ cells in (\d+) s$", re.MULTILINE)
TEST = re.compile(r"^(\d+\.\d+)s (?:call|setup|teardown) +(?:\w+/)*(\w+)\.\w+::", re.MULTILINE)


def seconds_by_part(text):
    """Returns the seconds of each notebook or test file in the output of a command."""
    parts = Counter()
    for name, seconds in NOTEBOOK.findall(text):
        parts[name] += float(seconds)
    for seconds, name in TEST.findall(text):
        parts[name] += float(seconds)
    return parts


def run_aloud(command, folder, environment):
    """Runs a command, prints and returns its output, and ends this script if it fails."""
    lines = []
    with subprocess.Popen(
        command.split(), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            lines.append(line)
            print(line, end="", flush=True)
    if process.returncode:
        raise SystemExit(f"{command} failed in a fresh clone with exit code {process.returncode}.")
    return "".join(lines)


def main():
    environment = {**os.environ, "PYTEST_ADDOPTS": "--durations=0"}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        for command in ("make environment", "make run", "make test"):
            started = time.monotonic()
            printed = run_aloud(command, folder, environment)
            took = time.monotonic() - started
            rows.append({"command": command, "part": "from start to end", "seconds": round(took)})
            rows += [
                {"command": command, "part": part, "seconds": round(seconds)}
                for part, seconds in seconds_by_part(printed).most_common()
            ]
            write_rows("where_time_goes", rows)


if __name__ == "__main__":
    main()
