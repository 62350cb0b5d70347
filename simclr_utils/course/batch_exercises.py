"""Checks of the exercises on large batches: the candidates and the cached gradient."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from simclr_utils.course.checks import PUZZLE, attempt, first_match
from simclr_utils.course.predictions import as_number, check_number

NUM_PARTS, PART_SIZE = 64, 64  # of the exercise on candidates


def check_candidates(accumulated: int, cached: int) -> str:
    """Tells whether two numbers are the candidates of an anchor.

    Args:
        accumulated: Integer, the candidates if the gradients of 64 batches of 64 are averaged.
        cached: Integer, the candidates in one batch of 4,096 with gradient caching.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    for answer in (accumulated, cached):
        _, complaint = as_number(answer)
        if complaint:
            return f"Not yet: {complaint}."
    whole = NUM_PARTS * PART_SIZE
    averaged = "an average of gradients does not bring the batches into one loss"
    joined = "gradient caching puts all parts into one loss: count the whole batch"
    for name, answer, own, other, words in (
        ("accumulated", accumulated, PART_SIZE, whole, averaged),
        ("cached", cached, whole, PART_SIZE, joined),
    ):
        mistakes = {
            2 * own: "an anchor does not compete with itself",
            2 * own - 2: "the positive is a candidate too",
            own: "each image has two views, and both are candidates",
            own - 1: "each image has two views, and both are candidates",
            np.log(2 * own - 1): "write the number of candidates, not the loss",
            **dict.fromkeys((2 * other - 1, 2 * other, 2 * other - 2, other, other - 1), words),
        }
        said = check_number(answer, 2 * own - 1, tolerance=1e-5)
        if not said.startswith("Right"):
            known = (words for value, words in mistakes.items() if abs(answer - value) < 0.01)
            return f"Not yet, {name}: {next(known, said.removeprefix('Not yet: ').rstrip('.'))}."
    return "Right: only what is in one loss competes."


def check_carrier(function: Callable) -> str:
    """Tells whether the gradient of a function's result is the cached gradient.

    Args:
        function: Function `(projections, cached)` of two float tensors `[N, D]`. It returns a
            scalar tensor.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    draws = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    projections, cached = map(tf.constant, draws)

    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(projections)
            carrier = function(projections, cached)
        return tape.gradient(carrier, projections)

    found, complaint = attempt(gradient)
    if complaint:
        return f"Not yet: {complaint}"
    if found is None:
        return "Not yet: no gradient reaches the projections. Do you stop it, or use NumPy?"
    answers = {
        "Right: its gradient is the cached one.": draws[1],
        "Not yet: the cached gradient is not used; every entry gets a 1.": np.ones_like(draws[1]),
        "Not yet: take the sum over all entries, not the mean.": draws[1] / draws[1].size,
        "Not yet: take the sum over the rows too, not their mean.": draws[1] / len(draws[1]),
        "Not yet: the sign is wrong.": -draws[1],
        "Not yet: multiply by the projections once, not twice.": 2 * draws[0] * draws[1],
        "Not yet: this is a squared distance of the two; multiply them instead.": (
            2 * (draws[0] - draws[1])
        ),
    }
    return first_match(
        answers,
        lambda expected: np.allclose(found, expected, rtol=1e-4, atol=1e-6),
        f"Not yet: the gradient differs from the cached one; {PUZZLE}.",
    )
