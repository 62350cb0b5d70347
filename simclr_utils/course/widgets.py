"""Explorers: controls beside a picture that a pure function draws."""

import html

import ipywidgets
from IPython.display import Image


def explore(draw, buttons=None, num_columns=1, **controls):
    """Shows a picture that is drawn anew whenever a control moves.

    Dragging does not queue up pictures: while one is drawn the browser keeps the newest value
    only. Controls without a description get their name, and those without a tooltip their
    description.

    Args:
        draw: function of the controls' values, by name, that returns PNG bytes, or PNG bytes and
            a line of text to stand above the picture. What it raises as `ValueError` is shown
            in words, above the last picture that could be drawn.
        buttons: dict from a button's label to a function of the controls' values, by name, whose
            text is shown below the picture once the button is pressed.
        num_columns: int, controls beside each other.
        **controls: `ipywidgets` controls with a `value`, such as `IntSlider`, by the name of
            the argument that they set.

    Returns:
        An `ipywidgets.VBox`, to stand last in its cell.

    Example:
        explore(lambda strength: to_png(plot_views(strength)), strength=FloatSlider(1, max=2))
    """
    picture = ipywidgets.Image(
        format="png", layout={"max_width": "100%", "align_self": "flex-start"}
    )
    message, answer = ipywidgets.HTML(), ipywidgets.HTML()

    def values():
        return {name: control.value for name, control in controls.items()}

    def redraw(change=None):
        try:
            drawn = draw(**values())
        except ValueError as error:
            message.value = f"<b>{html.escape(str(error))}</b>"
            return
        picture.value, text = drawn if isinstance(drawn, tuple) else (drawn, "")
        message.value = html.escape(text)
        answer.value = ""  # it was for other values

    for name, control in controls.items():
        control.description = control.description or name.replace("_", " ")
        control.tooltip = control.tooltip or control.description
        control.style.description_width = "13em"
        control.layout.width = "28em"
        control.observe(redraw, names="value")
    redraw()
    columns = f"repeat({num_columns}, max-content)"
    panel = ipywidgets.GridBox(
        list(controls.values()), layout={"grid_template_columns": columns, "max_width": "100%"}
    )
    parts = [panel, message, picture]
    if buttons:
        parts += [ipywidgets.HBox(_row_of_buttons(buttons, values, answer)), answer]
    return ipywidgets.VBox(parts)


def _row_of_buttons(buttons, values, answer):
    """Buttons that write what their function says of the values into `answer`."""

    def press(button):
        try:
            answer.value = f"<pre>{html.escape(buttons[button.description](**values()))}</pre>"
        except ValueError as error:
            answer.value = f"<b>{html.escape(str(error))}</b>"

    row = [
        ipywidgets.Button(description=label, tooltip=label, layout={"width": "max-content"})
        for label in buttons
    ]
    for button in row:
        button.on_click(press)
    return row


def recipe_controls(strengths, probabilities):
    """Two sliders for each operation of a recipe, for `explore`.

    Args:
        strengths: dict from an operation's name to its first strength; 0 leaves it out.
        probabilities: dict likewise, the chance of an image to be changed.

    Returns:
        A dict from `<name>_strength` and `<name>_probability` to a `FloatSlider`.
    """
    sliders = {}
    # The flip has one slider only: at the end it leaves the pairs of the others side by side.
    for name, strength in sorted(strengths.items(), key=lambda pair: pair[0] == "flip"):
        for kind, value in (("strength", strength), ("probability", probabilities[name])):
            if name == "flip" and kind == "strength":
                continue  # there is no half of a mirror image
            sliders[f"{name}_{kind}"] = ipywidgets.FloatSlider(
                value,
                min=0,
                max=1,
                step=0.05,
                description=f"{name.replace('_', ' ')}: {kind}",
                tooltip=f"{kind} of {name.replace('_', ' ')}, 0 to 1; 0 leaves it out",
            )
    return sliders


def show_picture(png: bytes, sentence: str = "") -> Image:
    """Returns a picture to show as the output of a cell.

    Args:
        png: Bytes, the picture as PNG.
        sentence: String, its text for readers who cannot see it.

    Returns:
        An `IPython.display.Image`, to stand last in its cell.
    """
    return Image(png, alt=sentence)


class LivePicture:
    """A picture that a running cell can replace, such as curves that grow during `fit`.

    Shows `widget` first, then calls `update` with PNG bytes and a line of text as often as there
    is news. Headless, the updates go nowhere and do no harm.
    """

    def __init__(self):
        self.words = ipywidgets.Label()
        self.picture = ipywidgets.Image(format="png", layout={"max_width": "100%"})
        self.widget = ipywidgets.VBox([self.words, self.picture])

    def update(self, png, words=""):
        self.picture.value, self.words.value = png, words
