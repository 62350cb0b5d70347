"""Text in figures: any name that a file system has, in the letters of the figures' font."""

from functools import lru_cache
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font

FONT = "DejaVu Sans"
FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONT_FILE = str(FOLDER / "DejaVuSans.ttf")
LONGEST_NAME, LONGEST_LABEL, LONGEST_LINE = 24, 48, 80  # letters


@lru_cache
def letters():
    """The code points that the font has, in regular and in bold."""
    faces = (FONT_FILE, str(FOLDER / "DejaVuSans-Bold.ttf"))
    return frozenset.intersection(*(frozenset(FT2Font(face).get_charmap()) for face in faces))


def readable(text, longest=LONGEST_LINE):
    """Returns text as one line that the font can show.

    Letters that the font lacks and characters without a shape, such as a line break, become
    their codes, as in `\\u732b`. A long text is cut in its middle: names often differ at their
    ends.

    Args:
        text: str.
        longest: int, letters that there is room for, 3 at least.
    """
    shown = "".join(
        letter
        if ord(letter) in letters() and letter.isprintable()
        else letter.encode("unicode_escape").decode()
        for letter in text
    )
    if len(shown) <= longest:
        return shown
    end = (longest - 1) // 2
    return f"{shown[: longest - 1 - end]}\u2026{shown[-end:]}"


def plain(text, longest=LONGEST_LINE):
    """Returns text that Matplotlib draws as it is, `readable` and without a hidden meaning.

    A dollar sign would begin a formula, and a legend leaves out labels that begin with an
    underscore.

    Args:
        text, longest: as of `readable`.
    """
    shown = readable(text, longest).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def plain_names(names):
    """Returns class names for a figure, a list of `plain` texts."""
    return [plain(name, LONGEST_NAME) for name in names]


def alt_text(drawing):
    """What a figure's titles, axes and legends say, as one line of text."""
    parts = [drawing.get_suptitle()]
    for axis in drawing.axes:
        names = axis.get_legend_handles_labels()[1]
        parts += [axis.get_title("left") or axis.get_title("center")]
        if axis.get_xlabel():
            parts.append(f"{axis.get_ylabel() or 'values'} by {axis.get_xlabel()}")
        parts += names
    parts += [text.get_text() for legend in drawing.legends for text in legend.get_texts()]
    words = [" ".join(part.replace(r"\$", "$").split()) for part in parts if part.strip()]
    pictures = sum(bool(axis.images) for axis in drawing.axes)
    counted = [f"{pictures} pictures"] if pictures > 1 else []
    return "Figure: " + ", ".join([*counted, *dict.fromkeys(words)])
