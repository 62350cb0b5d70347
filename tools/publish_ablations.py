"""Copies finished ablations into `results/ablations`, draws their figures, and writes the page.

    python tools/publish_ablations.py runs/shapes-temperature runs/shapes-head

writes `results/ablations/shapes_temperature.csv`, `.json` (what made it) and `.png`, and so on, and
then `results/ablations.md` from all ablations that are there. Without a folder, it draws all
figures and writes the page anew.
"""

import argparse
import shlex
from pathlib import Path

import pandas as pd

from simclr_utils import files, plotting
from simclr_utils.ablation.grids import GRIDS
from simclr_utils.ablation.plan import RECORD, ROWS
from simclr_utils.ablation.rows import summarize_cells, total_minutes
from simclr_utils.evaluation.published import read_ablation
from simclr_utils.plotting.ablations import MEASURES
from simclr_utils.session import print_anything

RESULTS = Path(__file__).resolve().parent.parent / "results"
COLUMNS = {name: words for name, (words, _) in MEASURES.items()}
PAGE = """# Ablations

One part of SimCLR is varied at a time. Every cell is pretrained with several seeds. A linear probe
on its features, with a few labels, is scored on *validation* images; no test image is used. The
accuracy of a seed is the mean over {subsets} label subsets, which are the same for all cells, and
the penalty of a probe is chosen within its labels. The supervised baseline is scored on the same
images and labels, with its default settings.

The tables show percent: the mean over the seeds, and half the width of Student's 95 % interval. The
interval is for other seeds, not for other images or labels. Contrastive accuracy and steps do not
depend on the labels.

In all, {trainings:,} trainings took {hours:.1f} hours.

{parts}
"""
PART = """## {title}: {dataset}

{words}

![{title} on {dataset}, at {labels:,} labels](ablations/{name}.png)

{table}

    python -m simclr_utils {command}

{trainings:,} trainings of {steps} steps, batch size {batch}, took {minutes:.0f} minutes.
The fingerprint of the images is `{fingerprint}`. Rows: [{name}.csv](ablations/{name}.csv).

{made}
"""


def copy_rows(run_dir, folder):
    """Copies the rows of an ablation and the record of what made them.

    Args:
        run_dir: Path of the folder of the command `ablate`.
        folder: Path to write to.
    """
    record = files.load_json(run_dir / RECORD)
    name = f"{record['source']}_{record['grid']}"
    files.write_bytes(folder / f"{name}.csv", (run_dir / ROWS).read_bytes())
    files.save_json(folder / f"{name}.json", record)


def draw(rows, grid, dataset):
    """Returns the figure of an ablation, at its largest number of labels.

    Args:
        rows: DataFrame, as `read_ablation` returns it.
        grid: String, the name of the grid.
        dataset: String, the name of the dataset.
    """
    labels, what = rows["labels"].max(), GRIDS[grid]
    summary = summarize_cells(rows[rows["labels"] == labels])
    title = f"{dataset}, {labels:,} labels"
    if grid == "augmentation-pairs":
        return plotting.plot_pairs(summary, f"{title}: validation accuracy (%)")
    options = {"log_x": what.log, "x": what.x, "title": title}
    return plotting.plot_sweep(summary, rows, what.axis, what.panels, **options)


