"""Recognizes NT-Xent, and the usual mistakes in writing it, by the values of a function."""

from collections.abc import Callable

import numpy as np

# For each message, the switches of `reference_nt_xent` that make the mistake.
MISTAKES = {
    "The vectors are not normalized to length 1.": {"normalize": False},
    "The similarities are multiplied by the temperature. Divide by it: it is a divisor.": {
        "power": 1
    },
    "The temperature is missing.": {"power": 0},
    "Each anchor still competes with itself. Mask the diagonal.": {"mask": False},
    "The columns are normalized. Normalize each row.": {"axis": 0},
    "The second view was never used; the same view stands twice.": {"same": True},
    "Candidates of the anchor's own view are missing.": {"cross_only": True},
    "The similarity has the wrong sign, as in Keras' loss of that name.": {"sign": -1},
}
# The messages for a function that returns a multiple of the loss. The check has 10 anchors.
FACTORS = {
    10: "This is the sum over the 2N anchors. Take the mean, not the sum.",
    2: "This is twice the loss. Average the two directions.",
    -1: "The sign is wrong. The loss is minus the logarithm.",
}


def check_nt_xent(function: Callable) -> str:
    """Tells a learner whether a function computes NT-Xent, and which mistake it makes.

    Args:
        function: Function of two float arrays `[N, D]`, the projections of the two views, and of
            a temperature, a float. It returns a number.

    Returns:
        A string that begins with "Right" or "Not yet".

    Example:

    >>> check_nt_xent(nt_xent_loss)
    'Right: this is NT-Xent.'
    """
    mistake = find_nt_xent_mistake(function)
    if mistake is None:
        return "Right: this is NT-Xent."
    return f"Not yet: {mistake[0].lower()}{mistake[1:]}"


def find_nt_xent_mistake(function: Callable) -> str | None:
    """Finds out what is wrong with an implementation of NT-Xent.

    Args:
        function: Function as in `check_nt_xent`.

    Returns:
        A sentence that names the mistake, or `None` if the function computes NT-Xent.
    """
    random = np.random.default_rng(0)
    view_1 = random.normal(size=(5, 4))
    view_2, temperature = view_1 + random.normal(size=(5, 4)), 0.3
    try:
        value = float(function(view_1.copy(), view_2.copy(), temperature))
    except Exception as error:  # a learner's code may raise anything
        return f"Your function raised {type(error).__name__}: {error}"
    for sentence, mistake in {None: {}, **MISTAKES}.items():
        expected = reference_nt_xent(view_1, view_2, temperature, **mistake)
        if np.isclose(value, expected, rtol=1e-4):
            return sentence
        for factor, words in FACTORS.items():
            if np.isclose(value, factor * expected, rtol=1e-4):
                return words
    if np.isclose(value, np.log(9)):
        return "This is the chance level log(2N-1), whatever the vectors are."
    expected = reference_nt_xent(view_1, view_2, temperature)
    return (
        f"The result is {value:.4f} in place of {expected:.4f}; it is none of the usual mistakes."
    )


def reference_nt_xent(
    view_1, view_2, temperature, normalize=True, power=-1, mask=True, axis=1, same=False,
    cross_only=False, sign=1,
):  # fmt: skip
    """Computes NT-Xent in NumPy, with a switch for each mistake that the check knows."""
    projections = np.concatenate([view_1, view_1 if same else view_2])
    if normalize:
        projections = projections / np.linalg.norm(projections, axis=axis, keepdims=True)
    logits = sign * projections @ projections.T * temperature**power
    anchors, num_images = np.arange(len(projections)), len(view_1)
    if cross_only:
        sides = anchors // num_images
        logits = np.where(sides[:, None] == sides[None, :], -np.inf, logits)
    elif mask:
        np.fill_diagonal(logits, -np.inf)
    positives = (anchors + num_images) % (2 * num_images)
    largest = logits.max(axis=1, keepdims=True)
    total = largest[:, 0] + np.log(np.exp(logits - largest).sum(axis=1))
    return float(np.mean(total - logits[anchors, positives]))
