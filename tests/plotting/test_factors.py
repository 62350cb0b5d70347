"""Similarity matrices that are sorted by a factor, maps of classes, and lines of channels."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from simclr_utils.plotting import plot_map, plot_sorted, plot_view_histograms

RANDOM = np.random.default_rng(0)
CLASSES = RANDOM.permutation(np.arange(40) % 4)
ALIKE = np.where(CLASSES[:, None] == CLASSES, 0.8, 0.1)
np.fill_diagonal(ALIKE, 1)


def test_images_of_a_class_become_a_block_and_no_image_is_compared_with_itself():
    drawing = plot_sorted({"e": ALIKE}, {"class": CLASSES, "x": RANDOM.uniform(size=40)}, (), 8)
    by_class, by_chance = (np.asarray(axis.images[0].get_array()) for axis in drawing.axes[:2])
    expected = np.where(np.arange(8)[:, None] // 2 == np.arange(8) // 2, 0.8, 0.1)
    np.testing.assert_allclose(by_class, expected)
    assert by_chance.max() < 0.8


def test_strips_show_the_sorted_factor_and_names_stand_at_their_classes():
    hue = RANDOM.uniform(size=40).astype("float32")
    names = np.array(["oak", "elm", "fir", "ash"])[CLASSES]
    drawing = plot_sorted({"e": ALIKE}, {"hue": hue, "class": names}, ("hue",))
    strip = drawing.axes[0].images[1]
    np.testing.assert_array_equal(strip.get_array()[:, 0], np.sort(hue))
    assert strip.get_cmap().name == "hsv"
    labels = [text.get_text() for text in drawing.axes[1].get_yticklabels()]
    assert labels == ["ash", "elm", "fir", "oak"]  # from the top
    np.testing.assert_allclose(drawing.axes[1].get_yticks(), [0.875, 0.625, 0.375, 0.125])


def test_what_cannot_be_sorted():
    with pytest.raises(ValueError, match=r"factor 'x' has the shape \(3,\); expected \(40,\)"):
        plot_sorted({"e": ALIKE}, {"x": np.ones(3)})


def test_ten_classes_have_ten_colors_and_pure_ones_their_name():
    labels = np.arange(300) % 10
    pure = 10 * np.column_stack(np.divmod(labels, 4)) + RANDOM.normal(size=(300, 2))
    names = [f"class {letter}" for letter in "abcdefghij"]
    drawing = plot_map({"pure": pure, "mixed": RANDOM.normal(size=(300, 2))}, labels, names)
    colors = {to_hex(each.get_facecolor()[0]) for each in drawing.axes[0].collections}
    assert len(colors) == 10
    assert sorted(text.get_text() for text in drawing.axes[0].texts) == names
    for text in drawing.axes[0].texts:
        middle = np.median(pure[labels == names.index(text.get_text())], axis=0)
        assert np.linalg.norm(np.subtract(text.get_position(), middle)) < 1
    assert len(drawing.axes[1].texts) < 3
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == names


@pytest.mark.parametrize("channels, names", [(3, ["red", "green", "blue"]), (1, ["gray"])])
def test_the_legend_names_the_channels_and_the_views(channels, names):
    drawing = plot_view_histograms(RANDOM.uniform(size=(2, 2, 8, 8, channels)), ["a", "b"])
    words = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert words == [*(f"{name} channel" for name in names), "view 1", "view 2"]
    assert len(drawing.axes[4].lines) == 2 * channels
