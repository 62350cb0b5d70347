"""A preset made for speed gives numbers and no verdict, in the terminal and on the page."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from simclr_utils import get_config, load_dataset
from simclr_utils.cli import study as study_command
from simclr_utils.methods import METHODS
from simclr_utils.study.study import Study

VERDICT = re.compile(r"hurts|falls behind|\bgains\b|no difference|\bp [<=]|primary one")


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("glyphs", limits=get_config("tiny").limits)


def summarize(dataset, folder, preset):
    """Returns what `study` prints and the page, where the baseline is far ahead."""
    config = replace(get_config("tiny", "glyphs"), label_counts=(20,), num_subsets=2)
    study = Study(dataset, config, folder, preset, num_seeds=2)
    truth = dataset.test[1]
    for method, share in (("linear_probe", 0.5), ("fine_tuned", 0.4), ("supervised", 0.9)):
        seeds = (0, 1) if METHODS[method].pretrained else (None,)
        right = np.arange(len(truth)) < share * len(truth)
        answers = np.where(right, truth, (truth + 1) % dataset.num_classes)
        for subset, seed in itertools.product((0, 1), seeds):
            key = {"method": method, "labels": 20, "subset_seed": subset}
            study.comparison.protocol.score(answers, **key, pretraining_seed=seed)
    text = study_command.summarize(study)
    return text, (folder / "verdict.html").read_text(encoding="utf-8")


def test_a_preset_made_for_speed_gives_no_verdict(dataset, tmp_path):
    text, page = summarize(dataset, tmp_path, "tiny")
    assert "minus the baseline: -50" in page
    for output in (text, page):
        assert "No verdict: the preset tiny is made for speed" in output
        assert VERDICT.search(output) is None, VERDICT.search(output)


def test_another_preset_gives_one(dataset, tmp_path):
    text, page = summarize(dataset, tmp_path, "laptop")
    assert "hurts: it loses 50" in text and "The loss is 50.0 points" in page
    for output in (text, page):
        assert "No verdict" not in output
