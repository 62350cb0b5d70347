"""Occlusion finds the pixels that a classifier looks at, and refuses what does not fit."""

import numpy as np
import pytest

from simclr_utils.evaluation import occlusion_map

pytestmark = pytest.mark.numbers


def corner(images):
    """The probability of class 1 is the brightness of the 2 x 2 pixels in the upper left corner."""
    share = images[:, :2, :2].mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - share, share], axis=1)


def picture(channels, side=8):
    image = np.zeros((side, side, channels), "uint8")
    image[:2, :2] = 255
    return image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill", ["mean", "blur"])
def test_the_fall_is_where_the_classifier_looks(channels, fill):
    falls = occlusion_map(corner, picture(channels), 2, 1, fill)
    assert falls.shape == (8, 8) and falls.dtype == np.float32
    assert falls.max() == falls[0, 0] > 0.2
    assert (falls[:2, :2] > 0).all() and np.allclose(falls[3:], 0) and np.allclose(falls[:, 3:], 0)


def test_a_pixel_has_the_mean_over_the_squares_that_cover_it():
    gray = round(255 * 4 / 64)  # the mean of the image
    falls = occlusion_map(corner, picture(1), 2)
    one, half, quarter = (share * (1 - gray / 255) for share in (1, 1 / 2, 1 / 4))
    assert falls[0, 0] == pytest.approx(one)
    assert falls[0, 1] == pytest.approx((one + half) / 2)
    assert falls[1, 1] == pytest.approx((one + 2 * half + quarter) / 4)
    assert falls[0, 2] == pytest.approx(half / 2)


def test_the_other_class_gains_what_this_one_loses():
    first, second = (occlusion_map(corner, picture(1), 3, label=label) for label in (0, 1))
    np.testing.assert_allclose(first, -second, atol=1e-6)
    np.testing.assert_array_equal(occlusion_map(corner, picture(1), 3), second)  # the likeliest


@pytest.mark.parametrize("size, stride", [(3, 2), (3, 3), (5, 4), (8, 8)])
def test_every_pixel_is_covered_and_the_batch_does_not_matter(size, stride):
    seen = []

    def predict(images):
        seen.append(len(images))
        return corner(images)

    image = picture(1)
    falls = occlusion_map(predict, image, size, stride)
    again = occlusion_map(predict, image, size, stride, batch_size=2)
    assert np.isfinite(falls).all() and falls[0, 0] > 0
    np.testing.assert_allclose(falls, again, atol=1e-6)
    assert max(seen[2:]) <= 2 and image.sum() == 4 * 255  # and the image is as it was


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"image": picture(1)[..., 0]}, r"Received an image of shape \(8, 8\)"),
        ({"image": picture(2)}, "one or three channels"),
        ({"image": picture(1) / 255}, "dtype float64"),
        ({"size": 0}, "Received size=0. Pass 1 to 8"),
        ({"size": 9}, "Received size=9"),
        ({"stride": 3}, "leaves pixels that no square covers"),
        ({"stride": 0}, "Received stride=0"),
        ({"fill": "black"}, "Received fill='black'. Choose one of 'mean', 'blur'"),
        ({"predict": lambda images: corner(images)[:, 1]}, r"Expected \(1, classes\)"),
    ],
)
def test_what_does_not_fit_is_named(changed, message):
    with pytest.raises(ValueError, match=message):
        occlusion_map(**{"predict": corner, "image": picture(1), "size": 2, **changed})
