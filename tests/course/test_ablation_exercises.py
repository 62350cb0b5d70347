"""Predictions of cells: no guess is wrong where the seeds cannot tell, and nothing leaks early."""

import itertools

import numpy as np
import pytest
from answers.ablations import HEADS, PAIRS
from faked_ablations import fake_rows
from hypothesis import given
from hypothesis import strategies as st

from simclr_utils.course import check_cell, check_cell_order, check_effect
from simclr_utils.course.measured_cells import accuracies, gap
from simclr_utils.course.mixing_exercises import mixtures
from simclr_utils.course.variant_exercises import denominators

pytestmark = pytest.mark.numbers


@given(st.floats(0, 1))
def test_a_guess_is_right_exactly_in_the_interval_or_near_the_mean(guess):
    mean, half, _ = accuracies(PAIRS)["crop+color"]
    near = abs(guess - mean) <= max(half, 0.03)
    assert check_cell(guess, PAIRS, "crop+color").startswith("Right") == near


@pytest.mark.parametrize("order", itertools.permutations(["none", "1-hidden", "2-hidden"]))
def test_an_order_is_wrong_only_where_the_seeds_can_tell(order):
    pairs = itertools.combinations(order, 2)
    wrong = any(each.decided and each.mean > 0 for each in (gap(HEADS, *pair) for pair in pairs))
    verdict = check_cell_order(order, HEADS, ("none", "1-hidden", "2-hidden"))
    assert verdict.startswith("Not yet" if wrong else "Right")


def test_the_measurement_is_told_after_a_guess_and_not_before():
    cells = ("none", "linear")
    for guess, check, rest in (
        (0.9, check_cell, ("none",)),
        ("better", check_effect, cells),
        (["linear", "none"], check_cell_order, (cells,)),
    ):
        assert "Measured" in check(guess, HEADS, *rest)
        for early in (None, object()):
            assert "Measured" not in check(early, HEADS, *rest)


def test_the_number_of_labels_can_be_chosen():
    rows = fake_rows("head", {"none": 0.4}, labels=(100, 500))
    assert "Measured: 50.0 ±" in check_cell(0.5, rows, "none")
    assert "Measured: 40.0 ±" in check_cell(0.5, rows, "none", labels=100)


def test_a_cell_without_an_accuracy_is_an_error_of_the_lesson():
    rows = fake_rows("head", {"none": 0.4, "linear": None})
    for check, rest in ((check_cell, ("linear",)), (check_effect, ("none", "linear"))):
        with pytest.raises(ValueError, match=r"'linear' has no accuracy. Choose from \['none'\]"):
            check(None, rows, *rest)


def test_the_answers_of_each_mistake_differ():
    random = np.random.default_rng(0)
    rows = random.normal(size=(8, 8))
    found = [
        list(denominators(rows + rows.T, np.roll(np.arange(8), 4)).values()),
        list(mixtures(np.eye(5)[[0, 2, 3, 1]], np.array([2, 3, 1, 0]), rows[0, :4] % 1).values()),
    ]
    for values in found:
        for first, second in itertools.combinations(values, 2):
            assert not np.allclose(first, second, atol=1e-3)
