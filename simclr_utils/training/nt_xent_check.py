"""Whether a function computes NT-Xent, and if not, which known mistake it makes."""

import numpy as np


def check_nt_xent(function):
    """Tells whether a function computes NT-Xent, and if not, which known mistake fits.

    Args:
        function: `function(view_1, view_2, temperature)` of float arrays `[N, D]` -> a number.

    Returns:
        A sentence.
    """
    random = np.random.default_rng(0)
    view_1 = random.normal(size=(5, 4))
    view_2, temperature = view_1 + random.normal(size=(5, 4)), 0.3
    try:
        value = float(function(view_1.copy(), view_2.copy(), temperature))
    except Exception as error:  # a learner's code may raise anything: tell, do not stop
        return f"Not yet: your function raised {type(error).__name__}: {error}"
    mistakes = {
        "Right: this is NT-Xent.": {},
        "Not yet: the vectors are not normalised to length 1.": {"normalise": False},
        "Not yet: multiply less, divide more: the temperature is a divisor.": {"power": 1},
        "Not yet: the temperature is missing.": {"power": 0},
        "Not yet: each anchor still competes with itself. Mask the diagonal.": {"mask": False},
        "Not yet: normalise each row, not each column.": {"axis": 0},
        "Not yet: the other view was never used; the same view stands twice.": {"same": True},
        "Not yet: candidates of the anchor's own view are missing.": {"cross_only": True},
        "Not yet: the similarity has the wrong sign, as Keras' loss of that name.": {"sign": -1},
    }
    for message, mistake in mistakes.items():
        expected = reference_nt_xent(view_1, view_2, temperature, **mistake)
        if np.isclose(value, expected, rtol=1e-4):
            return message
        if np.isclose(value, expected * 10, rtol=1e-4):
            return "Not yet: take the mean over the 2N anchors, not the sum."
        if np.isclose(value, 2 * expected, rtol=1e-4):
            return "Not yet: twice the loss. Average the two directions."
        if np.isclose(value, -expected, rtol=1e-4):
            return "Not yet: the sign is turned. The loss is minus the logarithm."
    if np.isclose(value, np.log(9)):
        return "Not yet: this is the chance level log(2N - 1), whatever the vectors are."
    expected = reference_nt_xent(view_1, view_2, temperature)
    return f"Not yet: {value:.4f} in place of {expected:.4f}, by none of the usual mistakes."


def reference_nt_xent(
    view_1, view_2, temperature, normalise=True, power=-1, mask=True, axis=1, same=False,
    cross_only=False, sign=1,
):  # fmt: skip
    """NT-Xent in NumPy, with a switch for each mistake that the check knows."""
    projections = np.concatenate([view_1, view_1 if same else view_2])
    if normalise:
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
