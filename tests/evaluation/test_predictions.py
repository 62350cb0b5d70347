"""Predictions come back as they were stored, from one file that survives an interruption."""

import sqlite3
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from simclr_utils.evaluation.predictions import Predictions, split_predictions, with_argmax
from simclr_utils.evaluation.probes import class_probabilities, fit_knn, fit_linear_probe

TRUTH = np.array([0, 1, 2, 300])
KEY = {"preset": "tiny", "fingerprint": "f", "method": "probe", "labels": 12, "subset_seed": 1}


@pytest.fixture
def predictions(tmp_path):
    return Predictions(tmp_path / "made" / "predictions.sqlite")


def test_classes_and_probabilities_come_back(predictions):
    shares = np.full((4, 301), 1 / 301)
    predictions.store(TRUTH, [0, 2, 2, 300], shares, **KEY, pretraining_seed=3)
    found = predictions.load(**KEY, pretraining_seed=3)
    np.testing.assert_array_equal(found.truth, TRUTH)
    np.testing.assert_array_equal(found.classes, [0, 2, 2, 300])
    np.testing.assert_array_equal(found.correct, [True, False, True, True])
    assert found.probabilities.dtype == np.float16 and found.classes.dtype == np.uint16
    np.testing.assert_allclose(found.probabilities, shares, rtol=1e-3)
    assert predictions.load(**KEY) is None  # of another encoder: of none


def test_small_classes_take_little_room(predictions):
    predictions.store(TRUTH[:3], [0, 1, 1], **KEY)
    found = predictions.load(**KEY)
    assert found.classes.dtype == found.truth.dtype == np.uint8 and found.probabilities is None


def test_keys_of_any_integer_type_are_the_same(predictions):
    predictions.store(TRUTH, TRUTH, **{**KEY, "labels": np.int64(12)}, pretraining_seed=pd.NA)
    assert predictions.keys() == [{**KEY, "pretraining_seed": None}]
    assert predictions.load(**{**KEY, "labels": np.uint8(12)}) is not None
    predictions.store(TRUTH, TRUTH[::-1], **KEY)  # in place of the first
    assert len(predictions.keys()) == 1
    assert predictions.load(**KEY).classes.tolist() == TRUTH[::-1].tolist()


def test_an_incomplete_key_is_refused(predictions):
    with pytest.raises(TypeError, match="named by .*'preset'"):
        predictions.load(method="probe")


def test_a_file_that_is_not_there_is_empty_and_stays_away(predictions):
    assert predictions.keys() == [] and predictions.load(**KEY) is None
    assert not predictions.path.exists()


def test_the_true_labels_do_not_change(predictions):
    predictions.store(TRUTH, TRUTH, **KEY)
    with pytest.raises(ValueError, match=r"predictions\.sqlite holds other test labels .*'f'"):
        predictions.store(TRUTH[::-1], TRUTH, **{**KEY, "subset_seed": 2})
    assert len(predictions.keys()) == 1
    predictions.store(TRUTH[::-1], TRUTH, **{**KEY, "fingerprint": "another"})
    assert len(predictions.keys()) == 2


