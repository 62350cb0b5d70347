"""Statistics of two methods on the same test images: differences, tests, crossings, intervals."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from simclr_utils.data.group_folds import has_groups
from simclr_utils.evaluation.components import mean_squares, uncertainty_of_mean
from simclr_utils.evaluation.groups import as_groups

POINTS = 50  # label counts between two measured ones at which a difference is compared with zero


@dataclass(frozen=True)
class Difference:
    """How far one method is ahead of another, in accuracy.

    Attributes:
        value: Float, the mean of the first method minus the second's.
        low: Float, the lower end of the 95 % interval.
        high: Float, the upper end of the 95 % interval.
        num_runs: Pair of integers, the label subsets and pretraining seeds that were compared.
        p_value: Float, two-sided. The interval contains zero exactly where this is at least
            1 - `confidence`.
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
    first: np.ndarray,
    second: np.ndarray,
    confidence: float = 0.95,
    groups: np.ndarray | None = None,
) -> Difference:
    """Computes the mean difference in accuracy, with an interval for other images and runs.

    Images, label subsets and pretraining seeds are crossed random effects, so the interval and
    the p-value come from `uncertainty_of_mean`. What exists only once, such as a single encoder,
    cannot be covered. For the images, half an image is added to each of the four outcomes of a
    pair, so that a handful of disagreements does not look certain. With one subset and one seed,
    the interval is widened to `exact_interval` if that reaches further. It then agrees with
    McNemar's exact test.

    If the images have groups, groups take the place of images: the interval covers other groups,
    half a group is added in place of half an image, and there is no exact interval.

    Args:
        first: Boolean array `[subsets, seeds, N]`, whether each prediction is correct.
        second: Boolean array `[subsets, seeds, N]`, likewise for the second method. A method
            without pretraining has one seed, which is compared with every encoder of the other.
            If all labels are used there is one subset, which is compared with every
            initialization.
        confidence: Float in (0, 1).
        groups: Integer array `[N]`, the number of each image's group, or `None`.

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
    gaps = as_groups(first - second, groups)
    found = uncertainty_of_mean(mean_squares(gaps), _half_images(gaps))
    value, half = float(gaps.mean()), float(found.half_width(confidence))
    low, high, p_value = value - half, value + half, found.p_value(value)
    if gaps.shape[:2] == (1, 1) and not has_groups(groups):
        ends = exact_interval(first[0, 0], second[0, 0], confidence)
        low, high = min(low, ends[0]), max(high, ends[1])
        p_value = max(p_value, mcnemar(first[0, 0], second[0, 0]))
    return Difference(value, low, high, gaps.shape[:2], p_value)


def _half_images(gaps):
    """Returns the variance that half an image in each of a pair's outcomes adds to the mean."""
    return 1 / (gaps.shape[2] + 2) ** 2 if gaps.ndim == 3 else 0.0


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
    labels: Sequence[int],
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    confidence: float = 0.95,
) -> dict:
    """Computes where two methods cross, with an interval for other images and runs.

    The interval is `zero_range`: it reaches over the label counts at which the interval of the
    difference contains zero.

    Args:
        labels: Sequence of K integers, ascending.
        first: Sequence of K arrays, one for each number of labels: booleans
            `[subsets, seeds, N]`, whether each prediction is correct, or the same by `as_groups`,
            or accuracies `[subsets, seeds]`. From accuracies, the interval does not cover the draw
            of the test images.
        second: Sequence of K arrays of the same form. A method without pretraining has one seed,
            which is compared with every encoder of the other.
        confidence: Float in (0, 1).

    Returns:
        A dict with `value`, `low` and `high`, floats or `None`, and `text`, a sentence. Lines
        that cross back have no crossing. `low` or `high` is `None` where the interval reaches
        beyond the labels that were measured, or where there is only one run of each method.
    """
    labels = list(labels)
    gaps = [subtract(*pair) for pair in zip(first, second, strict=True)]
    means = np.array([gap.mean() for gap in gaps])
    value = find_crossing(labels, means, np.zeros(len(labels)))
    span = f"between {labels[0]:,} and {labels[-1]:,} labels"
    result = {"value": value, "low": None, "high": None}
    if value is None:
        return {**result, "text": f"no crossing {span}: the first method is {_standing(means)}"}
    if np.any(means[np.asarray(labels) > value] > 0):
        again = f"behind near {rough(value)} labels, ahead again at more"
        return {**result, "value": None, "text": f"no lasting crossing {span}: {again}"}
    ends = zero_range(labels, gaps, confidence)
    if ends is None:
        return {**result, "text": f"about {rough(value)} labels, from one label subset"}
    text = f"about {rough(value)} labels {in_brackets(labels, ends)}"
    return {**result, "low": ends[0], "high": ends[1], "text": text}


