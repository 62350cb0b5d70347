"""A figure of results with the spread of their repetitions in place of an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simclr_utils.methods import METHODS, in_order
from simclr_utils.plotting.comparisons import height_for, lowest_tick
from simclr_utils.plotting.fonts import plain
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

if TYPE_CHECKING:
    import pandas as pd


def plot_comparison(
    frame: pd.DataFrame, title: str, metric: str = "accuracy", metric_label: str | None = None
) -> DescribedFigure:
    """Draws a metric against the number of labels: a line of means for each method.

    A bar at each point reaches from the lowest row to the highest: so far the label subsets and
    the pretrained encoders differ. It is no interval, which two repetitions cannot support.

    Args:
        frame: DataFrame as `evaluation.Results.frame` returns it, of one dataset and preset.
        title: String above the axes.
        metric: String, the metric to draw. Rows of other metrics are left out.
        metric_label: String, the name of the metric on the axis. `None` means `metric`.

    Returns:
        A closed `Figure`.

    Raises:
        ValueError: If there is no row of the metric, or a method is not in `METHODS`.

    Example:

    >>> plot_comparison(lesson.results(["linear_probe", "supervised"]), "glyphs")
    """
    there = sorted(frame["metric"].unique())
    if metric not in there:
        raise ValueError(f"No row has the metric {metric!r}. Choose one of {there}.")
    frame = frame[frame["metric"] == metric]
    methods = in_order(frame["method"])
    with figure(1, 1, (9, height_for(4.6, methods))) as (drawing, axis):
        for place, method in enumerate(methods):
            rows = frame[frame["method"] == method].astype({"labels": float})
            values = (100 * rows["value"]).groupby(rows["labels"])
            _draw_method(axis, METHODS[method], values, 1 + 0.02 * (place - 3))
        ticks = sorted(frame["labels"].unique())
        axis.set(xscale="log", xlabel="labeled images", ylabel=f"test {metric_label or metric} (%)")
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.minorticks_off()
        axis.set(title=plain(title), ylim=(lowest_tick(100 * frame["value"].min()), None))
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing


def _draw_method(axis, method, values, aside):
    """Draws the line of a method's means, and a bar from its lowest row to its highest."""
    means, color = values.mean(), COLORS[method.color]
    marker = method.marker or ("_" if len(means) == 1 else None)
    style = {"color": color, "marker": marker, "label": method.label}
    axis.plot(means.index, means, linestyle="-" if method.marker else "--", **style)
    ends = {"color": color, "alpha": 0.5, "linewidth": 2.5}
    axis.vlines(aside * means.index, values.min(), values.max(), **ends)
