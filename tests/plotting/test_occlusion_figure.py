"""The figure of occlusion: one scale for all maps, and colors on the right side of it."""

import numpy as np
import pytest

from simclr_utils import plotting
from simclr_utils.plotting.occlusion import largest_change, map_over_image
from simclr_utils.plotting.style import cosine_colors

IMAGES = np.full((2, 8, 8, 1), 128, "uint8")
MAPS = np.zeros((2, 8, 8))
MAPS[0, 2, 3], MAPS[1, 4, 5] = 0.4, -0.1


@pytest.mark.parametrize("images", [IMAGES, IMAGES.repeat(3, axis=-1), IMAGES / 255])
def test_all_maps_share_a_scale(images):
    drawing = plotting.plot_occlusion(images, MAPS, ["a", "b"])
    shown = [axis.images[0].get_array() for axis in drawing.axes if axis.images]
    falls, rises = shown[2:]  # a row of images, and a row of maps
    gray, whole, quarter = falls[0, 0], falls[2, 3], rises[4, 5]
    np.testing.assert_allclose(gray, rises[0, 0])
    assert whole[0] > whole[2] and quarter[2] > quarter[0]  # brown, and purple
    assert np.abs(whole - gray).sum() > np.abs(quarter - gray).sum()
    assert drawing.axes[-1].get_ylim() == pytest.approx((-40, 40))


def test_small_changes_stay_pale():
    assert largest_change(np.zeros((2, 3, 3))) == 0.01
    assert largest_change([[-0.5, 0.2]]) == 0.5


def test_a_map_lies_over_a_gray_image():
    shown = map_over_image(np.array([[[255, 0, 0]]], "uint8"), np.ones((1, 1)), 1.0)
    np.testing.assert_allclose(shown, 0.35 / 3 + 0.65 * cosine_colors(np.ones((1, 1))), atol=1e-6)