def test_an_interrupted_transaction_leaves_the_file_readable(predictions, monkeypatch):
    predictions.store(TRUTH, TRUTH, **KEY)
    before = predictions.path.read_bytes()

    def interrupted(*parts, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("simclr_utils.evaluation.predictions._pack", interrupted)
        with pytest.raises(KeyboardInterrupt):
            predictions.store(TRUTH, TRUTH[::-1], **KEY)  # the old row is deleted already
    assert predictions.path.read_bytes() == before
    assert predictions.load(**KEY).classes.tolist() == TRUTH.tolist()
    predictions.store(TRUTH, TRUTH[::-1], **KEY)
    predictions.path.unlink()  # nobody holds it open
    assert predictions.keys() == []


def test_a_writer_that_was_killed_is_rolled_back(predictions, tmp_path):
    """The file and its journal as a killed process leaves them, in the midst of a transaction."""
    for seed in range(40):
        predictions.store(TRUTH, TRUTH, np.eye(301)[TRUTH], **{**KEY, "subset_seed": seed})
    connection = sqlite3.connect(predictions.path)
    connection.execute("PRAGMA cache_size = 1")  # changed pages go to the file at once
    connection.execute("UPDATE predictions SET arrays = zeroblob(9000)")
    killed = Predictions(tmp_path / "killed.sqlite")
    killed.path.write_bytes(predictions.path.read_bytes())
    journal = predictions.path.with_name("predictions.sqlite-journal").read_bytes()
    assert killed.path.stat().st_size > 9000
    killed.path.with_name("killed.sqlite-journal").write_bytes(journal)
    connection.close()
    assert len(killed.keys()) == 40
    for key in predictions.keys():  # noqa: SIM118
        assert killed.load(**key).classes.tolist() == TRUTH.tolist()


def test_a_file_of_something_else_is_named(tmp_path):
    (tmp_path / "other.sqlite").write_text("no database " * 100)
    with pytest.raises(OSError, match=r"other\.sqlite cannot be used as a file of predictions"):
        Predictions(tmp_path / "other.sqlite").keys()


# Classes or probabilities.


def test_probabilities_give_classes_too():
    shares = np.array([[0.2, 0.8], [0.5, 0.5]])
    classes, probabilities = split_predictions(shares, 2, 2)
    assert classes.tolist() == [1, 0] and probabilities is shares
    assert split_predictions(np.array([1, 0]), 2, 2)[1] is None


@pytest.mark.parametrize(
    "given, message",
    [
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.zeros(3, int), "3 predictions for 2 test images"),
        (np.array([0.5, 1]), "integers from 0 to 1"),
        (np.array([0, 2]), r"integers from 0 to 1. Received: \[0 2\]"),
        (np.array([-1, 1]), "integers from 0 to 1"),
        (np.full((2, 3), 1 / 3), "of 3 classes. Expected a column for each of the 2"),
        (np.array([[1.5, 0.5], [0, 1]]), "each row sums to 1.*take the softmax"),
        (np.array([[1.5, -0.5], [0, 1]]), "positive or 0"),
        (np.array([[np.nan, 0.5], [0, 1]]), "positive or 0"),
    ],
)
def test_what_is_no_prediction_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        split_predictions(given, 2, 2)


def test_the_predicted_class_wins_a_tie():
    shares = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    made = with_argmax(shares, np.array([1, 2]))
    assert made.argmax(1).tolist() == [1, 2]
    np.testing.assert_allclose(made, shares, rtol=1e-12)
    assert shares[0, 1] == 0.5  # the given array is not changed


# Classifiers.


def test_knn_predicts_as_before_where_votes_are_tied():
    """Every query is as near to two classes: the same images twice, with two labels."""
    random = np.random.default_rng(0)
    images = random.normal(size=(30, 4))
    features, labels = np.concatenate([images, images]), np.repeat([3, 1], 30)
    order = random.permutation(60)
    knn, queries = fit_knn(features[order], labels[order]), random.normal(size=(300, 4))
    shares = knn.predict_probabilities(queries, 6)
    np.testing.assert_array_equal(shares.argmax(1), knn.predict(queries))
    np.testing.assert_allclose(shares[:, [1, 3]], 0.5)


def test_a_classifier_that_breaks_ties_otherwise_keeps_its_classes():
    """scikit-learn adds up kNN's votes in two ways, which may round differently."""
    stub = SimpleNamespace(
        classes_=np.array([1, 3]),
        predict_proba=lambda features: np.full((len(features), 2), 0.5),
        predict=lambda features: np.array([1, 3]),
    )
    shares = class_probabilities(stub, np.zeros((2, 5)), 4)
    assert shares.argmax(1).tolist() == [1, 3]
    np.testing.assert_allclose(shares, [[0, 0.5, 0, 0.5]] * 2)


@pytest.mark.parametrize("classes", [(0, 2), (1, 2, 4)])
def test_the_probe_has_a_column_for_each_class(classes):
    random = np.random.default_rng(1)
    labels = np.repeat(classes, 40)
    features = random.normal(size=(len(labels), 5)) + labels[:, None] * np.eye(5)[0]
    probe = fit_linear_probe(features, labels, (features, labels))
    shares = probe.predict_probabilities(features, 6)
    assert shares.shape == (len(labels), 6)
    np.testing.assert_array_equal(shares.argmax(1), probe.predict(features))
    np.testing.assert_allclose(shares.sum(1), 1)
    scaled = probe.scaler.transform(features)
    np.testing.assert_allclose(shares[:, list(classes)], probe.classifier.predict_proba(scaled))
