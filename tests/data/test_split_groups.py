"""Groups: no patient on both sides of a split, and nothing else changes."""

import numpy as np
import pytest
from image_folders import load, make_folder, noise, save

from simclr_utils.data import groups as module
from simclr_utils.data import load_dataset
from simclr_utils.data.groups import hold_out_groups, number_groups
from simclr_utils.data.splits import assign_splits


def make_patients(root, patients=20, images=4, header="file,label,split,group"):
    """Writes a table of patients. Each has images of one class, and one without a label."""
    rows = [header]
    for patient in range(patients):
        for index in range(images + 1):
            name = f"{patient:03}_{index}.png"
            save(root / name, noise(100 * patient + index))
            label = "" if index == images else "ab"[patient % 2]
            rows.append(f"{name},{label},,{patient:03}")
    (root / "labels.csv").write_text("\n".join(rows))
    return root


def of_patients(dataset):
    """Returns the patients of the pool's files."""
    return {name.split("_")[0] for name in dataset.files}


@pytest.mark.parametrize("seed", range(3))
def test_no_patient_is_in_two_splits(tmp_path, seed):
    root = make_patients(tmp_path / "f")
    dataset = load_dataset(root, image_size=8, cache_dir=tmp_path / "cache", seed=seed)
    groups = dataset.groups
    assert set(groups) == {"unlabeled", "train", "validation", "test", "labeled"}
    for name in ("train", "validation", "test", "labeled"):
        assert groups[name].dtype == np.int64
        assert len(groups[name]) == len(getattr(dataset, name)[1])
    assert len(groups["unlabeled"]) == len(dataset.unlabeled)
    pool, validation, test = (set(groups[n].tolist()) for n in ("unlabeled", "validation", "test"))
    assert not pool & test and not pool & validation and not validation & test
    assert set(groups["train"].tolist()) <= pool
    np.testing.assert_array_equal(
        groups["labeled"], np.concatenate([groups["train"], groups["validation"]])
    )
    # Whole patients: 4 of 20 in test, 2 of the others in validation, of both classes.
    assert len(test) == 4 and len(validation) == 2 and len(of_patients(dataset)) == 14
    assert set(dataset.test[1]) == {0, 1} and len(dataset.test[1]) == 16
    assert "6 unlabeled images were left out, because their groups are in" in str(dataset)
    assert "images are of 20 groups. No group is in two splits." in str(dataset)
    # One image of the pool is of the patient that its number says.
    assert len(set(zip(groups["unlabeled"], (n[:3] for n in dataset.files), strict=True))) == 14


def test_the_seed_chooses_the_patients(tmp_path):
    root = make_patients(tmp_path / "f")
    patients = []
    for seed in (0, 0, 1):
        dataset = load_dataset(root, image_size=8, cache_dir=tmp_path / f"{seed}", seed=seed)
        patients.append(of_patients(dataset))
    assert patients[0] == patients[1] != patients[2]


def test_rows_without_a_split_follow_their_group(tmp_path):
    root = make_patients(tmp_path / "f", patients=8)
    lines = (root / "labels.csv").read_text().split("\n")
    lines = [line.replace(",,000", ",test,000") if "_0" in line else line for line in lines]
    lines = [line.replace(",,001", ",test,001") if "_0" in line else line for line in lines]
    (root / "labels.csv").write_text("\n".join(lines))
    data = load(root, tmp_path)[1]
    assert data["sizes"]["test"] == 8 and not {"000_1.png", "001_4.png"} & set(data["files"])


def test_a_group_in_two_stated_splits_is_refused(tmp_path):
    root = make_patients(tmp_path / "f", patients=8)
    text = (root / "labels.csv").read_text()
    text = text.replace("003_0.png,b,,", "003_0.png,b,train,")
    text = text.replace("003_1.png,b,,", "003_1.png,b,test,")
    (root / "labels.csv").write_text(text)
    words = r"The group '003' is in two splits: train \(003_0.png\) and test \(003_1.png\)"
    with pytest.raises(ValueError, match=words):
        load(root, tmp_path)


