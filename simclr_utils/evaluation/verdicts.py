"""Verdicts: what a difference between two methods means, in plain sentences."""

import math
from collections.abc import Sequence

from simclr_utils.evaluation.statistics import Difference

# The one rule of every verdict, in words. `verdict` applies it; pages and notebooks show it.
RULE = (
    "The 95 % interval alone decides. If all of it lies above zero, pretraining gains; if all of "
    "it lies below zero, pretraining loses; if it contains zero, these images show no difference."
)


def verdict(
    difference: Difference,
    labels: int,
    method: str = "contrastive pretraining",
    loses: str = "hurts: it loses",
    all_labels: bool = False,
) -> str:
    """Returns a sentence on what a difference means.

    `RULE` decides, by the interval that the sentence shows and by nothing else.

    Args:
        difference: A `Difference`, the pretrained method minus the tuned baseline.
        labels: Integer, the number of labels.
        method: String, what is compared with the baseline.
        loses: String, the words for a loss.
        all_labels: Boolean, whether every available label was used. The baseline's
            initializations then take the place of label subsets.

    Returns:
        A string: the sentence, and in parentheses the number of encoders and label subsets.
    """
    points = _signed(abs(difference.value))[1:]
    interval = f"[{_signed(difference.low)} to {_signed(difference.high)}]"
    start, end = f"At {labels:,} labels, {method}", _repetitions(difference.num_runs, all_labels)
    if difference.low > 0:
        return f"{start} gains {points} points {interval} over the tuned baseline. {end}"
    if difference.high < 0:
        return f"{start} {loses} {points} points {interval} to the tuned baseline. {end}"
    return (
        f"{start} makes no difference that these images can show: {_signed(difference.value)} "
        f"points {interval} against the tuned baseline. {end}"
    )


def describe_test(num_runs: Sequence[int], p_value: float) -> str:
    """Returns a phrase on what McNemar's exact test found, and for which networks.

    Args:
        num_runs: Pair of integers, as in a `Difference`.
        p_value: Float in 0..1, as in a `Difference`.

    Returns:
        A string, such as "p = 0.031". With several encoders or subsets it says that the test,
        unlike the interval, compares only the first pair of networks.
    """
    text = f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001"
    return text if tuple(num_runs) == (1, 1) else f"first pair of networks alone: {text}"


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
