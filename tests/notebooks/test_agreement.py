"""What several notebooks print about the same comparison is the same number.

The stored outputs are read: tables of accuracy by method and number of labels, as
`evaluation.accuracy_table` prints them.
"""

import re
from itertools import combinations
from pathlib import Path

import nbformat
import pytest

from simclr_utils.methods import METHODS

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = ("04", "05", "06", "09")
LABELS = [method.label for method in METHODS.values()]
HEADER = re.compile(r"^labels((?: +[\d,]+)+)\s*$")
ROW = re.compile(rf"^({'|'.join(map(re.escape, LABELS))})((?: +[\d.]+)+)\s*$")
FEWEST = {("04", "05"): 12, ("05", "06"): 6, ("05", "09"): 18, ("06", "09"): 9}  # shared numbers


def tables(text):
    """Yields the tables in a text, each a dict from a method and a number of labels to a number."""
    counts, table = None, {}
    for line in [*text.splitlines(), ""]:
        header, row = HEADER.match(line), ROW.match(line)
        if header:
            counts = [int(part.replace(",", "")) for part in header[1].split()]
        elif row and counts:
            values = [float(part) for part in row[2].split()]
            table |= {(row[1], n): value for n, value in zip(counts, values, strict=True)}
        elif not line.strip() and table:
            yield table
            counts, table = None, {}


def stored_numbers(notebook):
    """Returns the numbers in the first table of a notebook, which is the one of its own images."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            for table in tables(text):
                return table
    return {}


def disagreements(numbers):
    """Returns sentences on numbers that two notebooks print differently, and what they share.

    Args:
        numbers: Dict from a notebook's name to a dict as `stored_numbers` returns it.

    Returns:
        A pair: the sentences, and a dict from a pair of names to the count of shared numbers.
    """
    wrong, shared = [], {}
    for first, second in combinations(sorted(numbers), 2):
        both = numbers[first].keys() & numbers[second].keys()
        shared[first, second] = len(both)
        wrong += [
            f"{method} at {n} labels is {numbers[first][method, n]} in {first} and "
            f"{numbers[second][method, n]} in {second}"
            for method, n in sorted(both)
            if numbers[first][method, n] != numbers[second][method, n]
        ]
    return wrong, shared


def test_the_same_comparison_has_the_same_number_everywhere():
    numbers = {}
    for name in NOTEBOOKS:
        (path,) = FOLDER.glob(f"{name}_*.ipynb")
        numbers[name] = stored_numbers(nbformat.read(path, as_version=4))
    wrong, shared = disagreements(numbers)
    assert wrong == []
    assert all(shared[pair] >= fewest for pair, fewest in FEWEST.items()), shared


TABLE = """labels                  10   100
accuracy (%)
SimCLR + linear probe  39.1  77.0
supervised from scratch 22.3 73.9
"""


def test_a_table_is_read_and_a_difference_is_named():
    (found,) = tables(TABLE)
    assert found["supervised from scratch", 100] == 73.9 and len(found) == 4
    (other,) = tables(TABLE.replace("73.9", "74.0"))
    wrong, shared = disagreements({"05": found, "06": other})
    assert shared == {("05", "06"): 4}
    assert wrong == ["supervised from scratch at 100 labels is 73.9 in 05 and 74.0 in 06"]


@pytest.mark.parametrize("text", ["", "labels 10\n", TABLE.replace("labels", "counts")])
def test_what_is_no_table_shares_no_number(text):
    assert list(tables(text)) == []
