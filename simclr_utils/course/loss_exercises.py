"""Checks of the exercises on losses: the temperature, the chance level and SupCon."""

from collections.abc import Callable

import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt, first_match
from simclr_utils.course.predictions import check_number
from simclr_utils.training.loss_checks import to_length_1

COSINES, TEMPERATURE = (0.9, 0.7), 0.1  # of the exercise on the temperature
LABELS = np.array([0, 1, 0, 2, 1, 0, 2, 1])


def check_temperature(ratio: float) -> str:
    """Tells whether a number is the ratio of two candidates' terms in the denominator of NT-Xent.

    The candidates have the cosines 0.9 and 0.7 with the anchor. The temperature is 0.1.

    Args:
        ratio: Float, how many times as much the first candidate counts.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    high, low = COSINES
    gap = high - low
    mistakes = {
        "this is the ratio of the cosines; compare their exponentials": high / low,
        "the temperature is missing": np.exp(gap),
        "divide by the temperature; you multiply": np.exp(gap * TEMPERATURE),
        "this is the difference of the cosines; compare their exponentials": gap,
        "this is the difference of the exponents; take its exponential": gap / TEMPERATURE,
        "the temperature divides twice": np.exp(gap / TEMPERATURE**2),
        "you counted the second in terms of the first": np.exp(-gap / TEMPERATURE),
        "this is the first one's share of both; ask for the ratio": (
            1 / (1 + np.exp(-gap / TEMPERATURE))
        ),
        "this is the difference of the two terms; ask for the ratio": (
            np.exp(high / TEMPERATURE) - np.exp(low / TEMPERATURE)
        ),
        "the exponential has base e": 2 ** (gap / TEMPERATURE),
        "the exponential has base e, not 10": 10 ** (gap / TEMPERATURE),
    }
    said = check_number(ratio, np.exp(gap / TEMPERATURE), mistakes)
    return "Right: the exponential makes much of a small lead." if said == "Right." else said


def check_chance(function: Callable) -> str:
    """Tells whether a function returns the chance levels of NT-Xent and of contrastive accuracy.

    Args:
        function: Function of the batch size, an integer. It returns a pair of floats: the loss
            and the accuracy if all projections look alike.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    sizes = (4, 7)
    given, complaint = attempt(lambda: [[float(x) for x in function(size)] for size in sizes])
    if complaint:
        return f"Not yet: {complaint}"
    if any(len(pair) != 2 for pair in given):
        return "Not yet: return two numbers, the loss and the accuracy."
    losses, accuracies = np.array(given).T
    candidates = 2 * np.array(sizes) - 1
    counts = {
        "an anchor does not compete with itself": candidates + 1,
        "the candidates include the positive": candidates - 1,
        "the views of *both* sides are candidates": np.array(sizes),
        "the views of *both* sides are candidates, the anchor aside": np.array(sizes) - 1,
    }
    wrong_losses = {
        "the logarithm has base 2; take the natural one": np.log2(candidates),
        "the logarithm has base 10; take the natural one": np.log10(candidates),
        "the loss is *minus* the logarithm of the probability": -np.log(candidates),
        "this is the number of candidates; take its logarithm": candidates,
        "this is the probability; take minus its logarithm": 1 / candidates,
        "this is the sum over all anchors; take the mean": (candidates + 1) * np.log(candidates),
        **{words: np.log(count) for words, count in counts.items()},
    }
    wrong_accuracies = {
        "write a share between 0 and 1, not per cent": 100 / candidates,
        "this is the number of candidates; one of them is right": candidates,
        "this is the share of wrong guesses": 1 - 1 / candidates,
        "two classes are not the question; an anchor has many candidates": 0.5 + 0 * candidates,
        **{words: 1 / count for words, count in counts.items()},
    }
    for name, values, right, wrong in (
        ("loss", losses, np.log(candidates), wrong_losses),
        ("accuracy", accuracies, 1 / candidates, wrong_accuracies),
    ):
        if not np.allclose(values, right, rtol=1e-3):
            reason = first_match(wrong, lambda other, v=values: np.allclose(v, other), PUZZLE)
            return f"Not yet, for the {name}: {reason}."
    return "Right: these are the chance levels."


