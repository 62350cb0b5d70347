"""A pretraining that is killed at random moments ends in the bits of one left in peace.

Two kills here, one inside a save and one anywhere; fifty in `make soak`.
"""

import os

import pytest
from kill_test import kill_and_compare


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_pretraining_ends_in_the_same_bits(tmp_path):
    found = kill_and_compare(tmp_path, num_kills=2)
    assert found["kills"] == 2
    assert found["epochs compared"] > 10
    assert found["different"] == 0 and found["same end"], found
