"""A method is one entry in a table, and a start one function: everything else reads the table."""

import re
from dataclasses import replace

import pandas as pd
import pytest
import results_page

from simclr_utils import methods
from simclr_utils.cli import report
from simclr_utils.cli import study as study_command
from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.methods import METHODS, Method
from simclr_utils.study import costs, starts
from simclr_utils.study.identity import StudyError
from simclr_utils.study.study import Study
from simclr_utils.training.networks import build_encoder

CONFIG = get_config(
    "tiny",
    label_counts=(20,),
    limits={"unlabeled": 64, "train": 60, "validation": 30, "test": 50},
)
FROM_FILE = Method("encoder of a file + probe", "sky", "X", fitted="probe", start="my_encoder")


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("shapes", limits=CONFIG.limits)


@pytest.fixture
def with_an_encoder_from_a_file(monkeypatch):
    monkeypatch.setitem(METHODS, "my_encoder", FROM_FILE)
    monkeypatch.setattr(starts, "STARTS", dict(starts.STARTS))
    monkeypatch.setattr("simclr_utils.study.frozen_tasks.STARTS", starts.STARTS)

    @starts.start
    def my_encoder(study, seed):
        return build_encoder(study.dataset.image_shape, "small_cnn", 4)


def test_a_new_method_is_measured_and_shown(
    with_an_encoder_from_a_file, dataset, tmp_path, monkeypatch
):
    # Beside the new one, those that need neither pretraining nor training.
    quick = replace(CONFIG, methods=("my_encoder", "raw_pixels", "chance"))
    study = Study(dataset, quick, tmp_path, "tiny", num_seeds=1)
    tasks = {task.name: task.cost for task in study.tasks()}
    assert tasks["my_encoder"] == tasks["raw_pixels"] > tasks["chance"] == 0
    size = costs.disk_bytes(study)
    drawn = []
    monkeypatch.setattr(
        "simclr_utils.plotting.plot_comparison",
        lambda frame, *others: drawn.extend(frame["method"]),
        raising=False,
    )
    monkeypatch.setattr("simclr_utils.plotting.to_png", lambda picture: b"PNG", raising=False)
    study.run(lambda line: None)
    assert study.tasks() == [] and "my_encoder" in set(study.frame()["method"])
    text = study_command.summarize(study)
    assert re.search(rf"^{re.escape(FROM_FILE.label)} +\d+\.\d", text, re.MULTILINE)
    assert "my_encoder" in drawn
    assert FROM_FILE.label in (tmp_path / "verdict.html").read_text()
    monkeypatch.delitem(METHODS, "my_encoder")
    study.methods.remove("my_encoder")
    assert costs.disk_bytes(study) < size


def test_an_unknown_start_is_named(dataset, tmp_path, monkeypatch):
    lost = Method("lost", "sky", "X", fitted="probe", start="nowhere")
    monkeypatch.setitem(METHODS, "lost", lost)
    with pytest.raises(StudyError, match="'lost' starts from 'nowhere', which"):
        Study(dataset, CONFIG, tmp_path, "tiny", num_seeds=1)


def test_an_unknown_fit_is_named():
    with pytest.raises(ValueError, match="'mine' has fitted='forest'. Choose one of constant"):
        Method("mine", "red", "o", fitted="forest", start="pixels")


def test_rows_of_an_unknown_method_are_no_silent_gap():
    assert methods.in_order(["supervised", "knn", "knn"]) == ["knn", "supervised"]
    row = {"dataset": "d", "labels": 10, "metric": "accuracy", "value": 0.5, "mean": 0.5}
    row |= {"low": 0.4, "high": 0.6, "preset": "tiny", "fingerprint": "f", "first": "mine"}
    row |= {"subset_seed": 0, "pretraining_seed": None}
    frame = pd.DataFrame([{**row, "method": "mine"}])
    for make in (
        lambda: report.results_tables(frame, "tiny"),
        lambda: results_page.markdown_table(frame),
        lambda: results_page.gains_table(frame),
    ):
        with pytest.raises(ValueError, match="rows of the method 'mine', which is not in METHODS"):
            make()


def test_every_start_of_the_table_is_there():
    starts.check_starts()
    assert starts.FROM_SCRATCH in starts.STARTS
