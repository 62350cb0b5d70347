"""Explorers: controls beside a picture that a pure function draws."""

import html

import ipywidgets


def explore(draw, **controls):
    """Shows a picture that is drawn anew whenever a control moves.

    Args:
        draw: function of the controls' values, by name, that returns PNG bytes. What it raises
            as `ValueError` is shown in words in place of the picture.
        **controls: `ipywidgets` controls with a `value`, such as `IntSlider`, by the name of
            the argument that they set.

    Returns:
        An `ipywidgets.VBox`, to stand last in its cell.

    Example:
        explore(lambda strength: to_png(plot_views(strength)), strength=FloatSlider(1, max=2))
    """
    picture = ipywidgets.Image(format="png")
    message = ipywidgets.HTML()

    def redraw(change=None):
        try:
            picture.value = draw(**{name: control.value for name, control in controls.items()})
            message.value = ""
        except ValueError as error:
            message.value = f"<b>{html.escape(str(error))}</b>"

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*controls.values(), message, picture])


class LivePicture:
    """A picture that a running cell can replace, such as curves that grow during `fit`.

    Shows `widget` first, then calls `update` with PNG bytes as often as there is news. Headless,
    the updates go nowhere and do no harm.
    """

    def __init__(self):
        self.widget = ipywidgets.Image(format="png")

    def update(self, png):
        self.widget.value = png
