"""Figures of ablations: a heat map of pairs of operations, and sweeps of one setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.plotting.fonts import LONGEST_LABEL, plain, plain_names
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure, heat_colors, letters_on

if TYPE_CHECKING:
    import pandas as pd

# The columns of an ablation, as a legend and an axis name them.
MEASURES = {
    "accuracy": ("probe on features", "validation accuracy (%)"),
    "projections_accuracy": ("probe on projections", "validation accuracy (%)"),
    "contrastive_accuracy": ("contrastive accuracy", "contrastive accuracy (%)"),
}


def plot_pairs(
    summary: pd.DataFrame, title: str, measure: str = "accuracy", axis_label: str = "operation"
) -> DescribedFigure:
    """Draws the accuracy of each pair of operations as a square, with its uncertainty.

    The operations run in a fixed order, so a pair was measured once and stands on both sides of
    the diagonal. The diagonal, in white frames, is one operation alone. The last column is the
    mean of a row.

    Args:
        summary: DataFrame as `ablation.summarize_cells` returns it, of one number of labels:
            `line` and `at` are the two operations, `mean` and `half` are in 0..1. Pairs may be
            missing.
        title: String above the squares.
        measure: String, the measure to draw.
        axis_label: String beside and below the squares.

    Returns:
        A closed `Figure`. The small print is half the width of the interval.

    Raises:
        ValueError: If there is no row of the measure, or a pair has several.
    """
    names, means, halves = _squares(_of_measure(summary, measure))
    rows = np.array([np.mean(row[~np.isnan(row)]) for row in means])
    both = np.concatenate([means, rows[:, None]], axis=1)
    colors = heat_colors(both)
    side = max(4.5, 0.82 * len(names) + 1.6)
    with figure(1, 1, (min(9.0, max(6.0, side + 0.9)), side)) as (drawing, axis):
        places = [*range(len(names)), len(names) + 0.2]  # the means stand apart
        for column, place in enumerate(places):
            picture = colors[:, column : column + 1]
            axis.imshow(picture, extent=(place - 0.5, place + 0.5, len(names) - 0.5, -0.5))
            for row in range(len(names)):
                half = halves[row, column] if column < len(names) else np.nan
                _write(axis, (place, row), both[row, column], half, colors[row, column])
        for place in range(len(names)):
            left, right = place - 0.48, place + 0.48
            ends = ([left, right, right, left, left], [left, left, right, right, left])
            axis.plot(*ends, color="white", linewidth=1.5)
        labels = plain_names(names)
        axis.set_xticks(places, [*labels, "mean"], rotation=30, ha="right")
        axis.set_yticks(range(len(names)), labels)
        limits = {"xlim": (-0.5, places[-1] + 0.5), "ylim": (len(names) - 0.5, -0.5)}
        axis.set(title=plain(title), xlabel=axis_label, ylabel=axis_label, **limits)
        axis.tick_params(length=0)
        axis.grid(False)
        axis.spines[:].set_visible(False)
        drawing.description = _describe_pairs(title, names, means, measure)
    return drawing


def _squares(rows):
    """Returns the names of the operations, and their means and halves in percent, `[N, N]`."""
    names = list(dict.fromkeys([*rows["line"], *rows["at"]]))
    pairs = [tuple(sorted(pair)) for pair in zip(rows["line"], rows["at"], strict=True)]
    if len(set(pairs)) < len(pairs):
        raise ValueError("A pair of operations has several rows. Select one number of labels.")
    tables = np.full((2, len(names), len(names)), np.nan)
    for row in rows.itertuples():
        first, second = names.index(row.line), names.index(row.at)
        tables[:, first, second] = tables[:, second, first] = 100 * row.mean, 100 * row.half
    return names, *tables


def _write(axis, place, value, half, color):
    """Writes an accuracy into its square, and half the width of its interval below it."""
    if np.isnan(value):
        return
    style = {"ha": "center", "va": "center", "color": letters_on(color)}
    up = 0.0 if np.isnan(half) else 0.13
    axis.text(place[0], place[1] - up, f"{value:.1f}", fontsize=10, **style)
    if up:
        axis.text(place[0], place[1] + 0.22, f"± {half:.1f}", fontsize=7.5, **style)


def _describe_pairs(title, names, means, measure):
    """Returns a figure in words: the best single operation and the best pair."""
    alone = np.diag(means)
    lower = np.where(np.tri(len(names), k=-1, dtype=bool), means, np.nan)
    parts = [f"{title}: {MEASURES[measure][0]} for {len(names)} operations and their pairs"]
    if not np.isnan(alone).all():
        best = int(np.nanargmax(alone))
        parts.append(f"best alone: {names[best]}, {alone[best]:.1f} %")
    if not np.isnan(lower).all():
        second, first = np.unravel_index(np.nanargmax(lower), lower.shape)
        parts.append(f"best pair: {names[first]} and {names[second]}, {lower[second, first]:.1f} %")
    return "; ".join(parts)


def plot_sweep(
    summary: pd.DataFrame,
    rows: pd.DataFrame,
    x_label: str,
    panels: Sequence[Sequence[str]] = (("accuracy",),),
    log_x: bool = False,
    x: str = "at",
    title: str = "",
) -> DescribedFigure:
    """Draws how accuracies change with one setting: means, intervals, and a point for each seed.

    Args:
        summary: DataFrame as `ablation.summarize_cells` returns it, of one number of labels.
        rows: DataFrame as `evaluation.read_ablation` returns it, the rows behind the summary.
        x_label: String below each panel.
        panels: The columns of `rows` that each panel shows: `"accuracy"`,
            `"projections_accuracy"` or `"contrastive_accuracy"`.
        log_x: Boolean, whether the horizontal axis is logarithmic.
        x: String, the column of the horizontal axis. If not all of its values are numbers, they
            are names, in order of appearance.
        title: String above the panels.

    Returns:
        A closed `Figure`.

    Raises:
        ValueError: If there is no row of a column.
    """
    values = list(dict.fromkeys(summary[x]))
    numeric = all(_is_number(value) for value in values)
    place = {value: float(value) if numeric else values.index(value) for value in values}
    with figure(1, len(panels), (9, 3.4), squeeze=False) as (drawing, axes):
        for axis, measures in zip(axes[0], panels, strict=True):
            parts = [_of_measure(summary, measure) for measure in measures]
            lines = [(name, part) for part in parts for name in part["line"].unique()]
            for number, (name, part) in enumerate(lines):
                aside = 0.025 * (number - (len(lines) - 1) / 2)  # intervals side by side
                style = _style_of(number, _line_label(name, part, parts))
                _draw_line(axis, part[part["line"] == name], place, (aside, log_x), style, x)
                _draw_seeds(axis, rows[rows["line"] == name], part, place, (aside, log_x), style, x)
            axis.set(xlabel=plain(x_label, LONGEST_LABEL), ylabel=MEASURES[measures[0]][1])
            _set_ticks(axis, place, numeric, log_x)
            words = [title] if title else []
            words += [MEASURES[measures[0]][0]] if len(panels) > 1 else []
            axis.set_title(plain(": ".join(words), LONGEST_LABEL))
            if len(lines) > 1:
                axis.legend(fontsize=8)
    return drawing


def _of_measure(summary, measure):
    """Returns the rows of one measure; raises a `ValueError` if there is none."""
    found = summary[summary["measure"] == measure]
    if not len(found):
        there = ", ".join(map(repr, summary["measure"].unique()))
        raise ValueError(f"No row has the measure {measure!r}. Choose from {there}.")
    return found


def _is_number(value):
    try:
        float(value)
    except ValueError:
        return False
    return True


def _style_of(number, label):
    color = list(COLORS.values())[number % len(COLORS)]
    return {"color": color, "marker": "osD^v<>p"[number % 8], "label": label}


def _line_label(name, part, parts):
    """Returns what tells a line from the others of its panel: its name, its measure, or both."""
    words = MEASURES[part["measure"].iloc[0]][0]
    if part["line"].nunique() == 1:
        return words
    return plain(name if len(parts) == 1 else f"{name}, {words}", LONGEST_LABEL)


def _moved(places, aside):
    """Returns places a little aside, in the scale of their axis."""
    (share, log), places = aside, np.asarray(places, float)
    return places * (1 + 2 * share) if log else places + share * 2


def _draw_line(axis, part, place, aside, style, x):
    """Draws the means of a line with their intervals."""
    places = _moved([place[value] for value in part[x]], aside)
    halves = 100 * part["half"].fillna(0)
    # Names have no distance from each other, so the line between them is only a guide.
    linestyle = "-" if all(map(_is_number, part[x])) else ":"
    options = {"capsize": 3, "ms": 5, "zorder": 3, "linestyle": linestyle}
    axis.errorbar(places, 100 * part["mean"], halves, **options, **style)


def _draw_seeds(axis, rows, part, place, aside, style, x):
    """Draws a pale point for each row behind a line."""
    rows = rows[rows["labels"].isin(part["labels"].unique()) & rows[x].isin(list(place))]
    # Beside the bar of the interval, which would hide them.
    places = _moved([place[value] for value in rows[x]], (aside[0] + 0.015, aside[1]))
    values = 100 * rows[part["measure"].iloc[0]]
    axis.plot(places, values, "o", color=style["color"], alpha=0.45, ms=4, mew=0, zorder=2)


def _set_ticks(axis, place, numeric, log_x):
    """Marks the values that were measured."""
    if log_x and numeric:
        axis.set_xscale("log")
    if not numeric or len(place) <= 8:
        names = [f"{float(v):,g}" if numeric else plain(str(v), LONGEST_LABEL) for v in place]
        crowded = sum(map(len, names)) > 45
        turned = {"rotation": 25, "ha": "right"} if crowded else {}
        axis.set_xticks(list(place.values()), names, **turned)
    axis.minorticks_off()
