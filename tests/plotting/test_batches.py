"""The figure of what the parts of a batch compare."""

import numpy as np
import pytest

from simclr_utils.plotting import plot_parts


def test_only_pairs_within_a_part_are_drawn():
    similarity = np.arange(64.0).reshape(8, 8) / 64  # four images, two views each
    whole, halves, single = plot_parts(similarity, [4, 2, 1]).axes[:3]
    drawn = [~np.ma.getmaskarray(axis.images[0].get_array()) for axis in (whole, halves, single)]
    for shown, size in zip(drawn, (4, 2, 1), strict=True):
        assert (shown.sum(axis=1) == 2 * size - 1).all()  # the candidates of an anchor
        assert not shown.diagonal().any()
        assert shown[range(8), [4, 5, 6, 7, 0, 1, 2, 3]].all()  # its positive is one of them
    assert drawn[1][0].nonzero()[0].tolist() == [1, 4, 5]
    assert whole.get_title("left") == "the batch in one piece: 7 candidates"
    assert halves.get_title("left") == "parts of 2: 3 candidates"


def test_impossible_matrices_and_parts():
    with pytest.raises(ValueError, match=r"\[2N, 2N\].*\(3, 3\)"):
        plot_parts(np.eye(3), [1])
    with pytest.raises(ValueError, match="1 to 2 images. Received: 3"):
        plot_parts(np.eye(4), [2, 3])
