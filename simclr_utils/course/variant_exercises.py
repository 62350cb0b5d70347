"""Checks of the exercises on variants of the loss: who is in the denominator."""

from collections.abc import Callable

import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt, first_match
from simclr_utils.course.predictions import as_number, check_number
from simclr_utils.training.loss_checks import to_length_1

NUM_IMAGES = 128  # of the exercise on the candidates of three losses


def check_denominator(function: Callable) -> str:
    """Tells whether a function computes the denominator of DCL, the decoupled contrastive loss.

    Args:
        function: Function `(logits, positives)` of a float array `[M, M]`, the cosine similarities
            of all projections divided by the temperature, and an integer array `[M]`, the column
            of each anchor's positive. It returns an array `[M]`, the sum over the negatives.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    rows = to_length_1(np.random.default_rng(0).normal(size=(8, 5)))
    logits, positives = rows @ rows.T / 0.5, np.roll(np.arange(8), 4)
    with np.errstate(all="ignore"):
        given, complaint = attempt(
            lambda: np.asarray(function(logits.copy(), positives.copy()), float)
        )
    if complaint:
        return f"Not yet: {complaint}"
    answers = denominators(logits, positives)
    if given.shape != positives.shape:
        right = answers["Right: only the negatives are left."]
        if given.size == 1 and np.isclose(given, right.sum()).all():
            return "Not yet: this is the sum over all anchors; return one number for each."
        return f"Not yet: return one number for each anchor; yours has the shape {given.shape}."
    return first_match(
        answers,
        lambda value: np.allclose(given, value, rtol=1e-4),
        f"Not yet: the sums are wrong; {PUZZLE}.",
    )


def denominators(logits, positives) -> dict[str, np.ndarray]:
    """Returns the denominator of DCL, and what it would be with each usual mistake, by message."""
    columns, terms = np.arange(len(logits)), np.exp(logits)
    self_, positive = columns == columns[:, None], columns == positives[:, None]
    negatives, half = ~self_ & ~positive, len(logits) // 2
    own_side = columns // half == (columns // half)[:, None]

    def total(kept):
        return np.where(kept, terms, 0).sum(axis=1)

    right = total(negatives)
    return {
        "Right: only the negatives are left.": right,
        "Not yet: the positive is still in the sum; this is NT-Xent's.": total(~self_),
        "Not yet: each anchor is still in its own sum; take it out.": total(~positive),
        "Not yet: the anchor and its positive are still in the sum.": total(self_ | ~self_),
        "Not yet: the negatives of both views belong to the sum; the own view's are missing.": (
            total(negatives & ~own_side)
        ),
        "Not yet: the negatives of both views belong to the sum; the other view's are missing.": (
            total(negatives & own_side)
        ),
        "Not yet: this is the logarithm of the sum; the sum itself is asked for.": np.log(right),
        "Not yet: the exponential is missing.": np.where(negatives, logits, 0).sum(axis=1),
        "Not yet: a logit of 0 still counts 1 in the sum; drop the term after the exponential.": (
            right + 2
        ),
        "Not yet: take the sum over the negatives, not their mean.": right / (len(logits) - 2),
        "Not yet: this is the share of the positive; the sum over the negatives is asked for.": (
            terms[columns, positives] / right
        ),
    }


def check_loss_candidates(nt_xent: int, cross_view: int, decoupled: int) -> str:
    """Tells whether three numbers are the terms in the denominators of three losses.

    Args:
        nt_xent: Integer, the terms of NT-Xent for one anchor in a batch of 128 images.
        cross_view: Integer, the terms if only the other view's projections are candidates.
        decoupled: Integer, the terms of the decoupled loss.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    given = {"nt_xent": nt_xent, "cross_view": cross_view, "decoupled": decoupled}
    views = 2 * NUM_IMAGES
    right = {"nt_xent": views - 1, "cross_view": NUM_IMAGES, "decoupled": views - 2}
    both = "each image has two views, and both are candidates"
    with_anchor = "an anchor does not compete with itself"
    mistakes = {
        "nt_xent": {
            views: with_anchor,
            views - 2: "the positive is in the denominator too",
            **dict.fromkeys((NUM_IMAGES, NUM_IMAGES - 1, NUM_IMAGES - 2), both),
        },
        "cross_view": {
            NUM_IMAGES - 1: "the positive is one of them, and the anchor is on the other side",
            **dict.fromkeys((views, views - 1, views - 2), "only the other view's are left"),
        },
        "decoupled": {
            views - 1: "the decoupled loss leaves out the positive as well",
            views: with_anchor,
            views - 3: "two are left out: the anchor and its positive",
            **dict.fromkeys((NUM_IMAGES, NUM_IMAGES - 1, NUM_IMAGES - 2), both),
        },
    }
    for name, answer in given.items():
        number, complaint = as_number(answer)
        if complaint:
            return f"Not yet, {name}: {complaint}."
        said = check_number(answer, right[name], tolerance=1e-5)
        if not said.startswith("Right"):
            known = said.removeprefix("Not yet: ").rstrip(".")
            return f"Not yet, {name}: {mistakes[name].get(number, known)}."
    return "Right: one rule for the candidates makes each loss."
