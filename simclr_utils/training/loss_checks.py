"""Recognizes NT-Xent, its variants and the usual mistakes by the values of a function."""

from collections.abc import Callable

import numpy as np

CASES = ((5, 4, 0.3), (3, 6, 0.7))  # N, D and the temperature: two, so that nothing fits by chance


def to_length_1(rows, axis=1):
    """Divides each row, or along another axis, by its length."""
    return rows / np.linalg.norm(rows, axis=axis, keepdims=True)


def with_diagonal(value):
    """Returns a function that sets the diagonal of the logits, the anchors themselves."""
    return lambda logits: np.where(np.eye(len(logits)), value, logits)


def other_side_only(logits):
    """Leaves each anchor the candidates of the other view."""
    sides = np.arange(len(logits)) // (len(logits) // 2)
    return np.where(sides[:, None] == sides, -np.inf, logits)


def total(logits, positives):
    """Returns the logarithm of the sum over all candidates, for each anchor."""
    return np.log(np.exp(logits).sum(axis=1))


def total_of_negatives(logits, positives):
    """Returns the logarithm of the sum over the negatives alone."""
    columns = np.arange(len(logits))
    return total(np.where(columns == positives[:, None], -np.inf, logits), positives)


# The steps of the loss, in the order of `reference_nt_xent`. A mistake replaces one of them.
STEPS = {
    "stack": lambda view_1, view_2: np.concatenate([view_1, view_2]),
    "normalize": to_length_1,
    "scale": lambda similarities, temperature: similarities / temperature,
    "mask": with_diagonal(-np.inf),
    "positive": lambda anchors: np.roll(anchors, len(anchors) // 2),
    "total": total,
    "reduce": np.mean,
}
MISTAKES = {
    "The vectors are not normalized to length 1.": {"normalize": lambda rows: rows},
    "The columns are normalized. Normalize each row.": {"normalize": lambda z: to_length_1(z, 0)},
    "All vectors are divided by one length, that of the whole matrix. Normalize each row.": {
        "normalize": lambda rows: rows / np.linalg.norm(rows)
    },
    "The vectors are divided by their squared length. Take its square root.": {
        "normalize": lambda rows: rows / np.sum(rows**2, axis=1, keepdims=True)
    },
    "The second view was never used; the same view stands twice.": {
        "stack": lambda view_1, view_2: np.concatenate([view_1, view_1])
    },
    "The similarities are multiplied by the temperature. Divide by it: it is a divisor.": {
        "scale": lambda similarities, temperature: similarities * temperature
    },
    "The temperature is missing.": {"scale": lambda similarities, temperature: similarities},
    "The temperature divides twice. Divide the similarities by it once.": {
        "scale": lambda similarities, temperature: similarities / temperature**2
    },
    "The similarity has the wrong sign, as in Keras' loss of that name.": {
        "scale": lambda similarities, temperature: -similarities / temperature
    },
    "Each anchor still competes with itself. Mask the diagonal.": {"mask": lambda logits: logits},
    "The diagonal of the logits is 0, and exp(0) = 1 still counts. Set it to minus infinity.": {
        "mask": with_diagonal(0)
    },
    "Candidates of the anchor's own view are missing.": {"mask": other_side_only},
    "The positives are at the wrong place. With the views stacked, the partner of anchor i is "
    "i + N, not its neighbor, as it would be with interleaved views.": {
        "positive": lambda anchors: anchors ^ 1
    },
    "The positive of each anchor is the anchor itself. Take the other view of its image.": {
        "mask": lambda logits: logits,
        "positive": lambda anchors: anchors,
    },
    "The positive is missing from the denominator, which is a sum over all 2N-1 candidates.": {
        "total": total_of_negatives
    },
    "The denominator is a sum over the whole matrix. Sum over each anchor's own row.": {
        "total": lambda logits, positives: np.log(np.exp(logits).sum())
    },
    "Only the N views of one side are anchors. Each of the 2N views is one.": {
        "reduce": lambda losses: np.mean(losses[: len(losses) // 2])
    },
    "Only N views are anchors, and only the other side's views are candidates. Stack both views.": {
        "mask": other_side_only,
        "reduce": lambda losses: np.mean(losses[: len(losses) // 2]),
    },
    "The logarithm is missing: this is a mean probability.": {
        "reduce": lambda losses: np.mean(np.exp(-losses))
    },
    "The mean is taken before the logarithm. Take the logarithm of each probability first.": {
        "reduce": lambda losses: -np.log(np.mean(np.exp(-losses)))
    },
    "The logarithm has base 2. Take the natural one, np.log.": {
        "reduce": lambda losses: np.mean(losses) / np.log(2)
    },
    "The logarithm has base 10. Take the natural one, np.log.": {
        "reduce": lambda losses: np.mean(losses) / np.log(10)
    },
}
# The losses that differ from NT-Xent in one step, which they replace.
VARIANTS = {
    "nt_xent": {},
    "cross_view": {"mask": other_side_only},
    "decoupled": {"total": total_of_negatives},
    "alignment": {"total": lambda logits, positives: 0},
    "unnormalized": {"normalize": lambda rows: rows},
}
# The messages for a function that returns a multiple of the loss, by the number of images.
FACTORS = {
    "This is the sum over the 2N anchors. Take the mean, not the sum.": lambda n: 2 * n,
    "This is twice the loss. Average the two directions.": lambda n: 2,
    "This is half the loss. Divide by the number of anchors once.": lambda n: 0.5,
    "This is the mean divided by N once more. Divide by the number of anchors once.": (
        lambda n: 1 / n
    ),
    "This is the mean divided by 2N once more. Divide by the number of anchors once.": (
        lambda n: 0.5 / n
    ),
    "The sign is wrong. The loss is minus the logarithm.": lambda n: -1,
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
    cases = [make_case(*sizes) for sizes in CASES]
    values = values_at(function, cases)
    if isinstance(values, str):
        return values
    for sentence, mistake in {None: {}, **MISTAKES}.items():
        expected = np.array([reference_nt_xent(*case, **mistake) for case in cases])
        if np.allclose(values, expected, rtol=1e-4, atol=0):
            return sentence
        for words, factor in FACTORS.items():
            factors = [factor(len(case[0])) for case in cases]
            if np.allclose(values, factors * expected, rtol=1e-4, atol=0):
                return words
    if np.allclose(values, [np.log(2 * len(case[0]) - 1) for case in cases]):
        return "This is the chance level log(2N-1), whatever the vectors are."
    return "The value is wrong, and none of the usual mistakes explains it."


def find_difference(function: Callable, name: str) -> str | None:
    """Finds out whether a function computes one of the variants of NT-Xent.

    Args:
        function: Function as in `check_nt_xent`.
        name: String, a key of `VARIANTS`: what it has to compute.

    Returns:
        A sentence that names what it computes instead, or `None` if nothing is wrong.
    """
    cases = [make_case(*sizes) for sizes in CASES]
    values = values_at(function, cases)
    if isinstance(values, str):
        return values
    for other, steps in VARIANTS.items():
        expected = [reference_nt_xent(*case, **steps) for case in cases]
        if np.allclose(values, expected, rtol=1e-4, atol=0):
            return None if other == name else f"This is the loss `{other}`."
    return "The value is wrong, and it is that of no other loss of the course."


def values_at(function, cases):
    """Computes a loss on test cases.

    Args:
        function: Function as in `check_nt_xent`.
        cases: List of triples, as `make_case` returns them.

    Returns:
        A list of floats. If they are no finite numbers, a sentence that says what is wrong.
    """
    values = []
    for view_1, view_2, temperature in cases:
        try:
            with np.errstate(all="ignore"):
                value = function(view_1.copy(), view_2.copy(), temperature)
            value = np.asarray([] if value is None else value, float)
        except Exception as error:  # a learner's code may raise anything
            return f"Your function raised {type(error).__name__}: {error}"
        if value.size == 0:
            return "Your function returns nothing. Does it end in `return`?"
        if value.size != 1:
            return f"Return one number, the mean loss; yours has the shape {list(value.shape)}."
        values.append(value.item())
    return values if np.all(np.isfinite(values)) else missing_value(values)


def make_case(num_images, size, temperature):
    """Returns projections of two similar views of each image, and the temperature."""
    random = np.random.default_rng(num_images)
    view_1 = random.normal(size=(num_images, size))
    return view_1, view_1 + random.normal(size=(num_images, size)), temperature


def missing_value(values):
    """Returns the sentence for a loss that is no number or infinite."""
    if np.any(np.isnan(values)):
        return "The result is not a number (nan). Is a value 0 / 0, or minus infinity times 0?"
    return "The result is infinite. Is the positive masked, as the diagonal is?"


def reference_nt_xent(view_1, view_2, temperature, **mistake):
    """Computes NT-Xent in NumPy. Functions by the name of a step replace those of `STEPS`."""
    steps = {**STEPS, **mistake}
    projections = steps["normalize"](steps["stack"](view_1, view_2))
    logits = steps["mask"](steps["scale"](projections @ projections.T, temperature))
    anchors = np.arange(len(logits))
    positives = steps["positive"](anchors)
    losses = steps["total"](logits, positives) - logits[anchors, positives]
    return float(steps["reduce"](losses))
