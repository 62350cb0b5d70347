"""Interactive controls, and pictures that are redrawn when a control moves."""

import html
from collections.abc import Callable, Sequence

import ipywidgets
from IPython.display import Image


class Panel(ipywidgets.VBox):
    """Widgets in a column, with a sentence where widgets cannot be shown.

    Args:
        children: Widgets, from top to bottom.
        sentence: String, at most 110 characters.
    """

    def __init__(self, children: Sequence[ipywidgets.Widget], sentence: str):
        super().__init__(children)
        self.sentence = sentence

    def __repr__(self) -> str:
        return self.sentence


def explore(
    draw: Callable,
    buttons: dict[str, Callable] | None = None,
    num_columns: int = 1,
    **controls: ipywidgets.ValueWidget,
) -> Panel:
    """Shows a picture that is redrawn whenever a control moves.

    Dragging does not queue up pictures: while one is drawn, the browser keeps only the newest
    value. A control without a description gets its name, and one without a tooltip its
    description.

    Args:
        draw: Function of the controls' values, by name. It returns PNG bytes, or a pair of PNG
            bytes and a line of text above the picture. The message of a `ValueError` that it
            raises is shown above the last picture.
        buttons: Dict from a button's label to a function of the controls' values, by name. The
            text that it returns is shown below the picture when the button is pressed.
        num_columns: Integer, the number of columns of controls.
        **controls: Controls of `ipywidgets` with a `value`, such as `IntSlider`, by the name of
            the argument that they set.

    Returns:
        A `Panel`, an `ipywidgets.VBox` to be the last expression of its cell. Its stored text is
        the sentence "Run this cell to move the controls."

    Example:

    >>> explore(lambda power: to_png(draw_curve(power)), power=FloatSlider(1, max=2))
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
        answer.value = ""  # the old answer was for other values

    _label_controls(controls)
    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    columns = f"repeat({num_columns}, max-content)"
    panel = ipywidgets.GridBox(
        list(controls.values()), layout={"grid_template_columns": columns, "max_width": "100%"}
    )
    parts = [panel, message, picture]
    if buttons:
        parts += [ipywidgets.HBox(_row_of_buttons(buttons, values, answer)), answer]
    return Panel(parts, "Run this cell to move the controls.")


def _label_controls(controls):
    """Gives controls of one width a description and a tooltip."""
    for name, control in controls.items():
        control.description = control.description or name.replace("_", " ")
        control.tooltip = control.tooltip or control.description
        control.style.description_width = "13em"
        control.layout.width = "28em"


def _row_of_buttons(buttons, values, answer):
    """Returns buttons that write what their function returns for the values into `answer`."""

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


def recipe_controls(
    strengths: dict[str, float], probabilities: dict[str, float]
) -> dict[str, ipywidgets.FloatSlider]:
    """Returns two sliders for each operation of a recipe, for `explore`.

    Args:
        strengths: Dict from an operation's name to its initial strength. 0 leaves it out.
        probabilities: Dict from an operation's name to the initial probability that it changes
            an image.

    Returns:
        A dict from `<name>_strength` and `<name>_probability` to a `FloatSlider`.
    """
    sliders = {}
    # The flip has only one slider. It comes last, so that the other pairs stay side by side.
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
    """Prints a sentence, and returns the picture that it belongs to.

    Args:
        png: Bytes, the picture as PNG.
        sentence: String, printed above the picture. It is also the picture's description for
            readers who cannot see it.

    Returns:
        An `IPython.display.Image`, to stand last in its cell.
    """
    if sentence:
        print(sentence)
    return Image(png, alt=sentence)


class LivePicture:
    """A picture that a running cell can replace, such as curves that grow during `fit`.

    Show `widget` first, then call `update` for each new picture. Without a browser, updates have
    no effect.

    Example:

    >>> live = LivePicture()
    >>> display(live.widget)
    >>> live.update(to_png(drawing), "epoch 1")
    """

    def __init__(self):
        self.words = ipywidgets.Label()
        self.picture = ipywidgets.Image(format="png", layout={"max_width": "100%"})
        self.widget = Panel(
            [self.words, self.picture], "Run this cell to see the picture change while it works."
        )

    def update(self, png: bytes, words: str = "") -> None:
        """Replaces the picture and the line of text above it.

        Args:
            png: Bytes of a PNG file.
            words: String.
        """
        self.picture.value, self.words.value = png, words
