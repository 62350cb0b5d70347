"""Plans: what is left of a grid, what a killed one has kept, and one real cell of each kind."""

import keras
import numpy as np
import pytest

from simclr_utils.__main__ import main
from simclr_utils.ablation import cells, plan
from simclr_utils.ablation.grids import Cell
from simclr_utils.ablation.plan import AblationError, Plan
from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.evaluation.published import read_ablation
from simclr_utils.evaluation.supervised import SupervisedBaseline
from simclr_utils.system.folder_lock import hold

LIMITS = {"unlabeled": 60, "train": 30, "validation": 20, "test": 10}
KEYS = ("temperature=0.1", "temperature=0.5")
OPTIONS = ["ablate", "--grid", "temperature", "--cells", ",".join(KEYS), "--preset", "tiny"]
OPTIONS += ["--source", "shapes", "--labels", "10,20", "--seeds", "2", "--set", f"limits={LIMITS}"]


@pytest.fixture(scope="module")
def images():
    return load_dataset("shapes", 16, limits=LIMITS)


@pytest.fixture
def trained(monkeypatch):
    """Replaces the training of a cell, and lists what was trained."""
    done = []

    def run_cell(cell, config, dataset, seed, callbacks=()):
        for clock in callbacks:  # of the trial that estimates use
            clock.ends += [0.0, 0.1, 0.2]
            return []
        done.append((cell.at, seed))
        shared = {"seed": seed, "minutes": 0.5, "steps": 9, "batch_size": 32}
        return [{**shared, "labels": n, "accuracy": cell.at + seed / 10} for n in (10, 20)]

    monkeypatch.setattr(plan, "run_cell", run_cell)
    return done


def make(folder, images, **options):
    options = {"preset": "tiny", "source": "shapes", "num_seeds": 2, "keys": KEYS, **options}
    return Plan("temperature", images, folder, **options)


def comparable(path):
    return read_ablation(path).drop(columns=["date"])


def test_a_plan_that_was_stopped_goes_on_and_ends_in_the_same_rows(
    tmp_path, images, trained, monkeypatch
):
    whole, stopped, lines = tmp_path / "whole", tmp_path / "stopped", []
    make(whole, images).run(lines.append)
    assert trained == [(0.1, 0), (0.5, 0), (0.1, 1), (0.5, 1)]  # each cell has a row before any two
    assert "4 trainings are left: about" in lines[0] and len(lines) == 1 + 4
    assert lines[1].startswith("temperature=0.1, seed 0, 10.0 % at 10 labels, 10.0 % at 20 labels")
    add_rows, calls = plan.add_rows, []

    def add_or_stop(path, rows):
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(add_rows(path, rows))

    monkeypatch.setattr(plan, "add_rows", add_or_stop)
    with pytest.raises(KeyboardInterrupt):
        make(stopped, images).run(lines.append)
    assert len(read_ablation(stopped / "rows.csv")) == 2  # both numbers of labels of one training
    monkeypatch.setattr(plan, "add_rows", add_rows)
    del trained[:]
    make(stopped, images).run(lines.append)
    assert trained == [(0.5, 0), (0.1, 1), (0.5, 1)]
    both = [comparable(folder / "rows.csv") for folder in (whole, stopped)]
    assert both[0].equals(both[1]) and not both[0][["versions", "hardware", "preset"]].isna().any(
        axis=None
    )
    make(stopped, images).run(lines.append)
    assert lines[-1] == "Nothing is left to do." and len(trained) == 3