def subtract(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the differences of two methods, run by run.

    Args:
        first: Array `[subsets, seeds]` or `[subsets, seeds, N]`.
        second: Array of the same form. If one has more subsets than the other, the others are
            left out; a single subset or seed is compared with every one.

    Returns:
        A float array.
    """
    return np.subtract(*common_runs(first, second))


def common_runs(*tables: np.ndarray) -> list[np.ndarray]:
    """Returns float tables in one shape: the subsets that all have, single axes repeated.

    Args:
        *tables: Arrays `[subsets, seeds]` or `[subsets, seeds, N]`.

    Returns:
        A list of float arrays.
    """
    tables = [np.asarray(table, float) for table in tables]
    fewest = min((len(table) for table in tables if len(table) > 1), default=1)
    return list(np.broadcast_arrays(*(table[:fewest] for table in tables)))


def zero_range(
    labels: Sequence[int], gaps: Sequence[np.ndarray], confidence: float = 0.95
) -> tuple[float | None, float | None] | None:
    """Returns the range of label counts at which a difference may be zero.

    Between two measured label counts the differences of each run and image are interpolated over
    the logarithm of the labels. A count belongs to the range if the interval of the difference,
    by `uncertainty_of_mean`, contains zero there. This inverts the test of a zero difference, as
    Fieller's interval does, and so holds where the lines are nearly parallel too.

    Args:
        labels: Sequence of K integers, ascending.
        gaps: Sequence of K float arrays `[subsets, seeds]` or `[subsets, seeds, N]`.
        confidence: Float in (0, 1).

    Returns:
        A pair of floats, the lowest and the highest such count. `None` in place of one of them
        if the range reaches beyond the labels. `None` for both if there are no repetitions, or
        if there is no such count.

    References:
        Fieller 1954, "Some problems in interval estimation".
    """
    inside = []
    for (start, end), pair in zip(
        itertools.pairwise(labels), itertools.pairwise(gaps), strict=True
    ):
        before, after = common_runs(*pair)
        share = _shares(*(table.mean() for table in pair))
        found = uncertainty_of_mean(_between(before, after, share), _half_images(before))
        if found is None:
            return None
        gap = (1 - share) * pair[0].mean() + share * pair[1].mean()
        counts = start * (end / start) ** share
        inside += list(counts[np.abs(gap) <= found.half_width(confidence)])
    if not inside:
        return None
    low, high = min(inside), max(inside)
    return (
        None if low <= labels[0] else float(low),
        None if high >= labels[-1] * (1 - 1e-9) else float(high),
    )


def _shares(before, after):
    """Returns places between two label counts, the one where the line is zero among them."""
    share = np.linspace(0, 1, POINTS)
    crosses = before * after < 0
    return np.sort(np.append(share, before / (before - after))) if crosses else share


def _between(before, after, share):
    """Returns the mean squares of `(1 - share) * before + share * after`, for many shares.

    They are a quadratic form, so three tables give all of them.
    """
    parts = [mean_squares(table) for table in (before, after, before + after)]
    squares = {}
    for axes, (at_start, freedom) in parts[0].items():
        at_end, of_sum = (part[axes][0] for part in parts[1:])
        mixed = share * (1 - share) * (of_sum - at_start - at_end)
        square = (1 - share) ** 2 * at_start + share**2 * at_end + mixed
        squares[axes] = (np.maximum(square, 0), freedom)  # rounding may leave less than 0
    return squares


def in_brackets(labels: Sequence[int], ends: tuple[float | None, float | None]) -> str:
    """Returns a range of label counts in words, such as "[380 to 640]".

    Args:
        labels: Sequence of integers, ascending, the label counts that were measured.
        ends: Pair of floats or `None`, as `zero_range` returns it.
    """
    low = f"fewer than {labels[0]:,}" if ends[0] is None else rough(ends[0])
    high = f"more than {labels[-1]:,}" if ends[1] is None else rough(ends[1])
    return f"[{low} to {high}]"


def _standing(gaps):
    """Returns where the first method stands if the two lines do not cross."""
    if np.all(gaps < 0):
        return "behind throughout"
    if gaps[0] > 0:
        return "ahead throughout" if np.all(gaps > 0) else "ahead, or level"
    return "not ahead at the fewest labels"


def rough(number: float) -> str:
    """Returns a number rounded to two digits, because the interval supports no more."""
    return f"{float(f'{number:.2g}'):,.0f}"
