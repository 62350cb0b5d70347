"""Compares the training speed of the course with that of other implementations of SimCLR.

python benchmarks/against_peers.py

The script makes an environment for the others (some gigabytes) in `benchmarks/.peers`. It runs each
implementation in its own process, all in turn, several times, on a folder of JPEG files. The course
and the Keras.io example decode every file once, before the clock starts. lightly decodes files in
every epoch, so its time includes the decoding.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from measuring import run_alone, write_rows
from PIL import Image

from simclr_utils.data.shapes import CLASS_NAMES, render_shapes
from simclr_utils.system.processor import BFLOAT16_FLAGS, processor_flags

PEERS = Path(__file__).resolve().parent / "peers"
# The name of each implementation, its script, and its options.
WAYS = {
    "this course": ("ours.py", []),
    "Keras.io's way": ("keras_io_way.py", ["--plain"]),
    "Keras.io's way, started as this course": ("keras_io_way.py", []),
    "lightly as documented, 2 workers": ("lightly_way.py", ["--workers", "2"]),
    "lightly as documented, 1 worker": ("lightly_way.py", ["--workers", "1"]),
    "lightly, channels last, 2 workers": ("lightly_way.py", ["--workers", "2", "--channels-last"]),
    "lightly, channels last, 1 worker": ("lightly_way.py", ["--workers", "1", "--channels-last"]),
}
if BFLOAT16_FLAGS & processor_flags():
    WAYS["this course, bfloat16"] = ("ours.py", ["--precision", "mixed_bfloat16"])
    for workers in ("2", "1"):
        tuned = ["--workers", workers, "--channels-last", "--bfloat16"]
        WAYS[f"lightly, channels last and bfloat16, workers: {workers}"] = ("lightly_way.py", tuned)


def peers_python(folder):
    """Returns the Python of the peers' environment, which is made if it does not exist."""
    name = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    python, finished = folder / name, folder / ".finished"
    if not finished.exists():
        venv.create(folder, with_pip=True, clear=True)
        requirements = str(PEERS / "requirements.txt")
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True)
        finished.touch()
    return python


def write_images(folder, count):
    """Writes small JPEG files in the folders of the course. The peers read `unlabeled/`."""
    shapes = render_shapes(count, seed=0)
    for index, (image, label) in enumerate(zip(shapes.images, shapes.labels, strict=True)):
        part = "unlabeled" if index >= 200 else f"train/{CLASS_NAMES[label]}"
        (folder / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / part / f"{index:05d}.jpg", quality=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--images", type=Path, help="folder with unlabeled/ of 32x32 .jpg; default: a new one"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    python = peers_python(PEERS.parent / ".peers")
    rates = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as made:
        images = options.images or Path(made)
        if options.images is None:
            write_images(images, 20_000)
        for _ in range(options.rounds):
            for name, (script, more) in WAYS.items():
                interpreter = python if script.startswith("lightly") else sys.executable
                source = images if script == "ours.py" else images / "unlabeled"
                taken = ["--images", source, "--steps", options.steps, *more]
                rate = run_alone(PEERS / script, *taken, python=interpreter)["pairs_per_second"]
                rates[name].append(rate)
                print(f"{name}: {rate:,.0f} pairs a second", flush=True)
    rows = [
        {
            "way": name,
            "pairs_per_second": round(statistics.median(values), 1),
            "lowest": round(min(values), 1),
            "highest": round(max(values), 1),
        }
        for name, values in rates.items()
    ]
    write_rows("against_peers", rows)


if __name__ == "__main__":
    main()
