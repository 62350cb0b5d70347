"""What a study answers: a verdict, or why there is none and the command that gives one."""

from types import SimpleNamespace

import numpy as np
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
    test = (None, np.zeros(0, int))
    named = SimpleNamespace(name=name, is_labeled=False, test=test, finding=None)
    config = SimpleNamespace(metric="accuracy", encoder_file=None, class_weight="none")
    return SimpleNamespace(preset=preset, counts=counts, dataset=named, config=config)


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
    study = study_of("quick", name)
    assert f"--source {source} " in answers.real_command(study)
    study.config.metric = "auroc"
    assert "--preset full --metric auroc --out" in answers.real_command(study)
    study.config.class_weight = "balanced"
    assert "--metric auroc --set class_weight=balanced --out" in answers.real_command(study)
    study.dataset.finding = "Pleural Other"
    assert "balanced --set 'finding=Pleural Other' --out" in answers.real_command(study)
    study.config.encoder_file = "/home/me/encoder.keras"
    assert "--encoder FILE --out" in answers.real_command(study)
    study.config.encoder_file = "keras.applications:MobileNetV2"
    assert "--encoder keras.applications:MobileNetV2 --out" in answers.real_command(study)


def primary(low, high, **changes):
    row = {"first": "fine_tuned", "second": "supervised", "labels": 500, "value": (low + high) / 2}
    return {**row, "low": low, "high": high, "subsets": 3, "seeds": 2, **changes}


@pytest.mark.parametrize(
    "ends, first, second",
    [
        ((0.02, 0.06), "Yes, pretraining helps: with 500 labels", "gain is 4.0 points"),
        ((-0.06, -0.02), "No, training on the labels alone is better", "loss is 4.0 points"),
        ((-0.01, 0.03), "These images cannot tell", "from 1.0 points worse to 3.0 points better"),
    ],
)
def test_the_plain_answer_has_two_sentences(ends, first, second):
    study = study_of("full", counts=(500,))
    values = {"fine_tuned": 0.612, "supervised": 0.55}
    said = answers.plain_answer(study, primary(*ends), values)
    assert said[0].startswith(first) and second in said[1] and len(said) == 2
    assert (
        "61.2 % of the test images are recognized with pretraining (SimCLR + fine-tuning), "
        in said[0]
    )
    assert "and 55.0 % without (supervised from scratch)" in said[0]
    alone = answers.plain_answer(study, primary(*ends, seeds=1), values)
    assert alone[0].startswith("No verdict: it takes several encoders")
    values = {**values, "linear_probe": 0.6}
    other = answers.plain_answer(study, primary(*ends, first="linear_probe"), values)
    assert "60.0 %" in other[0]
    assert answers.plain_answer(study, None, values) == ["nothing is labeled"]
