"""Figures: closed when they come, and with what they were given in them."""

import io
import itertools
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from simclr_utils import plotting
from simclr_utils.methods import METHODS, Method
from simclr_utils.plotting import plot_images, plot_pretraining, to_png
from simclr_utils.plotting.fonts import alt_text
from simclr_utils.plotting.schematic import PLACES
from simclr_utils.plotting.style import COLORS, STYLE, figure

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (7, 8, 8, 3)).astype("uint8")
HISTORY = {
    "loss": [5.0, 4.0, 3.5],
    "val_loss": [5.0, 4.2, 3.9],
    "contrastive_accuracy": [0.1, 0.2, 0.3],
    "knn_accuracy": [None, 0.4, None],
}
RUNS = pd.DataFrame(
    [(1, 5.0, 0.1, 0), (2, 4.0, 0.2, 0), (1, 5.1, 0.1, 1), (2, 4.1, 0.3, 1)],
    columns=["epoch", "loss", "contrastive_accuracy", "pretraining_seed"],
)
COSINES = np.array([[1, 0.9, 0.2, 0.1], [0.9, 1, 0.3, 0], [0.2, 0.3, 1, 0.8], [0.1, 0, 0.8, 1.0]])
POINTS = RANDOM.normal(size=(60, 2)) + 8 * (np.arange(60) % 3)[:, None]
SUMMARY = pd.DataFrame(
    [
        ("linear_probe", 100, 0.50, 0.45, 0.55),
        ("linear_probe", 500, 0.60, 0.58, 0.62),
        ("supervised", 100, 0.30, 0.25, 0.35),
        ("supervised", 500, 0.55, 0.50, 0.60),
        ("chance", 100, 0.10, 0.09, 0.11),
        ("chance", 500, 0.10, 0.09, 0.11),
    ],
    columns=["method", "labels", "mean", "low", "high"],
)
SUMMARY.insert(2, "metric", "accuracy")
ROWS = pd.DataFrame(
    [
        ("linear_probe", 100, 0.52),
        ("linear_probe", 100, 0.48),
        ("linear_probe", 500, 0.60),
        ("linear_probe", 500, 0.60),
        ("chance", 100, 0.10),
        ("chance", 500, 0.10),
    ],
    columns=["method", "labels", "value"],
)
ROWS.insert(2, "metric", "accuracy")
GAINS = pd.DataFrame(
    [
        ("fine_tuned", 500, 0.02, -0.01, 0.05),
        ("fine_tuned", 100, 0.07, 0.04, 0.09),
        ("linear_probe", 100, -0.01, -0.03, 0.01),
    ],
    columns=["first", "labels", "value", "low", "high"],
)
TRIED = [
    {
        "settings": {"augmentation_strength": strength},
        "steps": steps,
        "fold": fold,
        "images": 10 + 20 * fold,
        "curve": [0.2, 0.4 + 0.4 * fold - strength],
    }
    for strength, steps in ((0.5, 10), (0.5, 60), (0.0, 60))
    for fold in (0, 1)
]
ROC = pd.DataFrame(
    {"threshold": [np.inf, 0.7, 0.2], "sensitivity": [0, 0.8, 1], "specificity": [1, 0.9, 0]}
)
PRECISION = pd.DataFrame(
    {"threshold": [0.2, 0.7, np.inf], "recall": [1, 0.8, 0], "precision": [0.2, 0.6, 1]}
)
RELIABILITY = pd.DataFrame(
    [(0.4, 0.5, 0.3, 0.7, 10), (0.9, 0.7, 0.6, 0.8, 90)],
    columns=["confidence", "accuracy", "low", "high", "images"],
)
TUNED = {"num_steps": 60, "tried": TRIED}
CELLS = pd.DataFrame(
    [("crop", "crop", "accuracy", 0.3, 0.1), ("crop", "blur", "accuracy", 0.5, 0.1)],
    columns=["line", "at", "measure", "mean", "half"],
).assign(labels=100)
SEEDS = pd.DataFrame({"line": ["crop"], "at": ["blur"], "labels": [100], "accuracy": [0.5]})
OUTPUTS = pd.DataFrame(
    [(name, 0.9, 0.8, 1.0, 0.5, 0.4) for name in ("features", "projections")],
    columns=["output", "accuracy", "low", "high", "chance", "skill"],
).assign(transformation="blur", encoder="crop", factor="x")
# How every figure of the package is drawn; a new one is to be added here.
CLASSES = SimpleNamespace(
    is_labeled=True,
    num_classes=3,
    class_names=list("abc"),
    train=(PICTURES, np.arange(len(PICTURES)) % 3),
    unlabeled=PICTURES,
)

