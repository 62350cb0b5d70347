"""The embedded datasets with their factors: which there are, and which images show them."""

import numpy as np
import pytest

from simclr_utils.data import load_dataset, render_known_factors
from simclr_utils.data.shapes import CLASS_NAMES


@pytest.mark.parametrize(("source", "kind"), [("shapes", "shape"), ("glyphs", "sign")])
def test_every_factor_has_a_value_for_each_image(source, kind):
    images, factors, periods = render_known_factors(source, 60, seed=1, image_size=16)
    assert images.shape == (60, 16, 16, 3) and images.dtype == np.uint8
    assert next(iter(factors)) == kind and np.unique(factors[kind]).size == 10
    assert {values.shape for values in factors.values()} == {(60,)}
    for name, period in periods.items():
        shown = factors[name][~np.isnan(factors[name])]
        assert 0 <= shown.min() < 0.2 * period and 0.8 * period < shown.max() <= period


def test_an_angle_is_known_where_it_can_be_seen():
    factors = render_known_factors("shapes", 200).factors
    names = np.array(CLASS_NAMES)[factors["shape"]]
    assert set(names[~np.isnan(factors["angle"])]) == {"arrow", "crescent", "ell"}
    assert not np.isnan(factors["hue"]).any()


def test_the_images_belong_to_no_split():
    limits = {"unlabeled": 40, "train": 40, "validation": 40, "test": 40}
    dataset = load_dataset("shapes", limits=limits)
    parts = (dataset.unlabeled, dataset.train[0], dataset.validation[0], dataset.test[0])
    known = {image.tobytes() for images in parts for image in images}
    ours = {image.tobytes() for image in render_known_factors("shapes", 40).images}
    assert len(ours) == 40 and not ours & known


def test_a_source_without_known_factors():
    with pytest.raises(
        ValueError, match="'cifar10' are not known. Choose from .'shapes', 'glyphs'"
    ):
        render_known_factors("cifar10", 10)
