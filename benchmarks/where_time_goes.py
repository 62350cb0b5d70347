"""Where the time of `make run` and `make test` goes, in a fresh clone of the last commit.

python benchmarks/where_time_goes.py

The clone makes its own environment first, as a new user's does.
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
# A line of `make run`, and one of pytest's list of durations.
NOTEBOOK = re.compile(r"^(\w+): \d+ cells in (\d+) s$", re.MULTILINE)
TEST = re.compile(r"^(\d+\.\d+)s (?:call|setup|teardown) +(?:\w+/)*(\w+)\.\w+::", re.MULTILINE)


def seconds_by_part(text):
    """Seconds of each notebook or file of tests, from what a command has printed: a Counter."""
    parts = Counter()
    for name, seconds in NOTEBOOK.findall(text):
        parts[name] += float(seconds)
    for seconds, name in TEST.findall(text):
        parts[name] += float(seconds)
    return parts


def run_aloud(command, folder, environment):
    """Runs a command, prints what it prints, and returns that; a failure ends this script."""
    lines = []
    with subprocess.Popen(
        command.split(), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            lines.append(line)
            print(line, end="", flush=True)
    if process.returncode:
        raise SystemExit(f"{command} failed in a fresh clone, with {process.returncode}.")
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
