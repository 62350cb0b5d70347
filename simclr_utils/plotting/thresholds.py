"""Figures of all thresholds: the ROC curve and the precision-recall curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import auc

from simclr_utils.plotting.fonts import LONGEST_LABEL, plain
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

WIDTH = 1.6


def plot_roc(
    curves: dict[str, pd.DataFrame], title: str, specificities: Sequence[float] = (0.9, 0.95)
) -> DescribedFigure:
    """Draws the share of positive images that are found against the false alarms it costs.

    Args:
        curves: Dict from a legend entry to a DataFrame, as `evaluation.roc_points` returns it.
        title: String, such as which images were classified.
        specificities: Sequence of floats in (0, 1), which are marked by dotted lines.

    Returns:
        A closed `Figure`. The legend has the areas. Scores that know nothing follow the dashed
        line.
    """
    with figure(1, 1, (9, 4)) as (drawing, axis):
        axis.plot([0, 100], [0, 100], color=COLORS["gray"], linestyle="--", label="chance")
        for specificity in specificities:
            axis.axvline(100 * (1 - specificity), color=COLORS["gray"], linestyle=":", linewidth=1)
        for color, (name, curve) in zip(COLORS.values(), curves.items(), strict=False):
            alarms = 1 - curve["specificity"]
            label = f"{plain(name, LONGEST_LABEL)}: AUROC {auc(alarms, curve['sensitivity']):.2f}"
            axis.plot(100 * alarms, 100 * curve["sensitivity"], color=color, label=label, lw=WIDTH)
        axis.set(xlabel="false alarms, 100 % - specificity (%)", ylabel="sensitivity (%)")
        axis.set(xlim=(-1, 101), ylim=(-1, 101), title=plain(title))
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing


def plot_precision_recall(
    curves: dict[str, pd.DataFrame], title: str, prevalence: float
) -> DescribedFigure:
    """Draws how many of the images taken for positive are, against how many positives are found.

    Args:
        curves: Dict from a legend entry to a DataFrame, as `evaluation.precision_recall_points`
            returns it.
        title: String, such as which images were classified.
        prevalence: Float in 0..1, the share of positive images.

    Returns:
        A closed `Figure`. The legend has the average precisions. Scores that know nothing follow
        the dashed line, the prevalence.
    """
    with figure(1, 1, (9, 4)) as (drawing, axis):
        chance = {"color": COLORS["gray"], "linestyle": "--"}
        axis.axhline(100 * prevalence, **chance, label=f"chance: prevalence {prevalence:.2f}")
        for color, (name, curve) in zip(COLORS.values(), curves.items(), strict=False):
            recall, precision = (curve[each].to_numpy() for each in ("recall", "precision"))
            area = -np.sum(np.diff(recall) * precision[:-1])
            label = f"{plain(name, LONGEST_LABEL)}: average precision {area:.2f}"
            steps = {"drawstyle": "steps-post", "linewidth": WIDTH}  # a mean over steps
            axis.plot(100 * recall, 100 * precision, color=color, label=label, **steps)
        axis.set(xlabel="recall, or sensitivity (%)", ylabel="precision (%)")
        axis.set(xlim=(-1, 101), ylim=(-1, 101), title=plain(title))
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing
