"""Prints how large the lessons are: a table of cells, lines, plumbing, words and minutes.

`--revision` reads the stored notebooks of another commit, so that two versions can be compared.

Plumbing is every line of code that a lesson needs but does not teach:

- the cell of parameters;
- import statements;
- statements that open a session or load images and settings: they call one of `SETUP_CALLS`, or
  print a lesson;
- cells with the tag `setup`.

Statements that only print are counted in a column of their own: reading a number is part of a
lesson, but printing tables by hand is not.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
SETUP_CALLS = {"claim", "get_config", "load_dataset", "open_lesson", "run_folder", "start"}
COLUMNS = ("cells", "code lines", "import lines", "plumbing", "print lines", "words", "minutes")


def measure(notebook):
    """Returns the size of a notebook: a dict from the names in `COLUMNS` to numbers.

    Args:
        notebook: A notebook as nbformat reads it.
    """
    cells = [cell for cell in notebook.cells if "fetch-course" not in tags(cell)]
    code = [cell for cell in cells if cell.cell_type == "code"]
    num_lines = sum(len(code_lines(cell.source)) for cell in code)
    plumbing = sum(len(plumbing_lines(cell)) for cell in code)
    return {
        "cells": len(cells),
        "code lines": num_lines,
        "import lines": sum(count_import_lines(cell.source) for cell in code),
        "plumbing": plumbing / max(1, num_lines),
        "print lines": sum(len(print_lines(cell.source)) for cell in code),
        "words": sum(len(c.source.split()) for c in cells if c.cell_type == "markdown"),
    }


def tags(cell):
    """Returns the tags of a cell, a set of strings."""
    return set(cell.metadata.get("tags", []))


def code_lines(source):
    """Returns the numbers of the lines that are not blank, a set of integers from 1."""
    return {number for number, line in enumerate(source.splitlines(), 1) if line.strip()}


def plumbing_lines(cell):
    """Returns the numbers of the lines of a code cell that are plumbing, a set of integers."""
    lines = code_lines(cell.source)
    if tags(cell) & {"parameters", "setup"}:
        return lines
    found = set()
    for node in ast.walk(parse(cell.source)):
        if isinstance(node, ast.stmt) and is_plumbing(node):
            found |= set(range(node.lineno, node.end_lineno + 1))
    return found & lines


def print_lines(source):
    """Returns the numbers of the lines of statements that only print, a set of integers."""
    found = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.stmt) and only_prints(node):
            found |= set(range(node.lineno, node.end_lineno + 1))
    return found & code_lines(source)


def only_prints(node):
    """Returns whether a statement is a call of `print`, or a loop over such calls."""
    if isinstance(node, ast.For):
        return all(map(only_prints, node.body))
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("print(")


def parse(source):
    """Returns the syntax tree of a cell. Lines that begin with % or ! are for IPython."""
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE))


def is_plumbing(node):
    """Returns whether a statement imports, opens a session, or loads images and settings."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if not isinstance(node, ast.Assign | ast.Expr):
        return False
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    names = {getattr(call.func, "attr", getattr(call.func, "id", None)) for call in calls}
    return bool(names & SETUP_CALLS) or ast.unparse(node) == "print(lesson)"


def count_import_lines(source):
    """Returns how many lines of a cell belong to import statements, wherever these are."""
    return sum(
        node.end_lineno - node.lineno + 1
        for node in ast.walk(parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def read_notebooks(revision=None, root=ROOT):
    """Returns the stored notebooks of the course, a dict from each one's stem to its content.

    Args:
        revision: String, a commit, or `None` for the files as they are now.
        root: `Path` of the checkout.
    """
    if revision is None:
        paths = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
        return {path.stem: nbformat.read(path, as_version=4) for path in paths}
    listed = git(root, "ls-tree", "--name-only", revision, "notebooks/").splitlines()
    names = [name for name in listed if re.fullmatch(r"notebooks/\d\d_\w+\.ipynb", name)]
    return {
        Path(name).stem: nbformat.reads(git(root, "show", f"{revision}:{name}"), as_version=4)
        for name in names
    }


def git(root, *arguments):
    """Returns what a command of git prints, and ends the program with its error if it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {done.stderr.strip()}")
    return done.stdout


def as_markdown(sizes, minutes):
    """Returns the table in Markdown.

    Args:
        sizes: Dict from the stem of a notebook to what `measure` returns.
        minutes: Dict from stems to minutes. Stems may be missing.
    """
    lines = ["| notebook | " + " | ".join(COLUMNS) + " |", "|---" * (1 + len(COLUMNS)) + "|"]
    for stem, size in sizes.items():
        share, taken = f"{size['plumbing']:.0%}", minutes.get(stem)
        numbers = {**size, "plumbing": share, "minutes": "" if taken is None else f"{taken:.1f}"}
        row = [stem, *(numbers[name] for name in COLUMNS)]
        lines.append("| " + " | ".join(map(str, row)) + " |")
    return "\n".join(lines)


def main(arguments=None):
    """Prints the table and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--revision", help="a commit, whose stored notebooks are read")
    parser.add_argument(
        "--times", type=Path, help="the file that `refresh_notebooks.py --times` has written"
    )
    options = parser.parse_args(arguments)
    minutes = json.loads(options.times.read_text(encoding="utf-8")) if options.times else {}
    notebooks = read_notebooks(options.revision)
    print(as_markdown({stem: measure(each) for stem, each in notebooks.items()}, minutes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
