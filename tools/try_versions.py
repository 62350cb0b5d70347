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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
ENCODER = ROOT / "data" / "pretrained" / "encoder.keras"
NOT_COPIED = (".git", ".venv*", "runs", "results", "benchmarks", "*.egg-info", "__pycache__")
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


def do(what, command, log, cwd):
    """Runs a command and prints how long it took; stops with its last lines if it fails.

    Returns what it printed, which goes to the file `log` too.
    """
    started = time.monotonic()
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with open(log, "w") as output:
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=outside
        )
    said = log.read_text(errors="replace").strip()
    if done.returncode:
        sys.exit(f"{what} failed:\n{said[-3000:]}")
    print(f"{what}: {time.monotonic() - started:.0f} s", flush=True)
    return said


def pip(python):
    return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def try_python(version, python, folder):
    """Installs, runs and loads under one Python; returns the interpreter of its environment."""
    name, log = f"Python {version}", folder / f"{version}.txt"
    # A copy, since an installation writes beside the sources.
    sources = shutil.copytree(ROOT, folder / version, ignore=shutil.ignore_patterns(*NOT_COPIED))
    inside = sources / ".venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    do(f"{name}, environment", [python, "-m", "venv", ".venv"], log, sources)
    install = [*pip(inside), "-c", "constraints.txt", "-e", ".[dev]"]
    do(f"{name}, installation", install, log, sources)
    run = [inside, "-m", "simclr_utils", "run", "--preset", "tiny", "--notebooks", "01-05"]
    do(f"{name}, tiny run", [*run, "--out", "runs/tiny"], log, sources)
    load_alone(name, inside, folder, log)
    return inside


def load_alone(name, python, folder, log, keras=None):
    """Loads the encoder where nothing of this package is, with a Keras of its own if there is."""
    program = f"import sys, runpy; sys.path[0] = {str(keras or folder)!r}; "
    program += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    script = ROOT / "tools" / "load_encoder_alone.py"
    command = [python, "-c", program, script, ENCODER, folder / "features.npz"]
    print(do(f"{name}, encoder", command, log, folder).splitlines()[-1], flush=True)


def try_keras(version, python, folder):
    """Loads the encoder in a minor version of Keras, put before the one that is installed."""
    name, target, log = f"Keras {version}", folder / f"keras{version}", folder / f"k{version}.txt"
    install = [*pip(python), "--no-deps", "--target", target, f"keras=={version}.*"]
    do(f"{name}, installation", install, log, folder)
    load_alone(name, python, folder, log, target)


def try_all(found, folder):
    """Tries Pythons, a dict from version to path, two at a time, then the versions of Keras."""
    load_alone("here", sys.executable, folder, folder / "here.txt")  # what the others are held to
    with ThreadPoolExecutor(2) as pool:
        tried = [pool.submit(try_python, *each, folder) for each in found.items()]
        # The newest versions of Keras need a newer Python than the oldest that is promised.
        newest = [future.result() for future in tried][-1]
        for future in [pool.submit(try_keras, each, newest, folder) for each in keras_versions()]:
            future.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every Python, not oldest and newest")
    options = parser.parse_args()
    found = {version: find_python(version) for version in PYTHONS}
    missing = [version for version, path in found.items() if path is None]
    found = {version: path for version, path in found.items() if path is not None}
    if missing:
        print(f"NOT tried, as they are not found here: Python {', '.join(missing)}", flush=True)
    if not found:
        sys.exit(f"There is no Python {PYTHONS[0]} to {PYTHONS[-1]} here.")
    if not options.all:
        found = {version: found[version] for version in (list(found)[0], list(found)[-1])}
    with tempfile.TemporaryDirectory() as folder:
        try_all(found, Path(folder))
    print(f"ok: Python {', '.join(found)}; Keras {', '.join(keras_versions())}")


if __name__ == "__main__":
    main()