def test_groups_stand_beside_class_folders(tmp_path):
    root = make_folder(tmp_path / "f", unlabeled=4, train=10, test=2)
    rows = ["file,group", "unlabeled/0.png,p1", "test/cat/0.png,p1", "test/cat/1.png,p2"]
    rows += [f"train/{c}/{i}.png,{c}{i // 2}" for c in ("cat", "dog") for i in range(10)]
    (root / "labels.csv").write_text("\n".join(rows))
    dataset = load_dataset(root, image_size=8, cache_dir=tmp_path / "cache")
    assert "unlabeled/0.png" not in dataset.files and len(dataset.groups["test"]) == 4
    # Files that the table does not name have groups of their own.
    assert len(np.unique(dataset.groups["test"])) == 4
    assert len(dataset.groups["validation"]) == 2 * len(np.unique(dataset.groups["validation"]))
    rows[2] = "test/cat/0.png,cat0"
    (root / "labels.csv").write_text("\n".join(rows))
    with pytest.raises(ValueError, match="'cat0' is in two splits: train .*cat/0.png.* and test"):
        load(root, tmp_path)


def test_too_few_groups_are_named(tmp_path):
    root = make_patients(tmp_path / "f", patients=2)
    with pytest.raises(ValueError, match="no test image.*whole groups.*Add images of other groups"):
        load(root, tmp_path)


def test_a_picture_in_two_groups_does_not_join_them(tmp_path):
    root = make_patients(tmp_path / "f")
    for patient in range(0, 20, 2):  # an empty scan of each patient of a class
        save(root / f"{patient:03}_0.png", np.zeros((8, 8, 3), np.uint8))
    data = load(root, tmp_path)[1]
    assert any("1 pictures occur in more than one group" in note for note in data["notes"])
    assert data["overlaps"]["train_in_test"] > 0 and len(set(data["groups"])) == 20


def test_without_groups_nothing_changes(tmp_path):
    root = make_folder(tmp_path / "f")
    data = load(root, tmp_path)[1]
    assert data["fingerprint"] == "a158a8dfc338" and "groups" not in data
    assert load_dataset(root, image_size=8, cache_dir=tmp_path / "cache").groups == {}
    (root / "labels.csv").write_text("file,group\ntrain/cat/0.png,")
    assert load(root, tmp_path)[1]["fingerprint"] == "a158a8dfc338"


def test_the_share_of_groups_is_close_and_no_class_is_lost():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), random.integers(1, 12, 60))
    labels = (groups % 3 == 0).astype(int)
    held = hold_out_groups(labels, groups, 0.2, random)
    assert 0.15 < held.mean() < 0.25 and set(labels[held]) == set(labels[~held]) == {0, 1}
    assert not set(groups[held]) & set(groups[~held])
    # A class of one group cannot be split, unless train keeps other images of it.
    assert not hold_out_groups(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 0.5, random).any()
    assert hold_out_groups(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 0.5, random, [0]).any()


def test_many_groups_are_split_by_chance(monkeypatch):
    monkeypatch.setattr(module, "MOST_TO_STRATIFY", 50)
    groups = np.repeat(np.arange(200), 3)
    labels = groups % 2
    held = hold_out_groups(labels, groups, 0.1, np.random.default_rng(0))
    assert held.sum() == 60 and not set(groups[held]) & set(groups[~held])
    assert set(labels[held]) == {0, 1}


def test_numbers_follow_the_first_appearance_and_lone_images_get_their_own():
    assert number_groups(["b", "", "a", "b", ""]).tolist() == [0, 1, 2, 0, 3]
    assert number_groups(["", ""]) is None


def test_limits_keep_groups_apart():
    groups = np.repeat(np.arange(40), 5)
    labels = np.repeat(np.arange(40) % 2, 5)
    parts, _ = assign_splits(
        np.ones(200, int), labels, {"train": 20, "test": 10, "validation": 4}, 0, groups
    )
    sides = [groups[parts["unlabeled"]], groups[parts["validation"]], groups[parts["test"]]]
    assert len(parts["test"]) == 10 and len(parts["train"]) == 20
    assert not np.isin(sides[0], np.concatenate(sides[1:])).any()
    assert not np.isin(sides[1], sides[2]).any()
