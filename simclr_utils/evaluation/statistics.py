"""Two methods on the same test images: paired difference, exact test, crossing, verdict."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, t

# The one rule of every verdict, in words; `verdict` applies it, pages and notebooks show it.
RULE = (
    "The 95 % interval alone decides. If all of it lies above zero, pretraining gains; if all of "
    "it lies below zero, pretraining loses; if it contains zero, these images show no difference."
)


@dataclass(frozen=True)
class Difference:
    """How far one method is ahead of another, in accuracy.

    Attributes:
        value: float, mean of the first method minus the second's.
        low, high: floats, ends of the 95 % interval.
        num_runs: pair of ints, label subsets and pretraining seeds that were compared.
        p_value: float, exact McNemar test of the first pair of networks. With one subset and one
            seed the interval contains zero exactly where this is at least 1 - `confidence`.
    """

    value: float
    low: float
    high: float
    num_runs: tuple
    p_value: float


def mcnemar(first, second):
    """Exact McNemar test: do two methods differ on the images where exactly one is right?

    Under the hypothesis of no difference, each such image favours either with probability 1/2,
    so that the test is a two-sided binomial one.

    Args:
        first, second: bool arrays `[N]`, whether each test image was classified correctly.

    Returns:
        The p-value, a float in 0..1; 1 where the two never differ.

    References:
        McNemar 1947, "Note on the sampling error of the difference between correlated
        proportions or percentages".
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


def paired_difference(first, second, confidence=0.95):
    """Mean difference in accuracy, with an interval for other images, labels and encoders.

    Args:
        first, second: bool arrays `[subsets, seeds, N]`, correct or not. A method without
            pretraining has one seed and meets every encoder of the other; where all labels are
            used, one subset meets every initialisation.
        confidence: float in (0, 1).

    Returns:
        A `Difference`; its interval is `half_width` over test images, subsets and seeds. For the
        images, half an image is added to each of the four outcomes of a pair, so that a handful
        of disagreements does not look certain. With one subset and one seed it is widened to
        `exact_interval` where that reaches further: it then agrees with McNemar's exact test.

    Raises:
        ValueError: if the arrays do not fit together.

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


def exact_interval(first, second, confidence=0.95):
    """Inverts McNemar's exact test: an interval that contains zero where the test sees nothing.

    It is Clopper and Pearson's for the share of the disagreements that favour the first method,
    with the number of disagreements taken as given.

    Args:
        first, second: bool arrays `[N]`, whether each test image was classified correctly.
        confidence: float in (0, 1).

    Returns:
        Two floats, the ends for the difference in accuracy; (0, 0) where the two never differ.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    only_first, differ = int(np.sum(first & ~second)), int(np.sum(first != second))
    if not differ:
        return 0.0, 0.0
    share = binomtest(only_first, differ).proportion_ci(confidence, method="exact")
    return tuple(differ / len(first) * (2 * end - 1) for end in (share.low, share.high))


