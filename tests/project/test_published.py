"""What the README and the pages say is what `results/` and the package hold."""

import re
from pathlib import Path

import pandas as pd
import publish_results
import pytest
import results_page

from simclr_utils.cli.arguments import parse_settings
from simclr_utils.evaluation import results
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.predictions import KEY, Predictions
from simclr_utils.evaluation.published import read_ablation
from simclr_utils.parameters import SETTING_NAMES, check
from simclr_utils.reading import READING_NAMES

ROOT = Path(__file__).resolve().parents[2]
STORED = "predictions.sqlite"


STUDIES = sorted(path.parent for path in (ROOT / "results").glob("*/*/results.csv"))


# One that is under way is stored, so that it can go on elsewhere, but not published yet.
PUBLISHED = [path for path in STUDIES if (ROOT / "results" / f"{path.name}.csv").exists()]


def test_there_are_studies():
    assert PUBLISHED


def test_the_readme_says_what_was_published():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    frame = results.Results(ROOT / "results" / "cifar10.csv").frame("accuracy")
    means = results.summarize(frame).set_index(["method", "labels"])["mean"]

    def percent(method, labels):
        return f"{100 * means[method, labels]:.1f} %"

    few, many = 100, 10_000
    assert (
        f"reaches {percent('linear_probe', few)} with 100 labels, and a supervised baseline "
        f"{percent('supervised', few)}. With 10,000 labels the probe has "
        f"{percent('linear_probe', many)} and the baseline {percent('supervised', many)}."
    ) in readme
    comparisons = pd.read_csv(ROOT / "results" / "cifar10_comparisons.csv")
    assert any(f"> {verdict}" in readme for verdict in comparisons["verdict"])


def test_the_page_of_results_says_what_the_ablations_show():
    page = " ".join((ROOT / "docs" / "results.md").read_text(encoding="utf-8").split())

    def percent(name, labels, measure="accuracy"):
        rows = read_ablation(ROOT / "results" / "ablations" / f"{name}.csv")
        return 100 * rows[rows["labels"] == labels].groupby("cell")[measure].mean()

    pairs = percent("shapes_augmentation-pairs", 100)
    assert f"({pairs['color']:.0f} and {pairs['crop+color']:.0f} %)" in page
    assert f"({pairs['color+sobel']:.0f} and {pairs['color+rotation']:.0f} %)" in page
    assert pairs.nlargest(2).index.tolist() == ["color+sobel", "color+rotation"]
    found = percent("cifar10_temperature", 500, "contrastive_accuracy")
    low, high = found["temperature=0.02"], found["temperature=0.5"]
    assert f"from {low:.0f} to {high:.0f} % between temperatures of 0.02 and 0.5" in page
    probes = percent("cifar10_temperature", 500)
    assert round(probes["temperature=0.1"] - probes["temperature=1"]) == 4
    gains = [percent(f"{name}_head", 500) for name in ("shapes", "cifar10")]
    shapes, photographs = (part["linear"] - part["1-hidden"] for part in gains)
    assert f"(+{shapes:.0f} points)" in page and f"(+{photographs:.0f} ± " in page


def test_notebook_01_says_what_was_measured_of_the_recipes():
    rows = pd.read_csv(ROOT / "results" / "benchmarks" / "view_recipes.csv")
    text = (ROOT / "notebooks" / "text" / "01_augmentations.md").read_text(encoding="utf-8")
    means = rows.groupby("recipe", sort=False).mean(numeric_only=True)
    assert len(means) >= 3
    for recipe, row in means.iterrows():
        numbers = f"{row['contrastive_accuracy']:.0%} | {row['validation_accuracy']:.0%} |"
        assert f"| {recipe} | {numbers.replace('%', ' %')}" in text


def test_notebook_05_says_what_was_measured_of_the_baselines_length():
    rows = pd.read_csv(ROOT / "results" / "benchmarks" / "baseline_length.csv")
    text = (ROOT / "notebooks" / "text" / "05_baseline_comparison.md").read_text(encoding="utf-8")
    for labels, part in rows.groupby("labels"):
        means = part.groupby("steps")["validation_accuracy"].mean()
        assert list(part.groupby("steps").size().unique()) == [3] and means.index[0] == 0
        cells = [f"{100 * means[steps]:.0f}" for steps in (*means.index[1:], 0)]
        assert f"| {labels} | " + " | ".join(cells) + " |" in text
    # The lead that the text speaks of is that over the best of the lengths.
    few = rows[rows["labels"] == 10].groupby("steps")["validation_accuracy"].mean()
    assert few[0] - few.drop(0).max() > 0.1


def test_every_setting_has_a_row_in_the_pages():
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert set(SETTING_NAMES) <= set(rows)
    examples = re.findall(r"\| `(\w+=[^`]+)` \|$", page, re.MULTILINE)
    for name, value in parse_settings(examples).items():
        check(name, value)
    assert len(examples) == len(SETTING_NAMES)
    assert all(f"`{name}`" in page for name in READING_NAMES)


@pytest.mark.parametrize("study", PUBLISHED, ids=lambda path: path.name)
def test_what_is_published_is_what_the_command_writes(study, tmp_path):
    publish_results.publish(study, study.name, tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert {f"{study.name}{end}" for end in (".csv", ".json", ".md", ".png")} <= written
    for path in tmp_path.iterdir():
        if path.suffix != ".png":  # another machine draws other pixels
            published = (ROOT / "results" / path.name).read_text(encoding="utf-8")
            assert path.read_text(encoding="utf-8") == published, path.name


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_each_row_of_a_stored_study_has_its_predictions(folder):
    """What paired comparisons are made of; the row's accuracy is the share that is right."""
    frame, stored = results.Results(folder / "results.csv").frame(), Predictions(folder / STORED)
    assert len(frame) > 0
    for row in frame.to_dict("records"):
        found = stored.load(**{name: row[name] for name in KEY})
        metric = METRICS[row["metric"]]
        if metric.needs_probabilities and found.probabilities is None:
            continue  # left out of the repository: they are many times as large as the classes
        score = metric.measure(found.truth, found.classes, found.probabilities)
        assert score["value"] == pytest.approx(row["value"]), row
    assert len(stored.keys()) == len(frame[frame["metric"] == "accuracy"])


@pytest.mark.parametrize(
    "record, source",
    [
        ({"source": "cifar10", "from_folder": False}, "cifar10"),
        ({"source": "cifar10", "from_folder": True}, "<folder>"),
        ({"source": "medmnist:pathmnist", "from_folder": False}, "medmnist:pathmnist"),
        ({"source": "medmnist:/home/me/xrays.npz", "from_folder": False}, "xrays.npz"),
    ],
)
def test_a_command_names_a_data_set_but_not_a_users_folder(record, source):
    record = {"command": "python -m simclr_utils run", "preset": "full", "settings": {}, **record}
    assert f"--source {source} " in results_page.command_of(record, None)


def test_a_published_command_names_an_encoders_file_without_its_folder():
    settings = {
        "search": "rate",
        "encoder_file": "/home/me/net.keras",
        "methods": ["knn", "kmeans"],
    }
    record = {"command": "python -m simclr_utils study", "preset": "full", "settings": settings}
    frame = pd.DataFrame({"labels": [100, 10], "pretraining_seed": [0, 1]})
    command = results_page.command_of({"source": "a", "from_folder": True, **record}, frame)
    assert "--set search=rate --encoder net.keras --methods knn,kmeans --labels 10,100" in command