DRAW = {
    "plot_images": lambda: plot_images(PICTURES, list("abcdefg"), 3, "title", ["one", "two"]),
    "plot_pretraining": lambda: plot_pretraining(HISTORY, 6.2, 511),
    "plot_runs": lambda: plotting.plot_runs(RUNS, 256),
    "plot_curves": lambda: plotting.plot_curves({"a": {"x": ([1, 2], [3, 4])}}, "t", log_x=True),
    "plot_bars": lambda: plotting.plot_bars(
        ["a", "b"], {"x": [0.1, 0.2]}, "title", "x", chance=0.1
    ),
    "plot_view_histograms": lambda: plotting.plot_view_histograms(
        RANDOM.uniform(size=(2, 2, 8, 8, 3)), ["a", "b"]
    ),
    "plot_similarities": lambda: plotting.plot_similarities(
        {"a": (RANDOM.uniform(size=9), RANDOM.uniform(-1, 1, 9))}
    ),
    "plot_similarity": lambda: plotting.plot_similarity(COSINES, COSINES.clip(0), [1, 0, 3, 2]),
    "plot_temperature": lambda: plotting.plot_temperature(COSINES, 0, 1, [0.1, 1.0]),
    "plot_label_efficiency": lambda: plotting.plot_label_efficiency(SUMMARY, "title"),
    "plot_comparison": lambda: plotting.plot_comparison(ROWS, "title"),
    "plot_map": lambda: plotting.plot_map({"a": POINTS, "b": POINTS}, np.arange(60) % 3, "xyz"),
    "plot_classes": lambda: plotting.plot_classes(CLASSES, 2, 2, title="title"),
    "plot_neighbors": lambda: plotting.plot_neighbors(
        PICTURES[0], {"a": (PICTURES[1:4], [True, False, True])}, "title"
    ),
    "plot_validation_curves": lambda: plotting.plot_validation_curves({100: TUNED, 500: TUNED}),
    "plot_confusion": lambda: plotting.plot_confusion(np.eye(3, dtype=int) * 5 + 1, list("abc")),
    "plot_methods": lambda: plotting.plot_methods(SUMMARY, 500),
    "plot_reliability": lambda: plotting.plot_reliability(
        {"a": RELIABILITY, "b": RELIABILITY}, "title"
    ),
    "plot_roc": lambda: plotting.plot_roc({"a": ROC, "b": ROC}, "title"),
    "plot_precision_recall": lambda: plotting.plot_precision_recall({"a": PRECISION}, "title", 0.2),
    "plot_occlusion": lambda: plotting.plot_occlusion(
        PICTURES[:2], PICTURES[:2, ..., 0] / 255, "ab"
    ),
    "plot_gains": lambda: plotting.plot_gains(GAINS, "title"),
    "plot_simclr": lambda: plotting.plot_simclr("encoder"),
    "plot_pairs": lambda: plotting.plot_pairs(CELLS, "title"),
    "plot_sweep": lambda: plotting.plot_sweep(CELLS, SEEDS, "x"),
    "plot_transformations": lambda: plotting.plot_transformations(OUTPUTS, "title"),
    "plot_factor_table": lambda: plotting.plot_factor_table(OUTPUTS, "title"),
    "plot_circle": lambda: plotting.plot_circle(COSINES[:3, :2], COSINES[1:, 1:3]),
    "plot_parts": lambda: plotting.plot_parts(COSINES, (1, 2)),
    "plot_sorted": lambda: plotting.plot_sorted(
        {"a": COSINES, "b": COSINES}, {"x": np.array(list("abba")), "y": COSINES[1]}, num_cells=2
    ),
}