def test_other_rows_and_unknown_names_are_refused(tmp_path, images, trained):
    make(tmp_path, images, num_seeds=1, keys=KEYS[:1]).run(str)
    assert len(make(tmp_path, images).tasks()) == 3  # more cells and seeds may join
    with pytest.raises(AblationError, match="another ablation: settings is {} there and"):
        make(tmp_path, images, settings={"width": 4})
    with pytest.raises(AblationError, match="no cell 'warm'. Choose from temperature=0.02"):
        make(tmp_path, images, keys=["warm"])
    with pytest.raises(AblationError, match="no grid 'heat'. Choose from augmentation-pairs"):
        Plan("heat", None, tmp_path)
    pools = Plan("pool-size", images, tmp_path / "pools", "tiny", "shapes", num_seeds=1)
    assert len(pools.left_out) == 12 and not pools.tasks()


def test_the_command_runs_continues_and_refuses(tmp_path, trained, capsys):
    out = ["--out", str(tmp_path / "warm")]
    assert main([*OPTIONS, *out]) == 0
    text = capsys.readouterr().out
    assert "temperature=0.5, seed 1, 60.0 % at 10 labels" in text and "Rows: " in text
    frame = read_ablation(tmp_path / "warm" / "rows.csv")
    assert len(frame) == 2 * 2 * 2 and set(frame["settings"]) == {
        '{"limits": {"unlabeled": 60, "train": 30, "validation": 20, "test": 10}}',
        '{"temperature": 0.5, "limits": {"unlabeled": 60, "train": 30, "validation": 20, '
        '"test": 10}}',
    }
    with hold(tmp_path / "warm"):
        assert main([*OPTIONS, *out]) == 2
    assert "Another run is writing into" in capsys.readouterr().err
    assert main(["ablate", "--grid", "heat"]) == 2
    assert "There is no grid 'heat'. Choose from" in capsys.readouterr().err
    assert main(["ablate", "--grid", "list"]) == 0
    assert "temperature          6 cells" in capsys.readouterr().out


def test_a_cell_is_measured_on_validation_images_only(images):
    config = get_config("tiny", width=4, batch_size=16, pretraining_steps=2, label_counts=(10, 20))
    keras.config.set_dtype_policy("mixed_bfloat16")
    object.__setattr__(images, "test", None)
    first, second = cells.run_cell(Cell("40", pool=40), config, images, seed=1, subsets=2)
    assert keras.config.dtype_policy().name == "mixed_bfloat16"  # though the session was cleared
    assert (first["labels"], second["labels"], first["seed"], first["subsets"]) == (10, 20, 1, 2)
    assert first["steps"] == 2 and first["batch_size"] == 16  # epochs of 40 images
    for name in ("accuracy", "projections_accuracy", "contrastive_accuracy"):
        assert 0 <= first[name] <= 1
    assert first["accuracy"] * 40 == pytest.approx(round(first["accuracy"] * 40))  # 20 images twice
    assert (
        np.isfinite(first["loss"])
        and first["contrastive_accuracy"] == (second["contrastive_accuracy"])
    )


@pytest.mark.parametrize("classifier, steps", [("supervised", 10), ("fine_tuned", 5)])
def test_a_classifier_has_its_steps_and_its_mixing(images, classifier, steps, monkeypatch):
    options = {"supervised_steps_factor": 0.5, "label_counts": (20,), "pretraining_steps": 2}
    config = get_config("tiny", width=4, **options)
    used, train = [], SupervisedBaseline.train
    groups = np.arange(len(images.train[1])) // 2
    monkeypatch.setitem(images.groups, "train", groups)

    def remember(trainer, part, validation, num_steps, settings, seed):
        used.append((settings["mixing"], len(part[2]) == len(part[1]) == 20))
        return train(trainer, part, validation, num_steps, settings, seed)

    monkeypatch.setattr(SupervisedBaseline, "train", remember)
    cell = Cell("MixUp", classifier=classifier, mixing="mixup")
    (row,) = cells.run_cell(cell, config, images, seed=0, subsets=1)
    assert row["steps"] == steps and row["batch_size"] == 20 and 0 <= row["accuracy"] <= 1
    assert used == [("mixup", True)] and ("contrastive_accuracy" in row) == (
        classifier == "fine_tuned"
    )
