"""Answers in labels: how many pretraining saves, and how many a target accuracy would take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit
from sklearn.isotonic import isotonic_regression

from simclr_utils.evaluation.components import mean_squares, uncertainty_of_mean
from simclr_utils.evaluation.statistics import (
    common_runs,
    in_brackets,
    rough,
    subtract,
    zero_range,
)

FEWEST_POINTS = 4  # a curve of three parameters through three points fits anything
FARTHEST = 10  # times the labels that were measured: beyond, no number is given
DRAWS = 200


@dataclass(frozen=True)
class Saving:
    """How many labels the baseline takes for what another method does with fewer, or more.

    Attributes:
        labels: Integer, the labels of the method.
        accuracy: Float in 0..1, what it reaches with them.
        value: Float, the labels with which the baseline reaches it. `None` if that is outside
            the labels that were measured.
        low: Float, the lower end of the 95 % interval, or `None` if it reaches below them.
        high: Float, the upper end, or `None` if it reaches above them.
        text: String, a sentence.
    """

    labels: int
    accuracy: float
    value: float | None
    low: float | None
    high: float | None
    text: str


def find_savings(
    labels: Sequence[int], first: Sequence[np.ndarray], second: Sequence[np.ndarray]
) -> list[Saving]:
    """Finds the label counts at which a baseline is as accurate as a method is at each count.

    The baseline's line is made monotone and is straight over the logarithm of the labels. The
    interval is `zero_range` of the difference, so it covers other test images, label subsets and
    pretraining seeds.

    Args:
        labels: Sequence of K integers, ascending, at least two.
        first: Sequence of K boolean arrays `[subsets, seeds, N]`, whether each prediction of the
            method is correct. If the images have groups, the same by `as_groups`: the interval then
            covers other groups.
        second: Sequence of K boolean arrays `[subsets, seeds, N]`, likewise for the baseline.

    Returns:
        A list of K `Saving`s.
    """
    curve = isotonic_regression([np.mean(table) for table in second])
    savings = []
    for count, table in zip(labels, first, strict=True):
        accuracy = float(np.mean(table))
        inside = curve[0] <= accuracy <= curve[-1]
        value = float(np.exp(np.interp(accuracy, curve, np.log(labels)))) if inside else None
        gaps = [subtract(table, other) for other in second]
        ends = zero_range(labels, gaps) or (None, None)
        text = _saving(labels, count, accuracy, value, ends, accuracy > curve[-1])
        savings.append(Saving(count, accuracy, value, *ends, text))
    return savings


def _saving(labels, count, accuracy, value, ends, beyond):
    """Returns a sentence about one number of labels."""
    start = f"With pretraining, {count:,} labels"
    if value is None and beyond:
        least = "" if ends[0] is None else f" It takes more than {rough(ends[0])} (95 % interval)."
        return (
            f"{start} reach {accuracy:.1%}. Without it, {labels[-1]:,} labels, the most that were "
            f"measured, do not reach that.{least}"
        )
    if value is None:
        return f"{start} reach {accuracy:.1%}. Without it, fewer than {labels[0]:,} labels do."
    text = f"{start} do what about {rough(value)} do without {in_brackets(labels, ends)}."
    saved = ends[0] is not None and ends[0] > count
    lost = ends[1] is not None and ends[1] < count
    return text if saved or lost else f"{text} The interval contains {count:,}: no clear saving."


@dataclass(frozen=True)
class Needed:
    """How many labels would reach a target, by an extrapolated learning curve.

    Attributes:
        value: Float, or `None` if there is no number: too few points, or too far away.
        low: Float, the lower end of the 95 % interval, or `None`.
        high: Float, the upper end, or `None` if it lies too far away.
        text: String, a sentence.
    """

    value: float | None
    low: float | None
    high: float | None
    text: str


def power_law(labels: np.ndarray, scale: float, rate: float, floor: float) -> np.ndarray:
    """Returns the error of a learning curve: `scale * labels ** -rate + floor`.

    Args:
        labels: Array of label counts.
        scale: Float, at least 0.
        rate: Float, at least 0.
        floor: Float, at least 0, the error that no number of labels removes.
    """
    return scale * np.asarray(labels, float) ** -rate + floor


def labels_to_reach(
    labels: Sequence[int], runs: Sequence[np.ndarray], target: float, seed: int = 0
) -> Needed:
    """Extrapolates how many labels would reach an accuracy.

    A power law with a floor is fitted to the error. Its interval comes from fits to errors that
    are drawn from the uncertainty of the measured ones, which covers other test images, label
    subsets and pretraining seeds. It does not cover that the true curve may be of another form.

    Args:
        labels: Sequence of K integers, ascending.
        runs: Sequence of K boolean arrays `[subsets, seeds, N]`, whether each prediction is
            correct. If the images have groups, the same by `as_groups`.
        target: Float in (0, 1), an accuracy.
        seed: Integer, for the draws.

    Returns:
        A `Needed`. Without a number if there are fewer than `FEWEST_POINTS` label counts, or if
        the curve does not reach the target within `FARTHEST` times the largest of them.

    References:
        Viering, Loog 2023, "The shape of learning curves: a review".
    """
    labels = np.asarray(labels, float)
    accuracy = np.array([np.mean(table) for table in runs])
    reached = np.flatnonzero(accuracy >= target)
    if len(reached):
        first = reached[0]
        text = f"{target:.0%} is reached with {labels[first]:,.0f} labels: {accuracy[first]:.1%}."
        return Needed(float(labels[first]), None, None, text)
    if len(labels) < FEWEST_POINTS:
        return Needed(
            None,
            None,
            None,
            f"How many labels would reach {target:.0%} cannot be extrapolated from accuracies at "
            f"{len(labels)} numbers of labels. Measure at {FEWEST_POINTS} at least (--labels).",
        )
    drawn = _draw_errors(1 - accuracy, runs, np.random.default_rng(seed))
    # A first guess of the curve; the fit to the measured errors is the guess for the others.
    fitted = _fit(labels, 1 - accuracy, ((1 - accuracy[0]) * labels[0] ** 0.3, 0.3, 0.0))
    counts = [_reach(_fit(labels, errors, fitted), target) for errors in drawn]
    ends = map(float, np.quantile(counts, (0.025, 0.975), method="nearest"))
    return _needed(labels[-1], target, _reach(fitted, target), *ends)


def _needed(most, target, value, low, high):
    """Returns a `Needed` from the counts of the fit and of the draws, which may be infinite."""
    limit = FARTHEST * most
    start = f"Extrapolated from up to {most:,.0f} labels: {target:.0%} would take"
    if value > limit:
        least = f" (95 % interval: from {rough(low)})" if low <= limit else ""
        return Needed(None, None, None, f"{start} more than {limit:,.0f} labels, if ever{least}.")
    end = rough(high) if high <= limit else f"more than {limit:,.0f}"
    text = f"{start} about {rough(value)} labels [{rough(low)} to {end}]."
    return Needed(value, low, high if high <= limit else None, text)


def _fit(labels, errors, guess):
    """Returns the scale, rate and floor of the power law that is fitted to errors."""
    lowest, highest = np.array([0, 0.01, 0]), np.array([np.inf, 3, errors.min()])
    guess = np.clip(guess, lowest, highest - 1e-9)
    # The relative distances are minimized, because errors shrink over orders of magnitude.
    fitted, _ = curve_fit(power_law, labels, errors, guess, errors, bounds=(lowest, highest))
    return fitted


def _reach(fitted, target):
    """Returns the labels at which a power law reaches the target, infinity if it never does."""
    scale, rate, floor = fitted
    if 1 - target <= floor:
        return math.inf
    return math.exp(min(700, math.log(scale / (1 - target - floor)) / rate))


def _draw_errors(errors, runs, random):
    """Draws errors from their joint uncertainty: counts share test images and subsets."""
    found = {}
    for i, first in enumerate(runs):
        for j, second in enumerate(runs[: i + 1]):
            both = np.add(*common_runs(first, second))
            found[i, j] = uncertainty_of_mean(mean_squares(both))
    size = range(len(runs))
    own = np.array([found[i, i].variance / 4 for i in size])
    covariance = np.diag(own)
    for i, j in found:
        if i != j:
            shared = (found[i, j].variance - own[i] - own[j]) / 2
            covariance[i, j] = covariance[j, i] = shared
    values, vectors = np.linalg.eigh(covariance)
    freedom = max(2.0, min(float(found[i, i].freedom) for i in size))
    noise = random.standard_normal((DRAWS, len(errors))) * np.sqrt(np.maximum(values, 0))
    if math.isfinite(freedom):  # heavier tails, as those of Student's interval
        noise *= np.sqrt(freedom / random.chisquare(freedom, (DRAWS, 1)))
    return np.clip(errors + noise @ vectors.T, 1e-4, 1)
