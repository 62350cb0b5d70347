"""Checks of the exercises on comparisons: where two lines cross, and the verdict."""

from collections.abc import Callable

import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt, first_match

VERDICTS = {  # an interval, the right answer, and the reason
    (0.01, 0.05): ("gains", "an interval above 0 is a gain"),
    (-0.05, -0.01): ("hurts", "an interval below 0 is a loss"),
    (-0.01, 0.05): (
        "no difference",
        "an interval that contains 0 decides nothing, even if its center is above 0",
    ),
    (-0.05, 0.01): (
        "no difference",
        "an interval that contains 0 decides nothing, even if its center is below 0",
    ),
}
# Label counts, and how far the first method is ahead at each. Each crosses in another segment.
CROSSINGS = (
    ((100, 1000, 10_000), (0.10, 0.08, -0.12)),
    ((20, 50, 500, 2000), (0.15, -0.03, -0.06, -0.20)),
    ((50, 100, 400, 1000), (0.12, 0.09, -0.02, -0.11)),
)


def check_crossing(function: Callable) -> str:
    """Tells whether a function finds where two lines cross, interpolating over log(labels).

    Args:
        function: Function `(labels, first, second)` of three lists of length K. It returns the
            number of labels where the first stops being ahead, or `None` if the lines do not
            cross.

    Returns:
        A sentence that begins with "Right", "Nearly" or "Not yet".
    """
    given, complaint = attempt(
        lambda: [function(*lines(labels, gaps)) for labels, gaps in CROSSINGS]
    )
    if complaint:
        return f"Not yet: {complaint}"
    if any(value is None for value in given):
        return "Not yet: your function returns None for lines that do cross."
    values, complaint = attempt(lambda: np.array([float(value) for value in given]))
    if complaint:
        return f"Not yet: return one number; {complaint}"
    found = [crossing_answers(labels, gaps) for labels, gaps in CROSSINGS]
    answers = {words: np.array([each[words] for each in found]) for words in found[0]}
    otherwise = PUZZLE
    if np.ptp(values) < 1e-9:
        otherwise = "you return the same number for all lines"
    said = first_match(answers, lambda each: np.allclose(values, each, rtol=1e-3), otherwise)
    return check_no_crossing(function) if said == "Right" else f"Not yet: {said}."


def check_no_crossing(function: Callable) -> str:
    """Returns the verdict on a function that is right where lines cross."""
    labels = (100, 1000, 10_000)
    apart = {"ahead": (0.1, 0.07, 0.05), "behind": (-0.1, -0.07, -0.05)}
    for place, gaps in apart.items():
        value, complaint = attempt(function, *lines(labels, gaps))
        if complaint:
            return f"Nearly: where the first is always {place}, {complaint}"
        if value is not None:
            return f"Nearly: return None where the lines do not cross; the first is always {place}."
    return "Right: this is where the lines cross."


def lines(labels, gaps) -> tuple[list, list, list]:
    """Returns label counts and two lists of accuracies with the given gaps, as lists."""
    second = 0.4 + 0.1 * np.arange(len(labels))
    return list(labels), list(second + np.array(gaps)), list(second)


def crossing_answers(labels, gaps) -> dict[str, float]:
    """Returns what the right function and those with a usual mistake find, by message."""
    counts, gaps = np.array(labels, float), np.array(gaps)
    index = int(np.argmax(gaps <= 0)) - 1  # of the segment in which the lines cross
    before, after = counts[index], counts[index + 1]
    share = gaps[index] / (gaps[index] - gaps[index + 1])
    bent = gaps[index] / (gaps[index] + gaps[index + 1])

    def between(low, high, part):
        return float(np.exp(np.log(low) + part * (np.log(high) - np.log(low))))

    right = between(before, after, share)
    second = lines(labels, gaps)[2]
    return {
        "Right": right,
        "you interpolate over the labels; use their logarithm": before + share * (after - before),
        "this is the geometric middle of two counts; weigh them by the gaps": (
            between(before, after, 0.5)
        ),
        "this is the middle of two counts; weigh them by the gaps": (before + after) / 2,
        "you always use the last segment; find the one in which the gap changes its sign": (
            between(counts[-2], counts[-1], gaps[-2] / (gaps[-2] - gaps[-1]))
        ),
        "you always use the first segment; find the one in which the gap changes its sign": (
            between(counts[0], counts[1], gaps[0] / (gaps[0] - gaps[1]))
        ),
        "you draw one line from the first to the last count; take the two next to the crossing": (
            between(counts[0], counts[-1], gaps[0] / (gaps[0] - gaps[-1]))
        ),
        "this is the logarithm of the count; take its exponential": np.log(right),
        "this is the logarithm of the count; take 10 to its power": np.log10(right),
        "the share is counted from the wrong end of the segment": between(before, after, 1 - share),
        "divide by the difference of the two gaps, not by their sum": between(before, after, bent),
        "this is the last count before the lines cross; interpolate": before,
        "this is the first count after the lines cross; interpolate": after,
        "this is always the last count": counts[-1],
        "this is always the first count": counts[0],
        "this is the place of the segment in the list; return a number of labels": index,
        "this is the accuracy where the lines cross; return the number of labels": (
            second[index] + share * (second[index + 1] - second[index])
        ),
    }


def check_verdict(function: Callable) -> str:
    """Tells whether a function draws the right conclusion from an interval.

    Args:
        function: Function `(low, high)` of two floats. It returns `"gains"`, `"hurts"` or
            `"no difference"`.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    words = ("gains", "hurts", "no difference")
    for ends, (expected, reason) in VERDICTS.items():
        answer, complaint = attempt(function, *ends)
        if complaint:
            return f"Not yet: {complaint}"
        if answer not in words:
            return f"Not yet: return one of {', '.join(words)}; you return {answer!r}."
        if answer != expected:
            return f"Not yet: {reason}. For {ends} you return {answer!r}."
    return "Right: the interval alone decides."
