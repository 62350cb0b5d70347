"""Files are written whole; results keep one row a measurement; intervals are Student's t."""

import subprocess

import numpy as np
import pytest

from simclr_utils import files
from simclr_utils.evaluation import results as tables
from simclr_utils.system import provenance

ROW = {"dataset": "d", "method": "probe", "labels": 100, "metric": "accuracy", "value": 0.5}
ROW |= {"preset": "quick", "fingerprint": "0123"}


@pytest.fixture
def results(tmp_path):
    return tables.Results(tmp_path / "run" / "results.csv")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.json"
    files.save_json(path, {"a": [1, None]})
    with pytest.raises(RuntimeError), files.atomic_path(path) as temporary:
        temporary.write_text("half of")
        assert temporary.suffix == ".json"
        raise RuntimeError
    assert files.load_json(path) == {"a": [1, None]}
    assert list(tmp_path.iterdir()) == [path]


def test_history_survives_with_gaps(tmp_path):
    history = {"loss": [2.5, 1.25], "knn": [None, 0.5], "steps": [10, 20]}
    files.save_history(tmp_path / "history.csv", history)
    assert files.load_history(tmp_path / "history.csv") == history
    with pytest.raises(ValueError, match="lengths"):
        files.save_history(tmp_path / "history.csv", {"loss": [1.0], "knn": [1.0, 2.0]})


def test_the_commit_is_named_and_marked_when_files_have_changed(tmp_path, monkeypatch):
    package = tmp_path / "simclr_utils"
    package.mkdir()
    monkeypatch.setattr(provenance, "__file__", str(package / "system" / "provenance.py"))
    provenance.commit.cache_clear()
    assert provenance.commit() is None  # no checkout

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    (package / "a.py").write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    first = git("rev-parse", "HEAD")[:12]
    provenance.commit.cache_clear()
    assert provenance.commit() == first
    (package / "a.py").write_text("2")
    assert provenance.commit() == first  # that file is not what runs
    provenance.commit.cache_clear()
    assert provenance.commit() == first + "+"
    provenance.commit.cache_clear()


def test_provenance_names_versions_and_hardware(tmp_path):
    made = provenance.provenance(preset="full", seed=3, fingerprint="f")
    assert (made["preset"], made["seed"], made["fingerprint"]) == ("full", 3, "f")
    assert made["versions"]["numpy"] == np.__version__
    assert {"tensorflow", "keras", "scikit-learn", "python"} <= set(made["versions"])
    assert made["hardware"]["cores"] >= 1 and made["hardware"]["processor"]
    files.save_json(tmp_path / "made.json", made)
    assert f"numpy {np.__version__}" in provenance.versions_string()


def test_a_row_comes_back(results):
    results.add(**ROW, low=np.float32(0.25), subset_seed=np.int64(2))
    frame = results.frame()
    assert tuple(frame.columns) == tables.COLUMNS
    row = frame.iloc[0]
    assert (row["labels"], row["value"], row["low"], row["subset_seed"]) == (100, 0.5, 0.25, 2)
    assert row["fingerprint"] == "0123"
    assert np.isnan(row["high"]) and "numpy" in row["versions"] and "cores" in row["hardware"]


def test_a_row_names_its_precision_and_commit(results, monkeypatch):
    import keras

    monkeypatch.setattr(tables, "commit", lambda: "abc")
    results.add(**ROW)
    row = results.frame().iloc[0]
    assert (row["precision"], row["commit"]) == (keras.config.dtype_policy().name, "abc")


def test_the_same_measurement_is_replaced_and_another_is_not(results):
    for seed, value in [(None, 0.1), (None, 0.2), (0, 0.3), (0, 0.4), (0.0, 0.5), (1, 0.6)]:
        results.add(**{**ROW, "subset_seed": seed, "value": value})
    results.add(**{**ROW, "preset": "full"})
    assert list(results.frame()["value"]) == [0.2, 0.5, 0.6, 0.5]


def test_a_stopped_run_sees_what_is_there(results):
    assert not results.has(method="probe") and results.frame().empty
    results.add(**ROW, subset_seed=1)
    again = tables.Results(results.path, preset="quick")
    assert again.has(method="probe", labels=np.int32(100), subset_seed=1)
    assert not again.has(method="probe", labels=100, subset_seed=2)
    assert not tables.Results(results.path, preset="full").has(method="probe")
    again.add(**{**ROW, "labels": 250})
    assert len(results.frame()) == 2


def test_wrong_rows_are_refused(results):
    with pytest.raises(ValueError, match=r"no column \['accuracy'\].*pretraining_seed"):
        results.add(**ROW, accuracy=0.5)
    with pytest.raises(ValueError, match=r"lacks \['metric', 'preset'\]"):
        results.add(**{k: v for k, v in ROW.items() if k not in ("metric", "preset")})
    with pytest.raises(ValueError, match="finite"):
        results.add(**{**ROW, "value": float("nan")})
    with pytest.raises(ValueError, match="no column"):
        results.has(label=100)
    assert not results.path.exists()


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="has the columns"):
        tables.Results(tmp_path / "other.csv")
    assert (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"


def test_means_and_intervals(results):
    for seed, value in enumerate([0.4, 0.5, 0.6]):
        results.add(
            **{**ROW, "subset_seed": seed, "value": value, "low": value, "high": value + 1e-6}
        )
    results.add(**{**ROW, "labels": 250, "low": 0.45, "high": 0.55})
    for seed in range(3):
        row = {"labels": 500, "subset_seed": seed, "value": 0.5, "low": 0.47, "high": 0.53}
        results.add(**{**ROW, **row})
    many, one, equal = tables.summarize(results.frame()).itertuples()
    # Student's t with 2 degrees of freedom, as tables print it: 4.303. The rows' own intervals
    # are next to nothing.
    half_width = 4.303 * 0.1 / 3**0.5
    # Equal rows: what is left is the draw of the test images.
    np.testing.assert_allclose((equal.low, equal.high), (0.47, 0.53))
    assert (many.labels, many.n) == (100, 3)
    np.testing.assert_allclose(
        (many.mean, many.low, many.high), (0.5, 0.5 - half_width, 0.5 + half_width), atol=1e-4
    )
    assert (one.labels, one.n, one.mean, one.low, one.high) == (250, 1, 0.5, 0.45, 0.55)


def test_unlike_rows_are_not_averaged(results):
    results.add(**ROW)
    results.add(**{**ROW, "preset": "full"})
    with pytest.raises(ValueError, match="several values of 'preset'.*Select one"):
        tables.summarize(results.frame())
    frame = results.frame()
    assert tables.summarize(frame[frame["preset"] == "full"])["n"].tolist() == [1]
    assert tables.summarize(frame[:0]).empty
