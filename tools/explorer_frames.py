"""Explorers without a kernel: pictures for a grid of values, switched by JavaScript.

`make book` executes the notebooks with this module's `explore` in place of the course's. It draws
the pictures, and returns what the page shows. `docs/_static/explorer.js` switches them.
"""

import hashlib
import html
import io
import itertools
import json
import math
from pathlib import Path

import ipywidgets
import numpy as np
from PIL import Image

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

    def _repr_html_(self):
        start = tuple(each.start for each in self.levels)
        positions = [
            {place: position for position, place in enumerate(places)} for places in self.places
        ]
        frames = {
            ",".join(str(known[place]) for known, place in zip(positions, places, strict=True)): row
            for places, row in self.frames.items()
        }
        picture, sentence, _ = self.frames[start]
        controls = "".join(map(_control, self.levels, self.places))
        buttons = "".join(
            f'<button type="button">{html.escape(label)}</button>' for label in self.buttons
        )
        note = f"The pictures were drawn beforehand, {len(frames)} of them."
        if len(frames) < math.prod(map(len, self.places)):
            note += " One control moves at a time: the others return to where they began."
        return (
            f'<div class="explorer"><form autocomplete="off">{controls}</form>'
            f'<p class="sentence" aria-live="polite">{html.escape(sentence)}</p>'
            f'<img src="{picture}" alt="{html.escape(sentence or self.describe(start))}" '
            f'width="{self.size[0]}" height="{self.size[1]}">'
            f'<p class="buttons">{buttons}</p><pre class="answer" hidden></pre>'
            f'<p class="note">{note} In a running notebook the controls take every value.</p>'
            f'<script type="application/json">{as_script(frames)}</script></div>'
        )

    def describe(self, places):
        """Returns the values of a combination in words."""
        chosen = zip(self.levels, places, strict=True)
        return ", ".join(f"{each.label} {each.texts[place]}" for each, place in chosen)


def as_script(value):
    """Returns a value as JSON that can stand in a page's script element."""
    return json.dumps(value).replace("</", "<\\/")


def _control(levels, places):
    """Returns a native control for some values, or nothing if there is only one."""
    texts = [levels.texts[place] for place in places]
    start = places.index(levels.start)
    label, tooltip = html.escape(levels.label), html.escape(levels.tooltip)
    first = html.escape(texts[start])
    if levels.is_slider:
        data = html.escape(json.dumps(texts))
        field = (
            f'<input type="range" min="0" max="{len(texts) - 1}" value="{start}" '
            f'data-start="{start}" data-texts="{data}" aria-valuetext="{first}">'
            f"<output>{first}</output>"
        )
    else:
        options = "".join(
            f'<option value="{place}"{" selected" * (place == start)}>{html.escape(text)}</option>'
            for place, text in enumerate(texts)
        )
        field = f'<select data-start="{start}">{options}</select>'
    hidden = " hidden" * (len(texts) == 1)
    return f'<label title="{tooltip}"{hidden}><span>{label}</span>{field}</label>'


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
