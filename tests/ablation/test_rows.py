"""The rows of an ablation: files that grow by whole trainings, means, intervals, differences."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from simclr_utils.ablation.rows import (
    add_rows,
    differences,
    half_width,
    summarize_cells,
    total_minutes,
)
from simclr_utils.evaluation.published import published_ablation, read_ablation


def row(cell, seed, accuracy, labels=100):
    made = {"grid": "temperature", "cell": cell, "line": "SimCLR", "at": cell, "dataset": "made"}
    return {**made, "seed": seed, "labels": labels, "accuracy": accuracy, "steps": 9, "minutes": 2}


def test_rows_are_added_and_the_earlier_ones_stay_as_they_are(tmp_path):
    path = tmp_path / "rows.csv"
    add_rows(path, [row("0.10", 0, 0.1234)])
    first = path.read_text()
    add_rows(path, [row("0.10", 1, 0.5), row("none", 1, None)])
    assert path.read_text().startswith(first)
    frame = read_ablation(path)
    assert list(frame["at"]) == ["0.10", "0.10", "none"]  # as text, also where it is a number
    assert np.isnan(frame["accuracy"][2]) and frame["seed"].tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match=r"no column \['acuracy'\]"):
        add_rows(path, [{"acuracy": 1}])


def test_means_and_intervals_over_seeds():
    values = [0.5, 0.6, 0.4, np.nan]
    frame = pd.DataFrame([row("a", seed, value) for seed, value in enumerate(values)])
    frame = pd.concat([frame, pd.DataFrame([row("b", 0, 0.7)])])
    summary = summarize_cells(frame, ["accuracy"]).set_index("cell")
    low, high = stats.t.interval(0.95, 2, np.mean(values[:3]), stats.sem(values[:3]))
    assert summary.loc["a", "mean"] == pytest.approx(0.5) and summary.loc["a", "n"] == 3
    assert summary.loc["a", "half"] == pytest.approx((high - low) / 2)
    assert np.isnan(summary.loc["b", "half"]) and np.isnan(half_width([1.0]))


def test_differences_are_taken_seed_by_seed():
    base = [0.2, 0.5, 0.8]  # the seeds differ by much more than the cells
    frame = pd.DataFrame(
        [row("a", seed, value) for seed, value in enumerate(base)]
        + [row("b", seed, value + 0.1) for seed, value in enumerate(base)]
    )
    gap = differences(frame, "a").iloc[0]
    assert gap["mean"] == pytest.approx(0.1) and gap["half"] == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="No cell 'c'. Choose from .*'a', 'b'"):
        differences(frame, "c")


def test_minutes_of_a_training_count_once():
    rows = [row("a", 0, 0.1, labels) for labels in (100, 500)] + [row("a", 1, 0.1)]
    assert total_minutes(pd.DataFrame(rows)) == 4


def test_an_ablation_that_there_is_not_is_named():
    with pytest.raises(FileNotFoundError, match="There is no ablation 'shapes_nothing' in"):
        published_ablation("shapes_nothing")
