"""Each explorer in a browser: a slider is moved, and another picture appears."""

import statistics

import nbformat
import pytest

# Where a slider is found by the beginning of its label, and how fast the picture has to follow,
# at the median: in milliseconds on two cores, encoders included.
EXPLORERS = [
    ("01_augmentations", "color jitter: strength", 200),
    ("02_encoder_and_head", "strength", 200),
    ("03_contrastive_pretraining", "temperature", 60),
    ("04_linear_probe", "image", 60),
    ("05_baseline_comparison", "first image", 60),
]
MOVES = 15

# Resolves with the milliseconds from now until the picture of the explorer around a slider is
# another one, and with null where it stays.
WATCH = """label => {
    const box = [...document.querySelectorAll('.widget-slider')].find(
        each => each.querySelector('.widget-label').textContent.startsWith(label));
    const panel = box.closest('.widget-vbox, .jupyter-widgets.widget-box');
    const picture = box.closest('.jp-OutputArea-output').querySelector('img');
    const start = performance.now();
    window.change = new Promise(resolve => {
        const watcher = new MutationObserver(() => {
            watcher.disconnect();
            resolve(performance.now() - start);
        });
        watcher.observe(picture, {attributes: true, attributeFilter: ['src']});
        setTimeout(() => { watcher.disconnect(); resolve(null); }, 5000);
    });
}"""


def slider(page, label):
    box = (
        page.locator(".widget-slider")
        .filter(has=page.locator(".widget-label", has_text=label))
        .first
    )
    box.scroll_into_view_if_needed()
    return box


def press(page, box, label, key):
    """The milliseconds until the picture follows a key, or `None`."""
    box.locator(".noUi-handle").focus()
    page.evaluate(WATCH, label)
    page.keyboard.press(key)
    return page.evaluate("() => window.change")


@pytest.mark.parametrize("name, label, allowed", EXPLORERS)
def test_a_slider_moves_the_picture(open_notebook, name, label, allowed, capsys):
    page = open_notebook(name)
    box = slider(page, label)
    keys = ["ArrowRight" if move % 4 < 2 else "ArrowLeft" for move in range(MOVES)]
    times = [press(page, box, label, key) for key in keys]
    assert None not in times, f"the picture stood still: {times}"
    # A drag with the mouse moves the value that is read out, too.
    before = box.locator(".widget-readout").inner_text()
    track = box.locator(".noUi-base").bounding_box()
    page.mouse.move(track["x"] + 2, track["y"] + track["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] - 2, track["y"] + track["height"] / 2, steps=12)
    page.mouse.up()
    page.wait_for_timeout(1000)
    assert box.locator(".widget-readout").inner_text() != before
    assert page.problems == []
    median = statistics.median(times)
    with capsys.disabled():
        print(f"\n{name}: {median:.0f} ms from key to picture, median of {MOVES}", end="")
    assert median <= allowed


def test_a_picture_that_does_not_follow_is_noticed(open_notebook, course):
    """The control: without it, the test above might see a change where there is none."""
    still = nbformat.v4.new_notebook()
    still.cells = [
        nbformat.v4.new_code_cell(
            "import io, ipywidgets\n"
            "from PIL import Image\n"
            "from simclr_utils.widgets import explore\n"
            "buffer = io.BytesIO()\n"
            "Image.new('RGB', (9, 9)).save(buffer, 'png')\n"
            "explore(lambda level: buffer.getvalue(), level=ipywidgets.IntSlider(3, 0, 9))"
        )
    ]
    nbformat.write(still, course / "notebooks" / "still.ipynb")
    page = open_notebook("still", seconds=60)
    assert press(page, slider(page, "level"), "level", "ArrowRight") is None
