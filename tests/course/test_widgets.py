"""Explorers: a control moves, the picture follows."""

import io

import ipywidgets
import pytest
from PIL import Image

from simclr_utils.course.widgets import LivePicture, explore, recipe_controls, show_picture
from simclr_utils.plotting.style import figure, to_png


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
    panel, message, picture = shown.children
    level, name = panel.children
    assert isinstance(picture, ipywidgets.Image) and picture.format == "png"
    assert picture.value == draw(1, "a") and message.value == ""


def stored_text(widget):
    return widget._repr_mimebundle_()["text/plain"]


def test_what_is_stored_beside_a_widget_is_a_sentence(shown):
    assert stored_text(shown) == "Run this cell to move the controls."
    live = LivePicture()
    assert stored_text(live.widget) == "Run this cell to see the picture change while it works."


def test_moving_a_control_draws_anew(shown):
    panel, message, picture = shown.children
    level, name = panel.children
    level.value = 3
    assert picture.value == draw(3, "a")
    name.value = "b"
    assert picture.value == draw(3, "b")


def test_a_value_error_is_shown_in_words_until_it_is_mended(shown):
    panel, message, picture = shown.children
    level, name = panel.children
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
    words, picture = live.widget.children
    for color in ("red", "blue"):
        live.update(png(color), f"it is {color}")
        assert (picture.value, words.value) == (png(color), f"it is {color}")


def test_a_picture_may_come_with_a_sentence():
    shown = explore(lambda level: (png("red"), f"a < {level}"), level=ipywidgets.IntSlider(2))
    panel, message, picture = shown.children
    assert picture.value == png("red") and message.value == "a &lt; 2"


def test_controls_get_labels_and_tooltips():
    named = ipywidgets.IntSlider(description="degrees", tooltip="0 to 9")
    explore(lambda **values: png("red"), angle=named, first_image=(bare := ipywidgets.IntSlider()))
    assert (named.description, named.tooltip) == ("degrees", "0 to 9")
    assert (bare.description, bare.tooltip) == ("first image", "first image")


def test_a_button_answers_for_the_values_of_now():
    level = ipywidgets.IntSlider(1)
    shown = explore(
        lambda level: png("red"), {"Double it": lambda level: f"<{2 * level}>"}, level=level
    )
    *_, row, answer = shown.children
    assert answer.value == ""
    level.value = 21
    row.children[0].click()
    assert answer.value == "<pre>&lt;42&gt;</pre>"
    level.value = 22
    assert answer.value == ""  # it was for 21


def test_a_button_explains_what_cannot_be():
    def refuse():
        raise ValueError("no <recipe>")

    *_, row, answer = explore(lambda: png("red"), {"Write": refuse}).children
    row.children[0].click()
    assert answer.value == "<b>no &lt;recipe&gt;</b>"


def test_a_recipe_has_two_sliders_an_operation():
    probabilities = {"crop": 1.0, "color_jitter": 0.8, "flip": 0.5}
    sliders = recipe_controls({"crop": 0.5, "color_jitter": 0, "flip": 1}, probabilities)
    assert {name: slider.value for name, slider in sliders.items()} == {
        "crop_strength": 0.5,
        "crop_probability": 1.0,
        "color_jitter_strength": 0,
        "color_jitter_probability": 0.8,
        "flip_probability": 0.5,  # a flip has no strength
    }
    assert all((slider.min, slider.max) == (0, 1) for slider in sliders.values())


def test_a_picture_is_shown_with_its_text():
    shown = show_picture(png("red"), "all red")
    assert shown.data == png("red") and shown.alt == "all red"
