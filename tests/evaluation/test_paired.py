"""Two methods on the same images: exact test, paired interval, crossing, verdict."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import comb

from simclr_utils.course import check_verdict
from simclr_utils.evaluation.statistics import (
    Difference,
    crossing_interval,
    exact_interval,
    find_crossing,
    mcnemar,
    paired_difference,
)
from simclr_utils.evaluation.verdicts import describe_test, verdict


def outcomes(both, only_first, only_second, neither):
    counts = (both, only_first, only_second, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([1, 0, 1, 0], counts) == 1


@pytest.mark.parametrize("only_first, only_second", [(1, 9), (3, 3), (12, 4), (0, 6)])
def test_mcnemar_is_the_binomial_tail_of_the_disagreements(only_first, only_second):
    n, k = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(n, i) for i in range(k + 1)) / 2**n
    p_value = mcnemar(*outcomes(50, only_first, only_second, 20))
    assert p_value == pytest.approx(min(1.0, 2 * tail))


def test_mcnemar_looks_at_disagreements_only():
    assert mcnemar(*outcomes(5, 3, 11, 5)) == mcnemar(*outcomes(900, 3, 11, 80))
    assert mcnemar(*outcomes(7, 0, 0, 3)) == 1.0


def test_pairing_narrows_the_interval():
    """Two methods that mostly agree: a paired interval sees a gap that two Wilson ones do not."""
    first, second = outcomes(700, 40, 10, 250)
    difference = paired_difference(first[None, None], second[None, None])
    assert difference.value == pytest.approx(0.03)
    gap = np.repeat([0.0, 1.0, -1.0], [950, 40, 10])
    assert difference.high - difference.value == pytest.approx(1.962 * gap.std() / 1000**0.5, 1e-2)
    assert difference.low > 0 and difference.p_value < 1e-4
    assert difference.num_runs == (1, 1)


def test_swapping_the_methods_swaps_the_signs():
    random = np.random.default_rng(0)
    first, second = random.random((3, 2, 200)) < 0.7, random.random((3, 1, 200)) < 0.6
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert (there.value, there.low, there.high) == pytest.approx(
        (-back.value, -back.high, -back.low)
    )
    assert there.num_runs == (3, 2)


def test_subsets_that_differ_widen_the_interval():
    base = np.arange(400) % 4 > 0
    steady = np.stack([base] * 3)[:, None]
    moving = np.stack([base, base & (np.arange(400) % 7 > 0), base & (np.arange(400) % 3 > 0)])
    other = np.zeros((1, 1, 400), bool)

    def width(first):
        difference = paired_difference(first, other)
        return difference.high - difference.low

    assert width(moving[:, None]) > 2 * width(steady)


@pytest.mark.parametrize(
    "shapes", [((3, 1, 10), (3, 1, 11)), ((3, 2, 10), (3, 3, 10)), ((3, 10), (3, 10))]
)
def test_arrays_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match=r"Received the shapes \(3,"):
        paired_difference(*(np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize(
    "labels, first, second, expected",
    [
        ((100, 10_000), (0.6, 0.5), (0.5, 0.6), 1000),
        ((100, 200, 400), (0.5, 0.6, 0.6), (0.3, 0.6, 0.7), 200),
        ((100, 1000), (0.6, 0.7), (0.5, 0.6), None),
        ((100, 1000), (0.5, 0.7), (0.6, 0.6), None),  # the first line starts below
        ((100, 200, 400), (0.6, 0.6, 0.7), (0.5, 0.6, 0.6), None),  # they touch
        ((100, 1000), (0.6, 0.6), (0.5, 0.6), None),  # they meet at the end
    ],
)
def test_where_two_lines_cross(labels, first, second, expected):
    assert find_crossing(labels, first, second) == (expected and pytest.approx(expected))


def test_lines_may_be_rows_of_a_table():
    table = pd.DataFrame([[0.6, 0.5], [0.5, 0.6]], ["probe", "scratch"], [100, 10_000])
    assert find_crossing([100, 10_000], *table.to_numpy()) == pytest.approx(1000)
    found = find_crossing([100, 10_000], table.loc["probe"], table.loc["scratch"])
    assert found == pytest.approx(1000)


def test_the_crossing_has_an_interval_over_subsets():
    second = np.array([[0.5, 0.6]] * 3)
    first = np.array([[0.6, 0.5], [0.62, 0.5], [0.58, 0.5]])
    found = crossing_interval((100, 10_000), first, second)
    assert found["low"] < found["value"] < found["high"]
    assert found["value"] == pytest.approx(1000)
    assert found["text"].startswith("about 1,000 labels [")


def test_the_crossing_varies_over_encoders_too():
    second = np.array([[[0.5, 0.6]]] * 3)
    same = crossing_interval((100, 10_000), np.array([[[0.6, 0.5]] * 2] * 3), second)
    assert same["low"] == pytest.approx(1000) and same["high"] == pytest.approx(1000)
    better = np.array([[[0.6, 0.5], [0.62, 0.5]]] * 3)  # the second of two encoders
    found = crossing_interval((100, 10_000), better, second)
    assert found["low"] < 1000 < found["value"] < found["high"]


def test_an_interval_beyond_the_measured_labels_says_so():
    first = np.array([[0.6, 0.5], [0.9, 0.59], [0.51, 0.4]])
    found = crossing_interval((100, 10_000), first, [[0.5, 0.6]] * 3)
    assert (
        found["high"] > 10_000
        and "reaches beyond the labels measured, 100 to 10,000" in (found["text"])
    )


@pytest.mark.parametrize(("only_first", "gains"), [(4, False), (5, False), (8, True)])
def test_a_handful_of_disagreements_is_no_gain(only_first, gains):
    """Of 120 images all disagreements favour one side; McNemar asks for at least six."""
    base = np.arange(120) < 60
    better = np.arange(120) < 60 + only_first
    found = paired_difference(better[None, None], base[None, None])
    assert found.low < only_first / 120 < found.high
    assert (" gains " in verdict(found, 100)) == gains == (found.p_value < 0.05)


def test_lines_that_cross_back_have_no_crossing():
    gaps = np.array([0.09, 0.08, 0.05, 0.04, -0.002, 0.015])
    counts = (100, 250, 500, 1000, 5000, 10_000)
    found = crossing_interval(counts, 0.5 + np.stack([gaps, gaps + 0.001]), np.full((2, 6), 0.5))
    assert found["value"] is None and "behind near 4,700 labels, ahead again" in found["text"]


@pytest.mark.parametrize(
    ("runs", "all_labels", "said"),
    [
        ((1, 1), False, "(One encoder, one label subset.)"),
        ((3, 1), False, "(One encoder, 3 label subsets.)"),
        ((1, 2), False, "(2 encoders, one label subset.)"),
        ((3, 3), False, "(3 encoders, 3 label subsets.)"),
        ((1, 1), True, "(All labels, one encoder, one initialization.)"),
        ((3, 1), True, "(All labels, one encoder, 3 initializations.)"),
        ((3, 2), True, "(All labels, 2 encoders, 3 initializations.)"),
    ],
)
def test_a_verdict_says_what_was_repeated(runs, all_labels, said):
    found = Difference(0.1, 0.05, 0.15, runs, 0.001)
    assert verdict(found, 100, all_labels=all_labels).endswith(f" {said}")


def shown(sentence):
    """What a verdict claims, and whether the interval that it shows lies beside zero."""
    low, high = map(float, re.search(r"\[(\S+) to (\S+)\]", sentence).groups())
    claims = {"gains": " gains ", "loses": " loses ", "open": " makes no difference "}
    (claim,) = (name for name, words in claims.items() if words in sentence)
    return claim, "gains" if low > 0 else "loses" if high < 0 else "open"


TABLES = st.tuples(*[st.integers(0, 60)] * 3, st.integers(0, 3000)).filter(sum)


@given(TABLES)
@settings(max_examples=300, deadline=None)
def test_no_verdict_contradicts_the_interval_or_the_test_beside_it(table):
    first, second = outcomes(*table)
    found = paired_difference(first[None, None], second[None, None])
    claim, visible = shown(verdict(found, 100))
    assert claim == visible == ("open" if found.p_value >= 0.05 else claim)
    assert (claim == "open") == (found.p_value >= 0.05)
    assert found.low <= found.value <= found.high
    check = check_verdict(lambda low, high: {"gains": "gains", "loses": "hurts"}.get(
        shown(verdict(Difference((low + high) / 2, low, high, (1, 1), 0.5), 9))[0], "no difference"
    ))  # fmt: skip
    assert check.startswith("Right")


@given(st.integers(1, 3), st.integers(1, 3), st.integers(2, 200), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_no_verdict_of_several_runs_contradicts_its_interval(subsets, seeds, number, seed):
    random = np.random.default_rng(seed)
    first, second = random.random((2, subsets, seeds, number)) < random.random((2, 1, 1, 1))
    claim, visible = shown(verdict(paired_difference(first, second[:, :1]), 100))
    assert claim == visible


@pytest.mark.parametrize("end", [0.0004, 1e-9, -0.0004, 0.0])
def test_an_end_that_is_not_zero_does_not_look_like_it(end):
    claim, visible = shown(verdict(Difference(0.02, end, 0.04, (3, 3), 0.01), 100))
    assert claim == visible == ("gains" if end > 0 else "open")


def test_five_of_24_images_are_no_gain_and_the_interval_says_so():
    """McNemar's exact test has p = 0.0625; an interval from +2.9 points on would deny that."""
    first, second = outcomes(10, 5, 0, 9)
    found = paired_difference(first[None, None], second[None, None])
    assert found.low < 0 and "makes no difference" in verdict(found, 16)


