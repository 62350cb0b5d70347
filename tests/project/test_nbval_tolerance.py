"""Stored outputs compare exactly where they are exact, and within a tolerance where computed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbval.plugin import get_sanitize_patterns
from nbval_tolerance import allowances, normal, settled

TOOLS = Path(__file__).resolve().parents[2] / "tools"

# Stored, found, tags.
SAME = [
    ("loss 1.450", "loss 1.451"),
    ("loss 1.450", "loss 1.4644"),
    ("rate 1.2e-05", "rate 1.4e-05"),
    ("accuracy 53 %", "accuracy 55 %"),
    ("accuracy 53%", "accuracy 51%"),
    ("1,234.5 images a second", "1,240.9 images a second"),
    ("gain -0.01", "gain +0.01"),
    ("gain −0.01", "gain 0.01"),
    ("[ 0.01  1.25]", "[-0.01  1.26]"),
    ("      loss  steps\na     9.99    500\n", "       loss  steps\na     10.01    500\n"),
    ("<td>0.250</td>\n", "<td>0.251</td>\n"),
    ("loss 1.450", "loss 1.600", "tolerance-0.2"),
    ("loss 100.0", "loss 119.0", "tolerance-20%"),
    ("loss 1.450", "loss 1.451", "tolerance-0.0001"),  # the default counts as well
    ("accuracy 53 %", "accuracy 63 %", "remove-input", "tolerance-10"),
    ("", ""),
]
DIFFERENT = [
    ("loss 1.450", "loss 1.480"),  # a digit changed
    ("loss 1.450", "loss 2.450"),
    ("rate 1.2e-05", "rate 1.2e-04"),
    ("accuracy 53 %", "accuracy 63 %"),
    ("accuracy 53 %", "accuracy 53"),
    ("gain +5.00", "gain -5.00"),
    ("loss 1.450", "lost 1.450"),  # a word
    ("loss 1.450", "loss: 1.450"),
    ("not better: 1.450", "better: 1.450"),
    ("loss 1.450", "loss nan"),
    ("500 labels: 1.450", "501 labels: 1.450"),  # a whole number
    ("1,000 images", "1,001 images"),
    ("seed 5.", "seed 6."),
    ("conv2d_1.5", "conv2d_1.6"),  # a name, a version, a date
    ("Keras 3.15.1", "Keras 3.15.2"),
    ("2.21.0", "2.22.0"),
    ("1.450 1.450", "1.450"),  # more or fewer numbers
    ("1.450", "1.450 1.450"),
    ("1.450\n1.450", "1.450 1.450"),
    ("<td>0.250</td>", "<th>0.250</th>"),
    ("loss 1.450", "loss 1.700", "tolerance-0.2"),
    ("loss 100.0", "loss 121.0", "tolerance-20%"),
    ("500 labels", "501 labels", "tolerance-20%"),
]


@pytest.mark.parametrize("stored, found, tags", [(a, b, tags) for a, b, *tags in SAME])
def test_these_compare_equal(stored, found, tags):
    assert settled(stored, found, allowances(tags)) == normal(stored)


@pytest.mark.parametrize("stored, found, tags", [(a, b, tags) for a, b, *tags in DIFFERENT])
def test_these_differ(stored, found, tags):
    assert settled(stored, found, allowances(tags)) != normal(stored)


def test_a_report_shows_only_what_is_too_far():
    assert settled("a 1.450 b 2.000", "a 1.451 b 3.000") == "a 1.450 b 3.000"


@pytest.mark.parametrize("tag", ["tolerance-", "tolerance-much", "tolerance_5", "tolerance-5 %"])
def test_a_tag_that_says_no_number_is_refused(tag):
    with pytest.raises(ValueError, match="tolerance-0.05 or tolerance-20%"):
        allowances([tag])


DURATIONS = [
    ("chance: done, 0.0 min", "chance: done, 1.4 min, about 3 left"),
    ("knn accuracy 0.160  0.1 min, 0.4 left", "knn accuracy 0.160  1.2 min, 3.0 left"),
    ("7 tasks: about 1.7 minutes on this", "7 tasks: about 4 minutes on this"),
    ("took 0.63 s", "took 12 seconds"),
]


@pytest.mark.parametrize("stored, found", DURATIONS)
def test_durations_do_not_compare(stored, found):
    (pattern,) = get_sanitize_patterns((TOOLS / "nbval_sanitize.cfg").read_text())
    stored, found = (re.sub(*pattern, text) for text in (stored, found))
    assert stored == found and " DURATION" in found  # a word of its own: what precedes compares
    assert re.sub(*pattern, "5 steps, 3 left, 2 minds") == "5 steps, 3 left, 2 minds"


# What a cell prints now, what is stored, its tags, and how nbval ends.
CELLS = [
    ("print('loss 1.451')", "loss 1.450\n", [], "PASSED"),
    ("print('loss 1.551')", "loss 1.450\n", [], "FAILED"),
    ("print('loss 1.551')", "loss 1.450\n", ["tolerance-10%"], "PASSED"),
    ("print('lost 1.450')", "loss 1.450\n", [], "FAILED"),
    ("print('500 labels')", "501 labels\n", ["tolerance-10%"], "FAILED"),
    ("print('1.450')", "1.450 1.450\n", [], "FAILED"),
    ("print('1.450 1.450')", "1.450\n", [], "FAILED"),
    ("print('far off')", "1.450\n", ["nbval-ignore-output"], "PASSED"),
    ("print('1.450')", "1.450\n", ["tolerance-some"], "FAILED"),
    ("import pandas; pandas.DataFrame({'loss': [10.01]})", "     loss\n0    9.99", [], "PASSED"),
    ("import pandas; pandas.DataFrame({'loss': [10.01]})", "     loss\n0    8.99", [], "FAILED"),
]


def stored_output(source, text, position):
    if "pandas" not in source:
        return new_output("stream", name="stdout", text=text)
    html = pandas.DataFrame({"loss": [float(text.split()[-1])]})._repr_html_()
    data = {"text/plain": text, "text/html": html}
    return new_output("execute_result", data, execution_count=position)


def test_through_nbval(tmp_path):
    cells = []
    for position, (source, text, tags, _) in enumerate(CELLS, start=1):
        outputs = [stored_output(source, text, position)]
        cells.append(new_code_cell(source, outputs=outputs, execution_count=position))
        cells[-1].metadata["tags"] = tags
    path = tmp_path / "small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    command = [sys.executable, "-m", "pytest", "-v", "--nbval", "--nbval-current-env"]
    command += ["-p", "nbval_tolerance", "-p", "no:cacheprovider", "-p", "no:xdist", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(TOOLS)}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
    )
    ended = [line for line in done.stdout.splitlines() if "::Cell " in line and "%]" in line]
    outcomes = [line.split("::")[-1].split()[2] for line in ended]
    assert outcomes == [outcome for *_, outcome in CELLS], done.stdout + done.stderr
    assert "Computed numbers may differ by the largest of: 1%, 2 units" in done.stdout
