"""The explorer of features: the vectors are those of the pictures, and the numbers fit them."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from simclr_utils.course.explorers import FeatureExplorer, scaled, similarity_to_first
from simclr_utils.training.networks import build_encoder, build_projection_head

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype="uint8")
RECIPE = {"crop": 0.6, "color_jitter": 0.5}


@pytest.fixture(scope="module")
def networks():
    return {"untrained": (build_encoder((16, 16, 3), width=4), build_projection_head(32, 16, 8))}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_without_augmentation_the_views_are_the_image(networks):
    explorer = FeatureExplorer(IMAGES, RECIPE, networks)
    pictures = explorer.pictures(3, 0.0, 0)
    np.testing.assert_array_equal(pictures, IMAGES[[3, 3, 3, 4]] / np.float32(255))
    picture, sentence = explorer.draw("untrained", 3, 0.0)
    assert re.findall(r"(\d\.\d\d) view", sentence) == ["1.00"] * 4
    assert not np.array_equal(pixels(picture), pixels(explorer.draw("untrained", 3, 1.0)[0]))


def test_the_last_image_has_another_beside_it(networks):
    pictures = FeatureExplorer(IMAGES, RECIPE, networks).pictures(4, 0.0, 0)
    np.testing.assert_array_equal(pictures[3], IMAGES[0] / np.float32(255))


def test_strength_makes_views_that_differ_and_ends_at_one(networks):
    explorer = FeatureExplorer(IMAGES, RECIPE, networks)
    image, *views, _ = explorer.pictures(0, 1.0, seed=1)
    assert all(np.abs(view - image).max() > 0.1 for view in views)
    assert np.abs(views[0] - views[1]).max() > 0.1
    np.testing.assert_array_equal(explorer.pictures(0, 5.0, 1), explorer.pictures(0, 9.0, 1))


def test_the_similarities_are_those_of_the_networks(networks):
    explorer = FeatureExplorer(IMAGES, RECIPE, networks)
    _, sentence = explorer.draw("untrained", 0, 1.0, seed=2)
    encoder, head = networks["untrained"]
    features = encoder(explorer.pictures(0, 1.0, 2))
    for place, vectors in (("features", features), ("projections", head(features))):
        told = re.search(f"{place} ([^;]*)", sentence)[1]
        expected = similarity_to_first(np.asarray(vectors))[1:]
        found = [float(number) for number in re.findall(r"-?\d\.\d\d", told)]
        np.testing.assert_allclose(found, expected, atol=0.0051)


def test_a_slider_that_moves_traces_nothing_anew(networks):
    explorer = FeatureExplorer(IMAGES, RECIPE, networks)
    for image, strength, seed in ((0, 0.0, 0), (2, 0.5, 1), (4, 1.0, 7)):
        explorer.draw("untrained", image, strength, seed)
    for network in explorer.networks["untrained"]:
        assert network.experimental_get_tracing_count() == 1


def test_similarity_by_hand():
    vectors = np.array([[3.0, 4.0], [-3, -4], [4, -3], [0, 0]])
    np.testing.assert_allclose(similarity_to_first(vectors), [1, -1, 0, 0], atol=1e-12)


def test_a_recipe_may_have_probabilities(networks):
    pairs = {name: (strength, 1.0) for name, strength in RECIPE.items()}
    pictures = FeatureExplorer(IMAGES, pairs, networks).pictures(3, 0.5, 0)
    assert pictures.shape == (4, *IMAGES.shape[1:])
    assert scaled((0.8, 0.3), 0.5) == (0.4, 0.3) and scaled((0.8, 0.3), 9) == (1.0, 0.3)
