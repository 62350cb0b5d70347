"""Explorers in a browser: a slider moves, and another picture appears."""

import re
import statistics

import nbformat
import pytest

# A slider by its label, and how fast the picture is meant to follow, in milliseconds on two quiet
# cores. This is printed and not asserted, because it depends on the machine.
EXPLORERS = [
    ("01_augmentations", "color jitter: strength", 200),
    ("02_encoder_and_head", "strength", 200),
    ("03_contrastive_pretraining", "temperature", 60),
    ("04_linear_probe", "image", 60),
    ("05_baseline_comparison", "first image", 60),
]
MOVES = 15

# Notes the time of the next key, and resolves with the milliseconds from it until another picture
# of that output is decoded; with null where none comes.
WATCH = """box => {
    const picture = box.closest('.jp-OutputArea-output').querySelector('img');
    let start = null;
    window.addEventListener(
        'keydown', () => { start = performance.now(); }, {capture: true, once: true});
    window.change = new Promise(resolve => {
        picture.addEventListener(
            'load', () => resolve(performance.now() - start), {once: true});
        setTimeout(() => resolve(null), 10000);
    });
}"""


def find_slider(page, label):
    named = page.locator(".widget-label", has_text=re.compile(f"^{re.escape(label)}$"))
    box = page.locator(".widget-slider").filter(has=named).first
    box.scroll_into_view_if_needed()
    return box


def wait_until_still(page, box):
    """Waits for a picture that is still coming, so that it does not count for the next key."""
    box.locator(".noUi-handle").focus()
    shown = None
    while shown != (shown := picture_of(box)):
        page.wait_for_timeout(500)
        page.wait_until_idle()


def press(page, box, key):
    """Returns the milliseconds until the picture follows a key, or `None`."""
    wait_until_still(page, box)
    box.evaluate(WATCH)
    page.keyboard.press(key)
    return page.evaluate("() => window.change")


def keys_inward(box):
    """Returns the key that leads away from the nearer end of the slider, and the opposite key."""
    handle = box.locator(".noUi-handle")
    now, low, high = (float(handle.get_attribute(f"aria-value{x}")) for x in ("now", "min", "max"))
    keys = "ArrowRight", "ArrowLeft"
    return keys if now - low < high - now else keys[::-1]


def picture_of(box):
    return box.evaluate("box => box.closest('.jp-OutputArea-output').querySelector('img').src")


@pytest.mark.parametrize("name, label, goal", EXPLORERS)
def test_a_slider_moves_the_picture(open_notebook, name, label, goal, capsys):
    page = open_notebook(name)
    box = find_slider(page, label)
    there, back = keys_inward(box)
    times = [press(page, box, there if move % 4 < 2 else back) for move in range(MOVES)]
    assert None not in times, f"the picture stood still: {times}"
    # A drag with the mouse: value and picture follow.
    value, source = box.locator(".widget-readout").inner_text(), picture_of(box)
    handle = box.locator(".noUi-handle").bounding_box()
    track = box.locator(".noUi-base").bounding_box()
    middle = handle["y"] + handle["height"] / 2
    page.mouse.move(handle["x"] + handle["width"] / 2, middle)
    page.mouse.down()
    aim = 0.9 if there == "ArrowRight" else 0.1
    page.mouse.move(track["x"] + aim * track["width"], middle, steps=12)
    page.mouse.up()
    page.wait_for_timeout(1000)
    assert box.locator(".widget-readout").inner_text() != value
    assert picture_of(box) != source
    if name == "01_augmentations":  # here and not in a test of its own, which would run it anew
        page.get_by_role("button", name="Write the recipe").click()
        page.get_by_text("build_augmenter(32, operations=").wait_for(timeout=5000)
    assert page.problems == []
    median = statistics.median(times)
    with capsys.disabled():
        print(f"\n{name}: {median:.0f} ms from key to picture (goal {goal}), ", end="")
        print(f"median of {MOVES}", end="")


def test_a_picture_that_does_not_follow_is_noticed(open_notebook, course):
    """The control: without it, the test above might see a change where there is none."""
    still = nbformat.v4.new_notebook()
    still.cells = [
        nbformat.v4.new_code_cell(
            "import io, ipywidgets\n"
            "from PIL import Image\n"
            "from simclr_utils.course.widgets import explore\n"
            "buffer = io.BytesIO()\n"
            "Image.new('RGB', (9, 9)).save(buffer, 'png')\n"
            "explore(lambda level: buffer.getvalue(), level=ipywidgets.IntSlider(3, 0, 9))"
        )
    ]
    still.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    nbformat.write(still, course / "notebooks" / "still.ipynb")
    page = open_notebook("still", seconds=60)
    assert press(page, find_slider(page, "level"), "ArrowRight") is None


def test_the_welcome_page_is_rendered_and_leads_to_the_notebooks(new_page, lab):
    address, token = lab
    page = new_page()
    page.goto(f"{address}/lab/tree/notebooks/welcome.md?token={token}&reset")
    page.locator(".jp-MarkdownViewer h1").wait_for(timeout=60_000)
    page.locator(".jp-MarkdownViewer a", has_text="06 fine-tuning").click()
    page.locator(".jp-NotebookPanel h1", has_text=re.compile("[Ff]ine-tun")).wait_for(
        timeout=30_000
    )
    assert page.problems == []
