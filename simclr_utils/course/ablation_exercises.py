"""Checks of predictions: a cell of an ablation, an effect, and an order, before they are seen.

A prediction is judged by the interval over seeds. Where the seeds cannot tell, no guess is wrong.
"""

import itertools
from collections.abc import Mapping, Sequence

import pandas as pd

from simclr_utils.course.measured_cells import accuracies, at_labels, gap, gap_in_words
from simclr_utils.course.predictions import as_number, order_complaint

EFFECTS = ("better", "worse", "cannot tell")
NOT_GUESSED = "Not yet: write your guess in place of None, and then see the measurement."


def check_cell(
    guess: float,
    rows: pd.DataFrame,
    cell: str,
    labels: int | None = None,
    tolerance: float = 0.03,
    mistakes: Mapping[str, float] | None = None,
) -> str:
    """Tells whether a guess of a cell's accuracy is near the measurement, which it reveals.

    Args:
        guess: Float in 0..1, the learner's guess, or `None` before there is one.
        rows: DataFrame of one grid, as `evaluation.published_ablation` returns it.
        cell: String, the key of a cell.
        labels: Integer, the number of labels of the probe, or `None` for the largest.
        tolerance: Float. A guess as close as this to the mean is right, and so is a guess in the
            interval.
        mistakes: Dict from words that name a mistake to the share that it leads to.

    Returns:
        A sentence that begins with "Right" or "Not yet".

    Raises:
        ValueError: If the cell has no accuracy.

    Example:

    >>> rows = evaluation.published_ablation("shapes_augmentation-pairs")
    >>> check_cell(0.5, rows, "crop+color")
    """
    rows = at_labels(rows, labels)
    found = accuracies(rows)
    require(found, [cell])
    if guess is None:
        return NOT_GUESSED
    number, complaint = as_number(guess)
    if not complaint and not 0 <= number <= 1:
        complaint = "write a share between 0 and 1, not per cent"
    if complaint:
        return f"Not yet: {complaint}."
    here = found[cell]
    measured = f"Measured: {here}."
    off = abs(number - here.mean)
    if off <= here.half:
        return f"Right: your guess lies in the interval. {measured}"
    if off <= tolerance:
        return f"Right: within {100 * tolerance:g} points of the mean. {measured}"
    known = {**(mistakes or {}), **cell_mistakes(rows, cell, found)}
    near = [words for words, value in known.items() if abs(number - value) <= tolerance / 2]
    reason = near[0] if near else f"too {'high' if number > here.mean else 'low'}"
    return f"Not yet: {reason}. {measured}"


def cell_mistakes(rows: pd.DataFrame, cell: str, found: Mapping) -> dict[str, float]:
    """Returns what a guess may have been confused with.

    Args:
        rows: DataFrame, as `measured_cells.at_labels` returns it.
        cell: String, the key of the cell to guess.
        found: Mapping from keys to `Measured`.

    Returns:
        A dict from words to the share that belongs to them.
    """
    known = {}
    for name in cell.split("+") if "+" in cell else ():
        if name in found:
            known[f"this is about {name} alone; think of what the other operation does"] = found[
                name
            ].mean
    task = rows.loc[rows["cell"] == cell, "contrastive_accuracy"].dropna()
    if len(task):
        known["this is about the contrastive accuracy, which says how well the task is solved"] = (
            task.mean()
        )
    projected = rows.loc[rows["cell"] == cell, "projections_accuracy"].dropna()
    if len(projected):
        known["this is about the probe on the projections; the features are asked for"] = (
            projected.mean()
        )
    return known


def check_effect(
    answer: str, rows: pd.DataFrame, cell: str, reference: str, labels: int | None = None
) -> str:
    """Tells whether an effect was predicted that the seeds confirm, and reveals the difference.

    Args:
        answer: String, `"better"`, `"worse"` or `"cannot tell"`, or `None` before there is one.
        rows: DataFrame of one grid, as `evaluation.published_ablation` returns it.
        cell: String, the key of a cell.
        reference: String, the key of the cell that it is compared with.
        labels: Integer, the number of labels of the probe, or `None` for the largest.

    Returns:
        A sentence that begins with "Right", "Nearly" or "Not yet". If the interval of the
        difference contains 0, it never begins with "Not yet".

    Raises:
        ValueError: If one of the cells has no accuracy.

    Example:

    >>> rows = evaluation.published_ablation("shapes_temperature")
    >>> check_effect("worse", rows, "temperature=1", "temperature=0.1")
    """
    rows = at_labels(rows, labels)
    require(accuracies(rows), [cell, reference])
    if answer is None:
        return NOT_GUESSED
    if answer not in EFFECTS:
        return f"Not yet: write one of {', '.join(map(repr, EFFECTS))}, not {answer!r}."
    found = gap(rows, cell, reference)
    measured = f"Measured, seed by seed: {cell} is {gap_in_words(found, reference)}."
    if not found.decided:
        if answer == "cannot tell":
            return f"Right: the interval contains 0. {measured}"
        return f"Nearly: you may be right, but the seeds cannot tell. {measured}"
    if answer == "cannot tell":
        return f"Not yet: the seeds can tell, because the interval leaves out 0. {measured}"
    if answer == ("better" if found.mean > 0 else "worse"):
        return f"Right: the interval leaves out 0. {measured}"
    return f"Not yet: it is the other way round. {measured}"


def check_cell_order(
    order: Sequence[str], rows: pd.DataFrame, cells: Sequence[str], labels: int | None = None
) -> str:
    """Tells whether cells stand in the order of their accuracies, lowest first, and reveals them.

    Two cells may stand in either order if the interval of their difference contains 0.

    Args:
        order: Sequence of strings, the learner's order, or `None` before there is one.
        rows: DataFrame of one grid, as `evaluation.published_ablation` returns it.
        cells: Sequence of strings, the keys of the cells to put in order.
        labels: Integer, the number of labels of the probe, or `None` for the largest.

    Returns:
        A sentence that begins with "Right" or "Not yet".

    Raises:
        ValueError: If one of the cells has no accuracy.

    Example:

    >>> rows = evaluation.published_ablation("shapes_head")
    >>> check_cell_order(["none", "1-hidden"], rows, ["none", "1-hidden"])
    """
    rows = at_labels(rows, labels)
    found = accuracies(rows)
    require(found, cells)
    if order is None:
        return NOT_GUESSED
    complaint = order_complaint(order, cells)
    if complaint:
        return f"Not yet: {complaint}."
    pairs = {pair: gap(rows, *pair) for pair in itertools.combinations(order, 2)}
    lowest_first = sorted(cells, key=lambda cell: found[cell].mean)
    measured = "Measured: " + ", ".join(f"{cell} {found[cell]}" for cell in lowest_first) + "."
    decided = {pair: each for pair, each in pairs.items() if each.decided}
    wrong = {pair: each for pair, each in decided.items() if each.mean > 0}
    if len(wrong) == len(decided) > 1:
        return f"Not yet: the order is reversed; the lowest comes first. {measured}"
    if wrong:
        first, second = max(wrong, key=lambda pair: wrong[pair].mean)
        ahead = gap_in_words(wrong[first, second], "it")
        return f"Not yet: {first!r} stands before {second!r}, but it is {ahead}. {measured}"
    if len(decided) < len(pairs):
        first, second = next(pair for pair in pairs if pair not in decided)
        also = f"They cannot tell {first!r} from {second!r}."
        return f"Right: nothing that the seeds can tell is against you. {also} {measured}"
    return f"Right: this is the order. {measured}"


def require(found: Mapping, cells: Sequence[str]) -> None:
    """Raises a `ValueError` if a cell has no accuracy."""
    missing = [cell for cell in cells if cell not in found]
    if missing:
        raise ValueError(f"The cell {missing[0]!r} has no accuracy. Choose from {list(found)}.")
