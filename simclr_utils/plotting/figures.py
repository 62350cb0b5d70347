"""Figures of single lessons, on top of `plotting`: arrays in, closed figure out."""

import numpy as np

from simclr_utils.plotting.base import COLORS, figure, plot_images
from simclr_utils.plotting.fonts import LONGEST_LABEL, plain, plain_names

MOST_NAMES = 20  # of classes that can be read along an axis

# Colour, marker and name of each method, the same in every figure.
METHODS = {
    "linear_probe": (COLORS["blue"], "o", "SimCLR + linear probe"),
    "knn": (COLORS["sky"], "s", "SimCLR + kNN"),
    "fine_tuned": (COLORS["purple"], "P", "SimCLR + fine-tuning"),
    "supervised": (COLORS["red"], "^", "supervised from scratch"),
    "random_encoder": (COLORS["green"], "v", "random encoder + probe"),
    "raw_pixels": (COLORS["orange"], "D", "raw pixels + probe"),
    "chance": (COLORS["gray"], None, "most frequent class"),
}


def plot_similarity(similarity, probabilities, positives):
    """Draws a similarity matrix beside its row-wise softmax, with the positives framed.

    Args:
        similarity: float array `[2N, 2N]`, cosines.
        probabilities: float array `[2N, 2N]`, each row a softmax over its candidates.
        positives: int array `[2N]`, the column of each anchor's positive.

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
            axis.grid(False)
            for row, column in np.ndindex(*values.shape):
                dark = abs(values[row, column]) > 0.6
                color = "white" if dark else "black"
                text = f"{values[row, column].round(2) + 0.0:.2f}"  # no -0.00
                axis.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
            for anchor, positive in enumerate(positives):
                corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.46
                axis.plot(*(corners + [positive, anchor]).T, color="black", linewidth=2.5)
    return drawing


def plot_temperature(similarity, anchor, positive, temperatures):
    """Draws one anchor's probabilities over its candidates at several temperatures.

    Args:
        similarity: float array `[2N, 2N]`, cosines.
        anchor: int, the row.
        positive: int, the column of its positive.
        temperatures: floats > 0, one panel each.

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


def plot_label_efficiency(summaries, title):
    """Draws accuracy against the number of labels, one line a method, with 95 % intervals.

    Args:
        summaries: DataFrame as `results.summarize` returns it, of one dataset and metric.
        title: string.

    Returns:
        A closed `Figure`.
    """
    with figure(1, 1, (9, 4.6)) as (drawing, axis):
        for method, (color, marker, name) in METHODS.items():
            rows = summaries[summaries["method"] == method].sort_values("labels")
            if not len(rows):
                continue
            labels, mean = rows["labels"].to_numpy(float), 100 * rows["mean"].to_numpy(float)
            low, high = (100 * rows[end].to_numpy(float).clip(0, 1) for end in ("low", "high"))
            style = {"linestyle": "--"} if method == "chance" else {"marker": marker}
            if len(labels) == 1:  # neither a dashed line nor a band shows at one point
                style["marker"] = marker or "_"
                axis.vlines(labels, low, high, color=color, alpha=0.4)
            axis.plot(labels, mean, color=color, label=name, **style)
            if method != "chance":
                axis.fill_between(labels, low, high, color=color, alpha=0.15, linewidth=0)
        axis.set_xscale("log")
        ticks = sorted(summaries["labels"].unique())
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.minorticks_off()
        axis.set(
            title=plain(title), xlabel="labeled images", ylabel="test accuracy (%)", ylim=(0, None)
        )
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing


def plot_gains(comparisons, title):
    """Draws by how much each pretrained method is ahead of the baseline, with 95 % intervals.

    Args:
        comparisons: DataFrame as `study_summary.compare` returns it.
        title: string.

    Returns:
        A closed `Figure`; above the line at zero pretraining has gained, where an interval meets
        it these images show no difference.
    """
    with figure(1, 1, (9, 3.4)) as (drawing, axis):
        axis.axhline(0, color="black", linewidth=1)
        for aside, (method, rows) in zip((0.97, 1.03), comparisons.groupby("first"), strict=False):
            color, marker, name = METHODS[method]
            rows = rows.sort_values("labels")
            value, low, high = (100 * rows[end].to_numpy(float) for end in ("value", "low", "high"))
            style = {"color": color, "marker": marker, "label": name, "capsize": 3}
            axis.errorbar(aside * rows["labels"], value, [value - low, high - value], **style)
        axis.set_xscale("log")
        ticks = sorted(comparisons["labels"].unique())
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.minorticks_off()
        axis.set(title=plain(title), xlabel="labeled images", ylabel="points over the baseline")
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing


