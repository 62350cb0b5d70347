"""The page for a colleague: verdict, tables, figures and provenance in one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from simclr_utils import files, plotting
from simclr_utils.cli import report
from simclr_utils.cli.pages import write_page
from simclr_utils.evaluation import results
from simclr_utils.evaluation.verdicts import RULE
from simclr_utils.methods import METHODS
from simclr_utils.study import answers, summary
from simclr_utils.study.encoder_signs import look_at_encoder, nearest_images, pool_halves

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

COMPARED = (
    "The baseline is the same encoder trained from scratch, with settings chosen on validation "
    "images. Each row below classified every test image once. Differences are in percentage "
    "points of test accuracy. Intervals in brackets are of 95 %."
)


def write_verdict(study: "Study", extra: Mapping | None = None) -> Path:
    """Writes `verdict.html` into the folder of a study, a page that needs no other file.

    Args:
        study: A finished `Study`.
        extra: Dict from a heading to what goes below it: a string, a DataFrame, or the bytes of
            a PNG. These sections come last.

    Returns:
        The path of the page.
    """
    sections = {"Data": study.dataset.summary()}
    if study.counts:
        sections |= describe_comparisons(study)
    for seed in study.seeds:
        sections |= describe_encoder(study, seed)
    page, title = study.folder / "verdict.html", f"Contrastive pretraining on {study.dataset.name}"
    sections |= extra or {}
    write_page(page, title, answers.answer(study), sections, describe_origin(study))
    return page


def describe_comparisons(study):
    """Returns the sections about the comparisons, a dict."""
    lines = (answers.differences(study) or ["none"]) + crossing_sentences(study)
    sections = {"All comparisons": "\n".join(lines)}
    if study.preset not in answers.MADE_FOR_SPEED:
        sections["What decides"] = RULE
    sections["What was compared"] = COMPARED
    for title, table in report.results_tables(study.frame(), study.preset).items():
        labels = {name: METHODS[name].label for name in table.index if name in METHODS}
        table = table.rename(index=labels).rename_axis(index="method", columns=None)
        sections[f"Test {title}"] = table.reset_index()
    sections["By number of labels"] = plotting.to_png(draw_accuracy(study))
    return sections


def crossing_sentences(study):
    """Returns a sentence for each method on where its line crosses the baseline's, a list."""
    return [
        f"Crossing of {METHODS[method].label} and the baseline: {text}."
        for method, text in summary.crossings(study).items()
    ]


def describe_origin(study):
    """Returns the provenance of the first encoder, or of the study if it has none, a dict."""
    record = study.encoder_folder(study.seeds[0]) / "encoder.json"
    if record.exists():
        return files.load_json(record)
    made = files.load_json(study.folder / "run.json")
    return {**made.get("provenance", {}), **made["study"]}


def draw_accuracy(study):
    """Returns the figure of accuracy by number of labels."""
    frame = study.frame()
    if study.preset in answers.MADE_FOR_SPEED:
        return plotting.plot_comparison(frame, f"{study.dataset.name}, preset {study.preset}")
    summaries = results.summarize(frame[frame["metric"] == "accuracy"])
    title = f"{study.dataset.name}: mean and 95 % interval"
    return plotting.plot_label_efficiency(summaries, title)


def describe_encoder(study, seed):
    """Returns the sections about an encoder: signs of collapse, and an image's nearest images."""
    folder = study.encoder_folder(seed)
    if not (folder / "encoder.json").exists():
        return {}
    signs, images, features = look_at_encoder(folder, study.dataset, study.config)
    queries, gallery = pool_halves(images, features)
    found = nearest_images(queries[1], gallery[1])
    nearest = plotting.NearestImages(queries[0], gallery[0], found)
    text = "\n".join(f"{name}: {value:.2f}" for name, value in signs.items())
    return {
        f"Encoder {seed}": text,
        f"Encoder {seed}: an image and the nearest to it": plotting.to_png(nearest.draw(0)),
    }
