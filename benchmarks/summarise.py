"""Writes `results/benchmarks.md` from the CSVs beside it: each measurement with its goal."""

import json

import numpy as np
import pandas as pd
from measuring import RESULTS
from scipy.stats import t

from simclr_utils import files
from simclr_utils.system.provenance import explain_hardware

HEAD = """# Speed and memory

`make bench` measures most of this. The scripts `time_to_accuracy.py`, `laptop_curve.py` and
`precision_quality.py` in `benchmarks/` measure what takes longer. All rows are in the folder
`results/benchmarks`. A ratio compares numbers of one run. Memory is the peak of a separate
process with `MALLOC_ARENA_MAX=2`.
"""


def training_step_lines(table):
    """Yields the speed of a step of `fit`, and the time of its parts."""
    parts = table.set_index("part")
    fit, encoder = parts.loc["fit"], parts.loc["encoder, forward and backward"]
    bare = parts.loc["train_step, one batch again and again"]
    outside = 1 - encoder.ms_a_step / fit.ms_a_step
    name = f"{fit.precision}, batch {fit.batch_size}"
    yield (
        f"share of the matmul rate ({fit.matmul_gflops} GFLOP/s), {name}",
        f"{fit.share_of_matmul_rate:.0%}",
        "65 %",
        fit.share_of_matmul_rate >= 0.65,
    )
    yield f"of a step outside the encoder, {name}", f"{outside:.0%}", "10 %", outside <= 0.1
    for part in parts.index[parts["share_of_matmul_rate"].isna()]:
        share = parts.loc[part].ms_a_step / fit.ms_a_step
        yield f"of a step, alone: {part}, {name}", f"{share:.1%}", "", None
    cost = fit.ms_a_step / bare.ms_a_step - 1
    yield f"`fit` over a bare loop on one batch, {name}", f"{cost:+.0%}", "2 %", cost <= 0.02


def large_batch_lines(table):
    """Yields the time and memory of gradient caching."""
    for row in table.itertuples():
        name = f"batch {row.batch_size:,} by microbatches of {row.micro_batch_size}"
        memory = row.above_one_microbatch_gib
        goal = ("0.35 GiB", memory <= 0.35) if row.batch_size == 4096 else ("", None)
        yield f"memory above one microbatch's, {name}", f"{memory:.2f} GiB", *goal
        if row.time_ratio == row.time_ratio:
            met = row.time_ratio <= 1.4
            yield f"time over the plain step, {name}", f"{row.time_ratio:.2f}", "1.4", met


def cost_model_lines(table):
    """Yields estimated costs divided by measured ones."""
    for row in table.itertuples():
        for what, unit in {"minutes": "minutes", "memory_gib": "GiB", "disk_mb": "MB"}.items():
            said, took = (getattr(row, f"{what}_{part}") for part in ("said", "took"))
            ratio = getattr(row, f"{what}_ratio")
            met = 0.75 <= ratio <= 1.25
            goal = ("0.75 to 1.25", met) if what != "disk_mb" else ("at least 1", ratio >= 1)
            yield (
                f"{row.setting}: estimated {said:g}, measured {took:g} {unit}",
                f"{ratio:.2f}",
                *goal,
            )


def against_peers_lines(table):
    """Yields the speed relative to each peer's fastest form."""
    rates = table.set_index("way").pairs_per_second
    ours = {"float32": rates["this course"], "bfloat16": rates.get("this course, bfloat16")}
    documented = rates[rates.index.str.contains("as documented")].max()
    tuned = rates[rates.index.str.contains("channels last")].max()
    keras_io = rates[rates.index.str.startswith("Keras.io")].max()
    for precision, rate in ours.items():
        if rate is None:
            continue
        for name, other, goal in (
            ("lightly as documented", documented, 5.0),
            ("lightly tuned", tuned, 2.5),
            ("Keras.io's way", keras_io, 1.1 if precision == "float32" else 1.35),
        ):
            ratio = rate / other
            pairs = f"{rate:,.0f} and {other:,.0f} pairs a second"
            yield f"over {name}, {precision}: {pairs}", f"{ratio:.2f}", f"{goal}", ratio >= goal


def growth_lines(table):
    """Yields the time per image and the memory at each point, 3 GB at most for a million images.

    Pages of the images' file do not count, because the system can take them back.
    """
    for row in table.fillna({"mapped_gib": 0.0}).itertuples():
        name = row.curve.replace("_", " ")
        value = getattr(row, row.curve)
        own = row.peak_gib - row.mapped_gib
        measured = f"{row.microseconds_an_image:,} \u00b5s an image, {own:.2f} GiB"
        measured += f" and {row.mapped_gib:.2f} of the images' file"
        largest = row.num_images == 1_000_000
        goal = ("3 GB", own * 2**30 < 3e9) if largest else ("", None)
        yield f"{name} {value:,}", measured, *goal


