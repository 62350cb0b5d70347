"""Text in figures: makes any file or class name printable in the font of the figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.ft2font import FT2Font

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT = "DejaVu Sans"
FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONT_FILE = str(FOLDER / "DejaVuSans.ttf")
LONGEST_NAME, LONGEST_LABEL, LONGEST_LINE = 24, 48, 80  # letters


@lru_cache
def letters() -> frozenset[int]:
    """Returns the code points that the font has, in regular and in bold."""
    faces = (FONT_FILE, str(FOLDER / "DejaVuSans-Bold.ttf"))
    return frozenset.intersection(*(frozenset(FT2Font(face).get_charmap()) for face in faces))


def readable(text: str, longest: int = LONGEST_LINE) -> str:
    """Returns a text as one line that the font can show.

    Letters that the font lacks and characters without a shape, such as a line break, become
    their codes, as in `\\u732b`. A long text is shortened in the middle, because names often
    differ at their ends.

    Args:
        text: String.
        longest: Integer, the largest number of letters, at least 3.

    Returns:
        A string.
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


def plain(text: str, longest: int = LONGEST_LINE) -> str:
    """Returns a `readable` text in which no character has a special meaning to Matplotlib.

    A dollar sign would begin a formula, and a legend leaves out labels that begin with an
    underscore.

    Args:
        text: String.
        longest: Integer, the largest number of letters, at least 3.

    Returns:
        A string.
    """
    shown = readable(text, longest).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def plain_names(names: Sequence[str]) -> list[str]:
    """Returns class names as `plain` texts that are short enough for a figure."""
    return [plain(name, LONGEST_NAME) for name in names]


def alt_text(drawing: Figure) -> str:
    """Returns a figure's description, or what its titles, axes and legends say, in one line."""
    if getattr(drawing, "description", None):
        return f"Figure: {drawing.description}"
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
