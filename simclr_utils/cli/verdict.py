"""The verdict for a colleague or a client: a page, the same as Markdown, and JSON for machines."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from simclr_utils import files, plotting
from simclr_utils.cli import report, verdict_content
from simclr_utils.cli.charts import methods_chart
from simclr_utils.cli.pages import as_part, as_table, render
from simclr_utils.evaluation.calibration import reliability
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.precision_recall import precision_recall_points
from simclr_utils.evaluation.results import summarize
from simclr_utils.evaluation.roc import roc_points
from simclr_utils.evaluation.verdicts import RULE
from simclr_utils.methods import BASELINE, METHODS
from simclr_utils.study import answers, measured, summary
from simclr_utils.study.encoder_signs import look_at_encoder, nearest_images, pool_halves
from simclr_utils.study.stored import stored_runs

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

COMPARED = (
    "The baseline is the same encoder trained from scratch, with tuned settings. Each method "
    "classified every test image once. Differences are in percentage points, on the same images; "
    "so two methods can differ although their bars overlap."
)
FIRST_SUBSET = "on the first label subset"
NAMED = "The answer compares the two methods in bold."
COVERS = "The bars are 95 % intervals: for other test images, label subsets and pretrainings."
COVERS_IMAGES = (
    "The bars are 95 % intervals for other test images. They are too short: other labels and other "
    "training runs would change the results too."
)
TIMES = (
    "Times count all that a method needs: one pretraining, the choice of settings and one training "
    "or fit. Methods with the same encoder share its pretraining."
)
GIVEN = "The given encoder was trained elsewhere, on other images; that time is not counted."
POSITIVE = (
    "The positive class is “{}”. The metrics “sensitivity at 90 % specificity” and “at 95 %” are "
    "read off the first curve, so their threshold is chosen on the test images. A threshold that "
    "is chosen beforehand finds a little less, or raises more false alarms."
)
FEW_CLASSES = 12  # up to here, the table of classes is printed


def write_verdict(study: "Study", extra: Mapping | None = None) -> Path:
    """Writes `verdict.html`, `verdict.md` and `verdict.json` into the folder of a study.

    The page needs no other file and no network. The JSON has the numbers of the page; its keys
    are described in docs/command_line.md.

    Args:
        study: A finished `Study`.
        extra: Dict from a heading to what goes below it: a string, a DataFrame, or the bytes of
            a PNG. These sections come last.

    Returns:
        The path of the page.
    """
    content = verdict_content.describe(study)
    sections = describe_comparisons(study, content) if study.counts else []
    sections.append(section("The images", study.dataset.summary()))
    for seed in study.seeds:
        sections += describe_encoder(study, seed)
    sections += [section(name, value) for name, value in (extra or {}).items()]
    sections.append(section("What made these numbers", as_table(content["provenance"])))
    shown = {**content, "charts": draw_charts(content), "sections": sections}
    shown["made"] = describe_making(content)
    page = study.folder / "verdict.html"
    for name in ("verdict.html", "verdict.md"):
        files.write_text(study.folder / name, render(name, **shown))
    files.save_json(study.folder / "verdict.json", content)
    return page


def section(name, *values, printed=False):
    """Returns a folded section of the page: a name, and strings, DataFrames or pictures."""
    parts = [as_part(value) for value in values]
    written = any(part["kind"] != "picture" for part in parts)
    return {"name": name, "parts": parts, "printed": printed, "written": written}


def draw_charts(content):
    """Returns the charts of the first screen: the headline metric, and what it may hide."""
    wanted = [content["metric"]["name"]]
    if content["warning"] and wanted == ["accuracy"]:
        wanted.append("balanced_accuracy")
    named = [content["primary"][side] for side in ("first", "second")] if content["primary"] else []
    covers = COVERS_IMAGES if content["made_for_speed"] else COVERS
    given = any(METHODS[each["method"]].needs_encoder for each in content["methods"])
    note = " ".join([NAMED] * bool(named) + [covers, TIMES] + [GIVEN] * given)
    charts = []
    for metric in wanted:
        rows = of_metric(content, metric)
        if not rows:
            continue
        label = METRICS[metric].label
        title = f"{label[0].upper()}{label[1:]} of all methods with {content['labels']:,} labels"
        chart = methods_chart(rows, named)
        charts.append({**chart, "title": title, "head": label, "note": note})
        constant = answers.percent(1 / len(content["data"]["classes"]))
        note = (
            "Balanced accuracy is the share of recognized images in each class, averaged over the "
            f"classes. Always giving the same answer has {constant}."
        )
    return charts


def of_metric(content, metric):
    """Returns the methods' entries of one metric at the label count of the page."""
    key = (metric, content["labels"])
    return [each for each in content["methods"] if (each["metric"], each["labels"]) == key]


