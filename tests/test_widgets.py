"""Explorers: a control moves, the picture follows."""

import inspect
import io

import ipywidgets
import pytest
from PIL import Image

from simclr_utils.plotting import figure, to_png
from simclr_utils.widgets import LivePicture, explore


def png(color):
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), color).save(buffer, "png")
    return buffer.getvalue()


def draw(level, name):
    if level > 5:
        raise ValueError(f"Level {level} is above 5.")
    return png((level, 0, 0)) + name.encode()


@pytest.fixture
def shown():
    level = ipywidgets.IntSlider(1, 0, 9)
    name = ipywidgets.Dropdown(options=["a", "b"])
    return explore(draw, level=level, name=name)


def test_the_first_picture_is_there_at_once(shown):
    level, name, message, picture = shown.children
    assert isinstance(picture, ipywidgets.Image) and picture.format == "png"
    assert picture.value == draw(1, "a") and message.value == ""


def test_moving_a_control_draws_anew(shown):
    level, name, message, picture = shown.children
    level.value = 3
    assert picture.value == draw(3, "a")
    name.value = "b"
    assert picture.value == draw(3, "b")


def test_a_value_error_is_shown_in_words_until_it_is_mended(shown):
    level, name, message, picture = shown.children
    level.value = 8
    assert "Level 8 is above 5." in message.value
    level.value = 2
    assert message.value == "" and picture.value == draw(2, "a")


def test_other_errors_are_not_hidden():
    def broken(level):
        raise TypeError("a mistake in the code")

    with pytest.raises(TypeError, match="a mistake in the code"):
        explore(broken, level=ipywidgets.IntSlider())


def test_a_figure_can_be_explored():
    def curve(power):
        with figure(size=(3, 2)) as (drawing, axis):
            axis.plot([0, 1, 2], [x**power for x in (0, 1, 2)])
        return to_png(drawing)

    slider = ipywidgets.IntSlider(1, 1, 3)
    *_, picture = explore(curve, power=slider).children
    before = picture.value
    assert Image.open(io.BytesIO(before)).format == "PNG"
    slider.value = 3
    assert picture.value != before


def test_messages_are_words_and_not_markup():
    def draw(level):
        raise ValueError("received <b>0</b> & 1")

    *_, message, _ = explore(draw, level=ipywidgets.IntSlider()).children
    assert "received &lt;b&gt;0&lt;/b&gt; &amp; 1" in message.value


def test_a_live_picture_is_replaced():
    live = LivePicture()
    assert isinstance(live.widget, ipywidgets.Image)
    for color in ("red", "blue"):
        live.update(png(color))
        assert live.widget.value == png(color)
    assert inspect.signature(live.update).parameters.keys() == {"png"}
