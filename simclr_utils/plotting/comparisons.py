"""Figures that compare methods, each in its own color and with its own marker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.methods import METHODS, in_order
from simclr_utils.plotting.fonts import LONGEST_LABEL, plain
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

if TYPE_CHECKING:
    import pandas as pd


def plot_label_efficiency(
    summaries: pd.DataFrame, title: str, metric: str = "accuracy", metric_label: str | None = None
) -> DescribedFigure:
    """Draws a metric against the number of labels, one line per method, with 95 % intervals.

    Args:
        summaries: DataFrame as `evaluation.summarize` returns it, of one dataset.
        title: String above the axes.
        metric: String, the metric to draw. Rows of other metrics are left out.
        metric_label: String, the name of the metric on the axis. `None` means `metric`, with
            spaces.

    Returns:
        A closed `Figure`.

    Raises:
        ValueError: If there is no row of the metric, or a method is not in `METHODS`.
    """
    summaries, label = _of_metric(summaries, metric, metric_label)
    methods = in_order(summaries["method"])
    with figure(1, 1, (9, height_for(4.6, methods))) as (drawing, axis):
        for method in methods:
            _draw_line(axis, summaries[summaries["method"] == method].sort_values("labels"))
        _label_counts(axis, summaries["labels"])
        bottom = lowest_tick(100 * summaries[["mean", "low"]].min().min())
        axis.set(title=plain(title), ylabel=f"test {label} (%)", ylim=(bottom, None))
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing


def plot_gains(
    comparisons: pd.DataFrame,
    title: str,
    metric: str = "accuracy",
    metric_label: str | None = None,
) -> DescribedFigure:
    """Draws how far each pretrained method is ahead of the baseline, with 95 % intervals.

    Args:
        comparisons: DataFrame as `study.compare` returns it.
        title: String above the axes.
        metric: String, the metric to draw. Rows of other metrics are left out.
        metric_label: String, the name of the metric on the axis. `None` means `metric`, with
            spaces.

    Returns:
        A closed `Figure`. Above the line at zero a method is ahead of the baseline. Where an
        interval crosses the line, these images show no difference.

    Raises:
        ValueError: If there is no row of the metric, or a method is not in `METHODS`.
    """
    comparisons, label = _of_metric(comparisons, metric, metric_label)
    methods = in_order(comparisons["first"])
    with figure(1, 1, (9, height_for(3.4, methods))) as (drawing, axis):
        axis.axhline(0, color="black", linewidth=1)
        for place, method in enumerate(methods):
            rows = comparisons[comparisons["first"] == method].sort_values("labels")
            value, spread = _value_and_spread(rows, "value")
            aside = 1 + 0.06 * (place - (len(methods) - 1) / 2)  # intervals side by side
            style = {**_style(method), "capsize": 3, "linestyle": "-"}
            axis.errorbar(aside * rows["labels"], value, spread, **style)
        _label_counts(axis, comparisons["labels"])
        axis.set(title=plain(title), ylabel=f"points of {label}\nover the baseline")
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing


def plot_methods(
    summaries: pd.DataFrame, labels: int, metric: str = "accuracy", metric_label: str | None = None
) -> DescribedFigure:
    """Draws the methods at one number of labels as bars with their 95 % intervals.

    Args:
        summaries: DataFrame as `evaluation.summarize` returns it, of one dataset.
        labels: Integer, the number of labels.
        metric: String, the metric to draw. Rows of other metrics are left out.
        metric_label: String, the name of the metric on the axis. `None` means `metric`, with
            spaces.

    Returns:
        A closed `Figure`.

    Raises:
        ValueError: If there is no row of the metric, or a method is not in `METHODS`.
    """
    summaries, label = _of_metric(summaries, metric, metric_label)
    rows = summaries[summaries["labels"] == labels].sort_values("mean")
    in_order(rows["method"])  # refuses a method that has no label
    value, spread = _value_and_spread(rows, "mean")
    names = [METHODS[method].label for method in rows["method"]]
    colors = [COLORS[METHODS[method].color] for method in rows["method"]]
    with figure(1, 1, (9, 1 + 0.28 * len(names))) as (drawing, axis):
        axis.barh(names, value, xerr=spread, color=colors, capsize=3)
        ends = np.maximum(0, value + np.nan_to_num(spread[1]))
        for place, (end, number) in enumerate(zip(ends, value, strict=True)):
            axis.text(end + 1.5, place, f"{number:.1f}", va="center", fontweight="bold")
        lowest = min([0, *(value - np.nan_to_num(spread[0]))])
        axis.set(title=f"{labels:,} labels", xlabel=f"test {label} (%)", xlim=(lowest, 100))
        axis.grid(False, axis="y")
    return drawing


def plot_bars(
    names: Sequence[str],
    series: dict[str, Sequence[float]],
    title: str,
    xlabel: str,
    chance: float | None = None,
) -> DescribedFigure:
    """Draws groups of horizontal bars with their values beside them.

    Args:
        names: Sequence of G strings, the groups from top to bottom.
        series: Dict from a legend entry to G floats. A single entry needs no legend.
        title: String above the axes.
        xlabel: String below the axes.
        chance: Float, the position of a dashed line, or `None`.

    Returns:
        A closed `Figure`.
    """
    thickness = 0.8 / len(series)
    height = 1 + len(names) * max(0.32, 0.2 * len(series))
    with figure(size=(9, height)) as (drawing, axis):
        for index, (entry, values) in enumerate(series.items()):
            places = np.arange(len(names)) + (index - (len(series) - 1) / 2) * thickness
            label = plain(entry, LONGEST_LABEL) if len(series) > 1 else None
            bars = axis.barh(places, values, 0.9 * thickness, label=label)
            axis.bar_label(bars, [f"{value:.2f}" for value in values], padding=3, fontsize=8)
        axis.set(title=plain(title), xlabel=xlabel, xlim=(min(0, *map(min, series.values())), 1.08))
        axis.set_yticks(range(len(names)), [plain(name, LONGEST_LABEL) for name in names])
        axis.invert_yaxis()
        axis.grid(False, axis="y")
        if chance is not None:
            axis.axvline(chance, color=COLORS["gray"], linestyle="--", label="chance")
        if len(series) > 1 or chance is not None:
            axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return drawing


def _of_metric(frame, metric, metric_label):
    """Returns the rows of one metric, and the name of the metric in a figure."""
    if "metric" in frame:
        there = sorted(frame["metric"].unique())
        frame = frame[frame["metric"] == metric]
    else:  # comparisons, which are of accuracy alone
        there = ["accuracy"]
    if metric not in there:
        raise ValueError(f"No row has the metric {metric!r}. Choose one of {there}.")
    return frame, metric_label or metric.replace("_", " ")


def lowest_tick(lowest):
    """Returns where an axis of percent begins: at 0, or below one half if nothing is less.

    Args:
        lowest: Float, the lowest value in percent. Some metrics have negative values.
    """
    return 45 if lowest >= 50 else min(0, lowest)


def height_for(usual, methods):
    """Returns the height of a figure in inches: more than usual if the legend needs it.

    Args:
        usual: Float, the height in inches for a legend of usual length.
        methods: Sequence of the methods in the legend.
    """
    return max(usual, 0.5 + 0.22 * len(methods))


def _style(method):
    """Returns the style of a method's line, and its label in the legend."""
    entry = METHODS[method]
    look = {"linestyle": "--"} if entry.marker is None else {"marker": entry.marker}
    return {"color": COLORS[entry.color], "label": entry.label, **look}


def _value_and_spread(rows, column):
    """Returns values in percent, and the distances `[2, N]` to both ends of their intervals."""
    value, low, high = (100 * rows[name].to_numpy(float) for name in (column, "low", "high"))
    return value, np.maximum(0, [value - low, high - value])


def _draw_line(axis, rows):
    """Draws one method's rows over their label counts."""
    method, labels = rows["method"].iloc[0], rows["labels"].to_numpy(float)
    mean, (below, above) = _value_and_spread(rows, "mean")
    style = _style(method)
    if len(labels) == 1:  # a dashed line or a band is invisible at a single point
        style.setdefault("marker", "_")
        axis.vlines(labels, mean - below, mean + above, color=style["color"], alpha=0.4)
    axis.plot(labels, mean, **style)
    if METHODS[method].marker is not None:
        band = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
        axis.fill_between(labels, mean - below, mean + above, **band)


def _label_counts(axis, counts):
    """Sets up the horizontal axis for label counts."""
    ticks = sorted(counts.unique())
    axis.set(xscale="log", xlabel="labeled images")
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.minorticks_off()
