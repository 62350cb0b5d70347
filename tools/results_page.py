"""The Markdown page of a published study: tables, a figure and their provenance."""

import itertools
import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd

from simclr_utils import files
from simclr_utils.evaluation import results
from simclr_utils.evaluation.label_savings import find_savings
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.predictions import Predictions
from simclr_utils.evaluation.statistics import mcnemar
from simclr_utils.methods import BASELINE, METHODS, in_order
from simclr_utils.study.summary import headline
from simclr_utils.system.provenance import explain_hardware

PAGE = """# {dataset}: {metric} by number of labels

![Test {metric} by number of labels on {dataset}]({name}.png)

{table}

{short}{gains}## What made it

    python -m simclr_utils {command}
    python tools/publish_results.py <its folder> {name}

Rows: [{name}.csv]({name}.csv). Settings that were tried: [{name}.json]({name}.json). Pretraining
curves: [{name}_pretraining.csv]({name}_pretraining.csv).

The images, with the data fingerprint `{fingerprint}`:

    {images}

{made}
"""
GAINS = """Points of {metric} over the tuned baseline, on the same test images and labels, with 95 %
intervals for other test images, other pretraining runs *and* other label subsets:

{table}

Each interval holds on its own. The primary comparison, which alone gives a verdict:

> {primary}

{settings}
Subsets with half of the labels or more overlap, so their part of an interval is too
small. If all labels are used, there is one subset, and different initializations take its place.

{saved}{seeds}"""
SHORT = """**The trainings are those of the preset `{preset}`, which take minutes.** Longer ones
may come out otherwise.

"""
CHOSEN_ANEW = (
    "Settings were chosen anew within each subset of labels: an interval covers that choice."
)
CHOSEN_ONCE = (
    "Settings that were chosen once for all subsets are taken as given; others might differ."
)
SAVED = """What is pretraining worth in labels? With the primary method, by its accuracy:

{savings}

"""
SEEDS = """How much is due to the seed? Take two rows of one method and label subset, whose encoders
differ in the seed of their pretraining alone. McNemar's test tells them apart (p < 0.05) in so many
pairs:

{table}

"""


def markdown_table(summary, metric="accuracy"):
    """Returns a Markdown table of a metric: methods by numbers of labels.

    Args:
        summary: DataFrame, as `results.summarize` returns it. Other metrics are left out.
        metric: String, a key of `METRICS`.
    """
    summary = summary[summary["metric"] == metric]
    means = 100 * summary.pivot(index="method", columns="labels", values="mean")
    cells = means.map(lambda mean: "–" if pd.isna(mean) else f"{mean:.1f}")
    return as_markdown(f"Test {METRICS[metric].label} in % at ... labels", cells, str)


def gains_table(comparisons):
    """Returns a Markdown table of the differences to the baseline, with their intervals."""
    ends = (100 * comparisons[["value", "low", "high"]]).itertuples(index=False)
    texts = [f"{value:+.1f} [{low:+.1f} to {high:+.1f}]" for value, low, high in ends]
    cells = comparisons.assign(text=texts).pivot(index="first", columns="labels", values="text")
    cells = cells.fillna("–")
    return as_markdown("Points gained at ... labels", cells, str)


def as_markdown(corner, table, text):
    """Returns a Markdown table whose rows are methods, in the order of the figures."""
    lines = [f"| {corner} | " + " | ".join(f"{count:,}" for count in table.columns) + " |"]
    lines.append("|---|" + "---|" * len(table.columns))
    for method in in_order(table.index):
        cells = " | ".join(map(text, table.loc[method]))
        lines.append(f"| {METHODS[method].label} | {cells} |")
    return "\n".join(lines)


def labels_saved(run_dir, frame, method):
    """Returns what a method is worth in labels, a list with a sentence for each label count.

    Args:
        run_dir: Path of the study, with its predictions.
        frame: DataFrame, the rows of the study, of all metrics.
        method: String, the method of the primary comparison.

    Returns:
        A paragraph, a list and an empty line, as a string. It is empty for one label count.
    """
    rows = frame[frame["metric"] == "accuracy"].sort_values("labels")
    lines = [stored_correct(run_dir, rows[rows["method"] == name]) for name in (method, BASELINE)]
    counts = [n for n in lines[0] if n in lines[1]]
    if len(counts) < 2:
        return ""
    found = find_savings(counts, *([line[n] for n in counts] for line in lines))
    return SAVED.format(savings="\n".join(f"- {saving.text}" for saving in found))


def stored_correct(run_dir, rows):
    """Returns what the rows of a method get right, `{labels: bool array [subsets, seeds, N]}`."""
    stored, found = Predictions(run_dir / "predictions.sqlite"), {}
    for labels, same in rows.groupby("labels"):
        runs = {}
        for row in same.itertuples():
            seed = None if pd.isna(row.pretraining_seed) else int(row.pretraining_seed)
            key = {"preset": row.preset, "fingerprint": row.fingerprint, "method": row.method}
            key |= {"labels": int(labels), "subset_seed": int(row.subset_seed)}
            right = stored.load(**key, pretraining_seed=seed).correct
            runs.setdefault(row.subset_seed, {})[seed or 0] = right
        found[labels] = np.array([[runs[a][b] for b in sorted(runs[a])] for a in sorted(runs)])
    return found


