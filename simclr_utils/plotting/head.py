"""Figures of what the projection head throws away."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.plotting.fonts import LONGEST_LABEL, plain, plain_names
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

if TYPE_CHECKING:
    import pandas as pd

OUTPUTS = {"features": ("blue", "o", "features h"), "projections": ("red", "D", "projections z")}
CORNERS = np.array([[-0.46, -0.44], [0.46, -0.44], [0.46, 0.44], [-0.46, 0.44], [-0.46, -0.44]])


def plot_transformations(
    table: pd.DataFrame, title: str, varied: Collection[str] = ()
) -> DescribedFigure:
    """Draws how well each transformation is predicted, features beside projections.

    Args:
        table: DataFrame as `evaluation.predict_transformations` returns it. Several rows of one
            transformation and output, such as those of several encoders, become their mean.
        title: String above the axes.
        varied: Names of the transformations that the views of the pretraining vary. They are drawn
            in a panel of their own, above the others.

    Returns:
        A closed `Figure`. A thin bar reaches from the lowest end of an interval to the highest. A
        gray line in each row is chance.

    Raises:
        ValueError: If an output is neither "features" nor "projections".
    """
    _check_outputs(table)
    names = list(dict.fromkeys(table["transformation"]))
    groups = {
        "the views vary it": [name for name in names if name in varied],
        "the views do not vary it": [name for name in names if name not in varied],
    }
    groups = {label: members for label, members in groups.items() if members}
    ratios = {"height_ratios": [len(members) + 0.6 for members in groups.values()]}
    options = {"sharex": True, "squeeze": False, "gridspec_kw": ratios}
    size = (9, 1.2 + 0.36 * len(names) + 0.3 * len(groups))
    with figure(len(groups), 1, size, **options) as (drawing, axes):
        for axis, (label, members) in zip(axes[:, 0], groups.items(), strict=True):
            for place, name in enumerate(members):
                _draw_pair(axis, place, table[table["transformation"] == name])
            axis.set_yticks(range(len(members)), [plain(name, LONGEST_LABEL) for name in members])
            axis.set(xlim=(0, 102), ylim=(len(members) - 0.45, -0.55))
            axis.grid(False, axis="y")
            if varied:
                axis.set_title(label, fontsize=10)
        drawing.suptitle(plain(title), x=0.01, ha="left", fontsize=11, fontweight="bold")
        axes[-1, 0].set_xlabel("accuracy of the prediction (%)")
        drawing.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return drawing


def _draw_pair(axis, place, rows):
    """Draws one transformation: two points, the line between them, their intervals, and chance."""
    first = place == 0  # the row that the legend is made from
    chance = {"color": COLORS["gray"], "marker": "|", "markersize": 19, "markeredgewidth": 2}
    label = "chance" if first else None
    axis.plot(100 * rows["chance"].mean(), place, linestyle="", label=label, **chance)
    ends = []
    for name, aside in zip(OUTPUTS, (-0.14, 0.14), strict=True):
        color, marker, label = OUTPUTS[name]
        part = rows[rows["output"] == name]
        mean, low, high = part["accuracy"].mean(), part["low"].min(), part["high"].max()
        ends.append((100 * mean, place + aside))
        axis.hlines(place + aside, 100 * low, 100 * high, color=COLORS[color], linewidth=1.5)
        style = {"color": COLORS[color], "marker": marker, "markersize": 7, "linestyle": ""}
        axis.plot(*ends[-1], **style, label=label if first else None)
    axis.plot(*zip(*ends, strict=True), color="#bbbbbb", linewidth=2.5, zorder=1)


def plot_factor_table(
    table: pd.DataFrame, title: str, changed: Mapping[str, Collection[str]] | None = None
) -> DescribedFigure:
    """Draws which factor survives in which encoder, features beside projections.

    Args:
        table: DataFrame as `evaluation.factor_table` returns it. Several rows of one encoder,
            output and factor, such as those of several seeds, become their mean.
        title: String above the panels.
        changed: Mapping from an encoder's name to the names of the factors that its views change.
            These cells get a frame.

    Returns:
        A closed `Figure`. A number is a skill in percent: 0 is chance, and 100 a perfect
        prediction. The title of a panel gives the largest standard deviation of repetitions.

    Raises:
        ValueError: If an output is neither "features" nor "projections".
    """
    _check_outputs(table)
    order = [list(dict.fromkeys(table[column])) for column in ("factor", "encoder")]
    panels = {}
    for output in [name for name in OUTPUTS if name in set(table["output"])]:
        rows = table[table["output"] == output]
        wide = rows.pivot_table(index="factor", columns="encoder", values="skill")
        panels[output] = 100 * wide.reindex(order[0]).reindex(
            columns=[name for name in order[1] if name in wide]
        )
    repetitions = table.groupby(["output", "encoder", "factor"])["skill"]
    spread = 100 * repetitions.std().groupby("output").max()
    ratios = {"width_ratios": [len(panel.columns) for panel in panels.values()]}
    options = {"sharey": True, "squeeze": False, "gridspec_kw": ratios}
    size = (9, max(3.6, 1.7 + 0.27 * len(order[0])))
    with figure(1, len(panels), size, **options) as (drawing, axes):
        for axis, (output, panel) in zip(axes[0], panels.items(), strict=True):
            picture = _draw_skills(axis, panel, changed or {})
            known = f" (± {spread[output]:.0f} at most)" if np.isfinite(spread[output]) else ""
            axis.set_title(OUTPUTS[output][2] + known)
        names = [plain(name.replace("_", " "), LONGEST_LABEL) for name in order[0]]
        axes[0, 0].set_yticks(range(len(names)), names)
        drawing.suptitle(plain(title), x=0.01, ha="left", fontsize=11, fontweight="bold")
        label = "skill (%): 0 is chance, 100 is perfect"
        drawing.colorbar(picture, ax=axes[0].tolist(), shrink=0.7, pad=0.02, label=label)
        if changed:
            style = {"color": COLORS["red"], "marker": "s", "fillstyle": "none", "linestyle": ""}
            axes[0, 0].plot([], [], markersize=13, label="changed by\nthe views", **style)
            drawing.legend(loc="lower left", fontsize=9)
    return drawing


def _draw_skills(axis, panel, changed):
    """Draws a table of skills in percent, and returns the picture that a color bar describes."""
    values = panel.to_numpy(float)
    picture = axis.imshow(values, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            color = "white" if value > 60 else "black"
            style = {"ha": "center", "va": "center", "fontsize": 8, "color": color}
            axis.text(column, row, f"{value:.0f}", **style)
        if panel.index[row] in changed.get(panel.columns[column], ()):
            axis.plot(*(CORNERS + [column, row]).T, color=COLORS["red"], linewidth=1.8)
    names = plain_names(panel.columns)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.grid(False)
    return picture


def _check_outputs(table):
    unknown = sorted(set(table["output"]) - set(OUTPUTS))
    if unknown:
        raise ValueError(f"Unknown output {unknown[0]!r}. Expected one of {list(OUTPUTS)}.")
