"""The site in a browser: pages open, sliders answer, links lead somewhere, a phone can show it.

`make test-book` builds the site first.
"""

import html
import http.server
import re
import threading
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
NOTEBOOKS = [name for name in PAGES if name.startswith("notebooks/")]
EXPLORERS = [
    name for name in NOTEBOOKS if 'class="explorer"' in (SITE / name).read_text(encoding="utf-8")
]
MAXIMUM_BYTES = 2_000_000
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

BASE = "http://site/"  # stands before links, to resolve them
# Elements that reach over the right edge, unless they or their parents scroll.
TOO_WIDE = """() => {
    const scrolls = element => element && (
        ['auto', 'scroll', 'hidden'].includes(getComputedStyle(element).overflowX)
        || scrolls(element.parentElement));
    return [...document.querySelectorAll('.content *, article *')].filter(element =>
        element.getBoundingClientRect().right > innerWidth + 1 && !scrolls(element)
    ).map(element => element.outerHTML.slice(0, 200));
}"""


# Formulas that are higher than their box.
CUT_OFF = """() => [...document.querySelectorAll('div.math')].filter(box =>
    box.scrollHeight > box.clientHeight).map(box => box.textContent.slice(0, 80))"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def address():
    """The address of the site, served on this machine."""
    assert PAGES, "There is no site in build/site: run `make book`."
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=SITE)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_page(new_page, address):
    """A function of a page's name that opens it, and notes the bytes of all that it fetches."""

    def run(name, size=DESK):
        page = new_page()
        page.set_viewport_size(size)
        page.set_default_timeout(120_000)  # the machine may be busy
        page.fetched = {}

        def note(response):
            if response.status >= 400:
                page.problems.append(f"{response.status} {response.url}")
            elif response.status == 200:
                page.fetched[response.url] = len(response.body())

        page.on("response", note)
        page.on("requestfailed", lambda request: page.problems.append(f"failed: {request.url}"))
        page.goto(f"{address}/{name}", wait_until="networkidle")
        return page

    return run


def test_every_notebook_has_a_page():
    stems = {path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    assert {Path(name).stem for name in NOTEBOOKS} == stems
    assert {"index.html", "glossary.html", "reference.html", "search.html"} <= set(PAGES)
    assert EXPLORERS


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_a_complaint(open_page, address, name):
    page = open_page(name)
    assert page.problems == []
    assert all(url.startswith(address) for url in page.fetched), "it fetches from elsewhere"
    assert page.locator("h1").count() == (name != "search.html")
    unnamed = page.locator("article img:not([alt]), article img[alt='']").count()
    assert unnamed == 0, f"{unnamed} pictures have no text"
    shown = page.locator("article").inner_text()
    for residue in ("VBox(", "GridBox(", "<Figure", "DescribedFigure", "Image object"):
        assert residue not in shown


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone(open_page, name):
    page = open_page(name, PHONE)
    assert page.locator("meta[name=viewport]").count()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_formulas_are_not_cut_off(open_page, name):
    page = open_page(name, PHONE)
    assert page.evaluate(CUT_OFF) == []


def test_no_link_is_dead():
    texts = {name: (SITE / name).read_text(encoding="utf-8") for name in PAGES}
    anchors = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    dead, count = [], 0
    for name, text in texts.items():
        for link in map(html.unescape, re.findall(r'<a\b[^>]*\bhref="([^"]*)"', text)):
            path, anchor = map(unquote, urldefrag(urljoin(f"{BASE}{name}", link)))
            if not path.startswith(BASE):
                continue
            path, count = path.removeprefix(BASE) or "index.html", count + 1
            if not (SITE / path).is_file() or anchor and anchor not in anchors[path]:
                dead.append((name, link))
    assert dead == []
    assert count > 1000


@pytest.mark.parametrize("name", EXPLORERS)
def test_sliders_move_the_picture(open_page, name):
    """By the keyboard, one slider after the other; all pictures together stay below 2 MB."""
    page = open_page(name)
    for explorer in page.locator(".explorer").all():
        picture = explorer.locator("img")
        sliders = explorer.locator("input[type=range]:visible").all()
        assert sliders
        seen = set()
        for slider in sliders:
            slider.focus()
            for key in ("Home", *["ArrowRight"] * int(slider.get_attribute("max"))):
                page.keyboard.press(key)
                assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)")
                assert slider.evaluate("slider => slider.nextElementSibling.textContent")
                seen.add(picture.get_attribute("src"))
        assert len(seen) > len(sliders)
        before = picture.get_attribute("src")
        sliders[0].press("Home")
        assert picture.get_attribute("src") != before
    page.wait_for_load_state("networkidle")
    assert page.problems == []
    size = sum(page.fetched.values())
    print(f"{name}: {size / 1e6:.2f} MB")
    assert size <= MAXIMUM_BYTES


def test_a_finger_moves_a_slider(chromium, address):
    context = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{address}/{EXPLORERS[0]}")
    explorer = page.locator(".explorer").first
    slider = explorer.locator("input[type=range]").first
    slider.scroll_into_view_if_needed()
    box, seen = slider.bounding_box(), []
    for share in (0.03, 0.97):
        page.touchscreen.tap(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        seen.append(explorer.locator("img").get_attribute("src"))
    assert seen[0] != seen[1]
    context.close()


def test_a_choice_changes_the_picture(open_page):
    """The explorers with a list of names, such as those of two encoders."""
    tried = 0
    for name in EXPLORERS:
        page = open_page(name)
        for choice in page.locator(".explorer select").all():
            picture = choice.locator("xpath=ancestor::div[@class='explorer']").locator("img")
            sources = set()
            for option in choice.locator("option").all():
                choice.select_option(option.get_attribute("value"))
                sources.add(picture.get_attribute("src"))
            assert len(sources) > 1
            tried += 1
        page.close()
    assert tried


def test_a_button_answers(open_page):
    page = open_page("notebooks/01_augmentations.html")
    explorer = page.locator(".explorer").first
    explorer.locator("button").first.click()
    assert "build_augmenter(" in explorer.locator(".answer").inner_text()


def test_the_search_finds_a_word(open_page):
    page = open_page("search.html?q=temperature")
    page.wait_for_selector("ul.search li a")
    found = page.locator("ul.search li a").all_inner_texts()
    assert any("glossary" in text.lower() or "Temperature" in text for text in found)
    assert page.problems == []
