"""The sources of the site: the map, the glossary and the links, without building it."""

import re
from pathlib import Path

import book_frames
import make_book
import nbformat
import pytest
import set_repository
from set_repository import notebook_addresses

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
# The site also takes the pages that these lead to.
PAGES = [*DOCS, *sorted((ROOT / "results").rglob("*.md")), ROOT / "data" / "README.md"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]*))?\)")
EXPLORER = {"controls": [], "buttons": [], "size": (2, 1), "frames": {"": ["a.webp", "A.", []]}}
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def slugs(text):
    """The anchors that GitHub and MyST make of a page's headings."""
    kept = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(text))
    return {title.strip().replace(" ", "-") for title in kept}


def test_the_map_lists_every_notebook():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| [^|]+\? [^|]*\| \[[^]]+\]\(\.\./notebooks/(\w+)\.ipynb\) \|$", text, re.M
    )
    assert rows == [path.stem for path in NOTEBOOKS], "docs/index.md needs a row for each notebook"


def test_the_glossary_has_45_terms_each_with_a_notebook():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    names = [term.splitlines()[0] for term in terms]
    assert len(set(names)) == len(names) == 45
    for name, term in zip(names, terms, strict=True):
        assert len(re.findall(r"\]\(\.\./notebooks/\w+\.ipynb\)", term)) == 1, name
        assert 8 <= len(term.split()) <= 60, name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_link_leads_to_a_file(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    for path, anchor in links:
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name} links to {path}"
        if anchor:
            assert anchor in slugs(target.read_text(encoding="utf-8")), f"{path}#{anchor}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_becomes_a_page(path, tmp_path):
    stored = nbformat.read(path, as_version=4)
    explorers = dict.fromkeys(book_frames.explorer_cells(stored), EXPLORER)
    make_book.Book(tmp_path).add_notebook(path, explorers)
    page = nbformat.read(tmp_path / "notebooks" / path.name, as_version=4)
    top = page.cells[0].source
    assert top.startswith("# ") and "make lab" in top and "Colab" not in top
    shown = [output.get("data", {}) for cell in page.cells for output in cell.get("outputs", [])]
    assert not any(make_book.WIDGET in data or "image/png" in data for data in shown)
    html = "".join(data.get("text/html", "") for data in shown)
    assert html.count('class="explorer"') == len(explorers)
    figures = re.findall(r'<img class="figure" src="\.\./([^"]+)" alt="([^"]*)"', html)
    assert all((tmp_path / source).is_file() and len(alt.split()) > 2 for source, alt in figures)
    text = "".join(cell.source for cell in page.cells if cell.cell_type == "markdown")
    for link, _ in LINK.findall(text):
        there = (tmp_path / "notebooks" / link).resolve()
        pages = {"index.md", *(other.name for other in NOTEBOOKS)}
        assert not link or there.is_file() or there.name in pages, link


def test_a_known_repository_gives_buttons(tmp_path):
    make_book.Book(tmp_path, "some/course").add_notebook(NOTEBOOKS[-1], {})
    page = nbformat.read(tmp_path / "notebooks" / NOTEBOOKS[-1].name, as_version=4)
    for address in notebook_addresses("some/course", NOTEBOOKS[-1].name):
        assert f"]({address}){{.button}}" in page.cells[0].source


def test_badges_and_the_cell_for_colab_stay_out(tmp_path):
    path = NOTEBOOKS[-1]
    notebook = nbformat.read(path, as_version=4)
    badge = set_repository.badges("some/course", path.name)
    notebook.cells[0].source = set_repository.below_title(notebook.cells[0].source, badge)
    fetch = nbformat.v4.new_code_cell("fetch", metadata={"tags": ["fetch-course"]})
    notebook.cells.insert(1, fetch)
    page = make_book.Book(tmp_path).page_of(notebook, path, {})
    assert "badge" not in page.cells[0].source
    assert all(cell.source != "fetch" for cell in page.cells)
