"""Copies what a finished run measured into `results/`, and draws its figure for the README.

    python tools/publish_results.py runs/cifar10 cifar10

writes `results/cifar10.csv`, `results/cifar10_pretraining.csv`, `results/cifar10.json` (what made
them, and the baseline's tuning) and `results/cifar10.png`, and prints the table in Markdown.
"""

import argparse
from pathlib import Path

from simclr_utils import artifacts, figures
from simclr_utils.plotting import to_png

ROOT = Path(__file__).resolve().parent.parent


def publish(run_dir, name, folder=ROOT / "results"):
    """Copies the results of a run; returns their summary."""
    record = artifacts.load_json(run_dir / "run.json")
    made = {key: record[key] for key in ("preset", "seed", "settings", "provenance")}
    made["seconds"] = {stem: part["seconds"] for stem, part in record["notebooks"].items()}
    made["encoder"] = artifacts.load_json(run_dir / "encoder.json")
    made["tuning"] = {
        path.stem: artifacts.load_json(path) for path in (run_dir / "tuning").glob("*.json")
    }
    artifacts.save_json(folder / f"{name}.json", made)
    copies = {"results.csv": f"{name}.csv", "pretraining.csv": f"{name}_pretraining.csv"}
    for source, target in copies.items():
        artifacts.write_bytes(folder / target, (run_dir / source).read_bytes())
    summary = artifacts.summarize(artifacts.Results(folder / f"{name}.csv").frame())
    title = "Test accuracy by number of labels: mean and 95 % interval"
    picture = figures.plot_label_efficiency(summary, title)
    artifacts.write_bytes(folder / f"{name}.png", to_png(picture))
    return summary


def markdown_table(summary):
    """The summary as a Markdown table: a row a method, a column a number of labels."""
    counts = sorted(summary["labels"].unique())
    lines = ["| Test accuracy in % at ... labels | " + " | ".join(f"{n:,}" for n in counts) + " |"]
    lines.append("|---|" + "---|" * len(counts))
    for method, (_, _, title) in figures.METHODS.items():
        rows = summary[summary["method"] == method].set_index("labels")
        if len(rows):
            cells = [f"{100 * rows.loc[n, 'mean']:.1f}" for n in counts]
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="name of the files in results/")
    arguments = parser.parse_args()
    print(markdown_table(publish(arguments.run_dir, arguments.name)))
