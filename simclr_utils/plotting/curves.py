"""Figures of curves: numbers that change during training, or with a setting."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simclr_utils.plotting.fonts import LONGEST_LABEL, plain
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure


def plot_curves(
    panels: dict[str, dict[str, tuple[Sequence[float], Sequence[float]]]],
    x_label: str,
    log_x: bool = False,
) -> DescribedFigure:
    """Draws named curves in panels side by side, each with its own color and marker.

    Args:
        panels: Dict from a panel's title to a dict from a curve's name to its pair `(x, y)`.
        x_label: String below every panel.
        log_x: Boolean, whether the horizontal axis is logarithmic.

    Returns:
        A closed `Figure`.
    """
    with figure(1, len(panels), (9, 3.2), squeeze=False) as (drawing, axes):
        for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
            for (name, (x, y)), marker in zip(curves.items(), "osD^v<>p", strict=False):
                every = 0.12 if len(x) > 20 else None
                label = plain(name, LONGEST_LABEL)
                axis.plot(x, y, marker=marker, markevery=every, ms=4, label=label)
            axis.set(title=plain(title, LONGEST_LABEL), xlabel=x_label)
            axis.set_xscale("log" if log_x else "linear")
            places = sorted({value for x, _ in curves.values() for value in x})
            if log_x and len(places) <= 8:
                axis.set_xticks(places, [f"{value:g}" for value in places])
                axis.minorticks_off()
            axis.legend(fontsize=8)
    return drawing


def plot_pretraining(
    history: dict[str, list],
    chance_loss: float,
    num_candidates: int,
    levels: dict[str, float] | None = None,
) -> DescribedFigure:
    """Draws the curves of a pretraining run: loss, contrastive accuracy and kNN accuracy.

    Args:
        history: Dict of lists as `fit` returns it, one value for each epoch. `knn_accuracy` may
            hold `None` for epochs in which it was not measured.
        chance_loss: Float, log(2N-1).
        num_candidates: Integer, 2N-1.
        levels: Dict from a name to a kNN accuracy to compare with, drawn as dashed lines. The
            curve begins at the level `"untrained encoder"`, in epoch 0.

    Returns:
        A closed `Figure`.
    """
    levels = levels or {}
    with figure(1, 3, (9, 2.8)) as (drawing, axes):
        panels = (("loss", "NT-Xent loss"), ("contrastive_accuracy", "contrastive accuracy"))
        for axis, (name, title) in zip(axes, panels, strict=False):
            _draw_epochs(axis, history.get(name, []), "training", COLORS["blue"])
            _draw_epochs(axis, history.get(f"val_{name}", []), "validation", COLORS["orange"], "o")
            axis.set(title=title, xlabel="epoch")
        axes[0].axhline(chance_loss, color=COLORS["gray"], linestyle="--", label="chance")
        axes[1].axhline(1 / num_candidates, color=COLORS["gray"], linestyle="--", label="chance")
        measured = [levels.get("untrained encoder"), *history.get("knn_accuracy", [])]
        _draw_epochs(axes[2], measured, "SimCLR", COLORS["green"], "s", first=0)
        for (name, level), color in zip(levels.items(), ("gray", "orange"), strict=False):
            axes[2].axhline(level, color=COLORS[color], linestyle="--", label=name)
        axes[2].set(title="kNN accuracy of the features", xlabel="epoch")
        for axis in axes:
            axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
            if axis.lines:  # kNN accuracy may not have been measured yet
                axis.legend(fontsize=8)
    return drawing


def plot_runs(curves: pd.DataFrame, batch_size: int = 256) -> DescribedFigure:
    """Draws loss and contrastive accuracy of stored pretraining runs, a line for each run.

    Args:
        curves: DataFrame with the columns `epoch`, `loss`, `contrastive_accuracy` and
            `pretraining_seed`, such as `results/cifar10_pretraining.csv`.
        batch_size: Integer, the images per step, from which the chance levels follow.

    Returns:
        A closed `Figure`.
    """
    num_candidates = 2 * batch_size - 1
    panels = (("loss", "NT-Xent loss", np.log(num_candidates)),)
    panels += (("contrastive_accuracy", "contrastive accuracy", 1 / num_candidates),)
    with figure(1, 2, (9, 2.8)) as (drawing, axes):
        for axis, (name, title, chance) in zip(axes, panels, strict=True):
            for seed, run in curves.groupby("pretraining_seed"):
                axis.plot(run["epoch"], run[name], label=f"seed {seed}")
            axis.axhline(chance, color=COLORS["gray"], linestyle="--", label="chance")
            axis.set(title=title, xlabel="epoch")
            axis.legend(fontsize=8)
    return drawing


def _draw_epochs(axis, values, label, color, marker=None, first=1):
    """Draws one line over the epochs in which a value was measured."""
    points = [(epoch, value) for epoch, value in enumerate(values, first) if value is not None]
    if points:
        marker = marker or ("o" if len(points) == 1 else None)
        axis.plot(*zip(*points, strict=True), color=color, marker=marker, ms=4, label=label)


def plot_validation_curves(tuned: dict[int, dict]) -> DescribedFigure:
    """Draws the accuracy on held-out images of the runs that tuned a method.

    Args:
        tuned: Dict from a label count to what `Comparison.tuning` returns.

    Returns:
        A closed `Figure`. A line is the mean over the folds of one combination of settings. The
        color shows the strength of augmentation. Thick lines are runs of full length, thin lines
        are short runs. A panel without lines belongs to a count at which nothing was tried.
    """
    tried = [run["settings"] for record in tuned.values() for run in record["tried"]]
    strengths = sorted({settings["augmentation_strength"] for settings in tried})
    colors = dict(zip(strengths, COLORS.values(), strict=False))
    with figure(1, len(tuned), (9, 2.9), squeeze=False, sharey=True) as (drawing, axes):
        for axis, (labels, record) in zip(axes[0], tuned.items(), strict=True):
            _draw_runs(axis, record, colors)
            axis.set(title=f"{labels:,} labels", xlabel="steps", xlim=(0, None))
        axes[0, 0].set_ylabel("held-out accuracy (%)")
        for strength, color in colors.items():
            axis.plot([], [], color=color, linewidth=2.5, label=f"{strength:g}")
        axis.plot([], [], color=COLORS["gray"], linewidth=0.8, label="short run")
        drawing.legend(title="augmentation", fontsize=8, loc="outside right center")
    return drawing


def _draw_runs(axis, record, colors):
    """Draws the runs of one label count, each the mean of its folds."""
    runs = {}
    for run in record["tried"]:
        runs.setdefault((*run["settings"].items(), run["steps"]), []).append(run)
    for folds in runs.values():
        weights = [run["images"] for run in folds]
        curve = np.average([run["curve"] for run in folds], axis=0, weights=weights)
        steps, settings = folds[0]["steps"], folds[0]["settings"]
        places = steps * np.arange(1, len(curve) + 1) / len(curve)
        style = {"linewidth": 2.5 if steps >= record["num_steps"] / 4 else 0.8}
        axis.plot(places, 100 * curve, color=colors[settings["augmentation_strength"]], **style)
