"""Crossed random effects: how far a mean over subsets, encoders and test images would move."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t


@dataclass(frozen=True)
class Uncertainty:
    """How far a mean lies from the mean over all subsets, encoders and images.

    Attributes:
        variance: Float, or float array for several means at once.
        freedom: Float of the same form, the degrees of freedom of the variance.
    """

    variance: float | np.ndarray
    freedom: float | np.ndarray

    def half_width(self, confidence: float = 0.95) -> float | np.ndarray:
        """Returns half the width of Student's interval.

        Args:
            confidence: Float in (0, 1).
        """
        return t.ppf((1 + confidence) / 2, self.freedom) * np.sqrt(self.variance)

    def p_value(self, value: float) -> float:
        """Returns the two-sided p-value of a mean of zero.

        It is below 0.05 exactly where the 95 % interval does not contain zero.

        Args:
            value: Float, the mean that was found.
        """
        if not self.variance:
            return 1.0 if value == 0 else 0.0
        return float(2 * t.sf(abs(value) / math.sqrt(self.variance), self.freedom))


def mean_squares(table: np.ndarray) -> dict[tuple, tuple[float, int]]:
    """Computes the mean squares of a table in which every axis is crossed with every other.

    Args:
        table: Float array, such as `[subsets, seeds, N]`.

    Returns:
        A dict from the axes of an effect, such as `(0,)` for subsets or `(0, 2)` for the
        interaction of subsets and images, to a pair: the mean square divided by the size of the
        table, which makes it a variance of the mean, and its degrees of freedom. Axes of length
        one have no effects.
    """
    table, found = np.asarray(table, float), {}
    for axes in _effects(table.ndim):
        freedom = math.prod(table.shape[axis] - 1 for axis in axes)
        if freedom:
            others = tuple(axis for axis in range(table.ndim) if axis not in axes)
            effect = table.mean(others, keepdims=True)
            for axis in axes:
                effect = effect - effect.mean(axis, keepdims=True)
            found[axes] = (float(np.sum(effect**2)) / effect.size / freedom, freedom)
    return found


def uncertainty_of_mean(squares: dict, known: float | np.ndarray = 0.0) -> Uncertainty | None:
    """Computes the variance of the mean of a table from its mean squares.

    The mean square of the subsets also contains the noise of subsets times images, and so do the
    others. Added up, three mean squares would count this noise several times. So the mean squares
    of pairs of axes are subtracted, and that of all three is added again. This is the unbiased
    estimate in a model of crossed random effects. A mean square of a single axis is never larger
    than the true variance on average, so the largest of them is a lower bound. The degrees of
    freedom are Satterthwaite's, from the mean squares of single axes.

    Args:
        squares: Dict, as `mean_squares` returns it. The mean squares may be arrays.
        known: Float, a variance that is known and comes on top.

    Returns:
        An `Uncertainty`, or `None` if there are no mean squares and `known` is 0.

    References:
        Satterthwaite 1946, "An approximate distribution of estimates of variance components".
        Searle, Casella, McCulloch 1992, "Variance components", chapter 4.
    """
    if not squares:
        return Uncertainty(known, math.inf) if np.any(known) else None
    single = [pair for axes, pair in squares.items() if len(axes) == 1]
    signed = sum((-1) ** (len(axes) + 1) * square for axes, (square, _) in squares.items())
    bound = np.max([square for square, _ in single], axis=0)
    variance = np.maximum(signed, bound) + known
    uncertain = sum(square**2 / freedom for square, freedom in single)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(uncertain > 0, variance**2 / uncertain, math.inf)
    return Uncertainty(variance, freedom)


def _effects(number):
    """Returns all groups of axes, the single ones first."""
    sizes = range(1, number + 1)
    return [axes for size in sizes for axes in itertools.combinations(range(number), size)]
