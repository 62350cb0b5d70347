"""How image files become arrays and labels: the settings for a folder of images."""

import math
from dataclasses import dataclass, fields
from numbers import Real

from PIL import ImageColor

RESIZE_RULES = ("crop", "pad", "squash")
ALL_FINDINGS = "*"


@dataclass(frozen=True)
class Reading:
    """Settings of `load_dataset` for a folder of image files.

    Args:
        resize: String. `"crop"` scales the shorter side to the image size and crops the center,
            `"pad"` scales the longer side and fills the rest with `background`, `"squash"` scales
            both sides and changes the proportions.
        background: String, the color behind transparent pixels and around padded images: a name
            or a code that Pillow knows, such as `"white"` or `"#808080"`.
        value_range: Pair of numbers, the pixel values that become 0 and 255 in images of more
            than 8 bits. `None` finds the range that the images of the folder use.
        max_refused: Float in 0 to 1, the largest share of image files that may be unreadable. Up
            to nine unreadable files are always accepted, unless it is 0.
        max_pixels: Integer, the largest number of pixels of an image. It protects the memory
            from small files that decode to huge images.
        finding: String, the finding to tell from its absence, for any source: one of several
            findings that each image has, or a class, which is told from all others. `None` for
            classes. `"*"` makes every combination of findings a class, as only `findings_of` needs
            it.

    Raises:
        ValueError: If a value is not allowed.

    Example:

    >>> Reading(resize="pad", background="black")
    """

    resize: str = "crop"
    background: str = "white"
    value_range: tuple[float, float] | None = None
    max_refused: float = 0.05
    max_pixels: int = 89_478_485  # Pillow's own limit
    finding: str | None = None

    def __post_init__(self):
        if self.resize not in RESIZE_RULES:
            raise ValueError(f"resize={self.resize!r}; expected one of {', '.join(RESIZE_RULES)}.")
        try:
            red, green, blue = ImageColor.getrgb(self.background)
        except (ValueError, AttributeError, TypeError):
            raise ValueError(
                f"background={self.background!r}; expected the name of a color, such as 'black', "
                "or its code, such as '#808080'."
            ) from None
        if self.value_range is not None and not _is_range(self.value_range):
            raise ValueError(
                f"value_range={self.value_range!r}; expected two numbers, the smaller one first, "
                "such as (0, 4095)."
            )
        if not (is_number(self.max_refused) and 0 <= self.max_refused <= 1):
            raise ValueError(f"max_refused={self.max_refused!r}; expected a share from 0 to 1.")
        if not (is_number(self.max_pixels) and self.max_pixels >= 1):
            raise ValueError(f"max_pixels={self.max_pixels!r}; expected a number of at least 1.")
        is_name = isinstance(self.finding, str | int) and not isinstance(self.finding, bool)
        if self.finding is not None and not (is_name and str(self.finding)):
            raise ValueError(
                f"finding={self.finding!r}; expected the name of a finding, such as 'Effusion'."
            )
        object.__setattr__(self, "finding", None if self.finding is None else str(self.finding))


READING_NAMES = tuple(field.name for field in fields(Reading))


def how_to_set(name, example):
    """Returns a phrase that shows how to set a value in Python, in a terminal and in a notebook.

    Args:
        name: String, a field of `Reading` or a parameter of the notebooks.
        example: Number, string or pair, a value for it.

    Returns:
        A string.
    """
    # Without a space, so that no shell splits it.
    typed = ",".join(map(str, example)) if isinstance(example, list | tuple) else example
    in_notebook = f"{{{name!r}: {example!r}}}"
    if name in READING_NAMES:
        in_notebook = f"{{'reading': {in_notebook}}}"
    in_notebook = f"settings = {in_notebook}"
    return f"{name}={example!r} (in a terminal --set {name}={typed}, in a notebook {in_notebook})"


def is_number(value):
    """Returns whether a value is a finite real number, and not a boolean."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_range(value):
    good = isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value))
    return good and value[0] < value[1]
