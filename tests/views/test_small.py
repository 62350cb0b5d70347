"""Small views: crops of a given area, with all other operations of the recipe."""

import numpy as np
import pytest

from simclr_utils.views.small import build_small_augmenter

OPERATIONS = {"crop": 0.1, "flip": 1.0}


def test_a_small_view_is_a_crop_of_the_given_area():
    augmenter = build_small_augmenter(8, OPERATIONS, area=(0.1, 0.3), seed=0)
    images = np.zeros((400, 32, 32, 3), "uint8")
    assert augmenter(images).shape == (400, 8, 8, 3)
    boxes = augmenter.layers[1].sample_boxes(images).numpy()
    areas = boxes[:, 2] * boxes[:, 3]
    assert 0.1 <= areas.min() < 0.12 and 0.28 < areas.max() <= 0.3 + 1e-6
    assert [type(layer).__name__ for layer in augmenter.layers[1:]] == [
        "RandomResizedCrop",
        "RandomFlip",
    ]


def test_impossible_small_views_are_refused():
    with pytest.raises(ValueError, match=r"the operations \['flip'\] have none. Add"):
        build_small_augmenter(8, {"flip": 1.0})
    for area in ((0, 0.5), (0.5, 0.1), (0.1, 1.2)):
        with pytest.raises(ValueError, match="`area` must be a range within 0 to 1"):
            build_small_augmenter(8, OPERATIONS, area)
