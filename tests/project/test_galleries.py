"""The galleries: what is drawn, and the page that names how."""

import make_galleries
import numpy as np

from simclr_utils.plotting import plot_images
from simclr_utils.plotting.images import CROSS, TICK

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype("uint8")


def titles(drawing):
    return [axis.get_title() for axis in drawing.axes if axis.get_title()]


def test_neighbors_of_the_class_are_ticked_in_each_space():
    near, same = IMAGES[:4].reshape(2, 2, 8, 8, 3), np.array([[True, False], [False, False]])
    found = {"pixels": (near, same), "features": (near, ~same)}
    drawing = make_galleries.draw_neighbors((IMAGES[:2], ["cat", "dog"]), found, 2)
    shown = titles(drawing)
    assert [text[-1] for text in shown if text not in ("cat", "dog")] == [
        *(TICK, CROSS, CROSS, TICK),
        *(CROSS, CROSS, TICK, TICK),
    ]
    assert sum("pixels" in text for text in shown) == sum("features" in text for text in shown) == 1


def test_mistakes_name_truth_answer_and_confidence():
    drawing = make_galleries.draw_mistakes(IMAGES[:2], ["cat"] * 2, ["dog", "frog"], [0.97, 0.5])
    assert titles(drawing) == ["cat\n\u2192 dog, 97%", "cat\n\u2192 frog, 50%"]
    assert [axis.axison for axis in drawing.axes] == [True] * 2 + [False] * 4


def test_the_page_names_command_encoder_and_seed(tmp_path):
    figures = dict.fromkeys(make_galleries.TITLES, plot_images(IMAGES))
    numbers = dict.fromkeys(make_galleries.NUMBERS, 0.5)
    make_galleries.write(tmp_path, figures, {"steps": 5500}, numbers, 3)
    page = " ".join((tmp_path / "README.md").read_text().split())
    assert "--seed 3" in page and "studies/cifar10/encoders/0" in page and "5,500 steps" in page
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        f"{name}.png" for name in sorted(make_galleries.TITLES)
    ]
