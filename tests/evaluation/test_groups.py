"""Intervals over groups cover what they should, and equal those over images without groups."""

import numpy as np
import pytest
from faked_studies import fake_dataset

from simclr_utils.evaluation import fine_tuning, tuning
from simclr_utils.evaluation.calibration import reliability
from simclr_utils.evaluation.groups import as_groups, half_width, renumber, share
from simclr_utils.evaluation.metric_differences import image_variance, metric_difference
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.predictions import Predictions, StoredPredictions
from simclr_utils.evaluation.probes import cross_validation_splits
from simclr_utils.evaluation.protocol import Protocol
from simclr_utils.evaluation.results import Results
from simclr_utils.evaluation.statistics import paired_difference
from simclr_utils.study.summary import few_groups

GROUPS, SIZE = 40, 10
NUMBERS = np.arange(GROUPS).repeat(SIZE)
CORRELATED = [name for name, metric in METRICS.items() if metric.influence]


def correlated(seed, num_groups=GROUPS):
    """Two classes, one of each group, with scores that are nearly alike in a group."""
    random = np.random.default_rng(seed)
    truth = np.arange(num_groups) % 2
    logits = random.normal(0.7 * (2 * truth - 1), 1.0).repeat(SIZE)
    logits += random.normal(0, 0.3, len(logits))
    second = 1 / (1 + np.exp(-logits))
    probabilities = np.stack([1 - second, second], 1)
    return truth.repeat(SIZE), probabilities.argmax(1), probabilities


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "auroc"])
def test_intervals_over_groups_cover_and_those_over_images_do_not(name):
    metric, runs = METRICS[name], 150
    many = metric.measure(*correlated(0, 20_000))["value"]
    covered = np.zeros(2)
    for seed in range(1, runs + 1):
        arrays = correlated(seed)
        for place, groups in enumerate((NUMBERS, None)):
            found = metric.measure(*arrays, groups)
            covered[place] += found["low"] <= many <= found["high"]
    assert 0.90 <= covered[0] / runs <= 0.995 and covered[1] / runs < 0.65


def test_paired_differences_over_groups_cover_and_those_over_images_do_not():
    random, runs, covered = np.random.default_rng(0), 200, np.zeros(2)
    for _ in range(runs):
        # A method wins, loses or draws all images of a group; on average it wins 0.1 of them.
        gaps = random.choice([-1, 0, 1], (1, 1, GROUPS), p=[0.2, 0.5, 0.3]).repeat(SIZE, 2)
        for place, groups in enumerate((NUMBERS, None)):
            found = paired_difference(gaps > 0, gaps < 0, groups=groups)
            covered[place] += found.low <= 0.1 <= found.high
    assert 0.90 <= covered[0] / runs <= 1 and covered[1] / runs < 0.6


def test_a_table_over_groups_has_the_same_means_and_a_ratios_variance():
    random = np.random.default_rng(1)
    table, groups = random.random((2, 3, 50)), random.integers(0, 9, 50)
    found = as_groups(table, groups)
    assert found.shape == (2, 3, 9)
    np.testing.assert_allclose(found.mean(2), table.mean(2))
    sizes = np.bincount(groups)
    sums = np.bincount(groups, table[0, 0] - table[0, 0].mean())
    expected = 9 / 8 * np.sum(sums**2) / sizes.sum() ** 2
    assert found[0, 0].var(ddof=1) / 9 == pytest.approx(expected)
    assert as_groups(table, None) is table and as_groups(table, np.arange(50)) is table


@pytest.mark.parametrize("name", CORRELATED)
def test_doubling_every_image_does_not_narrow_an_interval(name):
    arrays = correlated(3)
    twice = [np.repeat(each, 2, axis=0) for each in arrays]
    once, doubled = (
        METRICS[name].measure(*each, groups)
        for each, groups in ((arrays, NUMBERS), (twice, NUMBERS.repeat(2)))
    )
    for end in ("value", "low", "high"):
        assert doubled[end] == pytest.approx(once[end], abs=0.02)


@pytest.mark.parametrize("name", CORRELATED)
def test_groups_of_one_image_change_no_metric(name):
    arrays = correlated(4)
    single = np.arange(len(NUMBERS))[::-1]
    assert METRICS[name].measure(*arrays, single) == METRICS[name].measure(*arrays)


def test_a_group_with_several_classes_widens_the_balanced_accuracy():
    right = np.repeat(np.random.default_rng(0).random(GROUPS) < 0.7, SIZE)
    truth = np.arange(GROUPS * SIZE) % 2  # both classes in each group, right or wrong together
    classes = np.where(right, truth, 1 - truth)
    found = METRICS["balanced_accuracy"].measure(truth, classes, None, NUMBERS)
    plain = METRICS["accuracy"].measure(truth, classes, None, NUMBERS)
    assert found == pytest.approx(plain, abs=0.02)