def precision_quality_lines(table):
    """Yields the accuracy after equal steps in both precisions, and the mean over the seeds."""
    for (source, _, steps), same in table.groupby(["source", "hardware", "steps"]):
        rates = 100 * same.pivot(index="seed", columns="precision", values="accuracy_in_folds")
        if len(rates.columns) < 2 or rates.isna().any(axis=None):
            continue  # not finished
        for seed, row in rates.iterrows():
            both = f"{row['float32']:.1f} and {row['mixed_bfloat16']:.1f} %"
            yield f"{source}: float32 and bfloat16, {steps:,} steps, seed {seed}", both, "", None
        gaps = rates["mixed_bfloat16"] - rates["float32"]
        half = t.ppf(0.975, len(gaps) - 1) * gaps.std() / np.sqrt(len(gaps))  # NaN for one seed
        low, high = gaps.mean() - half, gaps.mean() + half
        # A small mean shows nothing if the seeds scatter: all of the interval has to be inside.
        yield (
            f"{source}: bfloat16 over float32, {steps:,} steps, mean of {len(gaps)}",
            f"{gaps.mean():+.2f} points [{low:+.1f} to {high:+.1f}]",
            "interval inside \u00b10.5",
            low >= -0.5 and high <= 0.5,
        )


def search_lines(table):
    """Yields each row with the settings in which it differs from the first one."""
    first = json.loads(table["settings"].iloc[0])
    for row in table.itertuples():
        settings = json.loads(row.settings)
        changed = {name: value for name, value in settings.items() if value != first.get(name)}
        words = ", ".join(f"{name} {value}" for name, value in (changed or first).items())
        measured = f"{row.accuracy_in_folds:.1%}"
        yield f"{words} ({row.steps:,} steps, {row.minutes:.1f} minutes)", measured, "", None


def time_to_accuracy_lines(table):
    """Yields the test accuracy of the preset `laptop` at its end."""
    for (dataset, seed), curve in table.groupby(["dataset", "seed"]):
        last = curve.iloc[-1]
        made = f"{last.steps:,.0f} steps, {last.minutes:.1f} minutes, {last.precision}"
        name = f"`laptop` on {dataset}, seed {seed}: {made}"
        measured = f"{last.test:.1%} [{last.low:.1%} to {last.high:.1%}]"
        yield name, measured, "70 % in 15 minutes", last.test >= 0.7 and last.minutes <= 15


def where_time_goes_lines(table):
    """Yields the seconds of a command and of its parts. Two workers run tests in parallel."""
    goals = {"make run": 10, "make test": 20}  # two minutes a notebook; a run of CI
    for row in table.itertuples():
        whole = row.part == "from start to end"
        goal = goals.get(row.command) if whole else None
        words = ("", None) if goal is None else (f"{goal} minutes", row.seconds <= 60 * goal)
        if whole or row.seconds >= 10:
            yield f"`{row.command}`, {row.part.replace('_', ' ')}", f"{row.seconds:,.0f} s", *words


KINDS = {
    "training_step_float32": training_step_lines,
    "training_step_mixed_bfloat16": training_step_lines,
    "large_batches": large_batch_lines,
    "cost_model": cost_model_lines,
    "growth": growth_lines,
    "against_peers": against_peers_lines,
    "precision_quality": precision_quality_lines,
    "search": search_lines,
    "time_to_accuracy": time_to_accuracy_lines,
    "where_time_goes": where_time_goes_lines,
}

# Why published goals were missed. Read these again when the rows change.
STEP_NOTE = """Outside the encoder, the time goes first into the views, then into head, loss and
metrics, then into the optimizer. The rest belongs to no single part. We suspect processor caches
filled by another part. Differences of a few percent between `fit`, a fed step and a bare one may
come from the machine: in float32 the fed step was faster than the bare one, in bfloat16 slower."""
NOTES = {
    "training_step_float32": STEP_NOTE,
    "training_step_mixed_bfloat16": STEP_NOTE,
    "cost_model": """The minutes of ResNet were estimated a third too high. We suspect that early
steps are slower than later ones: the third to the eighth step are timed. The estimated memory is
the peak so far, which grows a little afterwards. The estimated disk space is an upper bound.""",
    "against_peers": """The encoder sets the limit. Alone it takes 218 of 247 ms in float32, at 97 %
of the rate of a matrix product, and 144 ms in bfloat16. A step of the encoder alone would be 3.2
and 4.9 times as fast as lightly as documented. Keras.io's way has the same encoder: a step of our
encoder alone would give a ratio of 1.17 in float32. The tuned lightly computes in bfloat16, so the
line for our float32 compares two precisions.""",
    "time_to_accuracy": """One seed. The goal is missed by 2.8 points. In the last five minutes the
accuracy in folds rose by half a point, so more of these steps would hardly reach the goal. Another
network might. The search could not find it: in two minutes, many steps count for more than a larger
network, which may overtake by the fifteenth minute.""",
}


def main():
    parts = [HEAD]
    for name, lines in KINDS.items():
        path = RESULTS / f"{name}.csv"
        if not path.exists():
            continue
        table = pd.read_csv(path)
        made = table.iloc[-1]
        machine = explain_hardware(made.hardware, made.get("precision"))
        parts.append(
            f"\n## {name.replace('_', ' ')}\n\n{made.date}, commit {made.commit}, {machine}; "
            f"{made.versions}.\n\n| | Measured | Goal | |\n|---|---|---|---|\n"
        )
        for what, measured, goal, met in lines(table):
            mark = "" if met is None else "met" if met else "**missed**"
            parts.append(f"| {what} | {measured} | {goal} | {mark} |\n")
        if path.with_suffix(".png").exists():
            parts.append(f"\n![{name.replace('_', ' ')}](benchmarks/{name}.png)\n")
        if name in NOTES:
            parts.append(f"\n{NOTES[name]}\n")
    files.write_text(RESULTS.parent / "benchmarks.md", "".join(parts))
    print("".join(parts))


if __name__ == "__main__":
    main()
