"""Readable tables and sentences about the rows of results."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.statistics import crossing_interval
from simclr_utils.methods import METHODS, in_order

FEWEST_FOR_INTERVAL = 3  # repetitions: from two, Student's interval reaches over all numbers


def accuracy_table(frame: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """Averages rows over label subsets and pretraining seeds, in percent.

    Args:
        frame: DataFrame as `Results.frame` returns it, of one dataset and preset.
        metric: String, the metric to show. Rows of other metrics are left out.

    Returns:
        A DataFrame of floats with one decimal: the methods by their labels, in the order of
        `METHODS`, and a column for each number of labels.

    Raises:
        ValueError: If there is no row of the metric, or a method is not in `METHODS`.

    Example:

    >>> accuracy_table(lesson.results(["linear_probe", "supervised"]))
    """
    rows = _of_metric(frame, metric)
    means = rows.groupby(["method", "labels"])["value"].mean().unstack()
    table = (100 * means.loc[in_order(means.index)]).astype(float).round(1)
    words = METRICS[metric].label if metric in METRICS else metric  # another version's metric
    names = [METHODS[name].label for name in table.index]
    table.index = pd.Index(names, name=f"{words} (%)")
    return table.rename_axis(columns="labels")


def accuracy_lines(frame: pd.DataFrame, method: str, metric: str = "accuracy") -> np.ndarray:
    """Collects the rows of a method as lines over the numbers of labels.

    Args:
        frame: DataFrame as `Results.frame` returns it, of one dataset and preset.
        method: String, a name in `METHODS`.
        metric: String, the metric to collect.

    Returns:
        A float array `[subsets, encoders, counts]`, the counts ascending. A method without
        pretraining has one encoder. With many labels there may be fewer subsets. Their mean then
        stands for each of the others.

    Raises:
        ValueError: If there is no such row.
    """
    rows = _of_metric(frame, metric)
    rows = rows[rows["method"] == method].fillna({"pretraining_seed": 0})
    if rows.empty:
        raise ValueError(
            f"No row has the method {method!r}. There are {sorted(frame['method'].unique())}."
        )
    table = rows.pivot_table("value", ["subset_seed", "pretraining_seed"], "labels", sort=True)
    subsets, encoders = (table.index.get_level_values(level).unique() for level in (0, 1))
    table = table.reindex(pd.MultiIndex.from_product([subsets, encoders]))
    table = table.fillna(table.groupby(level=1).transform("mean"))
    return table.to_numpy(float).reshape(len(subsets), len(encoders), -1)


def describe_crossing(
    frame: pd.DataFrame, first: str = "linear_probe", second: str = "supervised"
) -> str:
    """Says how far one method is ahead of another, and where their lines cross.

    Args:
        frame: DataFrame as `Results.frame` returns it, of one dataset and preset.
        first: String, a name in `METHODS`, the method that is ahead with few labels.
        second: String, a name in `METHODS`.

    Returns:
        A string of two lines: the difference in percentage points at each number of labels, and
        the number of labels at which it is zero, as `crossing_interval` describes it. Fewer than
        three repetitions give no interval.

    Raises:
        ValueError: If a method has no row, or the two have rows at different numbers of labels.
    """
    counts = _shared_counts(frame, (first, second))
    lines = [accuracy_lines(frame, name) for name in (first, second)]
    gaps = 100 * (lines[0].mean(axis=(0, 1)) - lines[1].mean(axis=(0, 1)))
    names = [METHODS[name].label for name in (first, second)]
    parts = [f"{gap:+.1f} at {count:,}" for gap, count in zip(gaps, counts, strict=True)]
    points = f"{names[0]} minus {names[1]}, in points: {', '.join(parts)} labels"
    if len(counts) < 2:
        return f"{points}\ncrossing: it takes two numbers of labels"
    if max(line.shape[0] * line.shape[1] for line in lines) < FEWEST_FOR_INTERVAL:
        lines = [line.mean(axis=(0, 1), keepdims=True) for line in lines]
    tables = [np.moveaxis(line, -1, 0) for line in lines]
    text = crossing_interval(counts, *tables)["text"].removesuffix(", from one label subset")
    return f"{points}\ncrossing: {text}"


def _shared_counts(frame: pd.DataFrame, methods: Sequence[str]) -> list[int]:
    """Returns the numbers of labels, which are the same for all methods."""
    columns = [frame[frame["method"] == name]["labels"] for name in methods]
    found = [sorted(int(count) for count in column.unique()) for column in columns]
    if any(counts != found[0] for counts in found):
        raise ValueError(
            f"{methods[0]} has rows at {found[0]} labels, {methods[1]} at {found[1]}. "
            "Measure both at the same numbers of labels."
        )
    return found[0]


def _of_metric(frame, metric):
    """Returns the rows of one metric."""
    there = sorted(frame["metric"].unique())
    if metric not in there:
        raise ValueError(f"No row has the metric {metric!r}. Choose one of {there}.")
    return frame[frame["metric"] == metric]
