"""Copies what a finished run or study measured into `results/`, and draws the README's figure.

    python tools/publish_results.py runs/cifar10 cifar10

writes `results/cifar10.csv`, `results/cifar10_pretraining.csv`, `results/cifar10.json` (what made
them, and what was tuned) and `results/cifar10.png`, for a study also the paired differences in
`results/cifar10_comparisons.csv`, and prints the table in Markdown.
"""

import argparse
from pathlib import Path

import pandas as pd

from simclr_utils import artifacts, figures
from simclr_utils.plotting import to_png

ROOT = Path(__file__).resolve().parent.parent


def publish(run_dir, name, folder=ROOT / "results"):
    """Copies the results of a run or a study; returns their summary."""
    record = artifacts.load_json(run_dir / "run.json")
    made = {key: record[key] for key in ("preset", "seed", "settings", "provenance")}
    notebooks = record.get("notebooks", {})
    made["seconds"] = {stem: part["seconds"] for stem, part in notebooks.items()}
    finished = sorted((run_dir / "encoders").glob("*/encoder.json"))
    encoders = [path.parent for path in finished] or [run_dir]  # a run has one
    made["encoders"] = [artifacts.load_json(encoder / "encoder.json") for encoder in encoders]
    made_from = f"{record['preset']}-{made['encoders'][0]['fingerprint']}"
    tuned = {path.stem: path for path in (run_dir / "tuning" / made_from).glob("*.json")}
    in_order = sorted(tuned, key=lambda stem: (stem.split("-")[0], int(stem.split("-")[1])))
    made["tuning"] = {stem: artifacts.load_json(tuned[stem]) for stem in in_order}
    artifacts.save_json(folder / f"{name}.json", made)
    curves = [
        pd.read_csv(encoder / "pretraining.csv").assign(pretraining_seed=made_by["seed"])
        for encoder, made_by in zip(encoders, made["encoders"], strict=True)
    ]
    text = pd.concat(curves).to_csv(index=False)
    artifacts.write_text(folder / f"{name}_pretraining.csv", text)
    copies = {"results.csv": f"{name}.csv", "comparisons.csv": f"{name}_comparisons.csv"}
    for source, target in copies.items():
        if (run_dir / source).exists():
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