def test_a_share_of_one_is_as_uncertain_as_its_groups():
    found, expected = share(np.ones(200, bool), np.arange(200) // 10), share(np.ones(20, bool))
    assert found["high"] == 1 and expected["low"] - 0.04 < found["low"] < expected["low"]
    alone = share(np.ones(5, bool), np.zeros(5, int))
    assert alone == {"value": 1.0, "low": 0.0, "high": 1.0}
    assert half_width(np.ones(5), np.zeros(5, int)) == np.inf


def test_a_reliability_curve_is_wider_over_groups():
    arrays = correlated(5)
    grouped, plain = reliability(*arrays, groups=NUMBERS), reliability(*arrays)
    assert np.mean(grouped["high"] - grouped["low"]) > 1.2 * np.mean(plain["high"] - plain["low"])
    assert np.array_equal(grouped["accuracy"], plain["accuracy"])


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "auroc"])
def test_differences_in_any_metric_are_those_of_groups(metric):
    def stored(groups):
        return [
            [[StoredPredictions(*correlated(seed), groups) for seed in seeds]]
            for seeds in ((1, 2), (3, 4))
        ]

    grouped, plain = (metric_difference(metric, *stored(each)) for each in (NUMBERS, None))
    assert grouped.value == pytest.approx(plain.value)
    variances = [image_variance(metric, *stored(each)) for each in (NUMBERS, None)]
    assert variances[0] > 4 * variances[1]


def test_stored_groups_are_numbers_from_zero_on(tmp_path):
    stored = Predictions(tmp_path / "predictions.sqlite")
    key = {"preset": "tiny", "fingerprint": "f", "method": "knn", "labels": 4, "subset_seed": 0}
    patients = np.array([90210, 4711, 90210])
    stored.store([0, 1, 1], [0, 1, 0], groups=patients, **key)
    assert stored.load(**key).groups.tolist() == [0, 1, 0]
    stored.store([0, 1, 1], [0, 1, 1], groups=patients + 5, **key)  # the same groups
    with pytest.raises(ValueError, match="other groups of test images"):
        stored.store([0, 1, 1], [0, 1, 0], groups=[1, 2, 2], **key)
    assert renumber(np.array([7, 3, 7, 9])).tolist() == [0, 1, 0, 2]


def test_a_protocol_keeps_groups_together_and_scores_by_them(tmp_path):
    groups = {"train": np.arange(200) // 5, "validation": 100 + np.arange(60) // 5}
    groups |= {"test": 200 + np.arange(200) // 20, "unlabeled": np.arange(260)}
    scores = {}
    for name, given in (("plain", None), ("grouped", groups)):
        dataset = fake_dataset(groups=given)
        shared = {"dataset": "d", "preset": "tiny", "fingerprint": "f"}
        results = Results(tmp_path / name / "results.csv", **shared)
        protocol = Protocol(dataset, results, tmp_path / name)
        # All images of a group are right, or all are wrong.
        guesses = (dataset.test[1] + (np.arange(200) // 20 % 3 == 0)) % 2
        row = {"method": "probe", "labels": 20, "subset_seed": 0}
        protocol.score(guesses, **row)
        scores[name] = protocol.measure("accuracy", **row)
        assert results.frame("accuracy").iloc[0]["low"] == pytest.approx(scores[name]["low"])
    widths = {name: score["high"] - score["low"] for name, score in scores.items()}
    assert widths["grouped"] > 3 * widths["plain"]
    assert len(protocol.subset_groups(20, 0)) == 20
    assert len(np.unique(protocol.subset_groups(20, 0))) == 4


@pytest.mark.parametrize("seed", range(3))
def test_settings_are_chosen_on_groups_that_are_not_learned_from(seed):
    random = np.random.default_rng(seed)
    groups = random.permutation(np.arange(24).repeat(random.integers(1, 6, 24)))
    train = np.arange(len(groups)), groups % 2, groups
    splits = tuning.splits_of(train, None, seed)
    assert len(splits) >= 2
    for (images, labels, own), (held_out, answers) in splits:
        assert not set(own) & set(groups[held_out]) and np.array_equal(own, groups[images])
        assert np.array_equal(labels, own % 2) and np.array_equal(answers, groups[held_out] % 2)
    parts = cross_validation_splits(np.arange(len(groups)), groups % 2, groups)
    for (known, _), (held_out, _) in parts:
        assert not set(groups[known]) & set(groups[held_out])


def test_the_head_of_fine_tuning_is_chosen_on_other_groups(monkeypatch):
    seen = []

    def fit(features, labels, groups, class_weight):
        seen.append(groups)

    monkeypatch.setattr(fine_tuning, "fit_linear_probe", fit)
    monkeypatch.setattr(fine_tuning, "extract_features", lambda encoder, images: images)
    trainer = fine_tuning.FineTuning(None, None)
    images, labels = np.zeros((6, 2)), np.arange(6) % 2
    trainer.fit_head((images, labels, np.arange(6) // 2))
    trainer.fit_head((images.copy(), labels))
    assert seen[0].tolist() == [0, 0, 1, 1, 2, 2] and seen[1] is None


def test_few_groups_are_told():
    assert few_groups(None) == few_groups(np.arange(9)) == few_groups(np.arange(60) // 3) == []
    assert few_groups(np.arange(60) // 10)[0].startswith("The test images are of 6 groups only")
    assert "of 1 group only" in few_groups(np.zeros(60, int))[0]
