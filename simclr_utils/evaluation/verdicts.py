"""Verdicts: what a difference between two methods means, in plain sentences."""

import math
from collections.abc import Sequence

import numpy as np

from simclr_utils.evaluation.statistics import Difference

# The one rule of every verdict, in words. `verdict` applies it; pages and notebooks show it.
RULE = (
    "One comparison is the primary one. It was named before anything was measured, and its 95 % "
    "interval alone decides. If all of it lies above zero, pretraining gains; if all of it lies "
    "below zero, pretraining loses; if it contains zero, these images show no difference. From "
    "a single encoder or label subset there is no verdict. All other comparisons are estimates: "
    "their intervals hold one at a time, and their p-values are corrected together (Holm)."
)
# From a single one, nothing is known about others.
FEWEST_RUNS = 2


def has_evidence(num_runs: Sequence[int]) -> bool:
    """Returns whether there are enough runs for a verdict.

    Args:
        num_runs: Pair of integers, label subsets and encoders, as in a `Difference`.
    """
    return min(num_runs) >= FEWEST_RUNS


def verdict(
    difference: Difference,
    labels: int,
    method: str = "contrastive pretraining",
    loses: str = "hurts: it loses",
    all_labels: bool = False,
) -> str:
    """Returns a sentence on what the difference of the primary comparison means.

    `RULE` decides, by the interval that the sentence shows and by nothing else.

    Args:
        difference: A `Difference`, the pretrained method minus the tuned baseline.
        labels: Integer, the number of labels.
        method: String, what is compared with the baseline.
        loses: String, the words for a loss.
        all_labels: Boolean, whether every available label was used. The baseline's
            initializations then take the place of label subsets.

    Returns:
        A string: the sentence, and in parentheses the number of encoders and label subsets. With
        too few of them it gives the estimate, and says what a verdict takes.
    """
    if not has_evidence(difference.num_runs):
        return (
            f"No verdict. {estimate(difference, labels, method, all_labels)} A single encoder, or "
            "a single label subset, cannot tell a method from its luck. For a verdict, pretrain "
            "several encoders (--seeds 3) on several label subsets (--set num_subsets=3)."
        )
    points = _signed(abs(difference.value))[1:]
    interval = _interval(difference)
    start, end = f"At {labels:,} labels, {method}", _repetitions(difference.num_runs, all_labels)
    if difference.low > 0:
        return f"{start} gains {points} points {interval} over the tuned baseline. {end}"
    if difference.high < 0:
        return f"{start} {loses} {points} points {interval} to the tuned baseline. {end}"
    return (
        f"{start} makes no difference that these images can show: {_signed(difference.value)} "
        f"points {interval} against the tuned baseline. {end}"
    )


def estimate(
    difference: Difference,
    labels: int,
    method: str = "contrastive pretraining",
    all_labels: bool = False,
    adjusted: float | None = None,
) -> str:
    """Returns a sentence with a difference and its interval, and no word of a verdict.

    Args:
        difference: A `Difference`, the pretrained method minus the tuned baseline.
        labels: Integer, the number of labels.
        method: String, what is compared with the baseline.
        all_labels: Boolean, as in `verdict`.
        adjusted: Float, the p-value as `holm` returns it, or `None` to leave it out.

    Returns:
        A string.
    """
    corrected = "" if adjusted is None else f"; corrected {_p_value(adjusted)}"
    return (
        f"At {labels:,} labels, {method} minus the tuned baseline: {_signed(difference.value)} "
        f"points {_interval(difference)}{corrected}. "
        f"{_repetitions(difference.num_runs, all_labels)}"
    )


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjusts the p-values of several comparisons that are made together.

    Args:
        p_values: Sequence of floats in 0..1.

    Returns:
        A float array in the same order. If all comparisons whose adjusted p-value is below 0.05
        are called differences, a single one of these calls is wrong in at most 5 % of studies.

    References:
        Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _p_value(p_value):
    return f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001"


def _interval(difference):
    return f"[{_signed(difference.low)} to {_signed(difference.high)}]"


def _repetitions(num_runs, all_labels):
    """Returns what the interval covers, such as "(One encoder, 3 label subsets.)"."""
    subsets, seeds = num_runs
    drawn = _count(subsets, "initialization" if all_labels else "label subset")
    parts = ["all labels"] * all_labels + [_count(seeds, "encoder"), drawn]
    text = ", ".join(parts)
    return f"({text[0].upper()}{text[1:]}.)"


def _count(number, noun):
    return f"one {noun}" if number == 1 else f"{number} {noun}s"


def _signed(share):
    """Returns percentage points with a sign; a number that is not zero never looks like zero."""
    points = 100 * share + 0.0  # no -0.0
    decimals = 1 if points == 0 else max(1, -math.floor(math.log10(abs(points))))
    return f"{points:+.{decimals}f}"
