"""Kills and sabotages runs, loads damaged files, and writes `results/reliability.md`.

python tools/soak.py --kills 50 --files 20000
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import zip_longest
from pathlib import Path

from simclr_utils.session import set_environment

set_environment()

import hostile_input  # noqa: E402 TensorFlow reads its environment when it is imported
import sabotage  # noqa: E402
from fuzz_images import fuzz, seed_files  # noqa: E402
from kill_test import kill_and_compare  # noqa: E402

from simclr_utils import files  # noqa: E402
from simclr_utils.data.opening import FORMATS  # noqa: E402
from simclr_utils.evaluation import results  # noqa: E402
from simclr_utils.system import provenance  # noqa: E402
from simclr_utils.training.pretraining import load_encoder  # noqa: E402

TARGET = Path(__file__).resolve().parent.parent / "results" / "reliability.md"
HEAD = """# Reliability: what was broken on purpose, and the outcome

Made by `make soak` on {made}; {minutes:.0f} minutes.
"""
KILLS = """
## Killed and resumed

A small pretraining run (60 epochs, a checkpoint after each) was killed by SIGKILL {kills} times,
{inside} of them while a checkpoint was half written, and resumed by the same command. After each
epoch, weights, batch statistics, optimizer, random state and loss were compared with those of a
run without interruption: {compared} epochs compared, **{different} different**. The final weights
and the history were the same: **{same}**. (A run that reached its end was followed by another.
Runs: {runs}.)
"""
SABOTAGE = """
## Sabotaged

Each bug was put into a small run. The run doctor, or the object that guards the rule, had to name
it. {caught} of {all} were named. In {silent} of {healthy} healthy runs there was no finding.

| Bug | Caught by | Message |
|---|---|---|
"""
INPUT = """
## Broken and hostile input

Each case was put into a folder of good images (or replaced a data set's file), and loaded. Labels
were compared with those that the images were written with: {wrong} wrong. {right} of {all} cases
had the expected outcome.

| Input | Result |
|---|---|
"""
REPEATED = """
## Repeated

Notebooks 03 to 05 were run twice with the same seed (`{options}`) and the networks of the preset
`quick`. Of {rows} rows of results, {different} differ in more than their minutes. The curves of
pretraining are {curves}, the weights of the encoder {weights}.
"""
FUZZ = """
## Damaged files

{files:,} image files were made from {seeds} valid ones ({formats}, in every mode of each format) by
one to four mutations, and decoded by the loader. Read {read:,}, refused {refused:,} ({reasons});
**crashes {crashes}, results of a wrong form {wrong}**. The slowest file took {slowest:.2f} s.
"""


def kills_section(num_kills):
    with tempfile.TemporaryDirectory() as folder:
        found = kill_and_compare(folder, num_kills)
    return KILLS.format(
        kills=found["kills"],
        inside=found["inside saves"],
        compared=found["epochs compared"],
        different=found["different"],
        runs=found["runs"],
        same="yes" if found["same end"] else "no",
    )


def sabotage_section():
    rows, caught = [], 0
    for bug, name, inject in sabotage.SABOTAGES:
        said = next((line for line in inject() if line.startswith(f"{name}:")), None)
        caught += said is not None
        rows.append(f"| {bug} | {name if said else '**not caught**'} | {said or ''} |")
        print(rows[-1], flush=True)
    silent = sum(sabotage.train(seed) == [] for seed in sabotage.HEALTHY_SEEDS)
    numbers = {"all": len(rows), "healthy": len(sabotage.HEALTHY_SEEDS)}
    return SABOTAGE.format(caught=caught, silent=silent, **numbers) + "\n".join(rows) + "\n"


def input_section():
    rows, right, wrong = [], 0, 0
    for name, case, words in hostile_input.CASES:
        said = hostile_input.outcome(case)
        right += words in said
        wrong += hostile_input.WRONG_LABEL in said
        rows.append(f"| {name} | {said if words in said else f'**{said}**'} |".replace("<", "&lt;"))
        print(rows[-1], flush=True)
    return INPUT.format(right=right, wrong=wrong, all=len(rows)) + "\n".join(rows) + "\n"


def repeated_section():
    options = "--notebooks 03-05 --set pretraining_steps=60 --set supervised_steps_factor=2"
    command = [sys.executable, "-m", "simclr_utils", "run", *options.split(), "--out"]
    tables, curves, weights = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first", "second"):
            run = Path(folder) / name
            subprocess.run([*command, str(run)], check=True, stdout=subprocess.DEVNULL)
            frame = results.Results(run / "results.csv").frame().drop(columns="minutes")
            tables.append(frame.to_csv(index=False).splitlines())
            encoder = run / "encoders" / "0"
            curves.append((encoder / "pretraining.csv").read_bytes())
            weights.append([w.tobytes() for w in load_encoder(encoder)[0].get_weights()])
    pairs = zip_longest(*tables)
    return REPEATED.format(
        options=options,
        rows=len(tables[0]) - 1,
        different=sum(first != second for first, second in pairs),
        curves="the same to the last digit" if curves[0] == curves[1] else "**different**",
        weights="the same to the last bit" if weights[0] == weights[1] else "**different**",
    )


def fuzz_section(num_files):
    found = fuzz(num_files)
    print(found["wrong"], flush=True)
    reasons = ", ".join(f"{name} {count:,}" for name, count in found["refused"].most_common())
    return FUZZ.format(
        files=found["files"],
        seeds=len(seed_files()),
        formats=", ".join(FORMATS),
        read=found["read"],
        refused=sum(found["refused"].values()),
        reasons=reasons,
        crashes=found["crashes"],
        wrong=len(found["wrong"]),
        slowest=found["slowest"][0],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--files", type=int, default=20_000)
    options = parser.parse_args()
    started = time.monotonic()
    sections = [fuzz_section(options.files), input_section(), sabotage_section()]
    sections = [kills_section(options.kills), repeated_section(), *sections]
    minutes = (time.monotonic() - started) / 60
    head = HEAD.format(made=provenance.provenance_line(), minutes=minutes)
    files.write_text(TARGET, "".join([head, *sections]))
    print(f"Wrote {os.path.relpath(TARGET)}")


if __name__ == "__main__":
    main()
