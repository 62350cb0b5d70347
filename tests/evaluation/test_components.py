"""Crossed random effects: mean squares, the uncertainty of a mean, and what intervals cover."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from simclr_utils.evaluation.components import Uncertainty, mean_squares, uncertainty_of_mean
from simclr_utils.evaluation.results import uncertainty_of_rows
from simclr_utils.evaluation.statistics import paired_difference


def test_one_reason_is_students_interval():
    values = np.array([0.4, 0.5, 0.65])
    found = uncertainty_of_mean(mean_squares(values[:, None, None]))
    for confidence in (0.95, 0.5):
        interval = stats.ttest_1samp(values, 0).confidence_interval(confidence)
        half = found.half_width(confidence)
        assert half == pytest.approx((interval.high - interval.low) / 2)
    assert found.p_value(values.mean()) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_mean_squares_are_those_of_the_textbook():
    """Two crossed factors without repetition, written out as sums."""
    table = np.random.default_rng(0).normal(size=(4, 3))
    rows, columns, grand = table.mean(1), table.mean(0), table.mean()
    of_rows = 3 * sum((row - grand) ** 2 for row in rows) / 3
    of_columns = 4 * sum((column - grand) ** 2 for column in columns) / 2
    rest = sum(
        (table[i, j] - rows[i] - columns[j] + grand) ** 2 for i in range(4) for j in range(3)
    )
    found = mean_squares(table)
    expected = {(0,): (of_rows / 12, 3), (1,): (of_columns / 12, 2), (0, 1): (rest / 6 / 12, 6)}
    assert set(found) == set(expected)
    for axes, (square, freedom) in expected.items():
        assert found[axes] == (pytest.approx(square), freedom)


def test_the_squares_of_all_effects_add_up_to_the_whole():
    table = np.random.default_rng(1).normal(size=(3, 2, 40))
    found = mean_squares(table)
    assert len(found) == 7
    total = sum(square * freedom for square, freedom in found.values()) * table.size
    assert total == pytest.approx(((table - table.mean()) ** 2).sum())


def test_the_noise_of_images_times_runs_is_counted_once():
    """Without any other effect, the variance of the mean is that of one large sample."""
    random, found, added = np.random.default_rng(2), [], []
    for _ in range(300):
        squares = mean_squares(random.normal(0, 1, (3, 3, 50)))
        single = [squares[axes][0] for axes in ((0,), (1,), (2,))]
        signs = {1: 1, 2: -1, 3: 1}
        found.append(sum(signs[len(axes)] * square for axes, (square, _) in squares.items()))
        added.append(sum(single))
        assert uncertainty_of_mean(squares).variance >= max(single)
    assert np.mean(found) == pytest.approx(1 / 450, rel=0.15)
    assert np.mean(added) == pytest.approx(3 / 450, rel=0.15)


def test_what_exists_once_is_left_out():
    table = np.random.default_rng(3).normal(size=(1, 3, 20))
    assert set(mean_squares(table)) == {(1,), (2,), (1, 2)}
    assert mean_squares(np.ones((1, 1))) == {}
    assert uncertainty_of_mean({}) is None
    assert uncertainty_of_mean({}, 0.04).half_width() == pytest.approx(1.96 * 0.2, rel=1e-3)
    equal = uncertainty_of_mean(mean_squares(np.ones((3, 2, 5))))
    assert equal.half_width() == 0 and equal.p_value(0.0) == 1 and equal.p_value(0.1) == 0


@pytest.mark.parametrize("value", [0.01, 0.03, 0.05, 0.2])
def test_the_p_value_and_the_interval_agree(value):
    found = Uncertainty(0.0004, 5.0)
    assert (found.p_value(value) < 0.05) == (found.half_width() < value)


def right_and_wrong(random, subsets, seeds, images):
    """Two methods that are equally good on average; images, subsets and encoders all vary."""
    image = random.normal(0, 0.7, images)
    first = image + random.normal(0, 0.05, (subsets, 1, 1)) + random.normal(0, 0.03, (seeds, 1))
    first = first + random.normal(0, 0.5, (subsets, 1, images))
    first = first + random.normal(0, 0.5, (subsets, seeds, images))
    spread = (0.05**2 + 0.03**2) ** 0.5  # as much in all as that of the first
    second = image + random.normal(0, spread, (subsets, 1, 1))
    return first > 0, second + random.normal(0, 0.5**0.5, (subsets, 1, images)) > 0


@pytest.mark.parametrize(("sizes", "most"), [((10, 3, 100), 0.98), ((3, 3, 1000), 0.99)])
def test_paired_intervals_hold_the_truth_as_often_as_they_say(sizes, most):
    random, covered, number = np.random.default_rng(4), 0, 500
    for _ in range(number):
        found = paired_difference(*right_and_wrong(random, *sizes))
        covered += found.low <= 0 <= found.high
        assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    assert 0.93 <= covered / number <= most


def test_bands_of_one_method_hold_the_truth_as_often_as_they_say():
    """From rows alone: what they share of the test images is inside their own intervals."""
    random, covered, number = np.random.default_rng(5), 0, 200
    for _ in range(number):
        value = right_and_wrong(random, 6, 2, 200)[0].mean(2).ravel()
        own = 1.96 * np.sqrt(value * (1 - value) / 200)
        rows = pd.DataFrame({"value": value, "low": value - own, "high": value + own})
        rows["subset_seed"], rows["pretraining_seed"] = np.divmod(np.arange(12), 2)
        covered += abs(rows["value"].mean() - 0.5) <= uncertainty_of_rows(rows).half_width()
    assert 0.92 <= covered / number <= 0.99


def test_a_missing_run_leaves_an_interval():
    rows = pd.DataFrame(
        {
            "subset_seed": [0, 0, 1],
            "pretraining_seed": [0, 1, 0],
            "value": [0.5, 0.52, 0.6],
            "low": [0.45] * 3,
            "high": [0.55] * 3,
        }
    )
    whole = pd.concat([rows, rows.iloc[[2]].assign(pretraining_seed=1, value=0.62)])
    widths = [uncertainty_of_rows(each).half_width() for each in (rows, whole)]
    assert all(0.03 < width < 1 for width in widths)
