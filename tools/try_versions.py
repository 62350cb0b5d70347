"""Tries the course under the supported Pythons, and its encoder in the supported Keras versions.

    python tools/try_versions.py            # the oldest and the newest Python found
    python tools/try_versions.py --all      # every Python found

For each Python: makes an environment, installs the course as the README says, runs notebooks 01 to
05 with the preset `tiny`, and loads the encoder of `data/pretrained` in Keras alone. These
environments have different versions of Keras. The encoder is then loaded in the minor versions
that are left, from the oldest in pyproject.toml to the newest in constraints.txt. Interpreters come
from PATH, pyenv and uv. Those that are missing are named.
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
    """Returns what a command prints, or an empty string if it fails or does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find_python(version):
    """Returns the path of the Python of a version such as "3.10", or `None`."""
    candidates = [shutil.which(f"python{version}")]
    pyenv = output_of("pyenv", "root")
    if pyenv:
        candidates += sorted(Path(pyenv).glob(f"versions/{version}.*/bin/python"))
    for uv in (["uv"], [sys.executable, "-m", "uv"]):
        candidates.append(output_of(*uv, "python", "find", version))
    # A shim of pyenv may exist for a Python that is switched off, so each one is run.
    return next((str(c) for c in candidates if c and output_of(c, "-c", VERSION) == version), None)


def keras_versions():
    """Returns the minor versions of Keras from the oldest allowed to the newest pinned."""
    oldest = re.search(r'"keras>=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    pinned = re.findall(r"^keras==3\.(\d+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return [f"3.{minor}" for minor in range(int(oldest[1]), max(map(int, pinned)) + 1)]


def do(what, command, log, cwd):
    """Runs a command and prints how long it took.

    If the command fails, the program ends and shows its last lines.

    Args:
        what: String, what the command does.
        command: List, the program and its arguments.
        log: `Path` of a file for what the command prints.
        cwd: `Path`, the working directory.

    Returns:
        What the command printed, a string.
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
    # Without byte code for all of 200 packages: Python compiles what is imported.
    quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    return [python, "-m", "pip", "install", *quiet]


def try_python(version, python, folder):
    """Installs and runs the course under one Python.

    Returns:
        The path of the environment's interpreter, and its version of Keras, such as `"3.12"`.
    """
    name, log = f"Python {version}", folder / f"{version}.txt"
    # A copy, because an editable installation writes into the sources.
    sources = shutil.copytree(ROOT, folder / version, ignore=shutil.ignore_patterns(*NOT_COPIED))
    inside = sources / ".venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    do(f"{name}, environment", [python, "-m", "venv", ".venv"], log, sources)
    install = [*pip(inside), "-c", "constraints.txt", "-e", ".[dev]"]
    do(f"{name}, installation", install, log, sources)
    run = [inside, "-m", "simclr_utils", "run", "--preset", "tiny", "--notebooks", "01-05"]
    do(f"{name}, tiny run", [*run, "--out", "runs/tiny"], log, sources)
    return inside, load_alone(name, inside, folder, log)


def load_alone(name, python, folder, log, keras=None):
    """Loads the encoder without this package.

    Args:
        name: String, what is tried.
        python: Path of the interpreter.
        folder: `Path` of the features that every environment has to reproduce.
        log: `Path` of a file for what is printed.
        keras: `Path` of a Keras to use in place of the installed one, or `None`.

    Returns:
        The minor version of Keras, such as `"3.12"`.
    """
    program = f"import sys, runpy; sys.path[0] = {str(keras or folder)!r}; "
    program += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    script = ROOT / "tools" / "load_encoder_alone.py"
    command = [python, "-c", program, script, ENCODER, folder / "features.npz"]
    said = do(f"{name}, encoder", command, log, folder).splitlines()[-1]
    print(said, flush=True)
    return re.match(r"Keras (\d+\.\d+)", said)[1]


def try_keras(version, python, folder):
    """Loads the encoder in a minor version of Keras, which hides the installed one."""
    name, target, log = f"Keras {version}", folder / f"keras{version}", folder / f"k{version}.txt"
    install = [*pip(python), "--no-deps", "--target", target, f"keras=={version}.*"]
    do(f"{name}, installation", install, log, folder)
    load_alone(name, python, folder, log, target)


def try_all(found, folder):
    """Tries the Pythons, two at a time, and then the versions of Keras that none of them has.

    Args:
        found: Dict from the version of a Python to its path.
        folder: `Path` of a temporary folder.
    """
    # Writes the features that the others have to reproduce.
    load_alone("here", sys.executable, folder, folder / "here.txt")
    with ThreadPoolExecutor(2) as pool:
        tried = [pool.submit(try_python, *each, folder) for each in found.items()]
        pythons, done = zip(*[future.result() for future in tried], strict=True)
        missing = [version for version in keras_versions() if version not in done]
        # New versions of Keras do not support the oldest Python.
        for future in [pool.submit(try_keras, each, pythons[-1], folder) for each in missing]:
            future.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="try every Python that is found")
    options = parser.parse_args()
    found = {version: find_python(version) for version in PYTHONS}
    missing = [version for version, path in found.items() if path is None]
    found = {version: path for version, path in found.items() if path is not None}
    if missing:
        print(f"NOT tried, because not found: Python {', '.join(missing)}", flush=True)
    if not found:
        sys.exit(f"No Python {PYTHONS[0]} to {PYTHONS[-1]} was found.")
    if not options.all:
        found = {version: found[version] for version in (list(found)[0], list(found)[-1])}
    with tempfile.TemporaryDirectory() as folder:
        try_all(found, Path(folder))
    print(f"ok: Python {', '.join(found)}; Keras {', '.join(keras_versions())}")


if __name__ == "__main__":
    main()
