"""Hostile and broken input: each case ends in what it should, with every label right."""

import os
import sys

import pytest
from hostile_input import CASES, outcome

POSIX = ("pipe called .png", "name that is no UTF-8", "class name that is no UTF-8", "full disk")


@pytest.mark.parametrize("name, case, words", CASES, ids=[case[0] for case in CASES])
def test_case(name, case, words):
    if os.name == "nt" and name in (*POSIX, "name with a newline"):
        pytest.skip("Windows has no such thing")
    if sys.platform == "darwin" and name in POSIX[1:]:
        pytest.skip("macOS refuses such names, and fills a disk by another call")
    said = outcome(case)
    assert words in said, said
