"""Installs and runs the course under the promised Pythons, and loads its encoder in each Keras.

    python tools/try_versions.py            # the oldest and the newest Python that are found
    python tools/try_versions.py --all      # every one

For each Python: a new environment, the README's installation, `run --preset tiny` of notebooks 01
to 05, and the encoder of `data/pretrained` in Keras alone. Then the same file in every minor
version of Keras from pyproject.toml's oldest to constraints.txt's newest. Interpreters are looked
for on PATH and asked of pyenv and uv; those that are missing are named.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
ENCODER = ROOT / "data" / "pretrained" / "encoder.keras"
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def output_of(*command):
    """Returns what a command prints, or nothing if it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find_python(version):
    """Returns the path of a Python of a version such as "3.10", or None."""
    candidates = [shutil.which(f"python{version}")]
    pyenv = output_of("pyenv", "root")
    if pyenv:
        candidates += sorted(Path(pyenv).glob(f"versions/{version}.*/bin/python"))
    for uv in (["uv"], [sys.executable, "-m", "uv"]):
        candidates.append(output_of(*uv, "python", "find", version))
    # A shim of pyenv answers to its name and then refuses: each is asked.
    return next((str(c) for c in candidates if c and output_of(c, "-c", VERSION) == version), None)


def keras_versions():
    """Returns the minor versions of Keras from the oldest allowed to the newest pinned."""
    oldest = re.search(r'"keras>=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    pinned = re.findall(r"^keras==3\.(\d+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return [f"3.{minor}" for minor in range(int(oldest[1]), max(map(int, pinned)) + 1)]


def do(what, command, log, cwd=ROOT):
    """Runs a command, prints how long it took, and stops with its last lines if it fails.

    Returns its last line, in a list.
    """
    started = time.monotonic()
    with open(log, "w") as output:
        outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=outside
        )
    print(f"  {what}: {time.monotonic() - started:.0f} s", flush=True)
    said = log.read_text()
    if done.returncode:
        sys.exit(f"{what} failed:\n{said[-3000:]}")
    return said.strip().splitlines()[-1:]


def try_python(version, python, folder):
    """Installs, runs and loads under one Python; returns the interpreter of its environment."""
    print(f"Python {version}", flush=True)
    environment = folder / f"python{version}"
    inside = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    log = folder / "log.txt"
    do("environment", [python, "-m", "venv", environment], log)
    pip = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    do("installation", [*pip, "-c", "constraints.txt", "-e", ".[dev]"], log)
    run = [inside, "-m", "simclr_utils", "run", "--preset", "tiny", "--notebooks", "01-05"]
    do("tiny run", [*run, "--out", folder / f"run{version}"], log)
    load_alone(inside, folder)
    return inside


def load_alone(python, folder, keras=None):
    """Loads the encoder in a folder that has nothing of this package, with a Keras of its own."""
    script = shutil.copy(ROOT / "tools" / "load_encoder_alone.py", folder)
    program = f"import sys, runpy; sys.path.insert(0, {str(keras or folder)!r}); "
    program += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [python, "-c", program, script, ENCODER, folder / "features.npz"]
    print(" ", *do("encoder", command, folder / "log.txt", cwd=folder), flush=True)


def try_keras(version, python, folder):
    """Loads the encoder in a minor version of Keras, put before the one that is installed."""
    target = folder / f"keras{version}"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    do(f"Keras {version}", [*pip, "--target", target, f"keras=={version}.*"], folder / "log.txt")
    load_alone(python, folder, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every Python, not oldest and newest")
    options = parser.parse_args()
    found = {version: find_python(version) for version in PYTHONS}
    missing = [version for version, path in found.items() if path is None]
    found = {version: path for version, path in found.items() if path is not None}
    if missing:
        print(f"NOT tried, as they are not found here: Python {', '.join(missing)}")
    if not found:
        sys.exit(f"There is no Python {PYTHONS[0]} to {PYTHONS[-1]} here.")
    ends = dict.fromkeys([min(found, key=PYTHONS.index), max(found, key=PYTHONS.index)])
    chosen = list(found if options.all else ends)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        environments = [try_python(version, found[version], folder) for version in chosen]
        for version in keras_versions():
            # The newest versions of Keras need a newer Python than the oldest that is promised.
            try_keras(version, environments[-1], folder)
    print(f"ok: Python {', '.join(chosen)}; Keras {', '.join(keras_versions())}")


if __name__ == "__main__":
    main()
