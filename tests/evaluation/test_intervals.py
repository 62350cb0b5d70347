"""Intervals of means: Student's with one reason to vary, Satterthwaite's with several."""

import numpy as np
import pytest
from scipy import stats

from simclr_utils.evaluation.statistics import half_width


def test_one_reason_is_students_interval():
    values = np.array([0.4, 0.5, 0.65])
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert half_width([values]) == pytest.approx((interval.high - interval.low) / 2)
    assert half_width([values], 0.5) < half_width([values], 0.9)


def test_reasons_add_up_as_in_welchs_test():
    """Welch's interval of a difference of means is the same sum of two variances."""
    first, second = np.random.default_rng(0).normal(size=8), np.array([0.0, 3.0, 5.0])
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert half_width([first, second]) == pytest.approx((interval.high - interval.low) / 2)


def test_what_cannot_be_estimated_is_left_out():
    values = [0.1, 0.3, 0.2]
    assert half_width([values, [0.5]]) == half_width([values])
    assert half_width([[0.5], [0.2]]) is None
    assert half_width([[0.2, 0.2], [0.1, 0.1]]) == 0.0


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Images, subsets and seeds all vary; 95 % of the intervals hold the true mean."""
    random, covered = np.random.default_rng(1), 0
    for _ in range(400):
        subsets, seeds = random.normal(0, 0.02, (4, 1, 1)), random.normal(0, 0.01, (1, 4, 1))
        images = random.normal(0, 0.4, (1, 1, 300))
        table = 0.3 + subsets + seeds + images
        half = half_width([table.mean((0, 1)), table.mean((1, 2)), table.mean((0, 2))])
        covered += abs(table.mean() - 0.3) <= half
    assert 0.92 <= covered / 400 <= 0.99