def test_stored_runs_are_drawn_one_by_one_over_their_chance_level():
    loss, accuracy = plotting.plot_runs(RUNS, 256).axes
    assert [list(line.get_ydata()) for line in loss.lines[:2]] == [[5.0, 4.0], [5.1, 4.1]]
    assert loss.lines[2].get_ydata()[0] == pytest.approx(np.log(511))
    assert accuracy.lines[2].get_ydata()[0] == pytest.approx(1 / 511)


def test_every_figure_is_tried_here():
    assert {name for name in dir(plotting) if name.startswith("plot_")} == set(DRAW)


def test_without_labels_images_of_the_pool_are_shown():
    unlabeled = SimpleNamespace(is_labeled=False, unlabeled=PICTURES)
    drawing = plotting.plot_classes(unlabeled, 2, 2)
    assert drawing.get_suptitle() == "images of the pool"
    assert sum(bool(axis.images) for axis in drawing.axes) == 4


def test_of_many_classes_the_most_confused_are_shown():
    names, counts = [f"c{number}" for number in range(60)], np.diag(np.full(60, 9))
    counts[3, 55] = counts[7, 8] = 5
    drawing = plotting.plot_confusion(counts, names)
    shown = [text.get_text() for text in drawing.axes[0].get_xticklabels()]
    assert len(shown) == 20 and {"c3", "c55", "c7", "c8"} <= set(shown)
    assert "the 20 most confused of 60 classes" in drawing.axes[0].get_title("left")


@pytest.mark.parametrize("name", DRAW)
def test_figures_come_closed_and_can_be_shown(name):
    drawing = DRAW[name]()
    assert isinstance(drawing, Figure)
    assert plt.get_fignums() == []
    image = np.asarray(Image.open(io.BytesIO(to_png(drawing))).convert("RGB"))
    assert 500 < image.shape[1] < 1600 and image.shape[0] > 80
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20  # there is something on it


def test_a_figure_is_closed_when_drawing_fails_and_the_style_ends_with_it():
    before = plt.rcParams["axes.spines.top"]
    with pytest.raises(KeyError), figure() as (drawing, _):
        assert plt.fignum_exists(drawing.number)
        assert plt.rcParams["axes.spines.top"] is STYLE["axes.spines.top"] is False
        raise KeyError("wrong")
    assert plt.get_fignums() == [] and plt.rcParams["axes.spines.top"] == before


def test_images_stand_in_their_places():
    drawing = plot_images(PICTURES, list("abcdefg"), 3, "title", ["one", "two", "three"])
    axes = drawing.axes
    assert len(axes) == 9 and [axis.axison for axis in axes] == [True] * 7 + [False] * 2
    for axis, picture, title in zip(axes, PICTURES, "abcdefg", strict=False):
        np.testing.assert_array_equal(axis.images[0].get_array(), picture)
        assert axis.get_title() == title
    assert [axes[row].get_ylabel() for row in (0, 3, 6)] == ["one", "two", "three"]


@pytest.mark.parametrize("dtype, top", [("uint8", 255), ("float32", 1)])
def test_one_channel_is_drawn_in_gray_on_its_full_scale(dtype, top):
    image = plot_images(PICTURES[:1, ..., :1].astype(dtype), num_columns=1).axes[0].images[0]
    assert image.get_array().shape == (8, 8)
    assert image.get_cmap().name == "gray" and image.get_clim() == (0, top)


def test_pretraining_curves_show_what_was_measured():
    drawing = plot_pretraining(HISTORY, 6.2, 511)
    assert all(each.get_text().isdigit() for each in drawing.axes[2].get_xticklabels())
    lines = {
        (index, line.get_label()): (list(line.get_xdata()), list(line.get_ydata()))
        for index, axis in enumerate(drawing.axes)
        for line in axis.lines
    }
    assert lines[0, "training"] == ([1, 2, 3], HISTORY["loss"])
    assert lines[0, "validation"] == ([1, 2, 3], HISTORY["val_loss"])
    assert lines[0, "chance"][1] == [6.2, 6.2] and lines[1, "chance"][1] == [1 / 511] * 2
    assert lines[1, "training"] == ([1, 2, 3], HISTORY["contrastive_accuracy"])
    assert lines[2, "SimCLR"] == ([2], [0.4])  # the epochs in between are left out
    assert (1, "validation") not in lines
    assert drawing.axes[2].lines[0].get_marker() not in (None, "None")  # one point can be seen


