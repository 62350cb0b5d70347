"""An explorer without a kernel as HTML. `docs/_static/explorer.js` switches its pictures."""

import json
import math
from html import escape


def to_html(explorer):
    """Returns the element that shows an explorer.

    Args:
        explorer: Dict as `explorer_frames.Frames.description` returns it.
    """
    controls, frames = explorer["controls"], explorer["frames"]
    width, height = explorer["size"]
    picture, sentence, _ = frames[",".join(str(each["start"]) for each in controls)]
    values = ", ".join(f"{each['label']} {each['texts'][each['start']]}" for each in controls)
    buttons = "".join(
        f'<button type="button">{escape(label)}</button>' for label in explorer["buttons"]
    )
    note = f"The pictures were drawn beforehand, {len(frames)} of them."
    if len(frames) < math.prod(len(each["texts"]) for each in controls):
        note += " One control moves at a time: the others return to where they began."
    return (
        f'<div class="explorer"><form autocomplete="off">{"".join(map(_control, controls))}</form>'
        f'<p class="sentence" aria-live="polite">{escape(sentence)}</p>'
        f'<div class="wide"><img src="{picture}" alt="{escape(sentence or values)}" '
        f'width="{width}" height="{height}" style="--width: {width}px"></div>'
        f'<p class="buttons">{buttons}</p><pre class="answer" hidden></pre>'
        f'<p class="note">{note} In a running notebook the controls take every value.</p>'
        f'<script type="application/json">{as_script(frames)}</script></div>'
    )


def as_script(value):
    """Returns a value as JSON that can stand in a page's script element."""
    return json.dumps(value).replace("</", "<\\/")


def _control(control):
    """Returns a native control, hidden if it has only one value."""
    texts, start = [escape(text) for text in control["texts"]], control["start"]
    if control["is_slider"]:
        field = (
            f'<input type="range" min="0" max="{len(texts) - 1}" value="{start}" '
            f'data-start="{start}" data-texts="{escape(json.dumps(control["texts"]))}" '
            f'aria-valuetext="{texts[start]}"><output>{texts[start]}</output>'
        )
    else:
        options = "".join(
            f'<option value="{place}"{" selected" * (place == start)}>{text}</option>'
            for place, text in enumerate(texts)
        )
        field = f'<select data-start="{start}">{options}</select>'
    tooltip, hidden = escape(control["tooltip"]), " hidden" * (len(texts) == 1)
    return (
        f'<label title="{tooltip}"{hidden}><span>{escape(control["label"])}</span>{field}</label>'
    )