def table(rows):
    """Returns a Markdown table of the cells: a column for each measure and number of labels."""
    summary = summarize_cells(rows, COLUMNS)
    once = summary["measure"] == "contrastive_accuracy"  # equal at all numbers of labels
    summary = summary[~once | (summary["labels"] == summary["labels"].min())]
    columns = summary[["measure", "labels"]].drop_duplicates().itertuples(index=False)
    columns = sorted(columns, key=lambda pair: (list(COLUMNS).index(pair[0]), pair[1]))
    heads = [
        COLUMNS[measure] + ("" if measure == "contrastive_accuracy" else f", {labels:,} labels")
        for measure, labels in columns
    ]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for cell, part in summary.groupby("cell", sort=False):
        cells = []
        for measure, labels in columns:
            found = part[(part["measure"] == measure) & (part["labels"] == labels)]
            cells.append("" if found.empty else as_text(found["mean"].item(), found["half"].item()))
        lines.append(f"| {cell} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def as_text(mean, half):
    """Returns a mean and half an interval in percent; the half is left out if there is none."""
    return f"{100 * mean:.1f}" + ("" if pd.isna(half) else f" ± {100 * half:.1f}")


def command_of(record, rows):
    """Returns the command behind an ablation, without the paths of a machine.

    Args:
        record: Dict, the content of `ablation.json`.
        rows: DataFrame, as `read_ablation` returns it.
    """
    source = "<folder>" if record["from_folder"] else record["source"]
    words = ["ablate", "--grid", record["grid"], "--source", source]
    words += ["--preset", record["preset"], "--seeds", str(rows["seed"].nunique())]
    settings = dict(record["settings"])
    if "label_counts" in settings:
        words += ["--labels", ",".join(map(str, settings.pop("label_counts")))]
    for name, value in settings.items():
        words += ["--set", f"{name}={value}"]
    return " ".join(word if word == "<folder>" else shlex.quote(word) for word in words)


def spread(values):
    """Returns the range of a column, such as `"390"` or `"250 to 8,000"`."""
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def describe(name, record, rows):
    """Returns the part of the page about one ablation.

    Args:
        name: String, the name of its files.
        record: Dict, the content of `ablation.json`.
        rows: DataFrame, as `read_ablation` returns it.
    """
    made = rows[["versions", "hardware", "precision", "commit"]].drop_duplicates()
    dates = rows["date"].str[:10]
    return PART.format(
        **{"name": name, "dataset": record["source"], "labels": rows["labels"].max()},
        **{"title": GRIDS[record["grid"]].title, "words": GRIDS[record["grid"]].words},
        **{"table": table(rows), "command": command_of(record, rows)},
        trainings=len(rows[["cell", "seed"]].drop_duplicates()),
        steps=spread(rows["steps"]),
        batch=spread(rows["batch_size"]),
        minutes=total_minutes(rows),
        fingerprint=record["fingerprint"],
        made="\n".join(
            f"- {dates.min()} to {dates.max()}: {row.versions}; {row.hardware}; {row.precision}; "
            f"commit {row.commit}"
            for row in made.itertuples()
        ),
    )


def write_page(results=RESULTS):
    """Draws the figures of all ablations in `results/ablations`, and writes `ablations.md`.

    Args:
        results: Path.
    """
    folder, parts, frames = results / "ablations", [], []
    found = {path.stem: files.load_json(path) for path in folder.glob("*.json")}
    places = {grid: place for place, grid in enumerate(GRIDS)}
    order = sorted(found, key=lambda name: (places[found[name]["grid"]], found[name]["source"]))
    for name in order:
        rows = read_ablation(folder / f"{name}.csv")
        picture = draw(rows, found[name]["grid"], found[name]["source"])
        files.write_bytes(folder / f"{name}.png", plotting.to_png(picture))
        parts.append(describe(name, found[name], rows))
        frames.append(rows)
    rows = pd.concat(frames)
    page = PAGE.format(
        parts="\n".join(parts).rstrip(),
        subsets=spread(rows["subsets"]),
        trainings=len(rows[["dataset", "grid", "cell", "seed"]].drop_duplicates()),
        hours=total_minutes(rows) / 60,
    )
    files.write_text(results / "ablations.md", page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dirs", type=Path, nargs="*", help="folders of the command ablate")
    arguments = parser.parse_args()
    print_anything()
    for run_dir in arguments.run_dirs:
        copy_rows(run_dir, RESULTS / "ablations")
    write_page()
    print(RESULTS / "ablations.md")