def test_curves_of_the_first_epoch_can_be_drawn():
    drawing = plot_pretraining({"loss": [5.0], "knn_accuracy": [None]}, 6.2, 511)
    assert len(drawing.axes[0].lines) == 2 and len(drawing.axes[2].lines) == 0


def test_a_comparison_shows_means_and_the_spread_of_the_rows():
    (axis,) = plotting.plot_comparison(ROWS, "title").axes
    probe, chance = axis.get_lines()
    assert list(probe.get_xdata()) == [100, 500]
    assert np.allclose(probe.get_ydata(), [50, 60])
    assert chance.get_linestyle() == "--" and list(chance.get_ydata()) == [10, 10]
    ends = [segment[:, 1] for segment in axis.collections[0].get_segments()]
    assert np.allclose(ends, [[48, 52], [60, 60]])
    names = [text.get_text() for text in axis.get_legend().get_texts()]
    assert names == ["SimCLR + linear probe", "most frequent class"]


def test_a_comparison_needs_rows_of_its_metric():
    with pytest.raises(ValueError, match=r"metric 'auroc'. Choose one of \['accuracy'\]"):
        plotting.plot_comparison(ROWS, "title", "auroc")


def test_label_efficiency_puts_all_methods_on_one_axis():
    drawing = plotting.plot_label_efficiency(SUMMARY, "title")
    (axis,) = drawing.axes
    lines = {line.get_label(): line for line in axis.lines}
    assert list(lines["SimCLR + linear probe"].get_ydata()) == pytest.approx([50, 60])
    assert list(lines["supervised from scratch"].get_ydata()) == pytest.approx([30, 55])
    assert list(lines["supervised from scratch"].get_xdata()) == [100, 500]
    assert axis.get_xscale() == "log" and len(axis.collections) == 2  # an interval for each
    assert len({to_hex(line.get_color()) for line in axis.lines}) == 3


def with_second_metric(frame, value):
    """The rows, and the same ones of another metric with another value and no interval."""
    other = frame.assign(metric="balanced_accuracy", low=np.nan, high=np.nan, **{value: -0.2})
    return pd.concat([other, frame.assign(metric="accuracy")], ignore_index=True)


def test_rows_of_one_metric_are_drawn_and_the_axis_names_it():
    both = with_second_metric(SUMMARY, "mean")
    for rows in (SUMMARY, both):
        (axis,) = plotting.plot_label_efficiency(rows, "title").axes
        assert list(axis.lines[0].get_ydata()) == pytest.approx([50, 60])
        assert axis.get_ylabel() == "test accuracy (%)" and axis.get_ylim()[0] == 0
    (axis,) = plotting.plot_label_efficiency(both, "title", "balanced_accuracy").axes
    assert list(axis.lines[0].get_ydata()) == [-20, -20] and axis.get_ylim()[0] == -20
    assert axis.get_ylabel() == "test balanced accuracy (%)"
    high = both.assign(mean=0.9, low=0.6)
    (axis,) = plotting.plot_label_efficiency(high, "title", "balanced_accuracy").axes
    assert axis.get_ylim()[0] == 45
    (axis,) = plotting.plot_methods(both, 500, "balanced_accuracy", "mean recall").axes
    assert axis.get_xlabel() == "test mean recall (%)" and axis.get_xlim()[0] == -20
    assert [bar.get_width() for bar in axis.patches] == [-20] * 3
    (axis,) = plotting.plot_methods(both, 500).axes
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([10, 55, 60])
    (axis,) = plotting.plot_gains(with_second_metric(GAINS, "value"), "title").axes
    assert len(axis.lines[-1].get_xdata()) and axis.get_ylabel().startswith("points of accuracy")
    with pytest.raises(ValueError, match="No row has the metric 'auroc'.*balanced_accuracy"):
        plotting.plot_gains(both, "title", "auroc")


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plotting.plot_label_efficiency(SUMMARY.replace("supervised", "oracle"), "title"),
        lambda: plotting.plot_gains(GAINS.replace("fine_tuned", "oracle"), "title"),
        lambda: plotting.plot_methods(SUMMARY.replace("supervised", "oracle"), 500),
    ],
)
def test_a_method_that_is_not_in_the_table_is_an_error(draw):
    with pytest.raises(
        ValueError, match="'oracle', which is not in METHODS of simclr_utils/methods"
    ):
        draw()


