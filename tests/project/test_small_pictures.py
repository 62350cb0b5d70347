"""Stored pictures become smaller, and look as before."""

import base64
import io

import numpy as np
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image
from small_pictures import shrink, shrink_outputs

from simclr_utils.data import load_photographs
from simclr_utils.plotting import plot_curves, to_png


def as_png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pixels_of(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)


def draw():
    return to_png(plot_curves({"loss": {"a": ([1, 2], [3, 4]), "b": ([1, 2], [4, 3])}}, "epoch"))


def test_a_figure_is_at_most_half_as_large_and_looks_the_same():
    png = draw()
    small = shrink(png)
    assert len(small) < len(png) / 2 and shrink(small) == small
    assert pixels_of(small).shape == pixels_of(png).shape
    assert np.abs(pixels_of(small) - pixels_of(png)).mean() < 1


def test_a_photograph_keeps_its_shades_and_its_white_border():
    photograph = np.pad(
        load_photographs(96)["temple"], ((9, 9), (9, 9), (0, 0)), constant_values=255
    )
    png = as_png(np.concatenate([photograph, photograph // 2, photograph[..., ::-1]]))
    before, after = pixels_of(png), pixels_of(small := shrink(png))
    assert len(small) < len(png) / 2 and (after[:9] == 255).all()
    rows = [image.reshape(-1, 6, 19, 6, 3).mean(axis=(1, 3)) for image in (before, after)]
    assert np.abs(rows[0] - rows[1]).mean() < 0.8  # of patches; without dithering it is 1


def test_squares_of_noisy_colors_stay_squares():
    small = np.random.default_rng(0).normal(0, 12, (24, 40, 3)) + np.arange(40)[None, :, None] * 5
    squares = np.uint8(np.kron(small.clip(0, 255), np.ones((8, 8, 1))))
    after = pixels_of(shrink(as_png(squares))).reshape(24, 8, 40, 8, 3)
    assert np.ptp(after, axis=(1, 3)).max() == 0


def test_what_would_suffer_stays_as_it_is():
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    clear = np.full((8, 8, 4), 200, np.uint8)  # partly transparent
    for pixels in (noise, clear):
        assert shrink(as_png(pixels)) == as_png(pixels)


def test_every_picture_of_a_notebook_is_shrunk():
    png = draw()
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": "<Figure>"}
    cell = new_code_cell("draw()", outputs=[new_output("display_data", data)])
    notebook = new_notebook(cells=[cell])
    shrink_outputs(notebook)
    stored = notebook.cells[0].outputs[0].data
    assert base64.b64decode(stored["image/png"]) == shrink(png) != png
    assert stored["text/plain"] == "<Figure>"
