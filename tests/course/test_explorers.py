"""What explorers say is what the numbers are, and what they show is what was asked for."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from simclr_utils.course import (
    FeatureExplorer,
    MistakesExplorer,
    OcclusionExplorer,
    RetrievalExplorer,
    SimilarityExplorer,
)
from simclr_utils.course.sketch import Sketch
from simclr_utils.course.vector_explorers import scaled, similarity_to_first
from simclr_utils.methods import METHODS
from simclr_utils.plotting.fonts import readable
from simclr_utils.training.losses import nt_xent_loss
from simclr_utils.training.networks import build_encoder, build_projection_head

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (8, 8, 8, 3), dtype="uint8")
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype="uint8")
RECIPE = {"crop": 0.6, "color_jitter": 0.5}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_a_sketch_puts_things_where_it_is_told():
    sketch = Sketch(40, 30)
    sketch.picture(PICTURES[0], 10, 5, 16)
    sketch.bar(0, 0, 4, 3, "#ff0000")
    sketch.bar(20, 25, 30, 25, "#ff0000")  # no height
    sheet = pixels(sketch.png())
    assert sheet.shape == (30, 40, 3)
    np.testing.assert_array_equal(sheet[5:21:2, 10:26:2], PICTURES[0])
    assert (sheet[:3, :4] == (255, 0, 0)).all() and (sheet[25:] == 255).all()
    assert (sheet[3, :4] == 255).all() and (sheet[:3, 4] == 255).all()


@pytest.mark.parametrize("image", [PICTURES[0, ..., :1], PICTURES[0] / np.float32(255)])
def test_a_sketch_takes_gray_and_float_images(image):
    sketch = Sketch(8, 8)
    sketch.picture(image, 0, 0, 8)
    expected = np.broadcast_to(image, (8, 8, 3))
    expected = expected if image.dtype == np.uint8 else PICTURES[0]
    np.testing.assert_array_equal(pixels(sketch.png()), expected)


def test_words_and_frames_leave_a_mark():
    sketch = Sketch(60, 30)
    sketch.words("✓ disc", 30, 15, anchor="mm")
    assert (pixels(sketch.png()) < 128).any()
    sketch = Sketch(20, 20)
    sketch.picture(PICTURES[0], 6, 6, 8, frame="#0072B2")
    assert (pixels(sketch.png())[4, 6:14] == (0, 0x72, 0xB2)).all()


def test_the_anchors_loss_is_its_part_of_nt_xent():
    vectors = RANDOM.normal(size=(8, 5))
    explorer = SimilarityExplorer(PICTURES, {"a": vectors, "b": vectors[::-1]})
    losses = []
    for anchor in range(8):
        _, text = explorer.draw("a", anchor, 0.5)
        losses.append(float(text.split("anchor is ")[1].split(". Cosine")[0]))
    expected = float(nt_xent_loss(vectors[:4], vectors[4:], temperature=0.5))
    assert np.mean(losses) == pytest.approx(expected, abs=0.01)


def test_the_hardest_negative_is_the_most_similar_one():
    vectors = np.eye(8)[:, :6] + 0.01
    vectors[5] = vectors[0] + [0, 0, 0, 0, 0.1, 0]  # 4 is the positive of 0
    _, text = SimilarityExplorer(PICTURES, {"a": vectors}).draw("a", 0, 0.1)
    assert "of the hardest negative (picture 5): 1.00" in text


def test_the_smallest_temperatures_have_a_finite_loss():
    explorer = SimilarityExplorer(PICTURES, {"a": RANDOM.normal(size=(8, 5)).astype("float32")})
    for anchor in range(8):
        _, text = explorer.draw("a", anchor, 0.001)
        assert "inf" not in text and "nan" not in text and "-0.00" not in text


def test_one_pair_has_no_negatives():
    explorer = SimilarityExplorer(PICTURES[:2], {"a": np.eye(2)})
    picture, text = explorer.draw("a", 0, 0.1)
    legend = SimilarityExplorer.LEGEND
    assert readable(legend) == legend and (pixels(picture)[:, -6:] == 255).all()  # all is shown
    assert "positive has probability 1.00, the loss of this anchor is 0.00" in text
    assert "negative" not in text


def test_a_temperature_of_zero_is_explained():
    explorer = SimilarityExplorer(PICTURES, {"a": RANDOM.normal(size=(8, 5))})
    with pytest.raises(ValueError, match="greater than 0"):
        explorer.draw("a", 0, 0.0)


def test_pictures_change_with_what_is_chosen():
    vectors = {name: RANDOM.normal(size=(8, 5)) for name in "ab"}
    explorer = SimilarityExplorer(PICTURES, vectors)
    drawn = [explorer.draw(*each)[0] for each in (("a", 0, 1), ("b", 0, 1), ("a", 1, 1))]
    drawn.append(explorer.draw("a", 0, 0.1)[0])
    assert len(set(drawn)) == 4
    same, text = explorer.draw("a", 0, 1)
    assert same == drawn[0]


def test_neighbors_are_counted_and_the_point_moves():
    queries, gallery = (PICTURES[:3], np.array([0, 1, 1])), (PICTURES, np.arange(8) % 2)
    neighbors = {"pixels": np.array([[0, 1], [3, 5], [0, 4]])}
    points = np.array([[0.0, 0.0], [1.0, 5.0], [2.0, 1.0]])
    explorer = RetrievalExplorer(queries, gallery, neighbors, points, ["x", "y"])
    pictures, texts = zip(*(explorer.draw(index) for index in range(3)), strict=True)
    assert [text.split("class: ")[1] for text in texts] == [
        "pixels 1 of 2.",
        "pixels 2 of 2.",
        "pixels 0 of 2.",
    ]
    assert texts[0].startswith("Class x") and texts[1].startswith("Class y")
    black = [np.argwhere((pixels(each)[:280, -310:] < 30).all(axis=2)) for each in pictures]
    places = [found.mean(axis=0) for found in black]
    assert places[0][0] > places[1][0]  # a higher y is further up
    assert places[0][1] < places[1][1] < places[2][1]


def test_mistakes_are_shown_for_the_images_asked_for():
    classes, correct = np.array([0, 1, 0, 1, 0]), np.array([True, True, False, False, True])
    predictions, truth = {10: {"probe": (classes, correct)}}, np.array([0, 1, 1, 0, 0])
    explorer = MistakesExplorer(PICTURES[:5], truth, predictions, ["x", "y"], 2)
    first, text = explorer.draw(10)
    assert text == "Accuracy on all test images at 10 labels: probe 60.0%."
    assert first != explorer.draw(10, first=2)[0]
    last, _ = explorer.draw(10, first=4)  # the row may be shorter
    assert pixels(last).shape == pixels(first).shape


def test_the_longest_name_of_a_method_has_room_left_of_its_row():
    said = {method.label: (np.zeros(5, int), np.ones(5, bool)) for method in METHODS.values()}
    for names in (said, {"x" * 60: said["raw pixels + probe"]}):
        explorer = MistakesExplorer(PICTURES[:5], np.zeros(5, int), {10: names}, ["x"])
        sheet = pixels(explorer.draw(10)[0])
        assert (sheet[:, :8] == 255).all() and (sheet[:, 8:190] < 128).any()


@pytest.fixture(scope="module")
def networks():
    return {"untrained": (build_encoder((16, 16, 3), width=4), build_projection_head(32, 16, 8))}


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


def brightness_of_corner(images):
    """Probabilities of two classes; that of the second one is the brightness of a corner."""
    share = images[:, :4, :4].mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - share, share], axis=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_occlusion_is_shown_for_the_class_of_the_image(channels):
    images = np.zeros((2, 16, 16, channels), "uint8")
    images[:, :4, :4] = 255
    explorer = OcclusionExplorer(brightness_of_corner, images, [1, 0], ["x", "y"])
    drawn, text = explorer.draw(0, 4)
    other, other_text = explorer.draw(1, 4)
    assert text.startswith("Class y has probability 100%.") and "takes 94 points" in text
    assert other_text.startswith("Class x has probability 0%.")
    left = explorer.SIDE + explorer.GAP
    one, two = (pixels(png)[5, left + 5].astype(int) for png in (drawn, other))
    assert one[0] > one[2] and two[2] > two[0]  # the probability falls, and rises
    assert drawn != explorer.draw(0, 8)[0]