def test_every_method_of_the_table_can_be_drawn(monkeypatch):
    monkeypatch.setitem(METHODS, "oracle", Method("an oracle", "yellow", "X", "probe", "pixels"))
    rows = [(name, 100, 0.05 * place, 0, 0.9) for place, name in enumerate(METHODS)]
    rows = pd.DataFrame(rows, columns=["method", "labels", "mean", "low", "high"])
    labels = [method.label for method in METHODS.values()]
    (axis,) = plotting.plot_label_efficiency(rows, "title").axes
    assert [line.get_label() for line in axis.lines] == labels
    (axis,) = plotting.plot_methods(rows, 100).axes
    assert [text.get_text() for text in axis.get_yticklabels()] == labels
    gains = rows.rename(columns={"method": "first", "mean": "value"})
    (axis,) = plotting.plot_gains(gains, "title").axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == labels


LONG = ["diffuse large B-cell lymphoma", "benign keratosis-like", "ring", "half moon"] * 3
ALL = pd.DataFrame(
    [
        (name, labels, 0.05 * place, 0.05 * place - 0.02, 0.05 * place + 0.02)
        for place, name in enumerate(METHODS, 1)
        for labels in (10, 20, 10_000)
    ],
    columns=["method", "labels", "mean", "low", "high"],
)
GRID = RANDOM.normal(size=(240, 2)) + 3 * np.stack(np.divmod(np.arange(240) % 12, 4), 1)
KEPT = ("plot_pretraining", "plot_similarity", "plot_temperature", "plot_circle")
CROWDED = {
    **{name: DRAW[name] for name in KEPT},
    **{f"plot_simclr {here}": lambda here=here: plotting.plot_simclr(here) for here in PLACES},
    "plot_label_efficiency": lambda: plotting.plot_label_efficiency(ALL, "title"),
    "plot_methods": lambda: plotting.plot_methods(ALL, 20),
    "plot_reliability": lambda: plotting.plot_reliability(
        {"a": RELIABILITY, "b": RELIABILITY}, "title"
    ),
    "plot_gains": lambda: plotting.plot_gains(
        ALL.rename(columns={"method": "first", "mean": "value"}), "title"
    ),
    "plot_images": lambda: plot_images(PICTURES, LONG[:7], 10, "title", ["random encoder"]),
    "plot_sorted": lambda: plotting.plot_sorted(
        {"a": np.eye(240), "b": np.eye(240)},
        {"class": np.array(LONG)[np.arange(240) % 12], "x": GRID[:, 0], "y": GRID[:, 1]},
    ),
    "plot_bars": lambda: plotting.plot_bars(LONG, {"a": [0.9] * 12, "b": [1.0] * 12}, "t", "x"),
    "plot_map": lambda: plotting.plot_map({"a": GRID, "b": GRID}, np.arange(240) % 12, LONG),
    "plot_validation_curves": lambda: plotting.plot_validation_curves(
        dict.fromkeys((100, 500, 1000, 10_000), TUNED)
    ),
}


