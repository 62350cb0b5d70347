"""Paired differences in any metric equal those of a bootstrap over the test images."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from simclr_utils.evaluation.metric_differences import image_variance, metric_difference
from simclr_utils.evaluation.metrics import METRICS, Metric
from simclr_utils.evaluation.planning import images_needed, smallest_visible
from simclr_utils.evaluation.predictions import StoredPredictions
from simclr_utils.evaluation.statistics import paired_difference
from simclr_utils.parameters import HEADLINE_NAMES


def guess(truth, skill, seed, shared):
    """Predictions of a skill, with noise that two methods share in part."""
    random = np.random.default_rng(seed)
    logits = shared + random.normal(size=shared.shape) + skill * np.eye(shared.shape[1])[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return StoredPredictions(truth, probabilities.argmax(1), probabilities)


@pytest.fixture(scope="module")
def pair():
    random = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [240, 120, 40])
    shared = 2 * random.normal(size=(len(truth), 3))
    return guess(truth, 1.5, 1, shared), guess(truth, 1.0, 2, shared)


def bootstrap(pair, score, repetitions=600):
    """The standard deviation of a paired difference, resampled within each class."""
    random, truth = np.random.default_rng(0), pair[0].truth
    members = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    gaps = []
    for _ in range(repetitions):
        rows = np.concatenate([random.choice(part, len(part)) for part in members])
        first, second = (score(truth[rows], each, rows) for each in pair)
        gaps.append(first - second)
    return np.std(gaps)


SCORES = {
    "balanced_accuracy": lambda truth, made, rows: balanced_accuracy_score(
        truth, made.classes[rows]
    ),
    "auroc": lambda truth, made, rows: roc_auc_score(
        truth, made.probabilities[rows], multi_class="ovr"
    ),
}


@pytest.mark.parametrize("metric", SCORES)
def test_the_variance_over_images_is_that_of_a_bootstrap(pair, metric):
    found = image_variance(metric, [[pair[0]]], [[pair[1]]]) ** 0.5
    assert found == pytest.approx(bootstrap(pair, SCORES[metric]), rel=0.12)


@pytest.mark.parametrize("metric", SCORES)
def test_the_difference_is_that_of_scikit_learn(pair, metric):
    found = metric_difference(metric, [[pair[0]]], [[pair[1]]])
    rows = np.arange(len(pair[0].truth))
    expected = [SCORES[metric](each.truth, each, rows) for each in pair]
    assert found.value == pytest.approx(expected[0] - expected[1])
    assert found.low < found.value < found.high and found.num_runs == (1, 1)


def test_accuracy_agrees_with_the_paired_difference(pair):
    runs = [[[each, each], [each, each]] for each in pair]
    correct = [np.array([[each.correct for each in row] for row in side]) for side in runs]
    found, expected = metric_difference("accuracy", *runs), paired_difference(*correct)
    assert found.value == pytest.approx(expected.value)
    assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=0.05)


def test_more_runs_of_one_side_are_compared_with_the_only_one_of_the_other(pair):
    found = metric_difference("auroc", [[pair[0], pair[1]]], [[pair[1]]])
    alone = metric_difference("auroc", [[pair[0]]], [[pair[1]]])
    assert found.num_runs == (1, 2) and found.value == pytest.approx(alone.value / 2)


def test_what_is_not_defined_is_none(pair):
    bare = StoredPredictions(pair[0].truth, pair[0].classes, None)
    assert metric_difference("auroc", [[bare]], [[pair[1]]]) is None
    assert image_variance("auroc", [[bare]], [[pair[1]]]) is None


def test_two_equal_methods_are_not_certain(pair):
    found = metric_difference("balanced_accuracy", [[pair[0]]], [[pair[0]]])
    assert found.value == 0 and found.low < -0.01 and found.high > 0.01


def test_a_metric_without_influence_is_named(pair, monkeypatch):
    monkeypatch.setitem(METRICS, "gap", Metric("gap", lambda *arrays: {"value": 1}))
    with pytest.raises(ValueError, match="compared in 'gap': it has no `influence`"):
        metric_difference("gap", [[pair[0]]], [[pair[1]]])


def test_a_headline_can_be_compared_and_more_of_it_is_better():
    fit = [name for name, each in METRICS.items() if each.influence and each.higher_is_better]
    assert tuple(fit) == HEADLINE_NAMES


def test_the_images_that_are_asked_for_show_the_gain_in_four_cases_of_five():
    disagree, gain = 0.3, 0.05
    needed = images_needed(disagree / 81, 81, gain)
    random = np.random.default_rng(0)
    shares = [(disagree + gain) / 2, (disagree - gain) / 2, 1 - disagree]
    wins, losses, _ = random.multinomial(needed, shares, size=4000).T
    shown = (wins - losses) / needed > smallest_visible(disagree / needed)
    assert shown.mean() == pytest.approx(0.8, abs=0.03)
