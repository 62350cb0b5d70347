"""Builds the course as a static site in build/site, from the notebooks and docs/.

    make book

The notebooks are not executed for their outputs: the site shows what they store. Only the
explorers' pictures are drawn anew, when the code has changed. Sphinx then builds the site, and any
dead link is an error.
"""

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
from html import escape
from pathlib import Path

import nbformat
from book_frames import draw_explorers
from explorer_page import to_html
from PIL import Image
from set_repository import below_title, find_repository, notebook_addresses

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)(?=[)#\s])")
LANGUAGES = {".py": "python", ".json": "json", ".toml": "toml", ".yml": "yaml"}
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"
COPY = "[your copy of the course](../docs/index.md#install)"
HERE = f"To run this notebook, type `make lab` in {COPY}, then open `{{name}}`."
ELSEWHERE = (
    "Run this notebook: [Open in Colab]({colab}){{.button}} [Open in Binder]({binder}){{.button}} "
    f"or open `{{name}}` in {COPY}."
)
TOCTREE = """
```{{toctree}}
:caption: {caption}
:hidden:

{entries}
```
"""
FIRST = ["glossary", "reference"]  # of what is looked up; other pages of docs/ follow


class Book:
    """The sources that Sphinx reads: the pages, and whatever they link to in the repository.

    Args:
        folder: `Path` of an empty folder for the sources.
        repository: String, `owner/name` on GitHub, or `None` if it is not known.
    """

    def __init__(self, folder, repository=None):
        self.folder, self.repository, self.done = folder, repository, set()

    def place(self, path):
        """Returns where a file of the repository goes, relative to the sources."""
        path = path.relative_to(ROOT)
        if path.parts[0] == "docs":
            path = path.relative_to("docs")
        return path.with_name(f"{path.name}.md") if path.suffix in LANGUAGES else path

    def add(self, path):
        """Adds a file of the repository, and the files that it links to."""
        if path in self.done:
            return
        self.done.add(path)
        target = self.folder / self.place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            listed = path.parent == ROOT / "docs"
            text = self.linked(path, path.read_text(encoding="utf-8"))
            target.write_text(text if listed else f"---\norphan: true\n---\n{text}", "utf-8")
        elif path.suffix in LANGUAGES:
            shutil.copy(path, target.with_name(path.name))
            target.write_text(source_page(path), encoding="utf-8")
        elif path.suffix != ".ipynb":
            shutil.copy(path, target)

    def linked(self, page, text):
        """Returns a page's text with links that fit the site, and adds what they lead to."""

        def fitting(link):
            path = (page.parent / link[0]).resolve()
            if not path.is_file() or not path.is_relative_to(ROOT):
                return link[0]
            self.add(path)
            return os.path.relpath(self.place(path), self.place(page).parent).replace(os.sep, "/")

        return LINK.sub(fitting, text)

    def add_notebook(self, path, explorers):
        """Adds a notebook as the site shows it.

        Args:
            path: `Path` of the notebook.
            explorers: Dict from a cell's position to its explorer, as `draw_explorers` returns it.

        Returns:
            A string, its title.
        """
        target = self.folder / self.place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        page = self.page_of(nbformat.read(path, as_version=4), path, explorers)
        nbformat.write(page, target)
        prose = [cell.source for cell in page.cells if cell.cell_type == "markdown"]
        return TITLE.search("\n\n".join(prose))[1]

    def page_of(self, notebook, path, explorers):
        """Returns a notebook as the site shows it: other outputs, links and first lines."""
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                cell.outputs = self.shown(cell.outputs, explorers.get(index), path.stem)
        title = next(cell for cell in notebook.cells if cell.cell_type == "markdown")
        title.source = below_title(f"{title.source}\n\n", f"{self.how_to_run(path.name)}\n\n")
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = self.linked(path, cell.source)
        notebook.cells = [
            cell for cell in notebook.cells if "fetch-course" not in cell.metadata.get("tags", [])
        ]
        return notebook

    def how_to_run(self, name):
        """Returns the lines at the top of a notebook's page."""
        if self.repository is None:
            return HERE.format(name=name)
        colab, binder = notebook_addresses(self.repository, name)
        return ELSEWHERE.format(name=name, colab=colab, binder=binder)

    def shown(self, outputs, explorer, stem):
        """Returns the outputs of a cell: figures with their texts, explorers, and no widgets."""
        found = []
        for output in outputs:
            data = output.get("data", {})
            for kind in ("image/svg+xml", "image/png"):
                if kind in data:
                    alt = output.metadata.get(kind, {}).get("alt", "")
                    output = as_html(self.figure(data[kind], kind, alt, stem))
                    break
            else:
                if WIDGET in data:
                    continue
            found.append(output)
        return found if explorer is None else [*found, as_html(to_html(explorer))]

    def figure(self, data, kind, alt, stem):
        """Writes a figure into a file of its own; returns the element that shows it."""
        size = ""
        if kind == "image/png":
            picture = Image.open(io.BytesIO(base64.b64decode(data)))
            width, height = picture.size
            size = f' width="{width}" height="{height}" style="--width: {width}px"'
            buffer = io.BytesIO()
            picture.convert("RGB").save(buffer, "webp", lossless=True, quality=60, method=4)
            content, suffix = buffer.getvalue(), "webp"
        else:
            content, suffix = data.encode(), "svg"
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
        folder = self.folder / "_static" / "figures" / stem
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        address = f"../_static/figures/{stem}/{name}"
        return f'<img class="figure" src="{address}" alt="{escape(alt)}"{size} loading="lazy">'


def as_html(text):
    """Returns HTML as the output of a cell."""
    return nbformat.v4.new_output("display_data", data={"text/html": text})


def source_page(path):
    """Returns a page that shows a file of code."""
    name = path.relative_to(ROOT).as_posix()
    return (
        f"---\norphan: true\nno-search: true\n---\n# `{name}`\n\n"
        f"```{{literalinclude}} {path.name}\n:language: {LANGUAGES[path.suffix]}\n```\n"
    )


def stage(folder, repository):
    """Writes everything that Sphinx reads into an empty folder."""
    book = Book(folder, repository)
    pages = sorted((ROOT / "docs").glob("*.md"))
    for path in pages:
        book.add(path)
    titles = []
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        frames, explorers = draw_explorers(path, BUILD / "frames")
        titles.append(f"{path.stem[:2]} {book.add_notebook(path, explorers)}")
        titles[-1] += f" <notebooks/{path.stem}>"
        if frames is not None:
            target = folder / "_static" / "frames" / path.stem
            shutil.copytree(frames, target, ignore=shutil.ignore_patterns("*.json"))
    others = sorted({path.stem for path in pages} - {"index", *FIRST})
    parts = {"Notebooks": titles, "To look up": [*FIRST, *others]}
    with open(folder / "index.md", "a", encoding="utf-8") as index:
        for caption, entries in parts.items():
            index.write(TOCTREE.format(caption=caption, entries="\n".join(entries)))
    shutil.copy(ROOT / "docs" / "conf.py", folder)
    shutil.copytree(ROOT / "docs" / "_static", folder / "_static", dirs_exist_ok=True)


def main():
    """Builds the site and returns the exit code."""
    started = time.perf_counter()
    sources, site = BUILD / "book", BUILD / "site"
    for folder in (sources, site):
        shutil.rmtree(folder, ignore_errors=True)
    sources.mkdir(parents=True)
    stage(sources, find_repository(ROOT))
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    code = subprocess.run([*command, "-d", str(BUILD / "doctrees"), sources, site]).returncode
    if code == 0:
        size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
        seconds = time.perf_counter() - started
        print(f"build/site/index.html: {size / 1e6:.1f} MB, {seconds:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
