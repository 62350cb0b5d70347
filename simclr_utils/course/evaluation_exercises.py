"""Checks of the exercises on evaluation: the probe, its dense layer and the comparison."""

from collections.abc import Callable

import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt, first_match

BASICS = "it does not tell three well separated classes apart"
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


def check_probe(function: Callable) -> str:
    """Tells whether a function is a linear probe, and if not, which usual mistake it makes.

    Args:
        function: Function `(features, labels, new_features)` of a float array `[N, D]`, an
            integer array `[N]` and a float array `[M, D]`. It returns predicted labels `[M]`.

    Returns:
        A sentence.
    """
    for mistake, (features, labels, new_features, answers) in probe_cases().items():
        with np.errstate(all="ignore"):
            arguments = features.copy(), labels.copy(), new_features.copy()
            given, complaint = attempt(function, *arguments)
        if complaint:
            return f"Not yet: {complaint if mistake == BASICS else f'{mistake} ({complaint})'}"
        if np.shape(given) != answers.shape:
            return (
                f"Not yet: return one label for each of the {len(answers)} new rows; your result "
                f"has the shape {np.shape(given)}."
            )
        if np.mean(np.asarray(given) == answers) < 0.95:
            return f"Not yet: {mistake}."
    return "Right: this is a linear probe."


def probe_cases() -> dict[str, tuple]:
    """Returns, for each usual mistake, data that only a function with that mistake gets wrong."""
    blobs = features_around(np.eye(3, 6) * 6)
    scales = np.array([1e-4, 1e-4, 1e-4, 1, 1, 1])
    in_a_row = features_around(np.array([[-6.0, 0], [0, 0], [6, 0]]))
    constant = [np.concatenate([part, np.full((len(part), 1), 0.5)], axis=1) for part in blobs[::2]]
    last = blobs[3] == 2
    return {
        BASICS: blobs,
        "a probe is linear with a bias; without one no class can lie between two others": in_a_row,
        "a feature that never varies has spread 0: add a small number before you divide": (
            constant[0], blobs[1], constant[1], blobs[3],
        ),
        "the features are not standardized, so that those with small values have no influence": (
            blobs[0] * scales, blobs[1], blobs[2] * scales, blobs[3],
        ),
        "standardize new features with the mean and spread of the training features, not with "
        "their own": (*blobs[:2], blobs[2][last], blobs[3][last]),
    }  # fmt: skip


def features_around(middles: np.ndarray, num_rows: int = 60) -> tuple[np.ndarray, ...]:
    """Returns training and new features around the middle of each class, each with labels."""
    random = np.random.default_rng(0)
    labels = np.arange(num_rows) % len(middles)
    first, second = (
        middles[labels] + random.normal(size=(num_rows, middles.shape[1])) for _ in range(2)
    )
    return first, labels, second, labels


def check_crossing(function: Callable) -> str:
    """Tells whether a function finds where two lines cross, interpolating over log(labels).

    Args:
        function: Function `(labels, first, second)` of three lists of length K. It returns a
            number, or `None` if the lines do not cross.

    Returns:
        A sentence.
    """
    labels, expected = [100, 1000, 10_000], 1000 * 10**0.5

    def answers():
        value = function(labels, [0.5, 0.6, 0.65], [0.4, 0.5, 0.75])
        value = None if value is None else float(value)
        return value, function(labels, [0.5, 0.6, 0.7], [0.4, 0.5, 0.6])

    given, complaint = attempt(answers)
    if complaint:
        return f"Not yet: {complaint}"
    value, never = given
    if value is None:
        return f"Not yet: your function returns None; the lines cross at {expected:,.0f}."
    if np.isclose(value, expected, rtol=1e-3):
        if never is None:
            return "Right: this is where the lines cross."
        return "Nearly: return None if the lines do not cross."
    if np.isclose(value, 5500, rtol=1e-3):
        return "Not yet: you interpolate over the labels; use their logarithm."
    return f"Not yet: your function returns {value:,.0f}; the lines cross at {expected:,.0f}."


def check_folded_layer(function: Callable) -> str:
    """Tells whether a function folds a probe's standardization into a dense layer.

    Args:
        function: Function `(weights, intercept, mean, spread)` of float arrays `[D, C]`, `[C]`,
            `[D]` and `[D]`. It returns a pair, kernel `[D, C]` and bias `[C]`.

    Returns:
        A sentence.
    """
    random = np.random.default_rng(0)
    weights, intercept = random.normal(size=(4, 3)), random.normal(size=3)
    mean, spread = random.normal(size=4), random.uniform(0.5, 2, 4)
    features = random.normal(size=(6, 4))

    def logits():
        kernel, bias = function(weights.copy(), intercept.copy(), mean.copy(), spread.copy())
        return features @ kernel + bias

    given, complaint = attempt(logits)
    if complaint:
        return f"Not yet: {complaint}"
    kernel = weights / spread[:, None]
    folded, shift = features @ kernel, mean @ kernel
    answers = {
        "Right: this layer gives the probe's logits.": folded + intercept - shift,
        "Not yet: the standardization is missing.": features @ weights + intercept,
        "Not yet: the mean is missing from the bias.": folded + intercept,
        "Not yet: the mean reaches the bias through the folded kernel.": (
            folded + intercept - mean @ weights
        ),
        "Not yet: subtract what the mean contributes; you add it.": folded + intercept + shift,
        "Not yet: divide by the spread; you multiply.": (
            (features - mean) @ (weights * spread[:, None]) + intercept
        ),
    }
    return first_match(
        answers,
        lambda values: np.shape(given) == values.shape and np.allclose(given, values),
        f"Not yet: the logits differ from the probe's; {PUZZLE}.",
    )


def check_verdict(function: Callable) -> str:
    """Tells whether a function draws the right conclusion from an interval.

    Args:
        function: Function `(low, high)` of two floats. It returns `"gains"`, `"hurts"` or
            `"no difference"`.

    Returns:
        A sentence.
    """
    for ends, (expected, reason) in VERDICTS.items():
        answer, complaint = attempt(function, *ends)
        if complaint:
            return f"Not yet: {complaint}"
        if answer != expected:
            return f"Not yet: {reason}. For {ends} you return {answer!r}."
    return "Right: the interval alone decides."