def seeds_alone(run_dir, frame):
    """Returns how often McNemar's test finds a difference due to the pretraining seed alone.

    Args:
        run_dir: Path of the study, with its predictions.
        frame: DataFrame, the rows of the study, of all metrics.

    Returns:
        A sentence, a table and an empty line, as a string. It is empty for a single pretraining
        run.
    """
    cells, stored = [], Predictions(run_dir / "predictions.sqlite")
    rows = frame[frame["pretraining_seed"].notna() & (frame["metric"] == "accuracy")]
    for (preset, fingerprint, method, labels), same in rows.groupby(
        ["preset", "fingerprint", "method", "labels"]
    ):
        key = {"preset": preset, "fingerprint": fingerprint, "method": method, "labels": labels}
        p_values = []
        for subset, of_subset in same.groupby("subset_seed"):
            correct = [
                stored.load(**key, subset_seed=subset, pretraining_seed=seed).correct
                for seed in of_subset["pretraining_seed"]
            ]
            p_values += [mcnemar(*pair) for pair in itertools.combinations(correct, 2)]
        differ = sum(p_value < 0.05 for p_value in p_values)
        text = f"{differ} of {len(p_values)}" if p_values else ""
        cells.append({"method": method, "labels": labels, "text": text})
    if not any(cell["text"] for cell in cells):
        return ""
    table = pd.DataFrame(cells).pivot(index="method", columns="labels", values="text").fillna("")
    return SEEDS.format(table=as_markdown("Pairs told apart at ... labels", table, str))


def command_of(record, frame):
    """Returns the arguments of the command that produces these rows, a string."""
    source = "<folder>" if record["from_folder"] else without_path(record["source"])
    of_notebooks = "run" in record.get("command", "").split()[:4]
    parts = ["run" if of_notebooks else "study", f"--source {source}"]
    parts.append(f"--preset {record['preset']}")
    settings = without_paths(record["settings"])
    options = {"encoder_file": "--encoder {}", "methods": "--methods {}"}
    for name, value in settings.items():
        text = json.dumps(value) if isinstance(value, dict) else str(value)
        text = shlex.quote(",".join(value) if name == "methods" else text)
        parts.append(options.get(name, f"--set {name}={{}}").format(text))
    if not of_notebooks:
        counts = ",".join(str(count) for count in sorted(frame["labels"].unique()))
        parts += [f"--labels {counts}", f"--seeds {frame['pretraining_seed'].nunique()}"]
        primary = record.get("study", {}).get("primary")
        parts += [f"--primary {primary['method']}@{primary['labels']}"] if primary else []
    return " ".join(parts)


def without_paths(settings):
    """Returns settings with the name of an encoder's file in place of its path.

    Args:
        settings: Dict, the settings in the record of a run.
    """
    if not settings.get("encoder_file"):
        return settings
    return {**settings, "encoder_file": Path(settings["encoder_file"]).name}


def without_path(source):
    """Returns a source with the name of an `.npz` file in place of its path."""
    return Path(source).name if source.endswith(".npz") else source


def made_by(frame, encoders):
    """Returns the provenance of the rows and the encoders as a Markdown list, a string."""
    lines = [
        f"- Pretraining with seed {made['seed']}: {made['steps']:,} steps of "
        f"{made['batch_size']} images, {made['minutes']:.0f} minutes in total, "
        f"{made['date'][:10]}, commit {made['commit']}."
        for made in encoders
    ]
    machines = map(explain_hardware, frame["hardware"], frame["precision"])
    frame = frame.assign(hardware=list(machines))
    for title in ("versions", "hardware", "precision", "commit"):
        values = ["not recorded" if pd.isna(v) else v for v in frame[title].unique()]
        lines.append(f"- Rows, {title}: {'; '.join(values)}.")
    return "\n".join(lines)


def write_page(record, encoders, run_dir, name, folder):
    """Writes `<name>.md` beside the published files.

    Args:
        record: Dict, the content of `run.json`.
        encoders: List of dicts, the content of each `encoder.json`.
        run_dir: Path of the run or study.
        name: String, the name of the published files.
        folder: Path, where they are.
    """
    frame = results.Results(folder / f"{name}.csv").frame()
    metric = record["settings"].get("metric", "accuracy")
    images = files.load_json(run_dir / "data.json")["summary"]
    comparisons = folder / f"{name}_comparisons.csv"
    gains = ""
    if comparisons.exists():
        found = pd.read_csv(comparisons)
        gains = GAINS.format(
            metric=METRICS[metric].label,
            table=gains_table(found),
            primary=headline(found) or "not measured",
            settings=CHOSEN_ANEW if record.get("study", {}).get("rule") else CHOSEN_ONCE,
            saved=labels_saved(run_dir, frame, found.loc[found["primary"], "first"].iloc[0]),
            seeds=seeds_alone(run_dir, frame),
        )
    page = PAGE.format(
        name=name,
        dataset=frame["dataset"].iloc[0],
        metric=METRICS[metric].label,
        table=markdown_table(results.summarize(frame[frame["metric"] == metric]), metric),
        gains=gains,
        short=SHORT.format(preset=record["preset"]) if record["preset"] != "full" else "",
        command=command_of(record, frame),
        fingerprint=frame["fingerprint"].iloc[0],
        images=images.replace("\n", "\n    "),
        made=made_by(frame, encoders),
    )
    files.write_text(folder / f"{name}.md", page)
