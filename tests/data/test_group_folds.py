"""No group, such as a patient, is on both sides of a split; without groups nothing changes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simclr_utils.data.group_folds import group_folds, group_halves
from simclr_utils.data.splits import held_out_folds, label_subset


def patients(seed, num_classes, spread):
    """Classes and groups: a group has images of one class, or of several if it is spread."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 8, random.integers(num_classes, 30))
    groups = random.permutation(1000)[: len(sizes)].repeat(sizes)
    own = np.arange(len(sizes)) % num_classes
    labels = np.where(random.random(len(groups)) < spread, 0, own.repeat(sizes))
    order = random.permutation(len(groups))
    return labels[order], groups[order]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4), st.sampled_from([0.0, 0.3]))
def test_a_fold_takes_whole_groups_and_leaves_every_class(seed, num_classes, spread):
    labels, groups = patients(seed, num_classes, spread)
    folds = held_out_folds(labels, 10_000, seed, groups)
    for fold in folds:
        assert fold.any() and not set(groups[fold]) & set(groups[~fold])
        assert set(labels[~fold]) == set(labels)
    assert np.sum(folds, axis=0).max(initial=0) <= 1


def test_enough_groups_make_five_folds_of_every_class():
    labels, groups = np.arange(300) // 10 % 3, np.arange(300) // 10
    folds = held_out_folds(labels, 10_000, 0, groups)
    assert len(folds) == 5 and np.sum(folds, axis=0).tolist() == [1] * 300
    assert all(np.bincount(labels[fold]).tolist() == [20, 20, 20] for fold in folds)
    assert len(held_out_folds(labels, 50, 0, groups)) == 1


def test_one_group_of_a_class_is_never_held_out():
    labels, groups = np.repeat([0, 1], 10), np.repeat([7, 8, 9], [5, 5, 10])
    assert group_folds(labels, groups, 5, 0) == []  # only class 0 has two groups
    assert held_out_folds(np.repeat([0, 1], 10), 50, 0, np.repeat([7, 8], 10)) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_the_images_of_a_group_are_labeled_one_after_the_other(seed, num_classes):
    labels, groups = patients(seed, num_classes, 0.0)
    order = label_subset(labels, len(labels), seed, groups)
    assert sorted(order) == list(range(len(labels)))
    for label in range(num_classes):
        own = groups[order][labels[order] == label]
        assert np.sum(own[1:] != own[:-1]) + 1 == len(set(own))
    count = (num_classes + len(labels)) // 2
    assert np.array_equal(label_subset(labels, count, seed, groups), order[:count])


def test_groups_of_one_image_change_nothing():
    labels, single = np.arange(60) % 3, np.arange(60)[::-1]
    plain = label_subset(labels, 20, 4)
    for given_groups in (None, single):
        assert np.array_equal(label_subset(labels, 20, 4, given_groups), plain)
        folds = zip(
            held_out_folds(labels, 60, 4), held_out_folds(labels, 60, 4, given_groups), strict=True
        )
        assert all(np.array_equal(*pair) for pair in folds)


def test_halves_share_no_group():
    groups = np.arange(90) // 9
    for seed in range(5):
        halves = group_halves(groups, seed)
        assert sorted(np.concatenate(halves)) == list(range(90))
        assert not set(groups[halves[0]]) & set(groups[halves[1]])
    assert not np.array_equal(group_halves(groups, 0)[0], group_halves(groups, 1)[0])
