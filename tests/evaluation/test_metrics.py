"""Metrics equal scikit-learn's, their intervals cover the truth, and a new one is one entry."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from simclr_utils.evaluation.calibration import reliability
from simclr_utils.evaluation.class_results import results_per_class
from simclr_utils.evaluation.metrics import METRICS, Metric, accuracy_interval
from simclr_utils.evaluation.operating_points import at_threshold, choose_threshold
from simclr_utils.evaluation.precision_recall import precision_recall_points
from simclr_utils.evaluation.protocol import Protocol
from simclr_utils.evaluation.results import Results, summarize
from simclr_utils.evaluation.roc import roc_points


def guesses(count, num_classes, seed, skill=1.0):
    """True classes, predicted classes and class probabilities that are somewhat right."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, num_classes, count)
    logits = random.normal(size=(count, num_classes)) + skill * np.eye(num_classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return truth, probabilities.argmax(1), probabilities


def test_accuracy_is_wilsons():
    truth, classes, _ = guesses(200, 3, 0)
    assert METRICS["accuracy"].measure(truth, classes) == accuracy_interval(classes, truth)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_balanced_accuracy_is_that_of_scikit_learn(num_classes):
    truth, classes, _ = guesses(300, num_classes, 0)
    keep = (truth > 0) | (np.arange(300) < 60)  # an uneven test set
    found = METRICS["balanced_accuracy"].measure(truth[keep], classes[keep])
    assert found["value"] == pytest.approx(balanced_accuracy_score(truth[keep], classes[keep]))
    assert 0 <= found["low"] < found["value"] < found["high"] <= 1


def test_balanced_accuracy_counts_only_classes_that_occur():
    found = METRICS["balanced_accuracy"].measure(np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1]))
    assert found["value"] == 0.75


def test_balanced_accuracy_of_one_class_is_its_accuracy():
    classes = np.repeat([1, 0], [30, 10])
    found = METRICS["balanced_accuracy"].measure(np.ones(40, int), classes)
    assert found == pytest.approx(accuracy_interval(classes, np.ones(40, int)))


def test_auroc_of_two_classes_is_that_of_scikit_learn():
    truth, classes, probabilities = guesses(200, 2, 1)
    probabilities = probabilities.round(1)  # with ties
    found = METRICS["auroc"].measure(truth, classes, probabilities)
    assert found["value"] == pytest.approx(roc_auc_score(truth, probabilities[:, 1]))


def test_auroc_of_several_classes_is_that_of_scikit_learn():
    truth, classes, probabilities = guesses(200, 4, 1)
    found = METRICS["auroc"].measure(truth, classes, probabilities)
    expected = roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    assert found["value"] == pytest.approx(expected)


def test_auroc_leaves_out_classes_without_a_test_image():
    truth, classes, probabilities = guesses(200, 4, 2)
    rows = truth != 2
    found = METRICS["auroc"].measure(truth[rows], classes[rows], probabilities[rows])
    parts = [roc_auc_score(truth[rows] == k, probabilities[rows, k]) for k in (0, 1, 3)]
    assert found["value"] == pytest.approx(np.mean(parts))
    assert METRICS["auroc"].measure(np.zeros(9, int), classes[:9], probabilities[:9]) is None


def test_the_variance_of_auroc_is_delongs():
    """The structural components by their definition, pair by pair."""
    truth, classes, probabilities = guesses(60, 2, 3)
    scores = probabilities[:, 1].round(1)
    above = scores[truth == 1][:, None] - scores[truth == 0]
    pairs = (above > 0) + 0.5 * (above == 0)
    variance = pairs.mean(1).var(ddof=1) / len(pairs) + pairs.mean(0).var(ddof=1) / pairs.shape[1]
    found = METRICS["auroc"].measure(truth, classes, np.stack([1 - scores, scores], 1))
    assert (found["high"] - found["low"]) / 2 == pytest.approx(1.959964 * variance**0.5, rel=1e-5)


@pytest.mark.parametrize(
    "name, num_classes", [("balanced_accuracy", 4), ("auroc", 2), ("auroc", 4)]
)
def test_intervals_cover_the_value_of_many_images(name, num_classes):
    many = METRICS[name].measure(*guesses(40_000, num_classes, 0))["value"]
    covered = 0
    for seed in range(1, 301):
        found = METRICS[name].measure(*guesses(150, num_classes, seed))
        covered += found["low"] <= many <= found["high"]
    assert 0.91 <= covered / 300 <= 0.99


