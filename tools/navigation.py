"""The navigation line below the title of each notebook."""

import os
import re
from pathlib import Path

import nbformat

from simclr_utils.files import write_text

LINE = re.compile(r"^Notebook \d+: .*\*\*.*$", re.MULTILINE)
TITLE = re.compile(r"^# .*$", re.MULTILINE)


def read_course(folder):
    """Returns the notebooks of the course in order, a dict from each one's stem to its title.

    The title is the bold part of the notebook's own line. A notebook that has no line yet is
    called by the name of its file.

    Args:
        folder: `Path` of the twins.
    """
    course = {}
    for path in sorted(folder.glob("*.md")):
        line = LINE.search(path.read_text(encoding="utf-8"))
        title = line and re.search(r"\*\*\d+ (.*)\*\*", line[0])
        course[path.stem] = title[1] if title else path.stem[3:].replace("_", " ")
    return course


COURSE = read_course(Path(__file__).resolve().parent.parent / "notebooks" / "text")


def navigation_line(stem, course=COURSE):
    """Returns the line of a notebook, or `None` for one that is not part of the course.

    Args:
        stem: String, the name of its file without the suffix.
        course: Dict from each notebook's stem to its title.
    """
    if stem not in course:
        return None
    names = {other: f"{other[:2]} {title}" for other, title in course.items()}
    names[stem] = f"**{names[stem]}**"
    return f"Notebook {int(stem[:2])}: {' → '.join(names.values())}"


def with_navigation(text, line):
    """Returns a Markdown text with `line` in place of its navigation line, or below its title."""
    if LINE.search(text):
        return LINE.sub(lambda found: line, text, count=1)
    return TITLE.sub(lambda found: f"{found[0]}\n\n{line}", text, count=1)


def update_navigation(folder, course=COURSE):
    """Writes the line into the notebooks of a folder and into their twins.

    Nothing is executed. Each file keeps its time, which tells whether the notebook or its twin
    was edited last.

    Args:
        folder: `Path` of the notebooks; their twins are in `text/` below it.
        course: Dict from each notebook's stem to its title.
    """
    for stem in course:
        line = navigation_line(stem, course)
        for path in (folder / "text" / f"{stem}.md", folder / f"{stem}.ipynb"):
            if path.exists():
                before = path.read_text(encoding="utf-8")
                after = _updated(before, line, path.suffix)
                if after != before:
                    _rewrite(path, after)


def _updated(text, line, suffix):
    if suffix == ".md":
        return with_navigation(text, line)
    notebook = nbformat.reads(text, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "markdown")
    changed = with_navigation(first.source, line)
    if changed == first.source:
        return text
    first.source = changed
    return nbformat.writes(notebook) + "\n"


def _rewrite(path, text):
    times = path.stat()
    write_text(path, text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
