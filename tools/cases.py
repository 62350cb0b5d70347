"""Tries situations from public bug reports, and prints the outcome of each.

python tools/cases.py --only 02b,16 --out results/cases.md
"""

import argparse
import contextlib
import io
import re
import sys
import tempfile
import time
from pathlib import Path

from simclr_utils.session import set_environment

set_environment()

import case_commands  # noqa: E402 TensorFlow reads its environment when it is imported
import case_folders  # noqa: E402
import case_pictures  # noqa: E402
import case_settings  # noqa: E402
from case_helpers import Outcome  # noqa: E402

from simclr_utils import files  # noqa: E402
from simclr_utils.system import provenance  # noqa: E402

HEAD = """# What users try, and what happens

Made by `python tools/cases.py` on {made}. {right} of
{all} cases end as they should. The tool draws the pictures; notes and messages are the program's,
shortened if they are long. A letter after a number marks a variant of that case.

| Case | Situation | What happens | Right |
|---|---|---|---|
"""
LONGEST = 330  # characters of a phrase
MARKS = re.compile(r"([|<$*`])")  # characters that Markdown would interpret


def every_case():
    """Returns the cases in the order of their numbers."""
    modules = (case_pictures, case_folders, case_commands, case_settings)
    return sorted((case for module in modules for case in module.CASES), key=lambda case: case.key)


def outcome(case):
    """Tries a case in a temporary folder.

    Args:
        case: A `Case`.

    Returns:
        An `Outcome` without the paths of this machine. An error that the check does not expect
        counts as a wrong outcome.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        root = Path(folder).resolve()
        try:
            found = case.check(root)
        except Exception as error:  # a user would get it too
            found = Outcome(f"{type(error).__name__}: {error}", {"no foreign error": False})
        said = " ".join(found.said.split()).replace(str(root), "...")
        return Outcome(said, found.expected)


def is_right(found):
    """Returns whether an outcome is as expected."""
    return bool(found.expected) and all(found.expected.values())


def render(case, found):
    """Returns the row of a case in the Markdown table."""
    said = found.said
    if len(said) > LONGEST:
        said = f"{said[: LONGEST // 2]} ... {said[-LONGEST // 2 :]}"
    missed = [name for name, holds in found.expected.items() if not holds]
    right = "yes" if is_right(found) else f"**no**: {', '.join(missed) or 'nothing was expected'}"
    said = MARKS.sub(r"\\\1", said)
    return f"| {case.key} | {case.situation} | {said} | {right} |"


def page(rows, right):
    """Returns the Markdown page with the table."""
    head = HEAD.format(made=provenance.provenance_line(), right=right, all=len(rows))
    return head + "\n".join(rows) + "\n"


def choose(cases, only):
    """Returns the cases with the given keys, such as "02b,16". A number includes its variants.

    Raises:
        ValueError: If there is no such case.
    """
    if not only:
        return cases
    names = [name.strip() for name in only.split(",")]
    keys = [case.key for case in cases]
    unknown = [n for n in names if n not in keys and not any(k[:-1] == n for k in keys)]
    if unknown:
        raise ValueError(f"There is no case {', '.join(unknown)}; there are {', '.join(keys)}.")
    return [case for case in cases if case.key in names or case.key[:-1] in names]


def main(arguments=None):
    """Tries the cases and returns the exit code: 0 if all of them end as they should."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="keys of cases, such as 02b,16 (default: all)")
    parser.add_argument("--out", type=Path, help="a Markdown file to write, row by row")
    options = parser.parse_args(arguments)
    try:
        cases = choose(every_case(), options.only)
    except ValueError as error:
        parser.error(str(error))
    rows, right = [], 0
    for case in cases:
        started = time.monotonic()
        found = outcome(case)
        right += is_right(found)
        rows.append(render(case, found))
        print(rows[-1], flush=True)
        print(f"{case.key}: {time.monotonic() - started:.1f} s", file=sys.stderr)
        if options.out is not None:
            files.write_text(options.out, page(rows, right))
    print(f"{right} of {len(rows)} cases end as they should.")
    return 0 if right == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
