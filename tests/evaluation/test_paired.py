"""Two methods on the same images: exact test, paired interval, crossing, verdict."""

import re
from dataclasses import replace

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
    zero_range,
)
from simclr_utils.evaluation.verdicts import estimate, has_evidence, holm, verdict


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
    assert difference.high - difference.value == pytest.approx(1.962 * gap.std() / 1000**0.5, 2e-2)
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


def lines(*subsets):
    """Accuracies by number of labels, each `[subsets, 1]`, from a line for each subset."""
    return [np.array(column)[:, None] for column in zip(*subsets, strict=True)]


def test_the_crossing_has_an_interval_over_subsets():
    first, second = lines((0.6, 0.5), (0.62, 0.5), (0.58, 0.5)), lines((0.5, 0.6))
    found = crossing_interval((100, 10_000), first, second)
    assert found["low"] < found["value"] < found["high"]
    assert found["value"] == pytest.approx(1000)
    assert found["text"].startswith("about 1,000 labels [")


def test_the_crossing_varies_over_encoders_too():
    second = [np.full((3, 1), value) for value in (0.5, 0.6)]
    same = [np.full((3, 2), value) for value in (0.6, 0.5)]
    found = crossing_interval((100, 10_000), same, second)
    assert found["low"] == pytest.approx(1000) and found["high"] == pytest.approx(1000)
    better = [same[0] + [[0, 0.02]], same[1]]  # the second of two encoders
    found = crossing_interval((100, 10_000), better, second)
    assert found["low"] is None or found["low"] < 1000 < found["value"]


def test_an_interval_beyond_the_measured_labels_says_so():
    first, second = lines((0.6, 0.5), (0.9, 0.59), (0.51, 0.4)), lines((0.5, 0.6))
    found = crossing_interval((100, 10_000), first, second)
    assert found["low"] is None and found["high"] is None
    assert found["text"].endswith("[fewer than 100 to more than 10,000]")


def test_the_crossing_covers_the_draw_of_the_test_images():
    """Where one line is drawn from 400 images, the range holds the true crossing, 1,000."""
    random, covered, number = np.random.default_rng(0), 0, 300
    for _ in range(number):
        shared = random.normal(0, 1, 400)
        first, second = (
            [(shared + random.normal(0, 1, (4, 1, 400)) < limit * 2**0.5) for limit in limits]
            for limits in ((0.3, 0.0), (0.0, 0.3))
        )
        ends = zero_range(
            (100, 10_000), [a.astype(float) - b for a, b in zip(first, second, strict=True)]
        )
        low, high = ends or (9e9, 0)
        covered += (low or 0) <= 1000 <= (high or 9e9)
    assert 0.92 <= covered / number <= 0.99


def test_the_range_is_where_paired_intervals_contain_zero():
    random = np.random.default_rng(1)
    first = [random.random((3, 2, 300)) < share for share in (0.7, 0.6)]
    second = [random.random((5, 1, 300)) < share for share in (0.5, 0.72)]  # two more subsets
    gaps = [a.astype(float) - b[:3] for a, b in zip(first, second, strict=True)]
    low, high = zero_range((100, 1000), gaps)
    for labels, inside in ((low * 0.93, 0), (low * 1.08, 1), (high * 0.92, 1), (high * 1.07, 0)):
        share = np.log10(labels / 100)
        mixed = (1 - share) * gaps[0] + share * gaps[1]
        found = paired_difference(mixed, np.zeros_like(mixed))
        assert (found.low <= 0 <= found.high) == inside


@pytest.mark.parametrize(("only_first", "gains"), [(4, False), (5, False), (8, True)])
def test_a_handful_of_disagreements_is_no_gain(only_first, gains):
    """Of 120 images all disagreements favour one side; McNemar asks for at least six."""
    base = np.arange(120) < 60
    better = np.arange(120) < 60 + only_first
    found = paired_difference(better[None, None], base[None, None])
    assert found.low < only_first / 120 < found.high
    assert (found.low > 0) == gains == (found.p_value < 0.05)


def test_lines_that_cross_back_have_no_crossing():
    gaps = np.array([0.09, 0.08, 0.05, 0.04, -0.002, 0.015])
    counts = (100, 250, 500, 1000, 5000, 10_000)
    found = crossing_interval(counts, lines(0.5 + gaps, 0.501 + gaps), lines([0.5] * 6))
    assert found["value"] is None and "behind near 4,700 labels, ahead again" in found["text"]


