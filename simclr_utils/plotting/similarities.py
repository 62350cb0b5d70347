"""Figures of cosine similarities, and of the probabilities that NT-Xent computes from them."""

from collections.abc import Sequence

import numpy as np

from simclr_utils.plotting.fonts import LONGEST_LABEL, plain
from simclr_utils.plotting.style import COLORS, DescribedFigure, figure


def plot_similarity(
    similarity: np.ndarray, probabilities: np.ndarray, positives: Sequence[int]
) -> DescribedFigure:
    """Draws a similarity matrix beside its row-wise softmax, with a frame around each positive.

    Args:
        similarity: Float array `[2N, 2N]`, cosine similarities.
        probabilities: Float array `[2N, 2N]`, each row a softmax over its candidates.
        positives: Integer array `[2N]`, the column of each anchor's positive.

    Returns:
        A closed `Figure`.
    """
    with figure(1, 2, (9, 3.9)) as (drawing, axes):
        panels = [(similarity, "cosine similarity", -1, "PuOr_r")]
        panels += [(probabilities, "probabilities", 0, "Blues")]
        for axis, (values, title, low, colors) in zip(axes, panels, strict=True):
            picture = axis.imshow(values, cmap=colors, vmin=low, vmax=1)
            drawing.colorbar(picture, ax=axis, shrink=0.85)
            axis.set(title=title, xlabel="candidate", ylabel="anchor")
            axis.set(xticks=range(len(values)), yticks=range(len(values)))
            axis.grid(False)
            for row, column in np.ndindex(*values.shape):
                color = "white" if abs(values[row, column]) > 0.6 else "black"
                text = f"{values[row, column].round(2) + 0.0:.2f}"  # no -0.00
                axis.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
            for anchor, positive in enumerate(positives):
                corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.46
                axis.plot(*(corners + [positive, anchor]).T, color="black", linewidth=2.5)
    return drawing


def plot_temperature(
    similarity: np.ndarray, anchor: int, positive: int, temperatures: Sequence[float]
) -> DescribedFigure:
    """Draws one anchor's probabilities over its candidates at several temperatures.

    Args:
        similarity: Float array `[2N, 2N]`, cosine similarities.
        anchor: Integer, the anchor's row.
        positive: Integer, the column of the anchor's positive.
        temperatures: Sequence of floats > 0, one panel each.

    Returns:
        A closed `Figure`.
    """
    candidates = np.delete(np.arange(len(similarity)), anchor)
    colors = [COLORS["red"] if c == positive else COLORS["blue"] for c in candidates]
    size = (9 if len(temperatures) > 1 else 4.5, 2.7)
    with figure(1, len(temperatures), size, squeeze=False, sharey=True) as (drawing, axes):
        for axis, temperature in zip(axes[0], temperatures, strict=True):
            logits = similarity[anchor, candidates] / temperature
            probabilities = np.exp(logits - logits.max())
            probabilities = probabilities / probabilities.sum()
            axis.bar([str(c) for c in candidates], probabilities, color=colors)
            loss = -np.log(probabilities[list(candidates).index(positive)])
            axis.set(title=f"temperature {temperature:.3g}\nloss {loss:.2f}", ylim=(0, 1))
        drawing.supxlabel("candidate (dark orange: the positive)", fontsize="medium")
        axes[0, 0].set_ylabel(f"probability, anchor {anchor}")
    return drawing


def plot_similarities(similarities: dict[str, tuple[np.ndarray, np.ndarray]]) -> DescribedFigure:
    """Draws histograms of the similarity of two views of one image, and of different images.

    Args:
        similarities: Dict from a title to a pair of float arrays: cosine similarities of views
            of one image, and of views of different images.

    Returns:
        A closed `Figure`.
    """
    low = min(0, *(others.min() for _, others in similarities.values()))
    with figure(1, len(similarities), (9, 2.8), squeeze=False) as (drawing, axes):
        for axis, (title, (same, others)) in zip(axes[0], similarities.items(), strict=True):
            for values, color, label in (
                (others, "orange", "views of different images"),
                (same, "blue", "views of one image"),
            ):
                options = {"color": COLORS[color], "alpha": 0.7, "label": label}
                shares = np.full(len(values), 1 / len(values))
                axis.hist(values, np.linspace(low, 1, 41), weights=shares, **options)
            axis.set(title=plain(title, LONGEST_LABEL), xlabel="cosine similarity")
        axes[0, 0].set_ylabel("share of pairs")
        handles = axes[0, 0].get_legend_handles_labels()
        drawing.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)
    return drawing
