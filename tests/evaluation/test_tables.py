"""Tables and sentences about rows of results, and the studies that come with the course."""

import numpy as np
import pandas as pd
import pytest

from simclr_utils import evaluation, places
from simclr_utils.evaluation.tables import accuracy_lines

VALUES = {  # method: labels: (subset, encoder or None, accuracy)
    "supervised": {20: [(0, None, 0.30), (1, None, 0.40)], 500: [(0, None, 0.90), (1, None, 0.90)]},
    "linear_probe": {20: [(0, 0, 0.50), (1, 0, 0.60)], 500: [(0, 0, 0.70), (1, 0, 0.70)]},
}


def rows_of(values=VALUES):
    """Returns rows as `Results.frame` has them, in a mixed order."""
    rows = [
        {"method": method, "labels": labels, "metric": "accuracy", "value": value}
        | {"subset_seed": subset, "pretraining_seed": encoder}
        for method, counts in values.items()
        for labels, found in counts.items()
        for subset, encoder, value in found
    ]
    types = {"labels": "Int64", "subset_seed": "Int64", "pretraining_seed": "Int64"}
    return pd.DataFrame(rows).astype(types).iloc[::-1]


def test_a_table_has_means_in_percent_in_the_order_of_the_methods():
    table = evaluation.accuracy_table(rows_of())
    assert list(table.index) == ["SimCLR + linear probe", "supervised from scratch"]
    assert list(table.columns) == [20, 500]
    assert table.to_numpy().tolist() == [[55.0, 70.0], [35.0, 90.0]]


def test_a_table_refuses_what_it_does_not_have():
    with pytest.raises(ValueError, match=r"metric 'auroc'. Choose one of \['accuracy'\]"):
        evaluation.accuracy_table(rows_of(), "auroc")
    with pytest.raises(ValueError, match="'oracle', which is not in METHODS"):
        evaluation.accuracy_table(rows_of().replace("supervised", "oracle"))


def test_lines_are_subsets_by_encoders_by_counts():
    lines = accuracy_lines(rows_of(), "linear_probe")
    assert lines.shape == (2, 1, 2)
    assert np.allclose(lines[:, 0], [[0.5, 0.7], [0.6, 0.7]])
    with pytest.raises(ValueError, match="No row has the method 'knn'"):
        accuracy_lines(rows_of(), "knn")


def test_one_subset_of_all_labels_stands_for_each():
    values = {"linear_probe": {20: [(0, 0, 0.5), (1, 0, 0.6), (0, 1, 0.3), (1, 1, 0.4)]}}
    values["linear_probe"][500] = [(0, 0, 0.7), (0, 1, 0.8)]
    lines = accuracy_lines(rows_of(values), "linear_probe")
    assert np.allclose(lines[:, :, 1], [[0.7, 0.8], [0.7, 0.8]])


def test_the_mean_of_fewer_subsets_stands_for_the_others():
    few = [(subset, 0, 0.5) for subset in range(4)]
    values = {"supervised": {20: few, 500: [(0, 0, 0.9), (1, 0, 0.7), (2, 0, 0.8)]}}
    lines = accuracy_lines(rows_of(values), "supervised")
    assert np.allclose(lines[:, 0, 1], [0.9, 0.7, 0.8, 0.8])


def test_a_crossing_in_words():
    points, crossing = evaluation.describe_crossing(rows_of()).splitlines()
    assert points.endswith("in points: +20.0 at 20, -20.0 at 500 labels")
    assert crossing == "crossing: about 100 labels"  # halfway over the logarithm; no interval
    with pytest.raises(ValueError, match=r"rows at \[20\] labels, supervised at \[20, 500\]"):
        frame = rows_of()
        evaluation.describe_crossing(
            frame[(frame["labels"] == 20) | (frame["method"] == "supervised")]
        )


def test_three_repetitions_have_an_interval():
    values = {
        method: {n: [*found, (2, found[0][1], found[0][2] + 0.05)] for n, found in counts.items()}
        for method, counts in VALUES.items()
    }
    assert "[" in evaluation.describe_crossing(rows_of(values)).splitlines()[1]


def test_the_published_study_is_the_one_in_the_folder(monkeypatch, tmp_path):
    real = evaluation.load_published("cifar10")
    assert set(real.frame["metric"]) == {"accuracy"} and "supervised-100" in real.tuning
    assert repr(real).startswith("cifar10, preset full: ")
    table = evaluation.accuracy_table(real.frame)
    gains = real.comparisons.set_index(["first", "labels"])["value"]
    gap = table.loc["SimCLR + fine-tuning", 100] - table.loc["supervised from scratch", 100]
    assert gap == pytest.approx(100 * gains["fine_tuned", 100], abs=0.11)
    monkeypatch.setattr(places, "RESULTS", tmp_path)
    with pytest.raises(FileNotFoundError, match="no study 'cifar10'.*It has none"):
        evaluation.load_published("cifar10")