@pytest.mark.parametrize(
    ("runs", "all_labels", "said"),
    [
        ((2, 2), False, "(2 encoders, 2 label subsets.)"),
        ((3, 3), False, "(3 encoders, 3 label subsets.)"),
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


def several(found):
    """The same difference, as if it came from several runs: there is a verdict."""
    return replace(found, num_runs=(3, 3))


TABLES = st.tuples(*[st.integers(0, 60)] * 3, st.integers(0, 3000)).filter(sum)


@given(TABLES)
@settings(max_examples=300, deadline=None)
def test_no_verdict_contradicts_the_interval_or_the_test_beside_it(table):
    first, second = outcomes(*table)
    found = several(paired_difference(first[None, None], second[None, None]))
    claim, visible = shown(verdict(found, 100))
    assert claim == visible
    assert (claim == "open") == (found.p_value >= 0.05) and found.p_value >= mcnemar(first, second)
    assert found.low <= found.value <= found.high
    check = check_verdict(lambda low, high: {"gains": "gains", "loses": "hurts"}.get(
        shown(verdict(Difference((low + high) / 2, low, high, (2, 2), 0.5), 9))[0], "no difference"
    ))  # fmt: skip
    assert check.startswith("Right")


@given(st.integers(1, 3), st.integers(1, 3), st.integers(2, 200), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_no_verdict_of_several_runs_contradicts_its_interval(subsets, seeds, number, seed):
    random = np.random.default_rng(seed)
    first, second = random.random((2, subsets, seeds, number)) < random.random((2, 1, 1, 1))
    found = paired_difference(first, second[:, :1])
    claim, visible = shown(verdict(several(found), 100))
    assert claim == visible and (claim == "open") == (found.p_value >= 0.05)


@pytest.mark.parametrize(
    ("runs", "enough"), [((1, 1), False), ((10, 1), False), ((1, 3), False), ((2, 2), True)]
)
def test_single_runs_give_an_estimate_and_no_verdict(runs, enough):
    said = verdict(Difference(0.1, 0.05, 0.15, runs, 0.001), 100)
    assert has_evidence(runs) == enough == (" gains " in said)
    if not enough:
        assert said.startswith("No verdict. At 100 labels") and "+10.0 points [+5.0 to" in said
        assert "--seeds 3" in said and "num_subsets=3" in said


def test_other_comparisons_have_an_estimate_and_a_corrected_p_value():
    said = estimate(Difference(0.1, 0.05, 0.15, (3, 3), 0.001), 100, "the probe", adjusted=0.012)
    assert said == (
        "At 100 labels, the probe minus the tuned baseline: +10.0 points [+5.0 to +15.0]; "
        "corrected p = 0.012. (3 encoders, 3 label subsets.)"
    )


@given(st.lists(st.floats(0, 1), max_size=6), st.floats(0.001, 0.999))
@settings(max_examples=200, deadline=None)
def test_holm_rejects_what_its_steps_reject(p_values, level):
    """Step by step: the smallest p-value against level / m, the next against level / (m - 1)."""
    rejected, order = set(), np.argsort(p_values, kind="stable")
    for step, index in enumerate(order):
        if p_values[index] * (len(p_values) - step) > level:
            break
        rejected.add(int(index))
    assert set(np.flatnonzero(holm(p_values) <= level)) == rejected


@pytest.mark.parametrize("end", [0.0004, 1e-9, -0.0004, 0.0])
def test_an_end_that_is_not_zero_does_not_look_like_it(end):
    claim, visible = shown(verdict(Difference(0.02, end, 0.04, (3, 3), 0.01), 100))
    assert claim == visible == ("gains" if end > 0 else "open")


def test_five_of_24_images_are_no_gain_and_the_interval_says_so():
    """McNemar's exact test has p = 0.0625; an interval from +2.9 points on would deny that."""
    first, second = outcomes(10, 5, 0, 9)
    found = paired_difference(first[None, None], second[None, None])
    assert found.low < 0 and found.p_value == mcnemar(first, second) > 0.05


def test_the_exact_interval_is_the_inverted_test():
    ends = exact_interval(*outcomes(50, 12, 4, 34), confidence=1 - 0.0768128)  # the p-value of 12:4
    assert ends[0] == pytest.approx(0, abs=1e-6) and 0.08 < ends[1] < 0.16
    assert exact_interval(*outcomes(5, 0, 0, 5)) == (0, 0)


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
        ([[0.6, 0.5]], "from one label subset"),
    ],
)
def test_crossings_without_an_interval_say_why(first, text):
    found = crossing_interval((100, 10_000), lines(*first), lines((0.5, 0.6)))
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
