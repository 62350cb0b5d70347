"""A folder is held to one study, and a study continues what notebooks have begun there."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from simclr_utils.config import get_config
from simclr_utils.evaluation.results import Results
from simclr_utils.files import load_json, save_json, update_json
from simclr_utils.study.identity import PARTS, RULE, StudyError, claim, has_results

CONFIG = get_config("tiny")
DATASET = SimpleNamespace(fingerprint="1f2e", unlabeled=np.zeros((64, 1)))
STEPS = 24  # of CONFIG, on 64 images in batches of 32


def measure(folder, **row):
    shared = {"dataset": "d", "preset": "tiny", "fingerprint": "1f2e", "metric": "accuracy"}
    Results(folder / "results.csv", **shared).add(labels=20, subset_seed=0, value=0.5, **row)


def stored(folder):
    return load_json(folder / "run.json")["study"]


def test_the_first_claim_is_written_and_kept_beside_the_record(tmp_path):
    save_json(tmp_path / "run.json", {"command": "run"})
    claim(tmp_path, DATASET, CONFIG, "tiny")
    assert load_json(tmp_path / "run.json")["command"] == "run"
    assert {**stored(tmp_path), "config": None} == {
        "preset": "tiny",
        "fingerprint": "1f2e",
        "precision": keras.config.dtype_policy().name,
        "rule": RULE,
        "config": None,
    }
    assert stored(tmp_path)["config"]["temperature"] == CONFIG.temperature
    assert not {"label_counts", "limits"} & set(stored(tmp_path)["config"])


@pytest.mark.parametrize(
    "name, change",
    [
        ("temperature", {"config": replace(CONFIG, temperature=0.7)}),
        ("fingerprint", {"dataset": SimpleNamespace(fingerprint="x", unlabeled=DATASET.unlabeled)}),
        ("preset", {"preset": "quick"}),
    ],
)
def test_another_study_is_refused_once_something_is_made(tmp_path, name, change):
    asked = {"dataset": DATASET, "config": CONFIG, "preset": "tiny"}
    claim(tmp_path, **{**asked, **change})
    claim(tmp_path, **asked)  # nothing was made: the folder is free
    (tmp_path / "encoders").mkdir()
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(StudyError, match=f"{name} is .* there and .* here.*run_dir, or --out"):
        claim(tmp_path, **{**asked, **change})
    assert (tmp_path / "run.json").read_bytes() == before
    claim(tmp_path, **asked)


def test_what_means_the_same_is_the_same(tmp_path):
    claim(tmp_path, DATASET, CONFIG, "tiny", PARTS)
    measure(tmp_path, method="chance")
    record = stored(tmp_path)
    del record["config"]["micro_batch_size"]  # a field that a later version added
    update_json(tmp_path / "run.json", study=record)
    as_dict = replace(CONFIG, operations=dict(CONFIG.operations), label_counts=(7,))
    claim(tmp_path, DATASET, as_dict, "tiny", PARTS)
    with pytest.raises(StudyError, match="micro_batch_size is None there and 16 here"):
        claim(tmp_path, DATASET, replace(CONFIG, micro_batch_size=16), "tiny", PARTS)


def test_pretraining_settles_nothing_about_the_baseline(tmp_path):
    claim(tmp_path, DATASET, CONFIG, "tiny")
    (tmp_path / "encoders").mkdir()
    longer = replace(CONFIG, supervised_steps_factor=9.0)
    claim(tmp_path, DATASET, longer, "tiny", PARTS)
    assert stored(tmp_path)["config"]["supervised_steps_factor"] == 9.0
    claim(tmp_path, DATASET, CONFIG, "tiny")  # notebook 03 once more
    with pytest.raises(StudyError, match="supervised_steps_factor is 9.0 there"):
        claim(tmp_path, DATASET, CONFIG, "tiny", PARTS)


def test_results_without_a_record_are_not_continued(tmp_path):
    measure(tmp_path, method="chance")
    assert has_results(tmp_path)
    with pytest.raises(StudyError, match="no record of the images and settings"):
        claim(tmp_path, DATASET, CONFIG, "tiny")


def test_rows_of_an_encoder_that_was_stopped_early_are_not_mixed(tmp_path):
    claim(tmp_path, DATASET, CONFIG, "tiny")
    record = tmp_path / "encoders" / "0" / "encoder.json"
    save_json(record, {"steps": 8})
    claim(tmp_path, DATASET, CONFIG, "tiny")  # nothing is measured: it may go on
    measure(tmp_path, method="knn", pretraining_seed=0)
    with pytest.raises(StudyError, match=f"encoder 0 stopped after 8 of {STEPS} steps"):
        claim(tmp_path, DATASET, CONFIG, "tiny")
    save_json(record, {"steps": STEPS})
    claim(tmp_path, DATASET, CONFIG, "tiny")


def test_rows_chosen_on_other_images_are_not_mixed(tmp_path):
    claim(tmp_path, DATASET, CONFIG, "tiny")
    record = stored(tmp_path)
    del record["rule"]  # as an earlier version wrote it
    update_json(tmp_path / "run.json", study=record)
    (tmp_path / "encoders").mkdir()
    claim(tmp_path, DATASET, CONFIG, "tiny")  # encoders are what they are
    assert stored(tmp_path)["rule"] == RULE
    update_json(tmp_path / "run.json", study=record)
    measure(tmp_path, method="chance")
    with pytest.raises(StudyError, match="every label counts, and such rows .* move results.csv"):
        claim(tmp_path, DATASET, CONFIG, "tiny")
    assert stored(tmp_path) == record