def describe_comparisons(study, content):
    """Returns the sections about the comparisons, a list."""
    lines = (answers.differences(study) or ["none"]) + crossing_sentences(study)
    rule = "" if content["made_for_speed"] else f"{RULE} "
    metric = study.config.metric
    label = METRICS[metric].label
    title, gains = (
        label[0].upper() + label[1:],
        f"Points of {label} over the tuned baseline",
    )
    tables = report.results_tables(measured.rows_of(study, metric), study.preset)
    tables = [name_methods(table).reset_index() for table in tables.values()]
    by_labels = (*tables, plotting.to_png(draw_accuracy(study)))
    found = [
        section(gains, gains_table(content["differences"]), f"{rule}{COMPARED}", printed=True),
        section("All comparisons in words", "\n".join(lines)),
        section(f"{title} (%) by number of labels", *by_labels, printed=True),
        section(f"Other metrics (%) with {content['labels']:,} labels", other_metrics(content)),
    ]
    if content["per_class"]:
        recalls = recall_table(content)
        name = "Share of each class that is recognized (%)"
        found.append(section(name, recalls, printed=len(recalls) <= FEW_CLASSES))
        found.append(section("Precision and specificity of each class (%)", *class_tables(content)))
    found += threshold_sections(study, content)
    curves = reliability_curves(study, content)
    if curves:
        picture = plotting.to_png(plotting.plot_reliability(curves, FIRST_SUBSET))
        found.append(section("Are the probabilities right?", say_calibration(content), picture))
    notes = describe_notes(content["methods"])
    return [*found, section("What the methods are", notes)] if notes else found


def say_calibration(content):
    """Returns how far the stated probabilities of the compared methods are off."""
    named = [content["primary"][side] for side in ("first", "second")]
    values = {each["method"]: each["value"] for each in of_metric(content, "calibration_error")}
    lines = [
        f"{METHODS[name].label}: stated probability and share of right answers differ by "
        f"{100 * values[name]:.1f} points on average."
        for name in named
        if name in values
    ]
    return "\n".join(["If a method is 80 % sure, 80 % of its answers should be right.", *lines])


def describe_notes(methods):
    """Returns a line for each method that needs an explanation, as one string."""
    names = dict.fromkeys(each["method"] for each in methods)
    return "\n".join(f"{METHODS[n].label}: {METHODS[n].note}" for n in names if METHODS[n].note)


def gains_table(differences):
    """Returns a table of the differences to the baseline: methods by numbers of labels."""
    rows = {}
    for each in differences:
        value, low, high = (f"{100 * each[name]:+.1f}" for name in ("value", "low", "high"))
        row = rows.setdefault(METHODS[each["first"]].label, {})
        row[f"{each['labels']:,} labels"] = f"{value} [{low}, {high}]"
    return pd.DataFrame(rows).T.fillna("").rename_axis(index="method").reset_index()


def name_methods(table):
    """Returns a table with the labels of the methods in place of their names."""
    labels = {name: METHODS[name].label for name in table.index if name in METHODS}
    return table.rename(index=labels).rename_axis(index="method", columns=None)


def other_metrics(content):
    """Returns a table of the methods by metric, at the label count of the page."""
    columns = {}
    for name, metric in METRICS.items():
        cells = {each["label"]: report.percent_cell(each) for each in of_metric(content, name)}
        if cells:
            columns[metric.label] = cells
    table = pd.DataFrame(columns).fillna("")
    return table.rename_axis(index="method").reset_index()


def recall_table(content):
    """Returns a table of the classes by the methods of the primary comparison."""
    rows = {}
    for each in content["per_class"]:
        if each["measure"] == "recall":
            first = {"class": each["class"], "test images": each["images"]}
            row = rows.setdefault(each["class"], first)
            row[METHODS[each["method"]].label] = report.percent_cell(each)
    return pd.DataFrame(list(rows.values())).fillna("")


