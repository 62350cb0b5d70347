"""What to label next: the same each time, never what has a label, and a picture of each group."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from image_folders import noise, save

from simclr_utils.data import load_dataset
from simclr_utils.study import next_labels as module
from simclr_utils.study.next_labels import doubtful_images, images_to_label, typical_images


def groups(sizes=(40, 30, 20), spread=0.05, seed=0):
    """Features around a direction for each group, and the group of each image."""
    random = np.random.default_rng(seed)
    members = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(3)[members] + random.normal(0, spread, (len(members), 3)), members


def test_each_group_gets_a_label_the_largest_first():
    features, members = groups()
    nothing = np.zeros(len(members), bool)
    picked = typical_images(features, nothing, 3)
    assert members[picked["row"]].tolist() == [0, 1, 2]
    assert picked["size"].tolist() == [40, 30, 20]
    assert picked.equals(typical_images(features, nothing, 3))


def test_a_group_that_has_a_label_waits():
    features, members = groups()
    labeled = np.zeros(len(members), bool)
    labeled[0] = True
    picked = typical_images(features, labeled, 2)
    assert members[picked["row"]].tolist() == [1, 2]
    assert not labeled[picked["row"]].any()


def test_the_typical_image_is_in_the_middle():
    features, members = groups((60, 30), seed=1)
    row = typical_images(features, np.zeros(90, bool), 2)["row"].iloc[0]
    distance = np.linalg.norm(features[:60] - features[:60].mean(0), axis=1)
    assert distance[row] < np.quantile(distance, 0.25)


def test_outliers_come_last():
    features, members = groups((40, 30, 2), spread=0.01)
    picked = typical_images(features, np.zeros(72, bool), 3)
    assert members[picked["row"]].tolist() == [0, 1, 0]
    # With a label in each of the large groups, they are still preferred to the outliers.
    labeled = np.zeros(72, bool)
    labeled[[0, 40]] = True
    assert members[typical_images(features, labeled, 1)["row"].iloc[0]] != 2


def test_no_more_than_there_are_and_each_once():
    features, _ = groups((5, 4, 3))
    labeled = np.arange(12) % 2 == 0
    picked = typical_images(features, labeled, 100)
    assert sorted(picked["row"]) == np.flatnonzero(~labeled).tolist()


def test_the_smallest_margin_comes_first():
    shares = np.array([[0.5, 0.4, 0.1], [0.9, 0.1, 0], [0.34, 0.33, 0.33], [0.2, 0.4, 0.4]])
    picked = doubtful_images(shares, np.array([False, False, False, True]), 2)
    assert picked["row"].tolist() == [2, 0]
    assert picked[["first", "second"]].values.tolist() == [[0, 1], [0, 1]]
    assert picked["margin"].tolist() == pytest.approx([0.01, 0.1])


def test_a_list_is_spread_over_patients():
    features, members = groups((40, 40, 10))
    nothing, patients = np.zeros(90, bool), np.arange(90) % 9 + 100
    apart = patients[typical_images(features, nothing, 9, groups=patients)["row"]]
    assert len(set(apart)) > len(set(patients[typical_images(features, nothing, 9)["row"]]))
    # A patient who has labels waits.
    labeled = (patients == 100) & (np.arange(90) < 45)
    assert 100 not in patients[typical_images(features, labeled, 8, groups=patients)["row"]]
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 90)
    picked = doubtful_images(shares, labeled, 18, patients)
    turns = patients[picked["row"]].reshape(2, 9)
    assert all(set(turn) == set(patients) for turn in turns)
    assert picked["margin"][:9].is_monotonic_increasing
    assert picked["margin"][9:].is_monotonic_increasing


@pytest.fixture
def pool(monkeypatch):
    """A pool of 90 images whose features are their groups, the last 30 with labels."""
    features, members = groups((30, 30, 30))
    order = np.random.default_rng(0).permutation(90)
    features, members = features[order], members[order]
    by_image = dict(enumerate(features))
    monkeypatch.setattr(
        module, "extract_features", lambda _, images: np.array([by_image[i] for i in images])
    )
    names = [f"unlabeled/{i}.png" for i in range(55)] + [f"train/a/{i}.png" for i in range(35)]
    return SimpleNamespace(
        name="pool",
        files=names,
        labeled_files=None,
        unlabeled=np.arange(90),
        groups={},
        train=(np.arange(60, 90), members[60:]),
        validation=(np.arange(60, 90), members[60:]),
        num_classes=3,
        class_names=("a", "b", "c"),
        is_labeled=True,
    )


@pytest.mark.parametrize("few, word", [(100, "typical of"), (5, "between")])
def test_the_list_names_files_without_a_label(pool, monkeypatch, few, word):
    monkeypatch.setattr(module, "LABELS_OF_A_CLASS", few)
    table = images_to_label(pool, None, 8)
    assert table["rank"].tolist() == list(range(1, 9))
    # Five files of train/ are in the pool without their label: they have one all the same.
    assert table["file"].str.startswith("unlabeled/").all() and table["file"].is_unique
    assert table["reason"].str.startswith(word).all()
    assert table.equals(images_to_label(pool, None, 8))


def test_a_table_says_which_files_have_a_label(pool):
    pool.files = [f"train/{i}.png" for i in range(90)]
    pool.labeled_files = pool.files[40:]
    listed = set(images_to_label(pool, None, 50)["file"])
    assert listed and listed <= set(pool.files[:40])


def test_no_image_of_a_test_patient_is_listed(tmp_path, monkeypatch):
    rows = ["file,label,split,group"]
    for patient in range(8):
        for index in range(5):
            name, label = f"{patient}_{index}.png", "ab"[patient % 2] if index < 3 else ""
            save(tmp_path / "f" / name, noise(10 * patient + index))
            rows.append(f"{name},{label},{'test' if patient < 2 and label else ''},{patient}")
    (tmp_path / "f/labels.csv").write_text("\n".join(rows))
    dataset = load_dataset(tmp_path / "f", image_size=8, cache_dir=tmp_path / "cache")
    monkeypatch.setattr(module, "extract_features", lambda _, images: images.mean((1, 2)))
    listed = images_to_label(dataset, None, 6)["file"]
    assert all(name[2] in "34" for name in listed)
    patients = [int(name[0]) for name in listed]
    assert len(set(patients)) == 4 and not {0, 1} & set(patients)  # two are in validation
    with pytest.raises(ValueError, match="Add images of groups that are not in"):
        images_to_label(replace(dataset, labeled_files=dataset.files), None, 5)


def test_what_has_no_names_and_what_is_all_labeled_is_said(pool):
    pool.files = []
    with pytest.raises(ValueError, match="pool have no file names"):
        images_to_label(pool, None, 5)
    pool.files = [f"train/{i}.png" for i in range(90)]
    with pytest.raises(ValueError, match="Every image of the pool has a label"):
        images_to_label(pool, None, 5)
