"""Statistics of two methods on the same test images: differences, tests, crossings, intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, t


@dataclass(frozen=True)
class Difference:
    """How far one method is ahead of another, in accuracy.

    Attributes:
        value: Float, the mean of the first method minus the second's.
        low: Float, the lower end of the 95 % interval.
        high: Float, the upper end of the 95 % interval.
        num_runs: Pair of integers, the label subsets and pretraining seeds that were compared.
        p_value: Float, McNemar's exact test of the first pair of networks. With one subset and
            one seed, the interval contains zero exactly where this is at least 1 - `confidence`.
    """

    value: float
    low: float
    high: float
    num_runs: tuple
    p_value: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Computes McNemar's exact test for two methods on the same images.

    Only images on which exactly one method is right count. Under the null
    hypothesis, each of them favors either method with probability 1/2, so the test is a two-sided
    binomial test.

    Args:
        first: Boolean array `[N]`, whether the first method classified each image correctly.
        second: Boolean array `[N]`, likewise for the second method.

    Returns:
        The p-value, a float in 0..1. It is 1 if the two never differ.

    References:
        McNemar 1947, "Note on the sampling error of the difference between correlated
        proportions or percentages".
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


def paired_difference(
    first: np.ndarray, second: np.ndarray, confidence: float = 0.95
) -> Difference:
    """Computes the mean difference in accuracy, with an interval for other images and seeds.

    The interval is `half_width` over test images, label subsets and pretraining seeds. For the
    images, half an image is added to each of the four outcomes of a pair, so that a handful of
    disagreements does not look certain. With one subset and one seed, the interval is widened
    to `exact_interval` if that reaches further. It then agrees with McNemar's exact test.

    Args:
        first: Boolean array `[subsets, seeds, N]`, whether each prediction is correct.
        second: Boolean array `[subsets, seeds, N]`, likewise for the second method. A method
            without pretraining has one seed, which is compared with every encoder of the other.
            If all labels are used there is one subset, which is compared with every
            initialization.
        confidence: Float in (0, 1).

    Returns:
        A `Difference`.

    Raises:
        ValueError: If the arrays do not fit together.

    References:
        Agresti, Min 2005, "Simple improved confidence intervals for comparing matched
        proportions".
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    fits = first.ndim == second.ndim == 3 and all(
        a == b or (axis < 2 and 1 in (a, b))
        for axis, (a, b) in enumerate(zip(first.shape, second.shape, strict=True))
    )
    if not fits:
        raise ValueError(
            "Expected two arrays [subsets, seeds, N] of equal or single subsets and seeds. "
            f"Received the shapes {first.shape} and {second.shape}."
        )
    gaps = first - second
    images, num_images = gaps.mean((0, 1)), gaps.shape[2] + 2
    squares = np.sum(images**2) + 1 - np.sum(images) ** 2 / num_images
    over = [gaps.mean((1, 2)), gaps.mean((0, 2))]
    value, half = float(gaps.mean()), half_width(over, confidence, squares / num_images**2)
    low, high = value - half, value + half
    if gaps.shape[:2] == (1, 1):
        ends = exact_interval(first[0, 0], second[0, 0], confidence)
        low, high = min(low, ends[0]), max(high, ends[1])
    p_value = mcnemar(first[0, 0], second[0, 0])
    return Difference(value, low, high, gaps.shape[:2], p_value)


