"""The figure of occlusion: one scale for all maps, and each map over its image."""

import numpy as np
import pytest

from simclr_utils import plotting
from simclr_utils.plotting.occlusion import largest_change

IMAGES = np.full((2, 8, 8, 1), 102, "uint8")
MAPS = np.zeros((2, 8, 8))
MAPS[0, 2, 3], MAPS[1, 4, 5] = 0.4, -0.1


@pytest.mark.parametrize("images", [IMAGES, IMAGES.repeat(3, axis=-1), IMAGES / 255])
def test_all_maps_share_a_scale(images):
    *axes, bar = plotting.plot_occlusion(images, MAPS, ["a", "b"]).axes
    for axis, falls in zip(axes[2:], MAPS, strict=True):
        gray, colors = axis.images
        np.testing.assert_allclose(gray.get_array(), 0.4)
        np.testing.assert_allclose(colors.get_array(), 100 * falls)
        assert colors.get_clim() == pytest.approx((-40, 40))
    red, _, blue, _ = colors.to_rgba(40.0)
    assert red > blue and bar.get_ylim() == pytest.approx((-40, 40))
    assert [axis.get_title() for axis in axes] == ["a", "b", "", ""]


def test_small_changes_stay_pale():
    assert largest_change(np.zeros((2, 3, 3))) == 0.01
    assert largest_change([[-0.5, 0.2]]) == 0.5