@pytest.mark.parametrize("name", CROWDED)
def test_no_text_covers_another(name, monkeypatch):
    drawing, draw, drawn = CROWDED[name](), Text.draw, set()

    def note(text, renderer):
        drawn.add(text)
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", note)
    to_png(drawing)
    shown = [text for text in drawn if text.get_visible() and text.get_text().strip()]
    places = [(text.get_text(), text.get_window_extent().shrunk(0.9, 0.9)) for text in shown]
    assert len(places) > 5
    covered = [(a[0], b[0]) for a, b in itertools.combinations(places, 2) if a[1].overlaps(b[1])]
    assert covered == []


def test_a_short_curve_has_a_mark_and_a_tick_at_each_of_its_points():
    few, many = [8, 16, 64], list(range(1, 40))
    (axis,) = plotting.plot_curves({"a": {"x": (few, few)}}, "N", log_x=True).axes
    assert list(axis.get_xticks()) == few and axis.lines[0].get_markevery() is None
    (axis,) = plotting.plot_curves({"a": {"x": (many, many)}}, "N", log_x=True).axes
    assert len(axis.get_xticks()) < len(many) and axis.lines[0].get_markevery() == 0.12


def test_gains_stand_at_their_labels_in_points_with_both_ends_of_their_intervals():
    (axis,) = plotting.plot_gains(GAINS, "title").axes
    zero, *lines = [line for line in axis.lines if line.get_marker() in ("None", "o", "P")]
    assert list(zero.get_ydata()) == [0, 0]
    values = [list(line.get_ydata()) for line in lines]
    assert values == [pytest.approx([-1]), pytest.approx([7, 2])]  # by labels, a line each
    assert np.allclose(lines[1].get_xdata(), [100, 500], rtol=0.04)
    ends = axis.collections[1].get_segments()
    assert np.allclose([segment[:, 1] for segment in ends], [[4, 9], [-1, 5]])


def test_short_and_full_runs_stand_on_one_axis_of_steps():
    nothing = {"num_steps": 60, "tried": []}
    drawing = plotting.plot_validation_curves({10: nothing, 100: TUNED})
    empty, lines = (
        [line for line in axis.lines if line.get_label().startswith("_")]
        for axis in drawing.axes[:2]
    )
    assert empty == []
    steps = [[5, 10], [30, 60], [30, 60]]
    assert [list(line.get_xdata()) for line in lines] == steps
    # The mean of the folds, by their images.
    heights = [list(line.get_ydata()) for line in lines[1:]]
    np.testing.assert_allclose(heights, [[20, 20], [20, 70]])
    short, full, other_strength = lines
    assert short.get_linewidth() < full.get_linewidth() == other_strength.get_linewidth()
    assert short.get_color() == full.get_color() != other_strength.get_color()


def test_temperature_bars_are_a_softmax():
    drawing = plotting.plot_temperature(COSINES, 0, 1, [0.5])
    heights = [bar.get_height() for bar in drawing.axes[0].patches]
    expected = np.exp(COSINES[0, 1:] / 0.5)
    assert heights == pytest.approx(list(expected / expected.sum()))
    loss = -np.log(heights[0])
    assert f"loss {loss:.2f}" in drawing.axes[0].get_title(loc="left")


def test_colors_differ():
    assert len(set(COLORS.values())) == len(COLORS)


def test_a_figure_says_in_words_what_it_shows():
    with figure(1, 2) as (drawing, axes):
        drawing.suptitle("All of it")
        axes[0].plot([1, 2], label="training")
        axes[0].plot([2, 1], label="validation")
        axes[0].set(title="loss", xlabel="epoch")
        axes[1].plot([1], label="training")
        axes[1].set(title="accuracy\nof kNN", xlabel="epoch", ylabel="share")
    said = "All of it, loss, values by epoch, training, validation, accuracy of kNN, share by epoch"
    assert alt_text(drawing) == f"Figure: {said}"
    assert alt_text(plot_images(PICTURES, list("abcdefg"), 4, "sheet")).startswith(
        "Figure: 7 pictures, sheet, a, b"
    )


def test_jupyter_gets_picture_and_words():
    drawing = DRAW["plot_curves"]()
    shown, about = DisplayFormatter().format(drawing)
    assert about["image/png"]["alt"] == alt_text(drawing)
    assert shown["image/png"] == to_png(drawing) and "Figure" in shown["text/plain"]
