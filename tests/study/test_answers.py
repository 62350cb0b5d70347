"""What a study answers: a verdict, or why there is none and the command that gives one."""

from types import SimpleNamespace

import pandas as pd
import pytest

from simclr_utils.study import answers, summary

FOUND = pd.DataFrame(
    {
        "first": ["linear_probe", "fine_tuned"],
        "labels": [20, 20],
        "value": [0.123, -0.04],
        "low": [0.05, -0.06],
        "high": [0.2, -0.02],
        "primary": [False, True],
        "verdict": ["the probe gains", "fine-tuning hurts"],
    }
)


def study_of(preset, name="glyphs", counts=(20,)):
    return SimpleNamespace(preset=preset, counts=counts, dataset=SimpleNamespace(name=name))


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.setattr(summary, "compare", lambda study: FOUND)
    monkeypatch.setattr(summary, "small_print", lambda study: ["a caveat"])
    monkeypatch.setattr(summary, "no_verdict", lambda study: "nothing is labeled")


@pytest.mark.parametrize("preset", ["tiny", "quick"])
def test_a_preset_made_for_speed_names_the_command_and_no_verdict(preset):
    said = answers.answer(study_of(preset))
    assert said[0].startswith(f"No verdict: the preset {preset}") and said[-1] == "a caveat"
    assert "--source glyphs --preset full" in said[1]
    lines = answers.differences(study_of(preset))
    assert lines[0] == (
        "At 20 labels, SimCLR + linear probe minus the baseline: +12.3 points [+5.0 to +20.0]"
    )
    assert not any(word in line for line in [*said, *lines] for word in ("gains", "hurts"))


@pytest.mark.parametrize("preset", ["laptop", "full"])
def test_the_others_end_in_a_verdict(preset):
    assert answers.answer(study_of(preset)) == ["fine-tuning hurts", "a caveat"]
    assert answers.differences(study_of(preset)) == ["the probe gains", "fine-tuning hurts"]


def test_without_labels_there_is_nothing_to_compare(monkeypatch):
    monkeypatch.setattr(summary, "compare", lambda study: pd.DataFrame([]))
    for preset in ("quick", "full"):
        unlabeled = study_of(preset, counts=())
        assert answers.answer(unlabeled) == ["nothing is labeled", "a caveat"]
        assert answers.differences(unlabeled) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [("cifar10", "cifar10"), ("medmnist:pathmnist", "medmnist:pathmnist"), ("scans", "FOLDER")],
)
def test_the_command_names_a_data_set_but_not_a_users_folder(name, source):
    assert f"--source {source} " in answers.real_command(study_of("quick", name))
