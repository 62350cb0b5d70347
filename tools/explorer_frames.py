"""Draws the pictures of an explorer for a grid of values, for a page without a kernel.

`make book` executes the notebooks with this module's `explore` in place of the course's.
"""

import hashlib
import io
import itertools
import math
from pathlib import Path

import ipywidgets
import numpy as np
from PIL import Image

MIME = "application/x-explorer+json"  # what a cell puts out in place of widgets
COLORS = 128  # of a picture's palette: halves its bytes, and words stay sharp
FEWEST_LEVELS = 3  # with fewer, a slider moves alone


class Levels:
    """The values of a control that pictures are drawn for.

    Args:
        name: String, the argument that the control sets.
        control: A control of `ipywidgets`.
    """

    def __init__(self, name, control):
        self.name, self.label = name, control.description or name.replace("_", " ")
        self.tooltip = getattr(control, "tooltip", None) or self.label
        self.is_slider = True
        if hasattr(control, "options"):
            pairs = [
                each if isinstance(each, tuple) else (str(each), each) for each in control.options
            ]
            self.texts, self.values = map(list, zip(*pairs, strict=True))
            self.is_slider = isinstance(control, ipywidgets.SelectionSlider)
        elif isinstance(control, ipywidgets.Checkbox):
            self.values, self.texts, self.is_slider = [False, True], ["no", "yes"], False
        else:
            self.values = _steps(control)
            numbers = (int, float)
            self.texts = [f"{v:.4g}" if isinstance(v, numbers) else str(v) for v in self.values]
        self.start = self.values.index(control.value)

    def thinned(self, count):
        """Returns the positions of `count` values, evenly spaced, the initial one among them."""
        count = min(count, len(self.values))
        places = np.round(np.linspace(0, len(self.values) - 1, count)).astype(int)
        if self.start not in places:
            places[np.argmin(abs(places - self.start))] = self.start
        return [int(place) for place in places]


def _steps(control):
    """Returns the values of a numeric slider, its initial value among them."""
    if not hasattr(control, "min"):
        return [control.value]
    count = round((control.max - control.min) / control.step)
    values = [control.min + step * control.step for step in range(count + 1)]
    if hasattr(control, "base"):
        values = [control.base**value for value in values]
    values = [value if isinstance(value, int) else round(value, 10) for value in values]
    values[int(np.argmin([abs(value - control.value) for value in values]))] = control.value
    return values


def choose_grid(levels, most):
    """Chooses the combinations of values to draw.

    Args:
        levels: List of `Levels`.
        most: Integer, the most combinations.

    Returns:
        A pair: for each control the positions of its values, and the combinations, a list of
        tuples of positions. It is the product of the positions. If that would leave a slider
        fewer than three, each control moves while the others stand at their initial values.
    """
    counts = [1 if each.is_slider else len(each.values) for each in levels]
    while True:
        for index in sorted(range(len(levels)), key=lambda index: counts[index]):
            larger = [count + (place == index) for place, count in enumerate(counts)]
            if larger[index] <= len(levels[index].values) and math.prod(larger) <= most:
                counts = larger
                break
        else:
            break
    fewest = [min(FEWEST_LEVELS, len(each.values)) for each in levels]
    if all(count >= few for count, few in zip(counts, fewest, strict=True)):
        places = [each.thinned(count) for each, count in zip(levels, counts, strict=True)]
        return places, list(itertools.product(*places))
    count = 1 + max(1, (most - 1) // len(levels))
    places = [each.thinned(count) for each in levels]
    start = tuple(each.start for each in levels)
    moved = [
        (*start[:index], place, *start[index + 1 :])
        for index, found in enumerate(places)
        for place in found
    ]
    return places, list(dict.fromkeys([start, *moved]))


def compressed(png):
    """Returns a picture as WebP without loss, after a reduction to a palette."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    palette = picture.quantize(COLORS, dither=Image.Dither.NONE).convert("RGB")
    buffer = io.BytesIO()
    palette.save(buffer, "webp", lossless=True, quality=60, method=4)
    return buffer.getvalue(), picture.size


class Frames:
    """An explorer whose pictures are drawn beforehand, as the output of a cell.

    Args:
        draw: Function as `explore` takes it.
        buttons: Dict as `explore` takes it.
        levels: List of `Levels`.
        folder: `Path`, where the pictures go.
        address: String, the folder's address as the page sees it.
        budget: Integer, the most bytes of all pictures.
    """

    def __init__(self, draw, buttons, levels, folder, address, budget):
        self.draw, self.buttons, self.levels = draw, buttons, levels
        self.folder, self.address = folder, address
        start = tuple(each.start for each in levels)
        drawn = {start: self._draw(start)}
        first = drawn[start]
        most = max(1, budget // len(first[0]))
        while True:
            self.places, combinations = choose_grid(levels, most)
            drawn = {places: drawn.get(places) or self._draw(places) for places in combinations}
            total = sum(len(data) for data in {data for data, *_ in drawn.values()})
            if total <= budget or most == 1:
                break
            most = max(1, min(most - 1, int(most * budget / total)))
        self.size = first[1]
        self.frames = {places: self._store(*found) for places, found in drawn.items()}

    def _draw(self, places):
        """Returns a picture (empty if there is none), its size, its sentence and the answers."""
        chosen = zip(self.levels, places, strict=True)
        values = {each.name: each.values[place] for each, place in chosen}
        try:
            found = self.draw(**values)
        except ValueError as error:
            return b"", None, str(error), []
        png, sentence = found if isinstance(found, tuple) else (found, "")
        answers = [answer(**values) for answer in self.buttons.values()]
        return (*compressed(png), sentence, answers)

    def _store(self, picture, size, sentence, answers):
        """Writes a picture, and returns the frame as the page reads it."""
        if not picture:
            return ["", sentence, answers]
        name = hashlib.sha256(picture).hexdigest()[:16] + ".webp"
        (self.folder / name).write_bytes(picture)
        return [f"{self.address}/{name}", sentence, answers]

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {MIME: self.description(), "text/plain": "an explorer"}

    def description(self):
        """Returns what `explorer_page.to_html` shows: the controls and the frames, a dict."""
        orders = [{place: n for n, place in enumerate(places)} for places in self.places]
        frames = {}
        for places, frame in self.frames.items():
            moved = [order[place] for order, place in zip(orders, places, strict=True)]
            frames[",".join(map(str, moved))] = frame
        controls = [
            {
                "label": each.label,
                "tooltip": each.tooltip,
                "is_slider": each.is_slider,
                "texts": [each.texts[place] for place in places],
                "start": places.index(each.start),
            }
            for each, places in zip(self.levels, self.places, strict=True)
        ]
        return {
            "controls": controls,
            "buttons": list(self.buttons),
            "size": self.size,
            "frames": frames,
        }


def record(folder, address, budget):
    """Replaces the course's `explore`, in this kernel, by one that draws its pictures at once.

    Args:
        folder: String, where the pictures go.
        address: String, the folder's address as the page sees it.
        budget: Integer, the most bytes of an explorer's pictures.
    """
    from simclr_utils.course import widgets

    def explore(draw, buttons=None, num_columns=1, **controls):
        levels = [Levels(name, control) for name, control in controls.items()]
        return Frames(draw, buttons or {}, levels, Path(folder), address, budget)

    widgets.explore = explore
