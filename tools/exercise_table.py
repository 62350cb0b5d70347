"""Writes the table of right and wrong answers that were tried against the check of each exercise.

    python tools/exercise_table.py [PAGE]

The answers are those of the tests, tests/course/answers. The page is results/exercises.md, if none
is named.
"""

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "course")]


def judge(check: Callable, answer) -> tuple[str, bool]:
    """Returns a check's verdict on an answer, and whether it is the one that it should be."""
    verdict = check(*answer.arguments)
    right = answer.said.startswith("Right")
    return verdict, answer.said in verdict and verdict.startswith("Right") == right


def rows_of(check: Callable, answers) -> tuple[list[str], int]:
    """Returns the section of a check as lines, and how many answers it judges as it should."""
    lines = [f"## {check.__name__}", "", "| answer | verdict | |", "|---|---|---|"]
    good = 0
    for answer in answers:
        verdict, fits = judge(check, answer)
        good += fits
        cells = (answer.words, verdict, "" if fits else f"expected: {answer.said}")
        cells = [" ".join(cell.replace("|", "\\|").split()) for cell in cells]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""], good


def write_table(tried: dict, path: Path) -> str:
    """Tries all answers, writes the page and returns it.

    Args:
        tried: Dict from a check to its answers.
        path: Path of the page.

    Returns:
        A string, the page in Markdown.
    """
    sections = [rows_of(check, answers) for check, answers in tried.items()]
    good, total = sum(count for _, count in sections), sum(map(len, tried.values()))
    head = [
        "# Answers tried against the exercises' checks",
        "",
        f"Made by `python tools/exercise_table.py`. {good} of {total} answers are judged as they "
        "should be. Right answers come first in each table.",
        "",
    ]
    page = "\n".join(head + [line for lines, _ in sections for line in lines])
    path.write_text(page, encoding="utf-8")
    return page


if __name__ == "__main__":
    from answers import TRIED

    default = ROOT / "results" / "exercises.md"
    page = write_table(TRIED, Path(sys.argv[1]) if sys.argv[1:] else default)
    print(page.splitlines()[2])