def class_tables(content):
    """Returns a table of the classes by measure for each compared method, with its name before."""
    tables = {}
    for each in content["per_class"]:
        if each["measure"] == "recall":
            continue  # in a table of its own
        row = tables.setdefault(each["method"], {}).setdefault(each["class"], {})
        known = each["value"] is not None
        row[each["measure"]] = report.percent_cell(each) if known else "never predicted"
    return [
        part
        for method, rows in tables.items()
        for part in (
            METHODS[method].label,
            pd.DataFrame(rows).T.rename_axis(index="class").reset_index(),
        )
    ]


def first_networks(study, content):
    """Returns the predictions of the compared methods' first networks, a dict from their labels.

    Methods without probabilities are left out.
    """
    names = [content["primary"][side] for side in ("first", "second")] if content["primary"] else []
    found = {METHODS[n].label: stored_runs(study, n, content["labels"])[0][0] for n in names}
    return {name: each for name, each in found.items() if each.probabilities is not None}


def threshold_sections(study, content):
    """Returns the section of both curves in a list, which is empty unless there are two classes."""
    found = first_networks(study, content)
    truth = study.dataset.test[1]
    if len(content["data"]["classes"]) != 2 or len(set(truth)) != 2 or not found:
        return []
    sides = {name: (each.truth == 1, each.probabilities[:, 1]) for name, each in found.items()}
    roc = {name: roc_points(*side) for name, side in sides.items()}
    precision = {name: precision_recall_points(*side) for name, side in sides.items()}
    text = POSITIVE.format(content["data"]["classes"][1])
    pictures = (
        plotting.plot_roc(roc, FIRST_SUBSET),
        plotting.plot_precision_recall(precision, FIRST_SUBSET, (truth == 1).mean()),
    )
    return [section("Every threshold", text, *map(plotting.to_png, pictures))]


def reliability_curves(study, content):
    """Returns the reliability of the compared methods' first networks, a dict from their labels."""
    return {
        name: reliability(each.truth, each.classes, each.probabilities, groups=each.groups)
        for name, each in first_networks(study, content).items()
    }


def crossing_sentences(study):
    """Returns a sentence for each method on where its line crosses the baseline's, a list."""
    if study.config.metric != "accuracy":
        return []
    return [
        f"Crossing of {METHODS[method].label} and {METHODS[BASELINE].label}: {text}."
        for method, text in summary.crossings(study).items()
    ]


def describe_making(content):
    """Returns a line on what made the numbers: data, preset, date, commit and processor."""
    made, data = content["provenance"], content["data"]
    processor = made.get("hardware", {}).get("processor", "an unknown processor")
    parts = [f"Images {data['name']} ({data['fingerprint']})", f"preset {content['preset']}"]
    parts += [str(made.get("date", ""))[:10], f"commit {made.get('commit')}", processor]
    return ", ".join(part for part in parts if part) + "."


def draw_accuracy(study):
    """Returns the figure of the headline metric by number of labels."""
    metric = study.config.metric
    frame, label = measured.rows_of(study, metric), METRICS[metric].label
    if study.preset in answers.MADE_FOR_SPEED:
        return plotting.plot_comparison(
            frame, f"{study.dataset.name}, preset {study.preset}", metric
        )
    title = f"{study.dataset.name}: mean and 95 % interval"
    return plotting.plot_label_efficiency(summarize(frame), title, metric, label)


def describe_encoder(study, seed):
    """Returns the sections about an encoder: signs of a collapse, and an image's nearest images."""
    folder = study.encoder_folder(seed)
    if not (folder / "encoder.json").exists():
        return []
    signs, images, features = look_at_encoder(folder, study.dataset, study.config)
    queries, gallery = pool_halves(images, features)
    found = nearest_images(queries[1], gallery[1])
    nearest = plotting.NearestImages(queries[0], gallery[0], found)
    text = "\n".join(f"{name}: {value:.2f}" for name, value in signs.items())
    return [
        section(f"Encoder {seed}: do its features differ from image to image?", text),
        section(
            f"Encoder {seed}: an image and the nearest to it", plotting.to_png(nearest.draw(0))
        ),
    ]
