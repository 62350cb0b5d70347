"""The stored predictions of a study, on one that is measured in seconds."""

import numpy as np
import pytest

from simclr_utils import get_config, load_dataset, study
from simclr_utils.methods import METHODS


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    config = get_config("tiny", "glyphs", num_subsets=2)
    dataset = load_dataset("glyphs", limits=config.limits)
    made = study.Study(dataset, config, tmp_path_factory.mktemp("study"), "tiny", num_seeds=1)
    made.run(lambda line: None, methods=["chance", "raw_pixels"])
    return made


def test_what_is_right_agrees_with_the_rows(measured):
    frame = measured.frame()
    for labels in measured.counts:
        right = study.correct(measured, "raw_pixels", labels)
        assert right.shape == (2, 1, len(measured.dataset.test[1])) and right.dtype == bool
        rows = frame[(frame["method"] == "raw_pixels") & (frame["labels"] == labels)]
        rows = rows[rows["metric"] == "accuracy"].sort_values("subset_seed")
        assert np.allclose(right[:, 0].mean(axis=1), rows["value"])
    assert study.correct(measured, "linear_probe", measured.counts[0]) is None


def test_predictions_of_the_first_subset_are_those_that_were_scored(measured):
    found = study.first_predictions(measured)
    assert list(found) == list(measured.counts)
    for labels, methods in found.items():
        # In the order of METHODS; what was not measured is left out.
        assert list(methods) == [METHODS[name].label for name in ("raw_pixels", "chance")]
        classes, right = methods[METHODS["raw_pixels"].label]
        assert np.array_equal(right, classes == measured.dataset.test[1])
        assert np.array_equal(right, study.correct(measured, "raw_pixels", labels)[0, 0])
