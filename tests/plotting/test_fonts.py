"""Every figure draws every name: formulas, underscores, line breaks, letters of any script."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simclr_utils import course, plotting
from simclr_utils.plotting import to_png
from simclr_utils.plotting.fonts import alt_text, plain, readable

NAMES = [
    *("Ba$$in", "$1-$5", r"$\\alpha_x$", r"a\\$b$", "a^b_c{", "_background", "_", " "),
    *("\u732b", "\u0441\u043e\u0431\u0430\u043a\u0430", "\U0001f431", "\udcff", "a\u0301"),
    *("two\nlines", "tab\there", "\x00\x1b[31m", "<b>x</b> & 'y'", "%d %s {0}", "x" * 250),
    *("\u05d0\u05d1 \u0627\u0628", "\u732b" * 60),
]
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (len(NAMES), 8, 8, 3)).astype("uint8")
LABELS = np.arange(40) % 2
POINTS = RANDOM.normal(size=(40, 2)) + 8 * LABELS[:, None]
ROWS = [(method, 100, 0.5, 0.4, 0.6) for method in ("linear_probe", "supervised")]
SUMMARY = pd.DataFrame(ROWS, columns=["method", "labels", "mean", "low", "high"])
GAINS = pd.DataFrame(
    [("fine_tuned", 100, 0.1, 0.0, 0.2)], columns=["first", "labels", "value", "low", "high"]
)
CURVE, COLUMN = ([1, 2], [3, 4]), np.array([0.1, 0.5])
# All that takes a name; each is drawn with each name, and with all of them at once below.
ROC = pd.DataFrame(
    {"threshold": [np.inf, 0.7, 0.2], "sensitivity": [0, 0.8, 1], "specificity": [1, 0.9, 0]}
)
PRECISION = pd.DataFrame(
    {"threshold": [0.2, 0.7, np.inf], "recall": [1, 0.8, 0], "precision": [0.2, 0.6, 1]}
)
RELIABILITY = pd.DataFrame(
    {"confidence": [0.4], "accuracy": [0.5], "low": [0.3], "high": [0.7], "images": [10]}
)
CELLS = pd.DataFrame({"measure": ["accuracy"], "mean": [0.3], "half": [0.1], "labels": [100]})
OUTPUTS = pd.DataFrame(
    [(name, 0.9, 0.8, 1.0, 0.5, 0.4) for name in ("features", "projections")],
    columns=["output", "accuracy", "low", "high", "chance", "skill"],
)
DRAW = {
    "plot_pairs": lambda n: plotting.plot_pairs(CELLS.assign(line="a", at=n), n),
    "plot_sweep": lambda n: plotting.plot_sweep(
        CELLS.assign(line=n, at=n), CELLS.assign(line=n, at=n, accuracy=0.3), n, title=n
    ),
    "plot_transformations": lambda n: plotting.plot_transformations(
        OUTPUTS.assign(transformation=n), n
    ),
    "plot_factor_table": lambda n: plotting.plot_factor_table(
        OUTPUTS.assign(encoder=n, factor=n), n
    ),
    "plot_reliability": lambda n: plotting.plot_reliability({n: RELIABILITY}, "title"),
    "plot_roc": lambda n: plotting.plot_roc({n: ROC}, "title"),
    "plot_precision_recall": lambda n: plotting.plot_precision_recall({n: PRECISION}, "title", 0.2),
    "plot_occlusion": lambda n: plotting.plot_occlusion(
        PICTURES[:1], PICTURES[:1, ..., 0] / 255, [n]
    ),
    "plot_images": lambda n: plotting.plot_images(PICTURES[:2], [n, n], 2, n, [n]),
    "plot_curves": lambda n: plotting.plot_curves({n: {n: CURVE}}, "x"),
    "plot_bars": lambda n: plotting.plot_bars([n, "b"], {n: COLUMN, "other": COLUMN}, n, "x"),
    "plot_view_histograms": lambda n: plotting.plot_view_histograms(
        RANDOM.uniform(size=(1, 2, 8, 8, 3)), [n]
    ),
    "plot_similarities": lambda n: plotting.plot_similarities({n: (COLUMN, COLUMN)}),
    "plot_label_efficiency": lambda n: plotting.plot_label_efficiency(SUMMARY, n),
    "plot_gains": lambda n: plotting.plot_gains(GAINS, n),
    "plot_map": lambda n: plotting.plot_map({n: POINTS}, LABELS, [n, "other"]),
    "plot_neighbors": lambda n: plotting.plot_neighbors(
        PICTURES[0], {n: (PICTURES[:2], [True, False])}, f"class '{n}'"
    ),
    "plot_classes": lambda n: plotting.plot_classes(
        SimpleNamespace(
            is_labeled=True, num_classes=2, class_names=(n, "b"), train=(PICTURES[:2], np.arange(2))
        )
    ),
    "plot_sorted": lambda n: plotting.plot_sorted(
        {n: np.eye(4)}, {n: np.array([n, n, "b", "b"]), "x": np.arange(4.0)}, num_cells=2
    ),
    "plot_confusion": lambda n: plotting.plot_confusion(np.eye(2, dtype=int), [n, "other"]),
}
# They take numbers, and names of our own.
NAMELESS = {"plot_pretraining", "plot_similarity", "plot_temperature", "plot_validation_curves"}
NAMELESS |= {"plot_comparison", "plot_methods", "plot_simclr", "plot_circle"}
NAMELESS |= {"plot_parts", "plot_runs"}


def test_every_figure_is_drawn_here():
    there = {name for name in dir(plotting) if name.startswith("plot_")}
    assert there == set(DRAW) | NAMELESS


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
def test_a_figure_draws_any_name(draw):
    for name in NAMES:  # a warning, of a missing letter for instance, is an error in tests
        image = Image.open(io.BytesIO(to_png(draw(name))))
        assert image.width < 1700 and image.height < 1700, name


def test_figures_draw_many_strange_names_at_once():
    many = len(NAMES)
    plotting.plot_confusion(np.eye(many, dtype=int), NAMES)
    plotting.plot_images(PICTURES, NAMES, 10)
    numbers = np.arange(19).repeat(4)
    drawing = plotting.plot_map({"map": RANDOM.normal(size=(76, 2))}, numbers, NAMES)
    assert len(drawing.legends[0].get_texts()) == 19  # none is hidden


def test_explorers_draw_any_name():
    neighbors = {name: np.array([[0, 1]]) for name in ("$a$", "_b")}
    for name in NAMES:
        classes = [name, "other"]
        data = (PICTURES[:2], np.array([0, 1]))
        explorer = course.RetrievalExplorer(data, data, neighbors, POINTS[:2], classes)
        assert Image.open(io.BytesIO(explorer.draw(0)[0])).width > 100
        said = {10: {name or "x": (np.array([0, 1]), np.array([True, False]))}}
        explorer = course.MistakesExplorer(*data, said, classes)
        assert Image.open(io.BytesIO(explorer.draw(10)[0])).width > 100


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ba$$in", "Ba$$in"),
        (r"$\\alpha_x$", r"$\\alpha_x$"),
        ("_background", "_background"),
        ("\u732b", r"\u732b"),
        ("\u0441\u043e\u0431\u0430\u043a\u0430", "\u0441\u043e\u0431\u0430\u043a\u0430"),
        ("two\nlines", r"two\nlines"),
    ],
)
def test_a_figure_and_its_description_say_the_name(name, shown):
    drawing = plotting.plot_confusion(np.eye(2, dtype=int), [name, "other"])
    ticks = list(drawing.axes[0].get_yticklabels())
    assert ticks[0]._preprocess_math(ticks[0].get_text())[0].strip() == shown  # what is drawn
    drawing = plotting.plot_curves({name: {name: CURVE}}, "x")
    assert shown in alt_text(drawing) and r"\$" not in alt_text(drawing)
    assert drawing.axes[0].get_legend().get_texts()[0].get_text().strip() == plain(name).strip()


def test_long_names_keep_their_ends_and_short_ones_all():
    assert readable("abcdefghij", 5) == "ab\u2026ij" and readable("abcde", 5) == "abcde"
    assert readable("class_of_things_1", 9) != readable("class_of_things_2", 9)