def plot_map(maps, labels, class_names):
    """Draws points of the plane by class, each as its class's number, in colours.

    A class is also named in the map, where most of the points around are its own.

    Args:
        maps: dict from a panel's title to its points, float array `[N, 2]`.
        labels: int array `[N]`.
        class_names: strings, one a label.

    Returns:
        A closed `Figure`.
    """
    class_names = plain_names(class_names)
    colors = [color for name, color in COLORS.items() if name != "yellow"]  # too thin to be seen
    with figure(1, len(maps), (9, 9 / len(maps) + 0.5), squeeze=False) as (drawing, axes):
        for axis, (title, points) in zip(axes[0], maps.items(), strict=True):
            distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
            around = labels[np.argsort(distances, axis=1)[:, :20]]
            purity = np.mean(around == labels[:, None], axis=1)
            named, room = np.empty((0, 2)), np.ptp(points, axis=0) * (0.2, 0.05)
            for label in np.unique(labels):
                of_class = np.flatnonzero(labels == label)
                # Numbers: a star that stands for a class called "ring" would mislead.
                color, marker = colors[label % len(colors)], f"${label}$"
                axis.scatter(*points[of_class].T, 26, color, marker, alpha=0.8, linewidths=0)
                # The name goes to the purest place that leaves the names before it readable.
                free = [not np.any(np.all(abs(points[i] - named) < room, axis=1)) for i in of_class]
                purest = of_class[np.where(free, purity[of_class], 0).argmax()]
                if purity[purest] > 0.5:
                    named = np.vstack([named, points[purest]])
                    box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}
                    middle = {"ha": "center", "va": "center", "weight": "bold"}
                    axis.text(*points[purest], class_names[label], bbox=box, **middle)
            axis.set(title=plain(title, LONGEST_LABEL), xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        handles = axes[0, 0].collections
        names = [class_names[label] for label in np.unique(labels)]
        if len(names) <= 20:
            columns = max(1, min(10, 150 // (5 + max(map(len, names)))))  # 150 letters a line
            drawing.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=8)
    return drawing


def plot_classes(dataset, num_classes=10, num_each=3, num_columns=None, title=None):
    """Draws training images of each of the first classes; of the pool where nothing is labeled.

    Args:
        dataset: a `Dataset`.
        num_classes: int, classes at most.
        num_each: int, images of a class, one below the other.
        num_columns: int; `None` is one for each class.
        title: string above the figure, or `None`.

    Returns:
        A closed `Figure`.
    """
    if not dataset.is_labeled:
        images = dataset.unlabeled[: num_classes * num_each]
        return plot_images(images, None, num_columns or num_classes, "images of the pool")
    shown = range(min(num_classes, dataset.num_classes))
    sheet = [np.resize(np.flatnonzero(dataset.train[1] == label), num_each) for label in shown]
    titles = [dataset.class_names[label] for label in shown] + [""] * ((num_each - 1) * len(shown))
    rows = np.transpose(sheet).ravel()
    return plot_images(dataset.train[0][rows], titles, num_columns or len(shown), title)


def plot_validation_curves(tuned):
    """Draws the validation accuracy of a method's trainings, those that choose and the others.

    Args:
        tuned: dict from label count to what a `Comparison` keeps at its `tuning_path`.

    Returns:
        A closed `Figure`; colours are strengths of augmentation, thick lines trainings of full
        length, thin lines short ones, broken lines trainings on the other label subsets.
    """
    tried = [run["settings"] for record in tuned.values() for run in record["tried"]]
    strengths = sorted({settings["augmentation_strength"] for settings in tried})
    colors = dict(zip(strengths, COLORS.values(), strict=False))
    with figure(1, len(tuned), (9, 2.9), squeeze=False, sharey=True) as (drawing, axes):
        for axis, (labels, record) in zip(axes[0], tuned.items(), strict=True):

            def draw(settings, steps, curve, axis=axis, **style):
                color = colors[settings["augmentation_strength"]]
                at = steps * np.arange(1, len(curve) + 1) / max(1, len(curve))
                axis.plot(at, 100 * np.array(curve), color=color, **style)

            full = max(run["steps"] for run in record["tried"])
            for run in record["tried"]:
                draw(**run, linewidth=2.5 if run["steps"] == full else 0.8)
            known = [run["curve"] for run in record["tried"]]
            for curve in [each for each in record["curves"].values() if each not in known]:
                draw(record["settings"], full, curve, linewidth=1.2, linestyle="--")
            axis.set(title=f"{labels:,} labels", xlabel="steps", xlim=(0, None))
        axes[0, 0].set_ylabel("validation accuracy (%)")
        for strength, color in colors.items():
            axis.plot([], [], color=color, linewidth=2.5, label=f"{strength:g}")
        axis.plot([], [], color=COLORS["gray"], linewidth=0.8, label="short training")
        axis.plot([], [], color=COLORS["gray"], linestyle="--", label="other subset")
        drawing.legend(title="augmentation", fontsize=8, loc="outside right center")
    return drawing


def plot_confusion(counts, class_names):
    """Draws which classes are taken for which.

    Args:
        counts: int array `[C, C]`, images of class (row) that were called class (column).
        class_names: strings.

    Returns:
        A closed `Figure`.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    title = "who is taken for whom"
    if len(class_names) > MOST_NAMES:
        title += f": the {MOST_NAMES} most confused of {len(class_names):,} classes"
        wrong = counts * (1 - np.eye(len(counts), dtype=int))
        order = np.argsort(-wrong.sum(axis=0) - wrong.sum(axis=1), kind="stable")
        chosen = np.sort(order[:MOST_NAMES])
        shares, class_names = shares[np.ix_(chosen, chosen)], [class_names[i] for i in chosen]
    class_names = plain_names(class_names)
    size = min(8, 2.5 + 0.42 * len(class_names))
    with figure(1, 1, (max(6.5, size + 1), size)) as (drawing, axis):
        picture = axis.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100, aspect="auto")
        drawing.colorbar(picture, ax=axis, shrink=0.85, label="% of the class")
        places = np.arange(len(class_names))
        axis.set_xticks(places, class_names, rotation=45, ha="right")
        axis.set_yticks(places, class_names)
        axis.set(title=title, xlabel="predicted class", ylabel="true class")
        axis.grid(False)
        if len(class_names) <= 12:
            for row, column in np.ndindex(*shares.shape):
                color = "white" if shares[row, column] > 0.6 else "black"
                text = f"{100 * shares[row, column]:.0f}"
                axis.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    return drawing


def plot_methods(summaries, labels):
    """Draws the methods at one number of labels as bars with their 95 % intervals.

    Args:
        summaries: DataFrame as `results.summarize` returns it, of one dataset and metric.
        labels: int.

    Returns:
        A closed `Figure`.
    """
    rows = summaries[summaries["labels"] == labels].sort_values("mean")
    mean = 100 * rows["mean"].to_numpy(float)
    ends = [100 * rows[end].to_numpy(float).clip(0, 1) for end in ("low", "high")]
    colors, _, names = zip(*(METHODS[method] for method in rows["method"]), strict=True)
    with figure(1, 1, (9, 3)) as (drawing, axis):
        spread = np.abs([mean - ends[0], ends[1] - mean])
        axis.barh(names, mean, xerr=spread, color=colors, capsize=3)
        for place, value in enumerate(mean):
            axis.text(1, place, f"{value:.1f}", va="center", color="white", fontweight="bold")
        axis.set(title=f"{labels:,} labels", xlabel="test accuracy (%)", xlim=(0, 100))
        axis.grid(False, axis="y")
    return drawing
