"""Folds hold out images of the labels at hand: stratified, disjoint, and never a whole class."""

import numpy as np
import pytest

from simclr_utils.data.splits import held_out_folds

UNEVEN = np.random.default_rng(0).permutation(np.repeat(np.arange(5), [60, 25, 9, 5, 1]))


@pytest.mark.parametrize("seed", range(4))
def test_folds_are_disjoint_and_stratified(seed):
    folds = held_out_folds(UNEVEN, 1000, seed)
    assert len(folds) == 5
    times = np.sum(folds, axis=0)
    # Each image is held out once, but for the only one of its class.
    assert (times[UNEVEN < 4] == 1).all() and (times[UNEVEN == 4] == 0).all()
    for fold in folds:
        counts = np.bincount(UNEVEN[fold], minlength=5)
        assert np.abs(counts - np.array([12, 5, 1.8, 1, 0])).max() <= 1
        assert (np.bincount(UNEVEN[~fold], minlength=5) > 0).all()  # no class is lost


@pytest.mark.parametrize("at_least, expected", [(1, 1), (20, 1), (21, 2), (50, 3), (1000, 5)])
def test_as_many_folds_as_it_takes(at_least, expected):
    folds = held_out_folds(np.arange(100) % 10, at_least, seed=0)
    assert len(folds) == expected
    assert {fold.sum() for fold in folds} == {20}
    assert {count for fold in folds for count in np.bincount(np.arange(100)[fold] % 10)} == {2}


def test_folds_depend_on_the_seed_alone():
    first, again, other = (held_out_folds(UNEVEN, 20, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_two_images_of_a_class_are_held_out_apart():
    folds = held_out_folds(np.array([0, 0, 1, 1, 2]), 100, seed=0)
    assert len(folds) == 4 and all(fold.sum() == 1 for fold in folds)
    assert held_out_folds(np.arange(10), 100, seed=0) == []
