"""One picture under two labels: counted, listed, in no labeled split, once in the pool."""

import csv
import shutil

import numpy as np
import pytest
from image_folders import load, make_folder, noise, save

from simclr_utils.data.dataset import load_dataset, save_dataset_record
from simclr_utils.data.repeats import digest_images, find_conflicts, settle_images


def test_labels_are_compared_within_labeled_splits_and_across():
    #          unlabeled  train          validation  test
    digests = [1, 2, 3, 1, 2, 4, 4, 5, 5, 6, 7, 6, 8, 9, 9]
    labels = [-1, -1, -1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1]
    codes = np.repeat([0, 1, 2, 3], [3, 6, 2, 4])
    keep = np.ones(15, bool)
    digests, labels = np.array(digests, np.uint64), np.array(labels)
    found = find_conflicts(digests, labels, codes, keep)
    assert np.flatnonzero(found).tolist() == [5, 6, 9, 11, 13, 14]
    keep[11] = False  # what is out already has no label
    assert not find_conflicts(digests, labels, codes, keep)[9]


@pytest.fixture
def folder(tmp_path):
    root = make_folder(tmp_path / "f", train=20, test=6)
    for split, count in (("train", 5), ("test", 3)):
        for index in range(count):
            shutil.copy(root / split / f"cat/{index}.png", root / split / f"dog/also {index}.png")
    save(root / "validation/cat/0.png", noise(900))
    save(root / "validation/dog/1.png", noise(901))
    shutil.copy(root / "train/cat/9.png", root / "test/dog/of train.png")
    shutil.copy(root / "train/cat/8.png", root / "test/cat/of train.png")  # one label: a repetition
    return root


def test_contradictions_leave_the_labeled_splits_and_stay_in_the_pool(folder, tmp_path):
    images, data = load(folder, tmp_path)
    assert data["sizes"] == {"unlabeled": 12, "train": 33, "validation": 2, "test": 10}
    assert data["overlaps"]["train_in_test"] == 1
    sizes = list(data["sizes"].values())
    pool, train, validation, test = np.split(digest_images(images), np.cumsum(sizes)[:-1])
    copied = digest_images(np.stack([noise(6 + index) for index in (0, 1, 2, 3, 4, 9)]))
    assert np.isin(copied, pool).all() and not np.isin(copied, [*train, *validation, *test]).any()
    assert len(np.unique(pool)) == 12
    known = {noise(6 + index).tobytes(): index // 20 for index in range(40)}
    for image, label in zip(images[12:45], data["labels"]["train"], strict=True):
        assert known[image.tobytes()] == label


def test_contradictions_are_counted_and_listed(folder, tmp_path):
    _, data = load(folder, tmp_path)
    assert any("9 pictures occur under two or more labels, in 18" in note for note in data["notes"])
    rows = [tuple(row) for row in data["conflicts"]]
    names = {name: (label, picture) for name, label, picture in rows}
    assert len(rows) == 18 and len({picture for *_, picture in rows}) == 9
    assert names["train/cat/0.png"][0] == "cat" and names["train/dog/also 0.png"][0] == "dog"
    assert names["train/cat/0.png"][1] == names["train/dog/also 0.png"][1]
    with open(next((tmp_path / "cache").glob("*/conflicts.csv")), newline="") as file:
        listed = list(csv.DictReader(file))
    dataset = load_dataset(str(folder), 8, tmp_path / "cache")
    assert dataset.conflicts == rows
    save_dataset_record(tmp_path / "run", dataset)
    with open(tmp_path / "run/conflicts.csv", newline="") as file:
        assert list(csv.DictReader(file)) == listed
    assert [row["file"] for row in listed] == [name for name, *_ in rows]


def test_without_contradictions_nothing_moves():
    images = np.stack([noise(seed) for seed in range(8)])
    sizes = {"unlabeled": 2, "train": 4, "validation": 1, "test": 1}
    labels = [-1, -1, 0, 1, 0, 1, 0, 1]
    settled, data = settle_images(images.copy(), sizes, labels, ["a", "b"])
    np.testing.assert_array_equal(settled, images)
    assert data["conflicts"] == [] and not any("labels" in note for note in data["notes"])


def test_a_class_that_only_repeats_another_is_an_error(tmp_path):
    root = make_folder(tmp_path / "f")
    shutil.rmtree(root / "train/dog")
    shutil.copytree(root / "train/cat", root / "train/dog")
    with pytest.raises(ValueError, match=r"no train image left.*in two classes: 20"):
        load(root, tmp_path)
