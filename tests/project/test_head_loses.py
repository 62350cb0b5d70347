"""The benchmark of what the head throws away: its rows, and how a stopped measurement goes on."""

from types import SimpleNamespace

import head_loses
import pandas as pd
import pytest

from simclr_utils.evaluation.factor_scores import CHANGED_BY

OPTIONS = SimpleNamespace(source="shapes", steps=5, images=40, seeds=2)
VALUES = {"accuracy": 0.75, "low": 0.7, "high": 0.8, "chance": 0.5}


def tables(recipe):
    """Returns what the process of one recipe prints."""
    probed = [
        {
            "transformation": "flip",
            "output": output,
            **VALUES,
            "probe": "linear",
            "varied": "f" in recipe,
        }
        for output in ("features", "projections")
    ]
    scored = [
        {"encoder": recipe, "output": output, "factor": "x", "skill": 0.5}
        for output in ("features", "projections")
    ]
    return {"transformations": probed, "factors": scored, "minutes": 1.5}


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Replaces the processes by a function that lists what was asked for."""
    asked = []

    def run_alone(script, *arguments):
        asked.append(arguments[-2:])
        return tables(arguments[-2])

    monkeypatch.setattr(head_loses, "run_alone", run_alone)
    monkeypatch.setattr(head_loses, "FOLDER", tmp_path)
    return asked


def test_what_is_there_is_not_measured_again(calls, monkeypatch):
    head_loses.measure_recipes(OPTIONS)
    assert calls == [(recipe, seed) for seed in (0, 1) for recipe in head_loses.RECIPES]
    frame = pd.DataFrame(head_loses.read_table("head_factors"))
    assert len(frame) == 2 * len(calls)
    assert frame[["commit", "hardware", "date"]].notna().all(axis=None)
    assert set(frame["steps"]) == {0, 5}  # the random encoder is not trained
    calls.clear()
    head_loses.measure_recipes(OPTIONS)
    assert calls == []
    head_loses.measure_recipes(SimpleNamespace(**{**vars(OPTIONS), "steps": 6}))
    assert len(calls) == 2 * (len(head_loses.RECIPES) - 1)


def test_rows_of_a_stopped_measurement_are_replaced(calls):
    key = {"dataset": "shapes", "recipe": "crop", "seed": 0, "steps": 5, "images": 40}
    for _ in range(2):  # stopped before the factors were written
        head_loses.append(
            "head_transformations", key, pd.DataFrame(tables("crop")["transformations"])
        )
    assert len(head_loses.read_table("head_transformations")) == 2


def test_each_table_becomes_a_figure(calls, tmp_path):
    head_loses.measure_recipes(OPTIONS)
    stored = {"dataset": "shapes", "recipe": "crop + flip", "seed": 0, "steps": 9, "images": 40}
    rows = pd.DataFrame(tables("crop + flip")["transformations"])
    head_loses.append("head_transformations", stored, rows)
    head_loses.draw_figures()
    names = {path.stem for path in tmp_path.glob("*.png")}
    prefix = "head_transformations_shapes_linear"
    assert names == {f"{prefix}_recipes", f"{prefix}_9_steps", "head_factors_shapes"}


def test_without_rows_there_is_no_figure(calls):
    with pytest.raises(SystemExit, match="no rows"):
        head_loses.draw_figures()


def test_every_operation_of_a_recipe_has_its_factors():
    used = {name for recipe in head_loses.RECIPES.values() for name in recipe or ()}
    assert used <= set(CHANGED_BY)
