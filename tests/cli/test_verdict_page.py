"""The page for a client: one file, the answer first, percent with one decimal, names escaped."""

import json
import re

import numpy as np
import pytest
from faked_studies import ACCURACIES, constant, fake_dataset, fake_study

from simclr_utils.cli.charts import duration, methods_chart
from simclr_utils.cli.pages import as_part, render
from simclr_utils.cli.verdict import describe_notes, write_verdict
from simclr_utils.cli.verdict_content import describe
from simclr_utils.methods import METHODS
from simclr_utils.study.answers import percent
from simclr_utils.study.identity import StudyError
from simclr_utils.study.next_step import rough

NAME = "cats & <dogs>"


def write(folder, dataset, accuracies, extra=None, **settings):
    study = constant(fake_study(folder, dataset, accuracies, **settings))
    page = write_verdict(study, extra).read_text(encoding="utf-8")
    text = (folder / "verdict.md").read_text(encoding="utf-8")
    return page, text, json.loads((folder / "verdict.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    names = ("<b>cat</b>", "dog|puppy")
    dataset = fake_dataset(num_test=1000, name=NAME, class_names=names)
    extra = {'A "picture"': b"\x89PNG", "Note": "two\nlines"}
    return write(tmp_path_factory.mktemp("yes") / "study", dataset, ACCURACIES, extra)


def first_screen(page):
    return page[page.index("<body>") : page.index("<details")]


def test_it_is_one_file_without_script_or_network(made):
    page = made[0]
    assert not re.search(r'(src|href)="(?!data:)', page) and "http" not in page
    assert "<script" not in page and "url(" not in page and "prefers-color-scheme" in page


def test_the_answer_the_chart_the_times_and_the_next_step_come_first(made):
    page, text, content = made
    screen = first_screen(page)
    screen = screen.replace("\N{NO-BREAK SPACE}", " ")
    places = [screen.index(content["answer"][0]), screen.index('class="chart"')]
    places += [screen.index("1.5 min"), screen.index("Next step")]
    assert places == sorted(places)
    assert content["answer"][0].startswith("Yes, pretraining helps: with 200 labels, ")
    assert "label-next --out" in screen and "with 95 % confidence" in screen
    error = next(
        100 * each["value"]
        for each in content["methods"]
        if (each["method"], each["metric"], each["labels"])
        == ("fine_tuned", "calibration_error", content["labels"])
    )
    assert f"share of right answers differ by {error:.1f} points" in text
    for word in ("All comparisons in words", "What made these numbers", "The images", "Note"):
        assert word in page[len(screen) :] and f"## {word}" in text


def test_each_method_is_explained_once():
    told = describe_notes([{"method": name} for name in ("kmeans", "chance", "kmeans", "fixmatch")])
    first, second, third = told.splitlines()
    assert first.startswith("k-means patches + probe: k-means on whitened patches")
    assert second.startswith("most frequent class: A control")
    assert third.startswith("FixMatch") and "Sohn" in third
    assert all(method.note for method in METHODS.values())


def test_names_are_escaped(made):
    page, text, _ = made
    assert "cats &amp; &lt;dogs&gt;" in page and "<dogs>" not in page
    assert "&lt;b&gt;cat&lt;/b&gt;" in page and "<b>cat" not in page
    assert "dog\\|puppy" in text


def test_no_accuracy_is_a_share_and_no_column_counts_ones(made):
    page, text, _ = made
    for each in (page[page.index("<body>") :], text):
        shown = re.sub(r"src=\"data:[^\"]*\"|style=\"[^\"]*\"", "", each)
        shown = shown[: shown.index("What made these numbers")]
        assert not re.search(r"(?<!p = )(?<!p < )(?<!p &lt; )\b0\.\d{3}", shown)
        assert "<th>n</th>" not in shown and "| n |" not in shown


def test_the_json_has_the_numbers_of_the_page(made):
    page, text, content = made
    at = [each for each in content["methods"] if each["labels"] == content["labels"] == 200]
    shown = {each["label"]: percent(each["value"]) for each in at if each["metric"] == "accuracy"}
    assert len(shown) == 7
    page = page.replace("\N{NO-BREAK SPACE}", " ")
    for label, value in shown.items():
        assert f">{label}</span>" in page and f'role="cell">{value}</span>' in page
        assert f"{label} | {value} |" in text.replace("**", "")
    assert content["schema"] == 2 and content["primary"]["first"] == "fine_tuned"
    value = shown["SimCLR + fine-tuning"]
    assert f"{value} of the test images are recognized with pretraining" in content["answer"][0]
    gain = 100 * content["primary"]["value"]
    assert f"The gain is {gain:.1f} points" in content["answer"][1]
    assert {each["metric"] for each in at} >= {"balanced_accuracy", "auroc", "calibration_error"}
    assert content["per_class"][0]["measure"] == "recall"
    assert content["per_class"][0]["images"] == 500


def test_every_key_of_the_json_is_documented(made):
    from simclr_utils.places import COURSE

    page = (COURSE / "docs" / "command_line.md").read_text(encoding="utf-8")
    table = page[page.index("## `verdict.json`") :]
    missing = [name for name in made[2] if f"`{name}`" not in table]
    assert missing == []


def test_two_methods_that_are_close_end_in_a_number_of_images(tmp_path):
    near = {name: ACCURACIES[name] for name in ("supervised", "fine_tuned")}
    near["fine_tuned"] = (0.6, 0.74)
    page, _, content = write(tmp_path, fake_dataset(num_test=82), near)
    step = content["next_step"]
    assert content["answer"][0].startswith("These images cannot tell")
    assert "points worse to" in content["answer"][1]
    assert step["test_images"] == 82 and step["gain"] < step["smallest_visible"]
    more = rough(step["test_images_needed"] - 82)
    assert f"label about {more:,} more" in first_screen(page)


def test_unequal_classes_are_said_first_and_balanced_accuracy_is_shown(tmp_path):
    accuracies = dict.fromkeys(("supervised", "fine_tuned"), (0.9, 0.97))
    dataset = fake_dataset((0.97, 0.03), 300, "parts", ("ok", "defect"))
    page, text, content = write(tmp_path, dataset, accuracies)
    screen = first_screen(page).replace("\N{NO-BREAK SPACE}", " ")
    assert "97.0 % of the test images are of the class “ok”" in screen
    rare = "Of the 9 test images of the class “defect”"
    assert screen.index(rare) < screen.index(content["answer"][0])
    assert content["data"]["sentence"] in screen
    assert "--metric balanced_accuracy" in text
    assert page.count('class="chart"') == 2 and "Balanced accuracy of all methods" in page
    assert content["data"]["most_frequent"] == {"class": "ok", "share": 0.97}


def test_another_metric_decides_if_it_was_chosen_before(tmp_path):
    dataset = fake_dataset(num_test=400)
    _, text, content = write(tmp_path, dataset, ACCURACIES, metric="auroc")
    assert content["metric"] == {"name": "auroc", "label": "AUROC"}
    assert "the area under the ROC curve (AUROC) is" in content["answer"][0]
    at = {each["method"]: each for each in content["methods"] if each["metric"] == "auroc"}
    gap = at["fine_tuned"]["value"] - at["supervised"]["value"]
    assert content["primary"]["value"] == pytest.approx(gap)
    with pytest.raises(StudyError, match="metric is 'auroc' there.*chosen before the results"):
        fake_study(tmp_path, dataset, {})


def test_a_preset_made_for_speed_shows_the_chart_and_says_so(tmp_path):
    settings = {"preset": "quick", "num_subsets": 2}
    page, _, content = write(tmp_path, fake_dataset(num_test=300), ACCURACIES, **settings)
    assert content["made_for_speed"] and content["answer"][0].startswith("No verdict: the preset")
    assert 'class="chart"' in page and "This was a trial run" in page
    assert "--preset full" in first_screen(page)
    assert not re.search(r"\bgains?\b|hurts|no difference", first_screen(page))


def test_a_row_without_an_interval_is_a_dot():
    each = {"method": "knn", "label": "kNN", "value": 0.5, "low": None, "high": None}
    chart = methods_chart([{**each, "minutes": {"total": None}}])
    assert chart["rows"][0]["low"] is None and chart["rows"][0]["time"] == "–"


def test_durations_and_rounded_numbers():
    minutes = (0.001, 0.4, 3.25, 45, 200)
    assert [duration(each) for each in minutes] == ["< 1 s", "24 s", "3.2 min", "45 min", "3.3 h"]
    assert [rough(number) for number in (7, 83, 861, 12_345)] == [7, 83, 870, 13_000]


def test_a_template_without_a_value_is_an_error():
    with pytest.raises(Exception, match="'warning' is undefined"):
        render("verdict.md", title="t")
    assert as_part("text") == {"kind": "text", "text": "text"}


def test_a_page_of_patients_counts_them_and_draws_them(tmp_path):
    groups = {"train": np.arange(200) // 4, "validation": 100 + np.arange(60) // 4}
    groups |= {"test": 200 + np.arange(400) // 8}
    found = {}
    for name, given in (("plain", None), ("grouped", groups)):
        dataset = fake_dataset(num_test=400, groups=given)
        study = fake_study(tmp_path / name, dataset, ACCURACIES, label_counts=(50, 200))
        found[name] = describe(study)
    grouped, plain = found["grouped"], found["plain"]
    assert (
        "260 labeled images of 65 groups to learn from, 400 test images of 50 groups, "
        in (grouped["data"]["sentence"])
    )
    assert plain["data"]["sentence"].startswith("260 labeled images to learn from, 400 to test, ")
    assert (grouped["data"]["groups"], plain["data"]["groups"]) == ({"labeled": 65, "test": 50}, {})
    assert grouped["primary"]["value"] == pytest.approx(plain["primary"]["value"])
    assert grouped["primary"]["low"] != plain["primary"]["low"]
    assert grouped["next_step"]["test_groups"] == 50 and "test_groups" not in plain["next_step"]
