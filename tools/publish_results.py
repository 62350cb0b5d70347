"""Copies the results of a finished run or study into `results/`, and draws the README's figure.

    python tools/publish_results.py runs/cifar10 cifar10

writes `results/cifar10.csv`, `results/cifar10_pretraining.csv`, `results/cifar10.json` (their
provenance, and the settings that were tried), `results/cifar10.png` and the page
`results/cifar10.md`. For a study, it also writes the paired differences,
`results/cifar10_comparisons.csv`.
"""

import argparse
from pathlib import Path

import pandas as pd
from results_page import without_paths, write_page

from simclr_utils import files, plotting
from simclr_utils.evaluation import results
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.session import print_anything

ROOT = Path(__file__).resolve().parent.parent


def publish(run_dir, name, folder=ROOT / "results"):
    """Copies the results of a run or a study, and writes the page about them.

    Args:
        run_dir: Path of the run or study.
        name: String, the name of the files to write.
        folder: Path, where the files are written.
    """
    record = files.load_json(run_dir / "run.json")
    keys = ("preset", "seed", "settings", "provenance")
    made = {key: record[key] for key in keys if key in record}
    made["settings"] = without_paths(made["settings"])
    notebooks = record.get("notebooks", {})
    made["seconds"] = {stem: part["seconds"] for stem, part in notebooks.items()}
    found = (path.parent for path in (run_dir / "encoders").glob("[0-9]*/encoder.json"))
    encoders = sorted(found, key=lambda path: int(path.name))
    made["encoders"] = [files.load_json(encoder / "encoder.json") for encoder in encoders]
    for encoder in made["encoders"]:
        encoder["config"] = without_paths(encoder["config"])
    made_from = f"{record['preset']}-{made['encoders'][0]['fingerprint']}/"
    path = run_dir / "tuning.json"
    stored = files.load_json(path) if path.exists() else {}
    tuned = {
        name.removeprefix(made_from): tuning
        for name, tuning in stored.items()
        if name.startswith(made_from)
    }
    in_order = sorted(tuned, key=lambda name: (name.split("-")[0], int(name.split("-")[1])))
    made["tuning"] = {name: tuned[name] for name in in_order}
    files.save_json(folder / f"{name}.json", made)
    curves = [
        pd.read_csv(encoder / "pretraining.csv").assign(pretraining_seed=made_by["seed"])
        for encoder, made_by in zip(encoders, made["encoders"], strict=True)
    ]
    text = pd.concat(curves).to_csv(index=False)
    files.write_text(folder / f"{name}_pretraining.csv", text)
    copies = {"results.csv": f"{name}.csv", "comparisons.csv": f"{name}_comparisons.csv"}
    for source, target in copies.items():
        if (run_dir / source).exists():
            files.write_bytes(folder / target, (run_dir / source).read_bytes())
    frame = results.Results(folder / f"{name}.csv").frame()
    metric = record["settings"].get("metric", "accuracy")
    summary, label = results.summarize(frame[frame["metric"] == metric]), METRICS[metric].label
    title = f"Test {label} by number of labels: mean and 95 % interval"
    picture = plotting.plot_label_efficiency(summary, title, metric, label)
    files.write_bytes(folder / f"{name}.png", plotting.to_png(picture))
    write_page(record, made["encoders"], run_dir, name, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="name of the files in results/")
    arguments = parser.parse_args()
    print_anything()
    publish(arguments.run_dir, arguments.name)
    print((ROOT / "results" / f"{arguments.name}.md").read_text(encoding="utf-8"))
