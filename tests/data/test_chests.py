"""The drawn chests: their anatomy, patients and clouds, determinism, splits and clear errors."""

import numpy as np
import pytest

from simclr_utils.data import load_dataset
from simclr_utils.data.chests import CLASS_NAMES, render_chests

CENTERED = {"x": 0.0, "y": 0.0, "angle": 0.0, "exposure": 1.0, "contrast": 1.0, "noise": 0.0}


def test_patients_share_anatomy_and_class_but_not_the_picture():
    drawn = render_chests(40, seed=3, images_per_patient=5)
    assert drawn.images.shape == (40, 32, 32, 1) and drawn.images.dtype == np.uint8
    np.testing.assert_array_equal(drawn.patients, np.arange(40) // 5)
    for patient in range(8):
        rows = drawn.patients == patient
        assert len(set(drawn.labels[rows])) == 1
        for name in ("heart_size", "rib_distance", "lung_width"):
            assert len(set(drawn.factors[name][rows])) == 1
        for name in ("x", "angle", "exposure"):
            assert len(set(drawn.factors[name][rows])) == 5
    assert len(set(drawn.factors["heart_size"])) == 8


def test_half_of_the_patients_have_clouds_and_the_others_none():
    drawn = render_chests(200, seed=1)
    assert np.bincount(drawn.labels).tolist() == [100, 100]
    clouds = (drawn.factors["cloud_lung"] != 0).sum(axis=1)
    assert (clouds[drawn.labels == 0] == 0).all()
    assert set(clouds[drawn.labels == 1]) == {1, 2, 3}


def test_a_cloud_brightens_its_lung_and_nothing_else():
    place = {"cloud_x": 0.0, "cloud_y": 0.0, "cloud_size": 0.1, "cloud_density": 0.3}
    clear, clouded = (
        render_chests(8, seed=2, fixed={**CENTERED, **place, "cloud_lung": lungs}).images
        for lungs in (np.zeros((8, 3)), np.tile([-1, 0, 0], (8, 1)))
    )
    change = clouded.astype(int) - clear
    assert (change >= 0).all()
    brightest = np.array([np.unravel_index(each.argmax(), (32, 32)) for each in change])
    assert (brightest[:, 1] < 16).all(), "the lung at -1 is on the left of the picture"
    assert change[:, :, :14].max(axis=(1, 2, 3)).min() > 30
    assert change[:, :, 18:].max() == 0


def test_the_heart_is_on_the_right_of_the_picture_and_the_lungs_are_dark():
    images = render_chests(64, seed=0, fixed={**CENTERED, "cloud_lung": np.zeros((64, 3))}).images
    heart, mirrored = images[:, 17:22, 18:24].mean(axis=(1, 2, 3)), images[:, 17:22, 8:14]
    assert (heart > mirrored.mean(axis=(1, 2, 3)) + 40).all()
    lung, body = images[:, 12:16, 8:11].mean(), images[:, 28:, 8:11].mean()
    assert lung < body - 40


def test_same_seed_same_pictures_and_a_fixed_factor_changes_only_itself():
    first, again, other = (render_chests(70, seed=seed) for seed in (5, 5, 6))
    assert (first.images == again.images).all() and (first.images != other.images).any()
    fixed = render_chests(70, seed=5, fixed={"noise": 0.0})
    for name, values in first.factors.items():
        assert (values == fixed.factors[name]).all() == (name != "noise"), name


def test_the_dataset_keeps_patients_in_one_split():
    limits = {"unlabeled": 40, "train": 24, "validation": 8, "test": 16}
    dataset = load_dataset("chests", 16, limits=limits)
    assert dataset.image_shape == (16, 16, 1) and dataset.class_names == CLASS_NAMES
    splits = [set(dataset.groups[name]) for name in ("train", "validation", "test")]
    assert [len(groups) for groups in splits] == [6, 2, 4]
    assert not splits[0] & splits[1] and not (splits[0] | splits[1]) & splits[2]
    assert len(set(dataset.groups["unlabeled"])) == 16


@pytest.mark.parametrize(
    "change, said",
    [
        ({"num_images": 0}, "num_images"),
        ({"image_size": 4}, "image_size"),
        ({"images_per_patient": 0}, "images_per_patient"),
        ({"fixed": {"liver": 1.0}}, "Unknown factor 'liver'"),
        ({"fixed": {"x": "left"}}, "expected a number"),
        ({"fixed": {"cloud_x": [0.0, 0.0, 0.0]}}, r"shape \(4, 3\)"),
    ],
)
def test_wrong_arguments_are_named(change, said):
    with pytest.raises(ValueError, match=said):
        render_chests(**{"num_images": 4, **change})