def test_a_class_of_one_image_leaves_auroc_without_an_interval():
    truth, classes, probabilities = guesses(50, 3, 4)
    truth = np.where(truth == 2, 0, truth)
    truth[0] = 2
    found = METRICS["auroc"].measure(truth, classes, probabilities)
    assert 0 <= found["value"] <= 1 and np.isnan(found["low"]) and np.isnan(found["high"])


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(6, 40), st.integers(0, 10**6), st.floats(0, 40))
def test_no_value_exceeds_its_bounds(num_classes, count, seed, skill):
    truth, classes, probabilities = guesses(count, num_classes, seed, skill)
    for metric in METRICS.values():
        score = metric.measure(truth, classes, probabilities) or {}
        for value in score.values():
            assert np.isnan(value) or metric.bounds[0] <= value <= metric.bounds[1]


def test_reliability_is_that_of_scikit_learn():
    truth, classes, probabilities = guesses(500, 3, 5)
    right, confidence = truth == classes, probabilities.max(1)
    shares, means = calibration_curve(right, confidence, n_bins=15)
    found = reliability(truth, classes, probabilities)
    assert found["accuracy"].to_numpy() == pytest.approx(shares)
    assert found["confidence"].to_numpy() == pytest.approx(means)
    score = METRICS["calibration_error"].measure(truth, classes, probabilities)
    weights = found["images"] / found["images"].sum()
    assert score["value"] == pytest.approx(np.sum(weights * np.abs(shares - means)))
    assert score["low"] < score["value"] < score["high"]


def test_the_interval_of_the_calibration_error_covers_that_of_many_images():
    many = METRICS["calibration_error"].measure(*guesses(40_000, 3, 0, skill=0.3))["value"]
    covered = 0
    for seed in range(1, 201):
        found = METRICS["calibration_error"].measure(*guesses(2000, 3, seed, skill=0.3))
        covered += found["low"] <= many <= found["high"]
    assert many > 0.1 and 0.9 <= covered / 200 <= 0.99


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "auroc", "calibration_error"])
def test_the_influence_of_the_images_adds_up_to_nothing(name):
    truth, classes, probabilities = guesses(150, 3, 6)
    influence = METRICS[name].influence(truth, classes, probabilities)
    assert influence.shape == (150,) and influence.sum() == pytest.approx(0, abs=1e-9)


def test_without_probabilities_auroc_is_not_computed():
    truth, classes, _ = guesses(50, 3, 0)
    assert METRICS["auroc"].measure(truth, classes) is None


def gap(truth, predictions, probabilities=None):
    """A metric that leaves 0..1: how far the predicted classes are above the true ones."""
    gaps = 100 * (predictions - truth)
    return {"value": gaps.mean(), "low": gaps.mean() - 50, "high": gaps.mean() + 50}


def test_a_new_metric_is_one_entry(monkeypatch, tmp_path):
    monkeypatch.setitem(METRICS, "gap", Metric("gap", gap, bounds=None))
    data = np.zeros((40, 4, 4, 3), "uint8"), np.arange(40) % 3
    dataset = SimpleNamespace(
        labeled=data, own_validation=False, test=data, num_classes=3, groups={}
    )
    results = Results(tmp_path / "results.csv", dataset="d", preset="tiny", fingerprint="f")
    protocol = Protocol(dataset, results, tmp_path)
    row = {"method": "highest", "labels": 12}
    for seed in (0, 1):
        protocol.score(np.full(40, 2), **row, subset_seed=seed)
    known = [name for name, metric in METRICS.items() if not metric.needs_probabilities]
    assert known[-1] == "gap" and results.frame()["metric"].tolist() == known * 2
    expected = 100 * (2 - data[1]).mean()
    assert protocol.measure("gap", **row, subset_seed=1)["value"] == pytest.approx(expected)
    summary = summarize(results.frame()).set_index("metric").loc["gap"]
    assert summary["mean"] == pytest.approx(expected)
    assert summary["low"] < expected - 40 and summary["high"] > expected + 40  # not clipped
    # A metric that the table does not have is not clipped either.
    monkeypatch.delitem(METRICS, "gap")
    assert summarize(results.frame()).set_index("metric").loc["gap"].equals(summary)
    with pytest.raises(ValueError, match=r"no metric 'gap'. Choose from \['accuracy'"):
        protocol.measure("gap", **row, subset_seed=1)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_average_precision_is_that_of_scikit_learn(num_classes):
    truth, classes, probabilities = guesses(200, num_classes, 1)
    probabilities = probabilities.round(1)  # with ties
    found = METRICS["average_precision"].measure(truth, classes, probabilities)
    labels = [1] if num_classes == 2 else range(num_classes)
    parts = [average_precision_score(truth == k, probabilities[:, k]) for k in labels]
    assert found["value"] == pytest.approx(np.mean(parts))
    one_class = np.zeros(9, int), classes[:9], probabilities[:9]
    assert METRICS["average_precision"].measure(*one_class) is None


