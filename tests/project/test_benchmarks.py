"""The benchmarks keep what they measure with its origin, and judge it right."""

from pathlib import Path

import laptop_curve
import numpy as np
import pandas as pd
import pytest
import summarise
import time_to_accuracy
import where_time_goes
from measuring import interleave, run_alone, write_rows

from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.study.costs import peak_memory_gib


def test_variants_are_timed_in_turn_and_the_first_round_does_not_count():
    calls = []
    seconds = interleave({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b"] * 4
    assert set(seconds) == {"a", "b"} and all(value >= 0 for value in seconds.values())


def test_a_script_runs_alone_and_its_last_line_counts(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint('noise')\nprint('{\"got\": \"%s\"}' % sys.argv[1])")
    assert run_alone(script, 7) == {"got": "7"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux only")
def test_a_process_does_not_take_over_the_memory_of_the_one_that_started_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from simclr_utils.study import costs\nprint(costs.peak_memory_gib())")
    much = np.ones(2**30, np.uint8)
    ours = peak_memory_gib()
    assert run_alone(script) < 1 <= len(much) / 2**30 <= ours
    del much
    assert peak_memory_gib() == pytest.approx(ours, rel=0.1)  # the largest so far, not what is


def test_rows_keep_what_made_them_when_others_join(tmp_path, monkeypatch):
    monkeypatch.setattr("measuring.RESULTS", tmp_path)
    write_rows("speed", [{"batch": 64, "hardware": "another machine"}])
    write_rows("speed", [*pd.read_csv(tmp_path / "speed.csv").to_dict("records"), {"batch": 128}])
    table = pd.read_csv(tmp_path / "speed.csv")
    assert list(table["batch"]) == [64, 128]
    assert table["hardware"][0] == "another machine" != table["hardware"][1]
    assert table[["commit", "versions", "date"]].notna().all(axis=None)


STEP = pd.DataFrame(
    {
        "part": ["encoder, forward and backward", "train_step, one batch again and again", "fit"],
        "ms_a_step": [92.0, 100.0, 101.0],
        "share_of_matmul_rate": [0.8, 0.7, 0.66],
        "precision": "float32",
        "batch_size": 256,
        "matmul_gflops": 150,
    }
)


def judged(lines):
    return {line[0]: line[1:] for line in lines}


def test_a_step_is_judged_by_its_parts():
    lines = judged(summarise.training_step_lines(STEP))
    assert [measured for measured, _, _ in lines.values()] == ["66%", "9%", "+1%"]
    assert all(met for _, _, met in lines.values())
    slow = STEP.assign(ms_a_step=[80.0, 100.0, 110.0], share_of_matmul_rate=[0.8, 0.7, 0.64])
    assert not any(met for _, _, met in judged(summarise.training_step_lines(slow)).values())


@pytest.mark.parametrize("rate, met", [(1000, True), (700, False)])
def test_the_fastest_form_of_a_peer_counts(rate, met):
    ways = {"this course": rate, "Keras.io's way": 690, "lightly as documented, 2 workers": 100}
    ways |= {"lightly as documented, 1 worker": 180, "lightly, channels last": 300}
    table = pd.DataFrame({"way": ways.keys(), "pairs_per_second": ways.values()})
    lines = judged(summarise.against_peers_lines(table))
    assert len(lines) == 3 and all(line[-1] == met for line in lines.values())
    assert any(f"{rate:,} and 180 pairs" in name for name in lines)


@pytest.mark.parametrize("mapped, met", [(2.0, True), (0.1, False), (None, False)])
def test_pages_of_the_images_file_are_told_apart(mapped, met):
    point = {"curve": "num_images", "num_images": 1_000_000, "microseconds_an_image": 1000}
    table = pd.DataFrame([point | {"peak_gib": 3.2, "mapped_gib": mapped}])
    table["mapped_gib"] = table["mapped_gib"].astype(float)
    (measured, goal, judgement), *_ = judged(summarise.growth_lines(table)).values()
    assert measured.startswith(f"1,000 µs an image, {3.2 - (mapped or 0):.2f} GiB")
    assert goal == "3 GB" and bool(judgement) == met


def test_a_search_starts_from_the_preset():
    first = {name: axis[0] for name, axis in time_to_accuracy.AXES.items()}
    assert time_to_accuracy.make_config(first) == get_config("full")
    other = time_to_accuracy.make_config({**first, "crop": 0.5, "temperature": 0.3})
    assert dict(other.operations)["crop"] == 0.5 and other.temperature == 0.3
    assert dict(other.operations)["grayscale"] == 1.0


@pytest.mark.parametrize(
    "gains, measured, met",
    [
        ((0.001, -0.001, 0.000), "+0.00 points [-0.2 to +0.2]", True),
        ((0.009, -0.009, 0.000), "+0.00 points [-2.2 to +2.2]", False),  # seeds scatter too far
        ((0.011, 0.009, 0.010), "+1.00 points [+0.8 to +1.2]", False),
    ],
)
def test_a_precision_is_judged_by_the_interval_of_its_seeds(gains, measured, met):
    made = {"source": "pets", "hardware": "a processor", "steps": 573}
    rows = [
        {"seed": seed, "precision": precision, "accuracy_in_folds": accuracy, **made}
        for seed, gain in enumerate(gains)
        for precision, accuracy in (("float32", 0.5), ("mixed_bfloat16", 0.5 + gain))
    ]
    lines = judged(summarise.precision_quality_lines(pd.DataFrame(rows)))
    found = lines["pets: bfloat16 over float32, 573 steps, mean of 3"]
    assert found == (measured, "interval inside ±0.5", met)
    both = f"50.0 and {100 * (0.5 + gains[0]):.1f} %"
    assert lines["pets: float32 and bfloat16, 573 steps, seed 0"][0] == both
    assert judged(summarise.precision_quality_lines(pd.DataFrame(rows[:1]))) == {}


def test_a_search_is_told_by_what_each_row_changes():
    made = {"steps": 1100, "minutes": 4.0}
    rows = [
        {"settings": '{"width": 32, "crop": 0.9}', "accuracy_in_folds": 0.55, **made},
        {"settings": '{"width": 24, "crop": 0.9}', "accuracy_in_folds": 0.56, **made},
    ]
    lines = judged(summarise.search_lines(pd.DataFrame(rows)))
    assert list(lines) == [
        "width 32, crop 0.9 (1,100 steps, 4.0 minutes)",
        "width 24 (1,100 steps, 4.0 minutes)",
    ]
    assert lines["width 24 (1,100 steps, 4.0 minutes)"] == ("56.0%", "", None)


@pytest.mark.parametrize("test, minutes, met", [(0.71, 14.9, True), (0.69, 14.9, False)])
def test_the_laptop_is_judged_at_its_end(test, minutes, met):
    curve = {"dataset": "pets", "seed": 0, "minutes": [5.0, minutes], "steps": [1000, 3000]}
    none = float("nan")
    curve |= {"test": [none, test], "low": [none, 0.68], "high": [none, 0.72]}
    table = pd.DataFrame(curve | {"precision": "float32"})
    lines = judged(summarise.time_to_accuracy_lines(table))
    assert [line[-1] for line in lines.values()] == [met]
    assert "`laptop` on pets, seed 0: 3,000 steps, 14.9 minutes, float32" in lines


def test_a_curve_ends_in_one_score_on_test_images(tmp_path, monkeypatch):
    monkeypatch.setattr(laptop_curve, "FOLDER", tmp_path / "laptop")
    config = get_config("tiny", pretraining_steps=48)
    laptop_curve.keep_to_settings(config)
    dataset = load_dataset("shapes", limits=config.limits)
    copies = laptop_curve.train_with_copies(dataset, config, 0)
    assert [steps for _, steps, _ in copies] == [24, 48]
    assert 0 < copies[0][0] < copies[1][0] < 2  # minutes
    first, last = (laptop_curve.score_on_test(dataset, copy[2], copy[1], 0) for copy in copies)
    assert first["labels"] == 256 + 128 and first["steps"] == 24
    assert last.equals(first)  # no second score of one seed
    laptop_curve.keep_to_settings(config)
    with pytest.raises(SystemExit, match="other settings"):
        laptop_curve.keep_to_settings(get_config("tiny", temperature=0.3))


PRINTED = """01_augmentations: 27 cells in 19 s
05_baseline_comparison: 29 cells in 166 s
116.16s call     tests/test_kill.py::test_a_kill[a b]
0.34s setup    tests/test_kill.py::test_a_kill[a b]
12.00s call     notebooks/05_baseline_comparison.ipynb::Cell 9
3 passed in 128.10s (0:02:08)
"""


def test_the_time_of_a_command_is_split_by_notebook_and_file():
    parts = where_time_goes.seconds_by_part(PRINTED)
    expected = {"01_augmentations": 19, "05_baseline_comparison": 178, "test_kill": 116.5}
    assert parts == pytest.approx(expected)
    rows = [{"command": "make test", "part": "from start to end", "seconds": 1300}]
    rows += [{"command": "make test", "part": name, "seconds": parts[name]} for name in parts]
    lines = judged(summarise.where_time_goes_lines(pd.DataFrame(rows)))
    assert lines["`make test`, from start to end"] == ("1,300 s", "20 minutes", False)
    assert lines["`make test`, test kill"][1:] == ("", None) and len(lines) == 4
