"""Compares the outputs of notebooks as nbval does, but computed numbers within a tolerance.

Another processor or another precision rounds differently, so that a computed number comes out a
little different. A *computed number* is one that is printed with a decimal point, an exponent or
a per cent sign: 1.450, 2e-05, 53 %. It may differ from the stored one by 1 % of that or by two
units in the last printed digit, whichever is more: 1.450 by 0.0145, 0.02 by 0.02.

All else is compared exactly: words, whole numbers, how many numbers there are and where they
stand. How many spaces separate two words does not count, because tables move their columns with a
digit or a minus sign.

A cell may allow more by a tag; of several allowances the largest counts:

    tolerance-0.05    0.05 in the unit that is printed; of a percentage, that many points
    tolerance-20%     20 % of the stored number

A tag says how far a number goes from processor to processor. Whatever the text around the cell
says about the number has to hold within it.
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
    """Makes a cell that nbval has collected a tolerant one."""
    if isinstance(item, IPyNbCell):
        item.__class__ = TolerantCell


def allowances(tags):
    """Returns what the tags of a cell allow beside the default, a list of (number, relative).

    Raises:
        ValueError: if a tag begins with "tolerance" and says no number.
    """
    found = []
    for tag in tags:
        match = TAG.fullmatch(tag)
        if match:
            number = float(match[1])
            found.append((number / 100, True) if match[2] else (number, False))
        elif tag.startswith("tolerance"):
            raise ValueError(f"the tag {tag!r}: expected one like tolerance-0.05 or tolerance-20%")
    return found


def normal(text):
    """Returns a text with its runs of spaces made one, and none at the ends of lines."""
    lines = (re.sub(r"(?<=[\[(]) ", "", re.sub(r"[ \t]+", " ", line)) for line in text.split("\n"))
    return "\n".join(line.strip() for line in lines)


def settled(stored, found, allowed=()):
    """Returns the found text with each number that is close to the stored one replaced by it.

    Args:
        stored: text of the notebook's output.
        found: text that the cell printed now.
        allowed: what `allowances` returns.

    Returns:
        A normal text; `normal(stored)` where the two agree. Where the one has more numbers than
        the other, the found text as it is.
    """
    expected, pieces = NUMBER.split(normal(stored)), NUMBER.split(normal(found))
    if len(expected) == len(pieces):
        for position in range(1, len(pieces), 2):  # texts and numbers take turns
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
    """Returns what one more in the last printed digit is worth: 0.01 of "1.25", 1 of "53"."""
    mantissa, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


class PrintedText(str):
    """The text of an output. It equals another when `settled` says so."""

    allowed = ()

    def __eq__(self, found):
        return normal(self) == settled(self, found, self.allowed)

    def __ne__(self, found):
        return not self == found

    __hash__ = str.__hash__


class TolerantCell(IPyNbCell):
    """A cell of nbval's that compares computed numbers within a tolerance."""

    def sanitize(self, s):
        """Returns an output with what never compares replaced; text becomes `PrintedText`."""
        clean = super().sanitize(s)
        if not isinstance(clean, str):
            return clean
        text = PrintedText(clean)
        text.allowed = allowances(self.cell.metadata.get("tags", []))
        return text

    def format_output_compare(self, key, left, right):
        """Reports a difference; numbers that are close enough do not stand out in it."""
        super().format_output_compare(key, normal(left), settled(left, right, left.allowed))
        more = [f"{number:.0%}" if relative else f"{number:g}" for number, relative in left.allowed]
        said = ", ".join([f"{RELATIVE:.0%}", f"{LAST_DIGITS} units in the last digit", *more])
        self.comparison_traceback.append(f" Computed numbers may differ by the largest of: {said}.")