def find_crossing(labels, first, second):
    """Finds the number of labels at which the first line falls below the second.

    Between two measured points both lines are straight over the logarithm of the labels.

    Args:
        labels: ints `[K]`, ascending.
        first, second: floats `[K]`, the accuracies at those.

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


def crossing_interval(labels, first, second, confidence=0.95):
    """The crossing of two methods, with an interval over label subsets and pretraining seeds.

    Args:
        labels: ints `[K]`, ascending.
        first, second: float arrays `[subsets, K]` or `[subsets, seeds, K]`, accuracies; a method
            without pretraining has one seed and meets every encoder of the other.
        confidence: float in (0, 1).

    Returns:
        A dict with `value`, `low` and `high`, floats or `None`, and `text`, a sentence. Lines
        that cross back have no crossing. The interval is `half_width` over the logarithm of the
        labels; it is `None` where a subset or an encoder has no crossing in the range, or where
        there is only one of each. The draw of the test images is not in it.
    """
    labels = list(labels)
    first, second = (
        np.reshape(np.asarray(lines, float), (len(lines), -1, len(labels)))
        for lines in (first, second)
    )
    first, second = np.broadcast_arrays(first, second)
    value = find_crossing(labels, first.mean((0, 1)), second.mean((0, 1)))
    span = f"between {labels[0]:,} and {labels[-1]:,} labels"
    result = {"value": value, "low": None, "high": None}
    if value is None:
        gaps = (first - second).mean((0, 1))
        where = "not ahead at the fewest labels"
        if gaps[0] > 0:
            where = "ahead throughout" if np.all(gaps > 0) else "ahead, or level"
        where = "behind throughout" if np.all(gaps < 0) else where
        return {**result, "text": f"no crossing {span}: the first method is {where}"}
    later = (first - second).mean((0, 1))[np.asarray(labels) > value]
    if np.any(later > 0):
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


def _rough(number):
    """Two digits: more would promise what the interval denies."""
    return f"{float(f'{number:.2g}'):,.0f}"


def verdict(
    difference, labels, method="contrastive pretraining", loses="hurts: it loses", all_labels=False
):
    """Says in plain words what a difference means for whoever owns the images.

    `RULE` decides, by the interval that the sentence shows and nothing else.

    Args:
        difference: a `Difference`, of the pretrained method minus the tuned baseline.
        labels: int.
        method: str, what is compared with the baseline.
        loses: str, how a loss is put.
        all_labels: bool, whether every label there is was used: the baseline's initializations
            then take the place of label subsets.

    Returns:
        A sentence, and in brackets what was repeated, and how often.
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


def _repetitions(num_runs, all_labels):
    """What the interval covers, such as "(One encoder, 3 label subsets.)"."""
    subsets, seeds = num_runs
    drawn = _count(subsets, "initialization" if all_labels else "label subset")
    parts = ["all labels"] * all_labels + [_count(seeds, "encoder"), drawn]
    text = ", ".join(parts)
    return f"({text[0].upper()}{text[1:]}.)"


def _count(number, noun):
    return f"one {noun}" if number == 1 else f"{number} {noun}s"


def _signed(share):
    """Percentage points with a sign; what is not zero never looks like zero."""
    points = 100 * share + 0.0  # no -0.0
    decimals = 1 if points == 0 else max(1, -math.floor(math.log10(abs(points))))
    return f"{points:+.{decimals}f}"


def describe_test(num_runs, p_value):
    """Says what McNemar's exact test found, and of which networks.

    Args:
        num_runs, p_value: of a `Difference`.

    Returns:
        A phrase, such as "p = 0.031". With several encoders or subsets it says that the test is
        about the first pair of networks only, which the interval is not.
    """
    text = f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001"
    return text if tuple(num_runs) == (1, 1) else f"first pair of networks alone: {text}"


def half_width(parts, confidence=0.95, known=0.0):
    """Half the width of an interval around a mean that varies for several reasons.

    Each reason is given by its parts: the mean over everything else, for each image, each label
    subset or each pretraining seed. Their variances add up; the degrees of freedom are
    Satterthwaite's. With one reason this is Student's interval. Where the leading reason has two
    parts only, as two encoders, the interval comes out somewhat too narrow; so it does for label
    subsets that overlap, because they are much of all there is.

    Args:
        parts: list of float arrays, one a reason. A reason with a single part cannot be
            estimated and is left out: the interval then says nothing of it.
        confidence: float in (0, 1).
        known: float, the variance of the mean for a reason whose size is known without parts,
            such as a proportion's for the draw of the test images.

    Returns:
        A float; `None` if nothing is known and no reason has two parts.

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


def accuracy_interval(predictions, labels, confidence=0.95):
    """Scores predictions: accuracy and its Wilson interval.

    The interval covers the sampling of the test images only, not of labels or training seeds.

    Args:
        predictions, labels: int arrays `[N]`.
        confidence: float in (0, 1).

    Returns:
        A dict of floats: `value`, `low`, `high`, all in 0..1.

    Raises:
        ValueError: if the lengths differ or are 0.
    """
    if len(predictions) != len(labels) or not len(labels):
        raise ValueError(f"Received {len(predictions)} predictions for {len(labels)} labels.")
    hits = int(np.sum(np.asarray(predictions) == np.asarray(labels)))
    interval = binomtest(hits, len(labels)).proportion_ci(confidence, method="wilson")
    return {"value": hits / len(labels), "low": interval.low, "high": interval.high}
