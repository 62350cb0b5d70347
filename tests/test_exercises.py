"""The exercises' checks: each is fed the right answer and the usual wrong ones."""

import numpy as np
import pytest

from simclr_utils.exercises import (
    check_crossing,
    check_folded_layer,
    check_knn,
    check_nt_xent,
    check_verdict,
    reference_knn,
    reference_nt_xent,
)
from simclr_utils.losses import nt_xent_loss


def learner(**mistake):
    return lambda view_1, view_2, temperature: reference_nt_xent(
        view_1, view_2, temperature, **mistake
    )


def test_nt_xent_check_knows_the_right_answer():
    assert check_nt_xent(learner()).startswith("Right")
    assert check_nt_xent(nt_xent_loss).startswith("Right")


@pytest.mark.parametrize(
    "function, said",
    [
        (learner(normalise=False), "not normalised"),
        (learner(power=1), "divisor"),
        (learner(power=0), "temperature is missing"),
        (learner(mask=False), "Mask the diagonal"),
        (learner(axis=0), "each row"),
        (learner(same=True), "same view stands twice"),
        (learner(cross_only=True), "own view are missing"),
        (lambda *a: 10 * learner()(*a), "not the sum"),
        (lambda *a: 2 * learner()(*a), "twice the loss"),
        (lambda *a: -learner()(*a), "sign"),
        (lambda a, b, t: np.log(2 * len(a) - 1), "chance level"),
        (lambda *a: 0.123, "none of the usual"),
        (lambda *a: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_nt_xent_check_names_the_mistake(function, said):
    assert said in check_nt_xent(function)


def crossing(scale=np.log, back=np.exp, never=None):
    def function(labels, first, second):
        gaps, places = np.subtract(first, second), scale(np.array(labels, float))
        for i in range(len(gaps) - 1):
            if gaps[i] > 0 >= gaps[i + 1]:
                share = gaps[i] / (gaps[i] - gaps[i + 1])
                return back(places[i] + share * (places[i + 1] - places[i]))
        return never

    return function


@pytest.mark.parametrize(
    "function, said",
    [
        (crossing(), "Right"),
        (crossing(never=10_000), "Nearly"),
        (crossing(lambda x: x, lambda x: x), "logarithm"),
        (lambda labels, first, second: labels[-1], "10000 in place of"),
        (lambda labels, first, second: None, "None in place of"),
        (lambda labels: 0, "TypeError"),
    ],
)
def test_crossing_check_names_the_mistake(function, said):
    assert said in check_crossing(function)


def test_knn_check_knows_the_right_answer():
    assert check_knn(reference_knn).startswith("Right")


@pytest.mark.parametrize(
    "function, said",
    [
        (
            lambda low, high: "gains" if low > 0 else "hurts" if high < 0 else "no difference",
            "Right",
        ),
        (lambda low, high: "gains" if low + high > 0 else "hurts", "even if its middle is above"),
        (lambda low, high: "gains" if low > 0 else "hurts", "across 0"),
        (lambda low, high: "no difference", "above 0 is a gain"),
        (lambda low, high: "gains" if low > 0 else "no difference", "below 0 is a loss"),
        (lambda low: "gains", "TypeError"),
    ],
)
def test_verdict_check_names_the_mistake(function, said):
    assert said in check_verdict(function)


def folded(sign=-1, mean_through="kernel", power=-1):
    def function(weights, intercept, mean, spread):
        kernel = weights * spread[:, None] ** power
        return kernel, intercept + sign * mean @ (kernel if mean_through == "kernel" else weights)

    return function


@pytest.mark.parametrize(
    "function, said",
    [
        (folded(), "Right."),
        (
            lambda weights, intercept, mean, spread: (weights, intercept),
            "standardisation is missing",
        ),
        (folded(sign=0), "mean is missing"),
        (folded(mean_through="weights"), "through the folded kernel"),
        (folded(sign=1), "you add it"),
        (folded(power=1), "you multiply"),
        (lambda weights, intercept, mean, spread: (weights * 7, intercept), "none of the usual"),
        (lambda weights, intercept, mean, spread: (weights[:2], intercept), "ValueError"),
        (lambda weights: weights, "TypeError"),
    ],
)
def test_folded_layer_check_names_the_mistake(function, said):
    assert said in check_folded_layer(function)
