"""The simulation of coverage: its components are known, and its stored rows meet the goal."""

from pathlib import Path

import interval_coverage
import numpy as np
import pandas as pd
import pytest

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def stored():
    return pd.read_csv(RESULTS / "benchmarks" / "coverage.csv")


def test_known_components_are_found():
    random, found = np.random.default_rng(0), []
    for _ in range(40):
        table = random.normal(0, 0.03, (8, 1, 1)) + random.normal(0, 0.4, (8, 6, 400))
        found.append(interval_coverage.split(table))
    means = (pd.DataFrame(found)[["s", "e"]] ** 2).mean() ** 0.5  # of squares: in points
    assert means["s"] == pytest.approx(3, rel=0.15) and means["e"] < 0.5
    means = pd.DataFrame(found).mean()
    assert means["sei"] == pytest.approx(16, rel=0.05)  # 1/100 of an image
    assert means["i"] < 1 and means["si"] < 1


def test_the_components_are_those_of_the_stored_study():
    for labels, parts in interval_coverage.estimate(RESULTS / "studies" / "cifar10").items():
        for name, value in interval_coverage.COMPONENTS.get(labels, {}).items():
            assert parts[name] == pytest.approx(value, abs=0.006), (labels, name)


def test_a_row_is_made_anew_as_it_is_stored(stored):
    key = {"labels": 1000, "images": 300, "encoders": 3, "subsets": 3}
    row = interval_coverage.simulate(np.random.default_rng(1), **key, tuning=1.0, tuned="once")
    same = stored.loc[(stored[list(row)[:7]] == pd.Series(row)[:7]).all(axis=1)].iloc[0]
    for name in list(row)[7:]:
        assert row[name] == pytest.approx(same[name], rel=0.05, abs=0.01), name


def test_the_page_is_that_of_the_rows(stored):
    page = (RESULTS / "coverage.md").read_text(encoding="utf-8")
    assert page == interval_coverage.page(stored)


def test_ten_subsets_and_three_encoders_meet_the_goal(stored):
    rows = stored[(stored["subsets"] == 10) & (stored["encoders"] == 3)]
    rows = rows[(rows["tuned"] == "per subset") & (rows["model"] == "mean squares")]
    assert len(rows) == 45
    by_images = rows.groupby("images")["coverage_after"].mean()
    assert by_images.between(0.94, 0.962).all()
    assert rows["false_after"].mean() <= 0.05 and rows["false_after"].max() < 0.065
    assert (rows["power_after"] >= rows["power_before"] - 0.01).all()
