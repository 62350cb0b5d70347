"""Answers in labels: savings against known curves, extrapolation of known power laws."""

import numpy as np
import pytest

from simclr_utils.evaluation.label_savings import (
    Saving,
    find_savings,
    labels_to_reach,
    power_law,
)

COUNTS = (100, 1000, 10_000)


def runs(random, shares, subsets=3, seeds=1, images=2000):
    """Right and wrong answers whose accuracy is one of the shares at each number of labels."""
    difficulty = random.random(images)
    noise = 0.2 * random.normal(size=(subsets, seeds, images))
    ranks = np.argsort(np.argsort(difficulty + noise, axis=-1), axis=-1) / images
    return [ranks < share for share in shares]


def test_a_saving_is_read_off_the_baselines_line():
    random = np.random.default_rng(0)
    first, second = runs(random, (0.5, 0.7, 0.9), seeds=2), runs(random, (0.4, 0.6, 0.8))
    few, middle, many = find_savings(COUNTS, first, second)
    # Half way between 0.4 and 0.6 over the logarithm.
    for saving, expected in ((few, 10**2.5), (middle, 10**3.5)):
        assert saving.value == pytest.approx(expected, rel=0.01)
        assert saving.low < saving.value < saving.high
    assert few.text.startswith("With pretraining, 100 labels do what about 320 do without [")
    assert "no clear saving" not in few.text
    assert many.value is None and "reach 90.0%" in many.text
    assert "10,000 labels, the most that were measured, do not reach that" in many.text


def test_what_the_baseline_does_with_fewer_labels_is_no_saving():
    random = np.random.default_rng(1)
    first, second = runs(random, (0.3, 0.6, 0.7)), runs(random, (0.4, 0.6, 0.8))
    few, level, _ = find_savings(COUNTS, first, second)
    assert few.value is None and "fewer than 100 labels do" in few.text
    assert level.low < 1000 < level.high and "contains 1,000: no clear saving" in level.text


def test_a_line_that_falls_is_made_monotone():
    random = np.random.default_rng(2)
    first, second = runs(random, (0.55,) * 3), runs(random, (0.6, 0.4, 0.8))
    saving = find_savings(COUNTS, first, second)[0]
    assert isinstance(saving, Saving) and saving.value == pytest.approx(10 ** (3 + 1 / 6), rel=0.02)


def test_the_interval_of_a_saving_holds_the_truth():
    """The baseline has 0.5 at exactly 1,000 labels; images and subsets are drawn anew."""
    random, covered, number = np.random.default_rng(3), 0, 200
    for _ in range(number):
        image, limits = random.normal(0, 1, 150), (-0.6, 0.6)
        first = image + random.normal(0, 1, (5, 1, 150)) < 0
        second = image + random.normal(0, 1, (5, 1, 150))
        lines = [second < limit for limit in limits]
        saving = find_savings((100, 10_000), [first, first], lines)[0]
        covered += (saving.low or 0) <= 1000 <= (saving.high or 1e9)
    assert 0.92 <= covered / number <= 0.99


def test_a_power_law_is_extrapolated():
    counts, random = np.array([100, 250, 500, 1000, 5000]), np.random.default_rng(4)
    accuracies = 1 - power_law(counts, 3.0, 0.35, 0.05)
    lines = runs(random, accuracies, images=20_000)
    found = labels_to_reach(counts, lines, 0.85)
    truth = ((0.15 - 0.05) / 3.0) ** (-1 / 0.35)
    assert found.low < truth < (found.high or np.inf)
    assert found.value == pytest.approx(truth, rel=0.3)
    assert found.text.startswith("Extrapolated from up to 5,000 labels: 85% would take about")
    far = labels_to_reach(counts, lines, 0.99)
    assert far.value is None and "more than 50,000 labels, if ever" in far.text


def test_extrapolation_refuses_what_it_cannot_know():
    random = np.random.default_rng(5)
    lines = runs(random, (0.4, 0.5, 0.6), images=100)
    few = labels_to_reach(COUNTS, lines, 0.7)
    assert few.value is None and "at 3 numbers of labels. Measure at 4" in few.text
    there = labels_to_reach(COUNTS, lines, 0.5)
    assert there.value == 1000 and "50% is reached with 1,000 labels: 50.0%" in there.text


def test_repeated_draws_give_the_same_answer():
    lines = runs(np.random.default_rng(6), (0.4, 0.5, 0.57, 0.62), subsets=2, images=300)
    first, second = (labels_to_reach((100, 200, 400, 800), lines, 0.7) for _ in range(2))
    assert first == second and first.value > 800
