"""Pictures that are drawn beforehand: which values, how many bytes, and what the page gets."""

import io

import explorer_frames
import explorer_page
import ipywidgets
import numpy as np
import pytest
from explorer_frames import Frames, Levels, choose_grid
from PIL import Image

from simclr_utils.course import recipe_controls, widgets


def picture(*numbers):
    """A noisy picture, another one for other numbers."""
    noise = np.random.default_rng(numbers).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "png")
    return buffer.getvalue()


def levels(**controls):
    return [Levels(name, control) for name, control in controls.items()]


def frames_of(shown):
    return shown.description()["frames"]


@pytest.mark.parametrize(
    "control, values, start, is_slider",
    [
        (ipywidgets.IntSlider(2, 0, 4), [0, 1, 2, 3, 4], 2, True),
        (ipywidgets.FloatSlider(0.3, min=0, max=1, step=0.25), [0, 0.3, 0.5, 0.75, 1], 1, True),
        (
            ipywidgets.FloatLogSlider(value=0.1, min=-2, max=0, step=0.5),
            [0.01, 0.0316227766, 0.1, 0.316227766, 1],
            2,
            True,
        ),
        (ipywidgets.SelectionSlider(options=[("ten", 10), ("all", 99)]), [10, 99], 0, True),
        (ipywidgets.ToggleButtons(options=["a", "b"], value="b"), ["a", "b"], 1, False),
        (ipywidgets.Checkbox(True), [False, True], 1, False),
        (ipywidgets.Text("word"), ["word"], 0, True),
    ],
)
def test_the_values_of_a_control(control, values, start, is_slider):
    found = Levels("some_name", control)
    assert found.values == pytest.approx(values) if is_slider and len(values) > 2 else values
    assert (found.start, found.is_slider, found.label) == (start, is_slider, "some name")
    assert len(found.texts) == len(found.values)


def test_thinned_values_hold_the_ends_and_the_initial_value():
    found = Levels("image", ipywidgets.IntSlider(7, 0, 50))
    assert found.thinned(3) == [0, 7, 50] or found.thinned(3) == [7, 25, 50]
    assert all(7 in found.thinned(count) for count in range(1, 52))
    assert found.thinned(99) == list(range(51))


def test_few_controls_are_combined():
    controls = levels(
        image=ipywidgets.IntSlider(0, 0, 50),
        network=ipywidgets.ToggleButtons(options=["a", "b"]),
        strength=ipywidgets.FloatSlider(1, max=1.5),
    )
    places, combinations = choose_grid(controls, 60)
    assert [len(found) for found in places] == [6, 2, 5]
    assert len(set(combinations)) == 60


def test_many_controls_move_one_at_a_time():
    names = dict.fromkeys(("crop", "blur", "jitter", "grayscale", "rotation"), 0.5)
    controls = levels(**recipe_controls(names, names))
    places, combinations = choose_grid(controls, 61)
    start = tuple(each.start for each in controls)
    assert combinations[0] == start and len(combinations) <= 61
    assert all(len(found) >= 5 for found in places)
    assert all(
        sum(a != b for a, b in zip(start, combination, strict=True)) <= 1
        for combination in combinations
    )


def test_the_pictures_keep_to_the_budget(tmp_path):
    controls = levels(image=ipywidgets.IntSlider(0, 0, 400))
    shown = Frames(lambda image: picture(image), {}, controls, tmp_path, "frames", 60_000)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert 30_000 < sum(sizes) <= 60_000
    assert len(sizes) == len(frames_of(shown)) > 5


def test_equal_pictures_are_stored_once(tmp_path):
    controls = levels(seed=ipywidgets.IntSlider(0, 0, 4))
    shown = Frames(lambda seed: picture(1), {}, controls, tmp_path, "frames", 10**6)
    assert len(list(tmp_path.iterdir())) == 1 and len(frames_of(shown)) == 5


def test_the_page_gets_pictures_sentences_answers_and_errors(tmp_path):
    def draw(level, name):
        if level == 2:
            raise ValueError("2 is </script> wrong")
        return picture(level), f"{name} at {level}"

    controls = levels(
        level=ipywidgets.IntSlider(1, 0, 2), name=ipywidgets.Dropdown(options=["a", "b"])
    )
    buttons = {"Double it": lambda level, name: str(2 * level)}
    shown = Frames(draw, buttons, controls, tmp_path, "frames/x", 10**6)
    found = frames_of(shown)
    assert len(found) == 6 and found["1,1"][1:] == ["b at 1", ["2"]]
    assert (tmp_path / found["0,0"][0].removeprefix("frames/x/")).is_file()
    assert found["2,0"] == ["", "2 is </script> wrong", []]
    html = explorer_page.to_html(shown.description())
    assert html.count("</script>") == 1
    assert 'alt="a at 1"' in html and ">Double it</button>" in html
    assert html.count("<input") == html.count("<select") == 1


def test_without_a_sentence_the_values_are_the_text(tmp_path):
    controls = levels(first_image=ipywidgets.IntSlider(3, 0, 9))
    shown = Frames(lambda first_image: picture(1), {}, controls, tmp_path, "f", 10**6)
    assert 'alt="first image 3"' in explorer_page.to_html(shown.description())


def test_a_recording_kernel_has_another_explore(tmp_path, monkeypatch):
    monkeypatch.setattr(widgets, "explore", widgets.explore)
    explorer_frames.record(str(tmp_path), "frames", 10**6)
    shown = widgets.explore(lambda level: picture(level), level=ipywidgets.IntSlider(0, 0, 3))
    assert isinstance(shown, Frames) and len(frames_of(shown)) == 4
