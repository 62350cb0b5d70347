"""The protocol gives out no test label, scores each row once, and keeps what it was right on."""

from types import SimpleNamespace

import numpy as np
import pytest

from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.protocol import Protocol, ScoredBefore
from simclr_utils.evaluation.results import Results


def part(count, seed):
    labels = np.arange(count) % 4
    pixels = np.random.default_rng(seed).integers(0, 255, (count, 4, 4, 3), np.uint8)
    return pixels, labels


DATASET = SimpleNamespace(
    labeled=part(60, 0), own_validation=False, test=part(30, 2), num_classes=4, groups={}
)
ROW = {"method": "probe", "labels": 12, "subset_seed": 1}


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "results.csv", dataset="d", preset="tiny", fingerprint="f")


@pytest.fixture
def protocol(results, tmp_path):
    return Protocol(DATASET, results, tmp_path)


def test_a_row_is_scored_once_whoever_asks(protocol, results, tmp_path):
    guesses = np.where(np.arange(30) < 24, DATASET.test[1], 3 - DATASET.test[1])
    assert protocol.score(guesses, **ROW, steps=7, tuning="4 penalties") == pytest.approx(0.8)
    with pytest.raises(ScoredBefore, match="choosing on test"):
        protocol.score(DATASET.test[1], **ROW)
    another = Protocol(DATASET, results, tmp_path)  # as after a restart
    with pytest.raises(ScoredBefore, match="'subset_seed': 1"):
        another.score(DATASET.test[1], **ROW)
    row = results.frame().iloc[0]
    assert len(results.frame("accuracy")) == 1 and row["value"] == pytest.approx(0.8)
    assert (row["steps"], row["tuning"], row["metric"]) == (7, "4 penalties", "accuracy")
    assert row["low"] < 0.8 < row["high"]


def test_other_rows_are_free(protocol, results):
    for change in ({}, {"labels": 8}, {"subset_seed": 2}, {"method": "knn"}):
        protocol.score(np.zeros(30), **{**ROW, **change})
    for seed in (0, 1):
        protocol.score(np.zeros(30), **ROW, pretraining_seed=seed)
    assert len(results.frame("accuracy")) == 6


def test_what_was_right_is_kept_for_paired_comparisons(protocol):
    guesses = DATASET.test[1] * (np.arange(30) % 2)
    protocol.score(guesses, **ROW, pretraining_seed=0)
    kept = protocol.correct(**ROW, pretraining_seed=0)
    np.testing.assert_array_equal(kept, guesses == DATASET.test[1])
    classes, correct = protocol.scored(**ROW, pretraining_seed=0)
    np.testing.assert_array_equal(classes, guesses)
    np.testing.assert_array_equal(correct, kept)
    assert protocol.correct(**ROW) is None and protocol.correct(**{**ROW, "labels": 8}) is None


def test_probabilities_are_measured_in_every_way(protocol, results, tmp_path):
    shares = np.random.default_rng(3).dirichlet(np.ones(4), 30) + 0.3 * np.eye(4)[DATASET.test[1]]
    shares /= shares.sum(axis=1, keepdims=True)
    value = protocol.score(shares, **ROW, pretraining_seed=0, steps=7)
    assert value == np.mean(shares.argmax(1) == DATASET.test[1])
    frame = results.frame()
    # Sensitivity is defined for two classes.
    defined = [name for name in METRICS if not name.startswith("sensitivity")]
    assert frame["metric"].tolist() == defined and defined[0] == "accuracy"
    assert frame["value"].iloc[0] == value and set(frame["steps"]) == {7}
    another = Protocol(DATASET, results, tmp_path)
    for row in frame.itertuples():
        found = another.measure(row.metric, **ROW, pretraining_seed=0)
        stored = {"value": row.value, "low": row.low, "high": row.high}
        np.testing.assert_equal(found, stored)  # NaN, where no interval is known, equals NaN
    exact = METRICS["auroc"].measure(DATASET.test[1], shares.argmax(1), shares)
    assert results.frame("auroc")["value"].item() == pytest.approx(exact["value"], abs=1e-3)
    with pytest.raises(ScoredBefore):
        protocol.score(shares, **ROW, pretraining_seed=0)


def test_classes_alone_have_no_auroc(protocol, results):
    protocol.score(DATASET.test[1], **ROW)
    known = [name for name, metric in METRICS.items() if not metric.needs_probabilities]
    assert "auroc" not in known and results.frame()["metric"].tolist() == known
    assert protocol.measure("auroc", **ROW) is None
    assert protocol.measure("accuracy", **ROW, pretraining_seed=5) is None
    assert len(results.frame("balanced_accuracy")) == 1


def test_a_failed_score_leaves_nothing(protocol, results):
    with pytest.raises(ValueError, match="29 predictions for 30 test images"):
        protocol.score(np.zeros(29), **ROW)
    with pytest.raises(ValueError, match="softmax"):
        protocol.score(np.ones((30, 4)), **ROW)
    assert results.frame().empty and protocol.correct(**ROW) is None


def test_labels_of_the_test_images_are_not_handed_out(protocol):
    public = {name: value for name, value in vars(protocol).items() if not name.startswith("_")}
    for value in public.values():
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
            assert not np.array_equal(part, DATASET.test[1])


def test_all_labels_are_all_there_is(protocol):
    assert protocol.is_all(60) and not protocol.is_all(40)
    assert len(protocol.subset(60, 2)[1]) == 60
    np.testing.assert_array_equal(protocol.rows(60, 1), protocol.rows(60, 2))
    images, labels = protocol.subset(12, 1)
    assert np.bincount(labels).tolist() == [3, 3, 3, 3]
    assert set(protocol.rows(8, 1)) < set(protocol.rows(12, 1)) != set(protocol.rows(12, 2))


def test_validation_images_are_given_out_if_the_user_gave_them(results, tmp_path, protocol):
    assert protocol.validation is None
    own = SimpleNamespace(**{**vars(DATASET), "own_validation": True, "validation": part(20, 1)})
    given = Protocol(own, results, tmp_path)
    assert given.validation is own.validation and given.train is own.labeled