def exact_interval(
    first: np.ndarray, second: np.ndarray, confidence: float = 0.95
) -> tuple[float, float]:
    """Computes the interval that contains zero if McNemar's exact test finds no difference.

    It is Clopper and Pearson's interval for the share of the disagreements that favor the first
    method. The number of disagreements is taken as given.

    Args:
        first: Boolean array `[N]`, whether the first method classified each image correctly.
        second: Boolean array `[N]`, likewise for the second method.
        confidence: Float in (0, 1).

    Returns:
        Two floats, the ends for the difference in accuracy; (0, 0) if the two never differ.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    only_first, differ = int(np.sum(first & ~second)), int(np.sum(first != second))
    if not differ:
        return 0.0, 0.0
    share = binomtest(only_first, differ).proportion_ci(confidence, method="exact")
    return tuple(differ / len(first) * (2 * end - 1) for end in (share.low, share.high))


def find_crossing(
    labels: Sequence[int], first: Sequence[float], second: Sequence[float]
) -> float | None:
    """Returns the number of labels at which the first line falls below the second.

    Between two measured points both lines are straight over the logarithm of the labels.

    Args:
        labels: Sequence of K integers, ascending.
        first: Sequence of K floats, the first method's accuracies.
        second: Sequence of K floats, the second method's accuracies.

    Returns:
        A float, the first such number, or `None` if there is none.
    """
    gaps = np.asarray(first, float) - np.asarray(second, float)
    places = np.log(labels)
    for index in range(len(gaps) - 1):
        before, after = gaps[index : index + 2]
        later = gaps[index + 1 :]
        later = later[later != 0]  # lines that only touch do not cross
        if before > 0 >= after and len(later) and later[0] < 0:
            share = before / (before - after)
            step = places[index + 1] - places[index]
            return float(np.exp(places[index] + share * step))
    return None


def crossing_interval(
    labels: Sequence[int], first: np.ndarray, second: np.ndarray, confidence: float = 0.95
) -> dict:
    """Computes where two methods cross, with an interval over label subsets and encoders.

    The interval is `half_width` over the logarithm of the labels. It does not cover the draw of
    the test images.

    Args:
        labels: Sequence of K integers, ascending.
        first: Float array `[subsets, K]` or `[subsets, seeds, K]`, accuracies.
        second: Float array of the same form. A method without pretraining has one seed, which is
            compared with every encoder of the other.
        confidence: Float in (0, 1).

    Returns:
        A dict with `value`, `low` and `high`, floats or `None`, and `text`, a sentence. Lines
        that cross back have no crossing. `low` and `high` are `None` if a subset or an encoder
        has no crossing in the range, or if there is only one of each.
    """
    labels = list(labels)
    first, second = np.broadcast_arrays(
        *(
            np.reshape(np.asarray(lines, float), (len(lines), -1, len(labels)))
            for lines in (first, second)
        )
    )
    value = find_crossing(labels, first.mean((0, 1)), second.mean((0, 1)))
    span = f"between {labels[0]:,} and {labels[-1]:,} labels"
    result = {"value": value, "low": None, "high": None}
    gaps = (first - second).mean((0, 1))
    if value is None:
        return {**result, "text": f"no crossing {span}: the first method is {_standing(gaps)}"}
    if np.any(gaps[np.asarray(labels) > value] > 0):
        again = f"behind near {_rough(value)} labels, ahead again at more"
        return {**result, "value": None, "text": f"no lasting crossing {span}: {again}"}
    parts = []
    for axis, name in ((1, "subsets"), (0, "encoders")):
        pairs = zip(first.mean(axis), second.mean(axis), strict=True)
        each = [find_crossing(labels, *pair) for pair in pairs]
        lost = each.count(None)
        if lost:
            without = f"{lost} of {len(each)} {name} have no crossing {span}"
            return {**result, "text": f"about {_rough(value)} labels; {without}"}
        parts.append(np.log(each))
    spread = half_width(parts, confidence)
    if spread is None:
        return {**result, "text": f"about {_rough(value)} labels, from one label subset"}
    low, high = value * np.exp(-spread), value * np.exp(spread)
    text = f"about {_rough(value)} labels [{_rough(low)} to {_rough(high)}]"
    if low < labels[0] or high > labels[-1]:
        text += f", which reaches beyond the labels measured, {labels[0]:,} to {labels[-1]:,}"
    return {**result, "low": float(low), "high": float(high), "text": text}


def _standing(gaps):
    """Returns where the first method stands if the two lines do not cross."""
    if np.all(gaps < 0):
        return "behind throughout"
    if gaps[0] > 0:
        return "ahead throughout" if np.all(gaps > 0) else "ahead, or level"
    return "not ahead at the fewest labels"


def _rough(number):
    """Returns a number rounded to two digits, because the interval supports no more."""
    return f"{float(f'{number:.2g}'):,.0f}"


def half_width(
    parts: Sequence[np.ndarray], confidence: float = 0.95, known: float = 0.0
) -> float | None:
    """Computes half the width of an interval around a mean with several sources of variation.

    Each source is given by its group means, such as one mean for each label subset, averaged over
    images and pretraining seeds. The variances of the sources add up. The degrees of freedom are
    Satterthwaite's. With one source this is Student's interval. The interval is somewhat too
    narrow if the main source has only two groups, such as two encoders, or if label subsets
    overlap because they are large.

    Args:
        parts: Sequence of float arrays, the group means of each source. The variation of a source
            with a single group cannot be estimated, so the interval does not cover it.
        confidence: Float in (0, 1).
        known: Float, a variance of the mean that is known without groups, such as that of a
            proportion for the draw of the test images.

    Returns:
        A float. `None` if `known` is 0 and no source has two groups.

    References:
        Satterthwaite 1946, "An approximate distribution of estimates of variance components".
    """
    parts = [np.asarray(part, float) for part in parts if len(part) > 1]
    if not parts and not known:
        return None
    variances = [part.var(ddof=1) / len(part) for part in parts]
    total = sum(variances) + known
    if not total:
        return 0.0
    uncertain = sum(
        variance**2 / (len(part) - 1) for variance, part in zip(variances, parts, strict=True)
    )
    freedom = total**2 / uncertain if uncertain else math.inf
    return float(t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(total)
