"""A user's terminal, with separate home and working folders."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SECONDS = 900
FOREIGN = re.compile(r"Traceback \(most recent call last\)")
# Environment variables that point outside the temporary folder, or set a backend or an encoding.
DROPPED = ("KERAS_", "XDG_", "PYTEST_", "PYTHONIOENCODING", "PYTHONUTF8", "MPL")


@dataclass(frozen=True)
class Ran:
    """The result of a command.

    Attributes:
        code: Integer, the exit code.
        text: String, everything that it printed.
    """

    code: int
    text: str

    @property
    def last(self):
        """The last line that was printed, or the last line that begins with an error."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        errors = [line for line in lines if re.match(r"(error:|\S+ failed in cell)", line)]
        return (errors or lines or [""])[-1]


class Terminal:
    """Runs commands as a user with a separate home folder.

    Args:
        folder: Path of an empty folder, in which `home` and `work` are made.
    """

    def __init__(self, folder):
        self.home, self.work = folder / "home", folder / "work"
        for path in (self.home, self.work):
            path.mkdir(parents=True)

    def run(self, *command, cwd=None, **environment):
        """Runs a command; `environment` is added to the variables. Returns a `Ran`."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(DROPPED)}
        home = {"HOME": str(self.home), "USERPROFILE": str(self.home)}
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or self.work,
            env={**kept, **home, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        encoding = environment.get("PYTHONIOENCODING", "utf-8")
        return Ran(done.returncode, done.stdout.decode(encoding, "replace"))

    def course(self, *arguments, **options):
        """Runs `python -m simclr_utils run --preset tiny` with more arguments."""
        command = (sys.executable, "-m", "simclr_utils", "run", "--preset", "tiny")
        return self.run(*command, *arguments, **options)

    def papermill(self, notebook, *parameters, **options):
        """Runs papermill on a notebook of the course with the preset `tiny`."""
        command = (sys.executable, "-m", "papermill", NOTEBOOKS / notebook, "out.ipynb")
        return self.run(*command, "-p", "preset", "tiny", *parameters, **options)

    def set_keras(self, **settings):
        """Writes the user's keras.json."""
        path = self.home / ".keras" / "keras.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")


def outputs(path):
    """Returns all text in the outputs of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    found = [output for cell in cells for output in cell.get("outputs", [])]
    shown = [o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in found]
    return "\n".join(shown)
