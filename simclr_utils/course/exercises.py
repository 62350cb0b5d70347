"""Checks of the notebooks' exercises: right, or which of the usual mistakes was made."""

import numpy as np


def check_crossing(function):
    """Tells whether a function finds where two lines cross over log(labels).

    Args:
        function: `function(labels, first, second)` of three lists of length K -> a number.

    Returns:
        A sentence.
    """
    labels = [100, 1000, 10_000]
    try:
        value = function(labels, [0.5, 0.6, 0.65], [0.4, 0.5, 0.75])
        value = None if value is None else float(value)
        never = function(labels, [0.5, 0.6, 0.7], [0.4, 0.5, 0.6])
    except Exception as error:  # a learner's code may raise anything: tell, do not stop
        return f"Not yet: your function raised {type(error).__name__}: {error}"
    if value is not None and np.isclose(value, 1000 * 10**0.5, rtol=1e-3):
        if never is None:
            return "Right."
        return "Nearly: return None for lines that do not cross."
    if value is not None and np.isclose(value, 5500, rtol=1e-3):
        return "Not yet: you interpolate over the labels; use their logarithm."
    given = value if value is None else f"{value:.0f}"
    return f"Not yet: {given} in place of {1000 * 10**0.5:,.0f}."


def check_verdict(function):
    """Tells whether a function words the verdict of an interval.

    Args:
        function: `function(low, high)` of two floats -> a string.

    Returns:
        A sentence.
    """
    cases = {
        "an interval above 0 is a gain": ((0.01, 0.05), "gains"),
        "an interval below 0 is a loss": ((-0.05, -0.01), "hurts"),
        "an interval across 0 decides nothing, even if its middle is above": (
            (-0.01, 0.05),
            "no difference",
        ),
        "an interval across 0 decides nothing, even if its middle is below": (
            (-0.05, 0.01),
            "no difference",
        ),
    }
    for mistake, (ends, expected) in cases.items():
        try:
            answer = function(*ends)
        except Exception as error:  # a learner's code may raise anything: tell, do not stop
            return f"Not yet: your function raised {type(error).__name__}: {error}"
        if answer != expected:
            return f"Not yet: {mistake}. For {ends} you say {answer!r}."
    return "Right."


def check_folded_layer(function):
    """Tells whether a function folds a probe's standardisation into a dense layer.

    Args:
        function: `function(weights, intercept, mean, spread)` of float arrays `[D, C]`, `[C]`,
            `[D]`, `[D]` -> a pair, kernel `[D, C]` and bias `[C]`.

    Returns:
        A sentence.
    """
    random = np.random.default_rng(0)
    weights, intercept = random.normal(size=(4, 3)), random.normal(size=3)
    mean, spread = random.normal(size=4), random.uniform(0.5, 2, 4)
    features = random.normal(size=(6, 4))
    expected = (features - mean) / spread @ weights + intercept
    try:
        kernel, bias = function(weights.copy(), intercept.copy(), mean.copy(), spread.copy())
        given = features @ kernel + bias
    except Exception as error:  # a learner's code may raise anything: tell, do not stop
        return f"Not yet: your function raised {type(error).__name__}: {error}"
    plain, folded = features @ weights, features @ (weights / spread[:, None])
    shift = mean @ (weights / spread[:, None])
    mistakes = {
        "Right.": expected,
        "Not yet: the standardisation is missing.": plain + intercept,
        "Not yet: the mean is missing from the bias.": folded + intercept,
        "Not yet: the mean reaches the bias through the folded kernel.": (
            folded + intercept - mean @ weights
        ),
        "Not yet: subtract what the mean contributes; you add it.": folded + intercept + shift,
        "Not yet: divide by the spread; you multiply.": (
            (features - mean) @ (weights * spread[:, None]) + intercept
        ),
    }
    for message, values in mistakes.items():
        if np.shape(given) == values.shape and np.allclose(given, values):
            return message
    return "Not yet: other logits than the probe's, by none of the usual mistakes."


