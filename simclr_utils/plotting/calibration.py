"""A figure of calibration: how often predictions are right, by their probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.plotting.fonts import LONGEST_LABEL, plain
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure

if TYPE_CHECKING:
    import pandas as pd


def plot_reliability(curves: dict[str, pd.DataFrame], title: str) -> DescribedFigure:
    """Draws the accuracy of predictions against the probability that they were given.

    Args:
        curves: Dict from a legend entry to a DataFrame, as `evaluation.reliability` returns it.
        title: String, such as which images were classified.

    Returns:
        A closed `Figure`. On the dashed line a method is right as often as it says. Below it, it
        is too sure of itself. A larger dot stands for more images.
    """
    with figure(1, 1, (9, 4)) as (drawing, axis):
        axis.plot([0, 100], [0, 100], color=COLORS["gray"], linestyle="--", label="as it says")
        for color, (name, curve) in zip(COLORS.values(), curves.items(), strict=False):
            value = 100 * curve["accuracy"]
            spread = np.maximum(0, [value - 100 * curve["low"], 100 * curve["high"] - value])
            place, shares = 100 * curve["confidence"], curve["images"] / curve["images"].sum()
            style = {"color": color, "zorder": 3}
            axis.errorbar(place, value, spread, **style, alpha=0.5, linewidth=1, label=None)
            axis.scatter(place, value, 20 + 200 * shares, **style, label=plain(name, LONGEST_LABEL))
        axis.set(xlim=(0, 100), ylim=(0, 100), xlabel="probability of the predicted class (%)")
        axis.set(ylabel="of them right (%)", title=plain(title))
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing
