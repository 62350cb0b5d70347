"""What the rows of an ablation say about a cell, as numbers and in words."""

import math
from typing import NamedTuple

import pandas as pd

from simclr_utils.ablation.rows import differences, summarize_cells


class Measured(NamedTuple):
    """A mean over seeds, of an accuracy or of a paired difference.

    Args:
        mean: Float, a share.
        half: Float, half the width of the 95 % interval; NaN for one seed.
        n: Integer, the number of seeds.
    """

    mean: float
    half: float
    n: int

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out 0. One seed has no interval, and decides nothing."""
        return abs(self.mean) > self.half

    def __str__(self) -> str:
        """The mean in percent, with its interval if there is one."""
        interval = "" if math.isnan(self.half) else f" ± {100 * self.half:.1f}"
        return f"{100 * self.mean:.1f}{interval} %"


def at_labels(rows: pd.DataFrame, labels: int | None = None) -> pd.DataFrame:
    """Returns the rows at one number of labels.

    Args:
        rows: DataFrame, as `evaluation.published_ablation` returns it.
        labels: Integer, or `None` for the largest number of labels.

    Returns:
        A DataFrame.

    Raises:
        ValueError: If there is no such row.
    """
    if not len(rows):
        raise ValueError(
            "The ablation has no rows. Measure it with `python -m simclr_utils ablate --grid`, and "
            "read its rows with `evaluation.read_ablation`."
        )
    labels = rows["labels"].max() if labels is None else labels
    found = rows[rows["labels"] == labels]
    if not len(found):
        raise ValueError(f"No row has {labels} labels. Choose from {sorted(set(rows['labels']))}.")
    return found


def accuracies(rows: pd.DataFrame, measure: str = "accuracy") -> dict[str, Measured]:
    """Returns the mean of each cell that has a value, by the cell's key.

    Args:
        rows: DataFrame, as `at_labels` returns it.
        measure: String, the column to average.

    Returns:
        A dict from strings to `Measured`.
    """
    summary = summarize_cells(rows, [measure])
    return {row.cell: Measured(row.mean, row.half, row.n) for row in summary.itertuples()}


def gap(rows: pd.DataFrame, cell: str, reference: str) -> Measured:
    """Returns how far a cell is ahead of another one, seed by seed.

    Args:
        rows: DataFrame, as `at_labels` returns it.
        cell: String, the key of a cell.
        reference: String, the key of the other one.

    Returns:
        A `Measured`. Its mean is NaN if the two share no seed.
    """
    both = rows[rows["cell"].isin([cell, reference])]
    found = differences(both, reference).set_index("cell").loc[cell]
    return Measured(float(found["mean"]), float(found["half"]), int(found["n"]))


def gap_in_words(found: Measured, other: str) -> str:
    """Returns a difference as words, such as "ahead of crop alone by 3.1 ± 0.8 points".

    Args:
        found: `Measured`, as `gap` returns it.
        other: String, a few words for the reference.

    Returns:
        A string. It says so if the interval contains 0.
    """
    if math.isnan(found.mean):
        return f"not comparable with {other}: the two have no seed in common"
    points = f"{100 * abs(found.mean):.1f}"
    interval = "" if math.isnan(found.half) else f" ± {100 * found.half:.1f}"
    side = "behind" if found.mean < 0 else "ahead of"
    words = f"{side} {other} by {points}{interval} points"
    if found.decided:
        return words
    return f"{words}, which {'these seeds' if interval else 'one seed'} cannot tell from 0"
