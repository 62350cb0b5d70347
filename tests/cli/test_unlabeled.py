"""Images without a label: an encoder, its signs of life, its nearest images, and no verdict."""

import numpy as np
import pytest
from image_folders import noise, save

from simclr_utils.__main__ import NOTEBOOKS, main
from simclr_utils.cli import notebooks
from simclr_utils.cli.arguments import leave_out_labels, select_notebooks
from simclr_utils.cli.run_folder import RunError
from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.evaluation.comparison import usable_label_counts
from simclr_utils.evaluation.probes import KNNMonitor
from simclr_utils.plotting import NearestImages
from simclr_utils.study import summary
from simclr_utils.study.costs import Rates, estimate_costs, measure_rates
from simclr_utils.study.encoder_signs import nearest_images, pool_halves
from simclr_utils.study.study import Study


@pytest.fixture
def folder(tmp_path):
    for index in range(40):
        save(tmp_path / f"pool/unlabeled/{index}.png", noise(index, size=16))
    return tmp_path / "pool"


@pytest.fixture
def dataset(folder, tmp_path):
    return load_dataset(folder, cache_dir=tmp_path / "cache")


def test_the_dataset_has_a_pool_and_nothing_else(dataset):
    assert not dataset.is_labeled and dataset.num_classes == 0
    assert len(dataset.unlabeled) == len(dataset.examples) == 40
    for images, labels in (dataset.train, dataset.validation, dataset.test):
        assert images.shape == (0, 16, 16, 3) and labels.shape == (0,)
    assert "40 images, none of them labeled" in dataset.summary()
    assert "classes\n" not in dataset.summary()


def test_what_needs_labels_says_what_to_add(dataset):
    with pytest.raises(ValueError, match="pool has no labels.*add train/<class>/"):
        dataset.require_labels()
    labeled = load_dataset("shapes", limits={"unlabeled": 0, "train": 40, "test": 9})
    assert labeled.require_labels() is labeled
    assert labeled.examples is labeled.validation[0]


def test_a_study_is_its_pretrainings(dataset, tmp_path):
    study = Study(dataset, get_config("tiny"), tmp_path / "study", "tiny", num_seeds=2)
    assert study.counts == usable_label_counts((20, 50), 0, 0) == ()
    assert [task.name for task in study.tasks()] == ["pretraining 0", "pretraining 1"]
    assert summary.compare(study).empty and summary.small_print(study) == []
    assert "none of these images has a label" in summary.no_verdict(study)
    assert "2 tasks are left" in estimate_costs(study)


def test_the_study_command_ends_in_a_page(folder, tmp_path, capsys):
    out = tmp_path / "study"
    options = ["--preset", "tiny", "--seeds", "1", "--set", "pretraining_steps=4"]
    assert main(["study", "--source", str(folder), "--out", str(out), *options]) == 0
    printed = capsys.readouterr().out
    assert "pretrains its encoders and compares nothing" in printed
    assert "No verdict: none of these images has a label" in printed
    page = (out / "verdict.html").read_text()
    assert "No verdict" in page and "effective rank" in page and "nearest to it" in page
    assert (out / "encoders/0/encoder.keras").exists()


def test_only_pretraining_is_timed(dataset):
    rates = measure_rates(dataset, get_config("tiny"), build_model=None)
    assert rates.view > 0 and rates.image == Rates().image


def test_a_run_leaves_out_what_needs_labels(folder, capsys):
    chosen = select_notebooks(NOTEBOOKS, "01-06")
    kept = [path.stem[:2] for path in leave_out_labels(chosen, str(folder))]
    assert kept == ["01", "02", "03"]
    assert "Notebooks 04, 05, 06 need labels and are left out" in capsys.readouterr().out
    with pytest.raises(RunError, match=r"04, 05 need labels\. Add train/.*--notebooks 01-03"):
        leave_out_labels(select_notebooks(NOTEBOOKS, "04-05"), str(folder))
    assert leave_out_labels(chosen, "shapes") == chosen


def test_a_layout_that_cannot_work_stops_a_run_before_it_begins(folder):
    (folder / "unlabeled").rename(folder / "unlabelled")
    with pytest.raises(RunError, match="only resembles unlabeled/"):
        notebooks.run(select_notebooks(NOTEBOOKS, "01"), str(folder), "tiny")


def test_the_monitor_measures_nothing():
    empty = (np.zeros((0, 8, 8, 3), np.uint8), np.zeros(0, int))
    monitor, logs = KNNMonitor(None, empty, empty, every=1), {}
    monitor.set_params({"epochs": 1})
    monitor.on_epoch_end(0, logs)
    assert logs == {"knn_accuracy": None}


def test_nearest_images_are_found_with_labels_and_without():
    images, features = np.stack([noise(seed) for seed in range(30)]), np.eye(30)[:, ::-1]
    features[20] += 5 * features[0]
    found = nearest_images(features[:10], features[10:])
    labels = np.zeros(10, int), np.arange(20) % 2
    nearest = NearestImages(images[:10], images[10:], found, labels, ["a", "b"])
    assert len(nearest) == 10 and nearest.nearest[0, 0] == 10
    drawing = nearest.draw(0)
    assert drawing.get_suptitle() == "nearest to an image of class 'a'"
    assert drawing.axes[1].get_title() == "\u2713"
    (queries, asked), (others, searched) = pool_halves(images, features)
    pool = NearestImages(queries, others, nearest_images(asked, searched))
    assert len(pool) == 15 and pool.nearest[0, 0] == 5
    assert pool.draw(0).get_suptitle() == "nearest to an image"
    assert not any(axis.get_title() == "\u2713" for axis in pool.draw(0).axes)
    assert [len(part[0]) for part in pool_halves(images[:2])] == [1, 1]