def test_what_an_image_adds_to_average_precision_is_a_derivative():
    truth, classes, probabilities = guesses(60, 2, 3)
    probabilities = probabilities.round(1)
    found = METRICS["average_precision"].influence(truth, classes, probabilities)
    step, weights = 1e-6, np.ones(60)

    def value(weights):
        return average_precision_score(truth, probabilities[:, 1], sample_weight=weights)

    slopes = [(value(weights + step * np.eye(60)[i]) - value(weights)) / step for i in range(60)]
    np.testing.assert_allclose(found, slopes, atol=1e-6)
    alone = np.eye(60, dtype=int)[0]
    assert np.isnan(METRICS["average_precision"].influence(alone, classes, probabilities)).all()


def test_sensitivity_at_a_specificity_is_read_off_the_roc_curve():
    truth, classes, probabilities = guesses(300, 2, 1)
    found = METRICS["sensitivity_at_90"].measure(truth, classes, probabilities)
    alarms, sensitivity, _ = roc_curve(truth, probabilities[:, 1], drop_intermediate=False)
    assert found["value"] == sensitivity[alarms <= 0.1].max()
    stricter = METRICS["sensitivity_at_95"].measure(truth, classes, probabilities)
    assert stricter["value"] < found["value"] and found["low"] < found["value"] < found["high"]
    assert METRICS["sensitivity_at_90"].measure(*guesses(90, 3, 0)) is None
    right = np.stack([1 - truth, truth], 1)
    perfect = METRICS["sensitivity_at_90"].measure(truth, truth, right)
    assert perfect["value"] == 1 and 0.9 < perfect["low"] < 1


@pytest.mark.parametrize("name", ["average_precision", "sensitivity_at_90"])
def test_intervals_of_medical_metrics_cover_the_value_of_many_images(name):
    many = METRICS[name].measure(*guesses(40_000, 2, 0))["value"]
    covered = 0
    for seed in range(1, 121):
        found = METRICS[name].measure(*guesses(300, 2, seed))
        covered += found["low"] <= many <= found["high"]
    assert 0.88 <= covered / 120 <= 1


def test_a_threshold_from_other_images_keeps_its_specificity():
    (known, _, shares), (truth, _, others) = guesses(4000, 2, 1), guesses(4000, 2, 2)
    scores = np.where(np.arange(4000) < 5, np.nan, shares[:, 1])  # images that no fold held out
    threshold = choose_threshold(known == 1, scores, 0.9)
    kept = known[5:] == 0
    assert np.mean(scores[5:][kept] < threshold) >= 0.9
    assert np.mean(scores[5:][kept] <= threshold) <= 0.9 + 2 / kept.sum()
    found = at_threshold(truth == 1, others[:, 1], threshold)
    assert found["specificity"]["value"] == pytest.approx(0.9, abs=0.03)
    expected = METRICS["sensitivity_at_90"].measure(truth, None, others)["value"]
    assert found["sensitivity"]["value"] == pytest.approx(expected, abs=0.04)
    own = at_threshold(truth == 1, others[:, 1], threshold, np.arange(4000) // 100)
    assert own["specificity"]["value"] == found["specificity"]["value"]


def test_results_per_class_are_those_of_scikit_learn():
    truth, classes, _ = guesses(200, 4, 2)
    classes = np.where(classes == 3, 0, classes)  # class 3 is never predicted
    groups = np.arange(200) // 5
    tables = [
        results_per_class(truth, classes, each).pivot(index="label", columns="measure")
        for each in (None, groups)
    ]
    found = tables[0]["value"]
    precision, recall, _, support = precision_recall_fscore_support(
        truth, classes, zero_division=np.nan
    )
    np.testing.assert_allclose(found["precision"], precision)
    np.testing.assert_allclose(found["recall"], recall)
    np.testing.assert_array_equal(tables[0]["images"]["recall"], support)
    (negative, alarms), _ = np.moveaxis(multilabel_confusion_matrix(truth, classes), 0, -1)
    np.testing.assert_allclose(found["specificity"], negative / (negative + alarms))
    np.testing.assert_allclose(tables[1]["value"], found)
    others = results_per_class(truth[truth != 1], classes[truth != 1])
    assert others["label"].unique().tolist() == [0, 2, 3]


def test_curves_have_the_areas_of_the_metrics():
    truth, classes, probabilities = guesses(150, 2, 5)
    curve = roc_points(truth == 1, probabilities[:, 1])
    area = np.trapezoid(curve["sensitivity"], 1 - curve["specificity"])
    assert area == pytest.approx(METRICS["auroc"].measure(truth, classes, probabilities)["value"])
    assert curve["threshold"][0] == np.inf and curve["sensitivity"][0] == 0
    curve = precision_recall_points(truth == 1, probabilities[:, 1])
    assert curve["recall"].iloc[0] == 1 and curve["threshold"].iloc[-1] == np.inf
