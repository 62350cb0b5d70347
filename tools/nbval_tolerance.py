"""Compares the outputs of notebooks as nbval does, with a tolerance for computed numbers.

Processors and precisions round differently, so computed numbers differ a little. A *computed
number* is printed with a decimal point, an exponent or a percent sign: 1.450, 2e-05, 53 %. It may
differ from the stored number by 1 % or by two units in the last printed digit, whichever is more:
1.450 by 0.0145, 0.02 by 0.02.

Everything else has to be equal: words, whole numbers, and the number and position of numbers. The
number of spaces between words does not count, because a digit or a minus sign moves the columns of
a table.

A cell may allow more with a tag. If there are several tolerances, the largest counts:

    tolerance-0.05    0.05 in the printed unit; for a percentage, that many points
    tolerance-20%     20 % of the stored number

A tag states how much a number differs between processors. The text around the cell has to be true
for every number within the tolerance.
"""

import re

from nbval.plugin import IPyNbCell

RELATIVE = 0.01
LAST_DIGITS = 2
TAG = re.compile(r"tolerance-(\d+(?:\.\d+)?)(%?)")
# Not inside a word, a version or a date. The sign of 3-4 is a dash.
NUMBER = re.compile(
    r"((?:(?<![\w.)\]%])[-+−])?(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)"
    r"(?:\.\d+(?:[eE][-+]?\d+)?|[eE][-+]?\d+|(?= ?%)))(?!\w|\.\d)"
)


def pytest_itemcollected(item):
    """Replaces a cell that nbval has collected by a tolerant one."""
    if isinstance(item, IPyNbCell):
        item.__class__ = TolerantCell


def allowances(tags):
    """Returns the tolerances in the tags of a cell, a list of pairs `(number, relative)`.

    Raises:
        ValueError: If a tag begins with "tolerance" and has no valid number.
    """
    found = []
    for tag in tags:
        match = TAG.fullmatch(tag)
        if match:
            number = float(match[1])
            found.append((number / 100, True) if match[2] else (number, False))
        elif tag.startswith("tolerance"):
            raise ValueError(
                f"the tag {tag!r} is not a tolerance: write tolerance-0.05 or tolerance-20%"
            )
    return found


def normal(text):
    """Returns a text with single spaces, and without spaces at the ends of lines."""
    lines = (re.sub(r"(?<=[\[(]) ", "", re.sub(r"[ \t]+", " ", line)) for line in text.split("\n"))
    return "\n".join(line.strip() for line in lines)


def settled(stored, found, allowed=()):
    """Returns the new text in which numbers close to the stored ones are replaced by those.

    Args:
        stored: String, the stored output of the notebook.
        found: String, the text that the cell printed now.
        allowed: List of tolerances from `allowances`.

    Returns:
        A string. It equals `normal(stored)` if the two agree. If the texts have different counts
        of numbers, it is the new text unchanged.
    """
    expected, pieces = NUMBER.split(normal(stored)), NUMBER.split(normal(found))
    if len(expected) == len(pieces):
        for position in range(1, len(pieces), 2):  # texts and numbers alternate
            if _close(expected[position], pieces[position], allowed):
                pieces[position] = expected[position]
    return "".join(pieces)


def _close(stored, found, allowed):
    value, other = _value(stored), _value(found)
    allowance = max(RELATIVE * abs(value), LAST_DIGITS * _last_digit(stored))
    for number, relative in allowed:
        allowance = max(allowance, number * abs(value) if relative else number)
    return abs(value - other) <= allowance * (1 + 1e-9)


def _value(number):
    return float(number.replace(",", "").replace("−", "-"))


def _last_digit(number):
    """Returns the value of one unit in the last printed digit: 0.01 for "1.25", 1 for "53"."""
    mantissa, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


class PrintedText(str):
    """The text of an output, equal to another text if all numbers are close."""

    allowed = ()

    def __eq__(self, found):
        return normal(self) == settled(self, found, self.allowed)

    def __ne__(self, found):
        return not self == found

    __hash__ = str.__hash__


class TolerantCell(IPyNbCell):
    """A cell of nbval that compares computed numbers with a tolerance."""

    def sanitize(self, s):
        """Returns an output without the parts that never compare; text becomes `PrintedText`."""
        clean = super().sanitize(s)
        if not isinstance(clean, str):
            return clean
        text = PrintedText(clean)
        text.allowed = allowances(self.cell.metadata.get("tags", []))
        return text

    def format_output_compare(self, key, left, right):
        """Reports a difference, and leaves out the numbers that are close enough."""
        super().format_output_compare(key, normal(left), settled(left, right, left.allowed))
        more = [f"{number:.0%}" if relative else f"{number:g}" for number, relative in left.allowed]
        said = ", ".join([f"{RELATIVE:.0%}", f"{LAST_DIGITS} units in the last digit", *more])
        self.comparison_traceback.append(f" Computed numbers may differ by the largest of: {said}.")