def test_the_exact_interval_is_the_inverted_test():
    ends = exact_interval(*outcomes(50, 12, 4, 34), confidence=1 - 0.0768128)  # the p-value of 12:4
    assert ends[0] == pytest.approx(0, abs=1e-6) and 0.08 < ends[1] < 0.16
    assert exact_interval(*outcomes(5, 0, 0, 5)) == (0, 0)


def test_a_test_of_one_pair_of_networks_says_so():
    assert describe_test((1, 1), 0.0312) == "p = 0.031"
    assert describe_test((3, 1), 0.0002) == "first pair of networks alone: p < 0.001"


def test_equal_predictions_still_have_an_interval():
    same = np.ones((3, 1, 50), bool)
    found = paired_difference(same, same)
    assert found.value == 0 and found.low < -0.01 < 0.01 < found.high


@pytest.mark.parametrize(
    "first, text",
    [
        (
            [[0.9, 0.9], [0.8, 0.9]],
            "no crossing between 100 and 10,000 labels: the first method is ahead throughout",
        ),
        ([[0.1, 0.2], [0.2, 0.1]], "the first method is behind throughout"),
        ([[0.4, 0.7]], "the first method is not ahead at the fewest labels"),
        ([[0.6, 0.6]], "the first method is ahead, or level"),
        ([[0.7, 0.5], [0.7, 0.65]], "1 of 2 subsets have no crossing"),
        ([[0.6, 0.5]], "from one label subset"),
    ],
)
def test_crossings_without_an_interval_say_why(first, text):
    found = crossing_interval((100, 10_000), first, [[0.5, 0.6]] * len(first))
    assert found["low"] is None and found["high"] is None and text in found["text"]


@pytest.mark.parametrize(
    "low, high, words",
    [(0.01, 0.05, "gains 3.0 points [+1.0 to +5.0]"), (-0.05, -0.01, "hurts: it loses 3.0 points")],
)
def test_a_verdict_that_is_clear(low, high, words):
    text = verdict(Difference((low + high) / 2, low, high, (3, 3), 0.01), 500)
    assert text.startswith("At 500 labels, contrastive pretraining ") and words in text


def test_a_verdict_that_is_open():
    text = verdict(Difference(0.01, -0.02, 0.04, (3, 3), 0.4), 1000, "this method")
    assert "1,000 labels, this method makes no difference that these images can show" in text
    assert "+1.0 points [-2.0 to +4.0]" in text
