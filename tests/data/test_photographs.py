"""The photographs of scikit-learn and Matplotlib."""

import numpy as np

from simclr_utils.data import load_photographs


def test_photographs_are_squares_in_color():
    small, large = load_photographs(20), load_photographs(100)
    assert list(small) == list(large) == ["temple", "flower", "portrait"]
    for name, photograph in large.items():
        assert photograph.shape == (100, 100, 3) and photograph.dtype == np.uint8
        blocks = photograph.reshape(20, 5, 20, 5, 3).mean(axis=(1, 3))
        assert abs(blocks - small[name]).mean() < 8  # the same square in another size


def test_a_square_is_cut_from_the_middle():
    """The flower is bright in the middle of a dark picture."""
    gray = load_photographs(30)["flower"].mean(axis=-1)
    assert gray[10:20, 10:20].mean() > 2 * gray[:, :5].mean()