def check_supcon(function: Callable) -> str:
    """Tells whether a function computes SupCon, the supervised contrastive loss.

    Args:
        function: Function `(projections, labels, temperature)` of a float array `[M, D]`, an
            integer array `[M]` and a float. It returns the mean over the anchors of the mean
            over their positives, which are all other rows of the same class.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    projections = np.random.default_rng(0).normal(size=(len(LABELS), 5)) + LABELS[:, None] / 3
    with np.errstate(all="ignore"):
        given, complaint = attempt(
            lambda: np.asarray(function(projections.copy(), LABELS.copy(), 0.4), float)
        )
    if complaint:
        return f"Not yet: {complaint}"
    if given.size != 1:
        return f"Not yet: return one number; yours has the shape {given.shape}."
    if not np.isfinite(given).all():
        return "Not yet: the result is not finite. Does minus infinity stand in a sum or times 0?"
    answers = supcon_answers(projections, LABELS, 0.4)
    return first_match(
        answers,
        lambda value: np.isclose(given.item(), value, rtol=1e-4),
        f"Not yet: the value is wrong; {PUZZLE}.",
    )


def supcon_answers(projections, labels, temperature) -> dict[str, float]:
    """Returns what SupCon is, and what it would be with each usual mistake, by message."""
    others = ~np.eye(len(labels), dtype=bool)
    same = (labels[:, None] == labels) & others
    exchanged = np.cumsum(same, axis=1) * same == 1  # the first positive only

    def loss(rows=None, factor=1 / temperature, positive=same, candidates=others, inside=False):
        rows = to_length_1(projections) if rows is None else rows
        logits = rows @ rows.T * factor
        sums = np.where(candidates, np.exp(logits), 0).sum(axis=1, keepdims=True)
        counts = positive.sum(axis=1)
        if inside:
            shares = np.where(positive, np.exp(logits), 0).sum(axis=1) / sums[:, 0]
            return -np.log(shares / counts if inside == "mean" else shares)
        return np.where(positive, np.log(sums) - logits, 0).sum(axis=1) / counts

    right, counts = loss(), same.sum(axis=1)
    return {
        "Right: this is SupCon.": right.mean(),
        "Not yet: the vectors are not normalized to length 1.": loss(projections).mean(),
        "Not yet: the temperature is missing.": loss(factor=1).mean(),
        "Not yet: divide by the temperature; you multiply.": loss(factor=temperature).mean(),
        "Not yet: each anchor still competes with itself; mask the diagonal.": (
            loss(candidates=others | ~others).mean()
        ),
        "Not yet: an anchor is among its own positives; take it out.": (
            loss(positive=same | ~others, candidates=others | ~others).mean()
        ),
        "Not yet: an anchor is among its own positives; take it out of them.": (
            loss(positive=same | ~others).mean()
        ),
        "Not yet: the positives are missing from the denominator.": (
            loss(candidates=others & ~same).mean()
        ),
        "Not yet: only one positive of each anchor is used; take all.": (
            loss(positive=exchanged).mean()
        ),
        "Not yet: the mean over the positives has to be outside of the logarithm.": (
            loss(inside="mean").mean()
        ),
        "Not yet: the positives are added up inside the logarithm; average their logarithms.": (
            loss(inside="sum").mean()
        ),
        "Not yet: divide each anchor's sum by the number of its positives.": (
            (right * counts).mean()
        ),
        "Not yet: average over each anchor's positives first, then over the anchors.": (
            (right * counts).sum() / counts.sum()
        ),
        "Not yet: take the mean over the anchors, not the sum.": right.sum(),
        "Not yet: the sign is wrong; the loss is minus the logarithm.": -right.mean(),
        "Not yet: this is the chance level, whatever the vectors are.": np.log(len(labels) - 1),
    }
