"""Checks of a number to compute, a number to guess and an order. None prints the answer."""

from collections.abc import Mapping, Sequence

import numpy as np

# Messages, and what a learner with that mistake computes where `x` is right.
SLIPS = {
    "the sign is wrong": lambda x: -x,
    "your number is twice what it should be": lambda x: 2 * x,
    "your number is half of what it should be": lambda x: x / 2,
    "your number is 100 times too large: write a share, not per cent": lambda x: 100 * x,
    "your number is 100 times too small: write per cent, not a share": lambda x: x / 100,
    "your number is the reciprocal: divide the other way round": lambda x: 1 / x,
    "take the natural logarithm, np.log, not that to base 2": lambda x: x / np.log(2),
    "take the natural logarithm, np.log, not that to base 10": lambda x: x / np.log(10),
    "your number is the square: take its root": lambda x: x**2,
    "your number is the square root: square it": lambda x: abs(x) ** 0.5,
    "the exponential is missing": lambda x: np.log(abs(x)),
    "your number is one too large: what must not be counted?": lambda x: x + 1,
    "your number is one too small: what did you leave out?": lambda x: x - 1,
}


def check_number(
    answer: float,
    expected: float,
    mistakes: Mapping[str, float] | None = None,
    tolerance: float = 0.01,
) -> str:
    """Tells whether a computed number is right, and if not, which usual slip explains it.

    Args:
        answer: Float, the learner's number.
        expected: Float, the right number. It is never printed.
        mistakes: Dict from words that name a mistake to the number that it leads to.
        tolerance: Float, the largest relative error of a right answer.

    Returns:
        A sentence that begins with "Right" or "Not yet".

    Example:

    >>> check_number(14, 7)
    'Not yet: your number is twice what it should be.'
    """
    number, complaint = as_number(answer)
    if complaint:
        return f"Not yet: {complaint}."

    def close(value):
        return np.isclose(number, value, rtol=tolerance, atol=1e-12)

    if close(expected):
        return "Right."
    with np.errstate(all="ignore"):
        known = {**(mistakes or {}), **{words: slip(expected) for words, slip in SLIPS.items()}}
    named = next((words for words, value in known.items() if close(value)), None)
    return f"Not yet: {named or ('too high' if number > expected else 'too low')}."


def check_prediction(
    prediction: float,
    measured: float,
    tolerance: float = 0.1,
    mistakes: Mapping[str, float] | None = None,
) -> str:
    """Tells whether a guess is near what was measured, without printing the measurement.

    Args:
        prediction: Float, the learner's guess.
        measured: Float. Between 0 and 1 it is taken for a share.
        tolerance: Float, the largest difference of a right guess.
        mistakes: Dict from words that name a mistake to the value that it leads to.

    Returns:
        A sentence that begins with "Right" or "Not yet".

    Example:

    >>> check_prediction(0.8, 0.1, mistakes={"that is the share without jitter": 0.81})
    'Not yet: that is the share without jitter.'
    """
    number, complaint = as_number(prediction)
    if complaint:
        return f"Not yet: {complaint}."
    is_share = 0 <= measured <= 1
    if is_share and number < 0:
        return "Not yet: a share lies between 0 and 1."
    if is_share and number > 1:
        return "Not yet: write a share between 0 and 1, not per cent."
    if abs(number - measured) <= tolerance:
        return f"Right: within {tolerance:g} of what was measured."
    for words, value in (mistakes or {}).items():
        if abs(number - value) <= tolerance / 2:
            return f"Not yet: {words}."
    return f"Not yet: too {'high' if number > measured else 'low'}."


def check_order(order: Sequence[str], values: Mapping[str, float]) -> str:
    """Tells whether names stand in the order of their measured values, smallest first.

    Args:
        order: Sequence of strings, the learner's order.
        values: Dict from each name to its value.

    Returns:
        A sentence that begins with "Right" or "Not yet".

    Example:

    >>> check_order(["b", "a"], {"a": 1.0, "b": 2.0})
    "Not yet: 'b' stands before 'a', but its value is larger."
    """
    complaint = order_complaint(order, list(values))
    if complaint:
        return f"Not yet: {complaint}."
    given = list(order)
    if len(given) > 2 and all(values[a] > values[b] for a, b in zip(given, given[1:])):  # noqa: B905
        return "Not yet: the order is reversed; the smallest value comes first."
    for first, second in zip(given, given[1:]):  # noqa: B905
        if values[first] > values[second]:
            return f"Not yet: {first!r} stands before {second!r}, but its value is larger."
    return "Right: this is the order."


def order_complaint(order, names: Sequence[str]) -> str | None:
    """Returns what keeps a learner's answer from being an order of all names, or `None`."""
    if isinstance(order, str) or not isinstance(order, Sequence):
        return "write a list of names"
    unknown = [name for name in order if name not in names]
    if unknown:
        return f"{unknown[0]!r} is none of {', '.join(map(repr, names))}"
    missing = [name for name in names if name not in order]
    if missing:
        return f"{missing[0]!r} is missing"
    return "a name stands twice" if len(order) > len(names) else None


def as_number(answer) -> tuple:
    """Returns a learner's answer as a float and `None`, or `None` and what is wrong with it."""
    try:
        number = np.asarray(answer, float)
    except (TypeError, ValueError):
        return None, f"write a number, not {answer!r}"
    if number.size != 1 or answer is None:
        return None, "write a single number"
    if not np.isfinite(number).all():
        return None, "write a finite number"
    return float(number.item()), None