def check_carrier(function):
    """Tells whether a number hands a cached gradient on, as gradient caching needs it.

    Args:
        function: `function(projections, cached)` of float tensors `[N, D]` -> a scalar tensor.

    Returns:
        A sentence.
    """
    import tensorflow as tf  # here: the other checks do without

    draws = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    projections, cached = map(tf.constant, draws)
    try:
        with tf.GradientTape() as tape:
            tape.watch(projections)
            carrier = function(projections, cached)
        found = tape.gradient(carrier, projections)
    except Exception as error:  # a learner's code may raise anything: tell, do not stop
        return f"Not yet: your function raised {type(error).__name__}: {error}"
    if found is None:
        return "Not yet: no gradient reaches the projections. Is one stopped, or taken as NumPy?"
    mistakes = {
        "Right: its gradient is the cached one.": draws[1],
        "Not yet: the cache is not used; every entry is handed a 1.": np.ones_like(draws[1]),
        "Not yet: take the sum over all entries, not the mean.": draws[1] / draws[1].size,
        "Not yet: take the sum over the rows too, not their mean.": draws[1] / len(draws[1]),
        "Not yet: the sign is turned.": -draws[1],
        "Not yet: multiply by the cached gradient once, not by the projections as well.": (
            2 * draws[0] * draws[1]
        ),
        "Not yet: that pulls the projections to the cache; multiply the two instead.": (
            2 * (draws[0] - draws[1])
        ),
    }
    for message, gradient in mistakes.items():
        if np.allclose(found, gradient, rtol=1e-4, atol=1e-6):
            return message
    return "Not yet: another gradient than the cached one, by none of the usual mistakes."


def check_probe(function):
    """Tells whether a function is a linear probe, and if not, which known mistake fits.

    Args:
        function: `function(features, labels, new_features)` of a float array `[N, D]`, an int
            array `[N]` and a float array `[M, D]` -> predicted labels `[M]`.

    Returns:
        A sentence.
    """
    middles = np.eye(3, 6) * 6
    blobs = features_around(middles)
    scales = np.array([1e-4, 1e-4, 1e-4, 1, 1, 1])
    in_a_row = features_around(np.array([[-6.0, 0], [0, 0], [6, 0]]))
    constant = [np.concatenate([part, np.full((len(part), 1), 0.5)], axis=1) for part in blobs[::2]]
    last = blobs[3] == 2
    # Each case is one that only a function with that mistake gets wrong.
    cases = {
        "it does not tell three well separated classes apart": blobs,
        "a probe is linear with a bias; without one no class can lie between two others": in_a_row,
        "a feature that never varies has spread 0: add a small number before you divide": (
            constant[0], blobs[1], constant[1], blobs[3],
        ),
        "the features are not standardised; one of small numbers has no say": (
            blobs[0] * scales, blobs[1], blobs[2] * scales, blobs[3],
        ),
        "standardise new features with the mean and spread of the training features, not with "
        "their own": (*blobs[:2], blobs[2][last], blobs[3][last]),
    }  # fmt: skip
    for mistake, (features, labels, new_features, answers) in cases.items():
        try:
            with np.errstate(all="ignore"):
                given = function(features.copy(), labels.copy(), new_features.copy())
        except Exception as error:  # a learner's code may raise anything: tell, do not stop
            return f"Not yet: {mistake} (your function raised {type(error).__name__}: {error})."
        if np.shape(given) != answers.shape:
            return (
                f"Not yet: one label for each of the {len(answers)} new rows is asked for; "
                f"yours has the shape {np.shape(given)}."
            )
        if np.mean(np.asarray(given) == answers) < 0.95:
            return f"Not yet: {mistake}."
    return "Right: this is a linear probe."


def features_around(middles, num_rows=60):
    """Training and new features around the middle of each class, and their labels."""
    random = np.random.default_rng(0)
    labels = np.arange(num_rows) % len(middles)
    first, second = (
        middles[labels] + random.normal(size=(num_rows, middles.shape[1])) for _ in range(2)
    )
    return first, labels, second, labels
