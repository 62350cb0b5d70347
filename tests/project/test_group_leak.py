"""The leak is made as its page says: patients look alike, and a split by image divides them."""

import group_leak
import numpy as np
import pandas as pd
import pytest


def test_the_images_of_a_patient_share_a_class_and_a_background():
    images, classes, patients = group_leak.draw_patients(20, 6, 3)
    assert images.shape == (120, 32, 32, 3) and np.bincount(classes).tolist() == [60, 60]
    corners = images[:, :4, :4].mean(axis=(1, 2)) / 255
    for patient in range(20):
        assert len(set(classes[patients == patient])) == 1
    within = np.mean([corners[patients == each].std(axis=0) for each in range(20)])
    assert within < 0.6 * corners.std(axis=0).mean()


@pytest.mark.parametrize("seed", range(4))
def test_only_a_split_by_patient_keeps_patients_apart(seed):
    patients, classes = np.arange(720) // 12, np.arange(720) // 12 % 2
    for by, shared in (("image", True), ("patient", False)):
        learn, score = group_leak.split(classes, patients, by, seed)
        assert sorted([*learn, *score]) == list(range(720)) and len(score) == 144
        assert bool(set(patients[learn]) & set(patients[score])) == shared
        assert np.bincount(classes[learn]).tolist() == [288, 288]


def test_the_page_is_made_of_the_rows():
    rows = pd.read_csv(group_leak.RESULTS / "group_leak.csv")
    page = (group_leak.RESULTS / "group_leak.md").read_text(encoding="utf-8")
    assert page == group_leak.summarize(rows)
    gaps = (rows["accuracy"] - rows["new_patients"]).groupby([rows["classifier"], rows["split_by"]])
    for name in group_leak.CLASSIFIERS:
        assert gaps.mean()[name, "image"] > gaps.mean()[name, "patient"] + 0.02
