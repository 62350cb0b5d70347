"""Web pages that need no other file and no network."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from simclr_utils.files import write_text

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font-family: sans-serif; line-height: 1.5; max-width: 60em; margin: 2em auto }}
table {{ border-collapse: collapse; margin: 1em 0 }}
th, td {{ border-bottom: 1px solid #ccc; padding: 0.3em 0.9em; text-align: left }}
code {{ overflow-wrap: anywhere }}
img {{ max-width: 100% }}
.verdict {{ border-left: 0.4em solid #0072B2; padding: 0.5em 1em; background: #f3f7fa }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def build_page(title: str, body: str) -> str:
    """Returns a whole page from a title in plain text and a body in HTML."""
    return PAGE.format(title=escape(title), body=body)


def build_table(rows) -> str:
    """Returns a table in HTML from rows of cells in HTML."""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def build_picture(png: bytes, description: str) -> str:
    """Returns an image element that holds the bytes of a PNG."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{data}">'


def flatten(record: Mapping, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields rows of two HTML cells, name and value, from nested dicts such as a provenance."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name} ")
        else:
            yield escape(prefix + name), escape(str(value))


def write_page(
    path: str | Path,
    title: str,
    verdicts: Sequence[str],
    sections: Mapping,
    provenance: Mapping,
) -> None:
    """Writes a page that needs no other file and no network.

    Args:
        path: Path of the HTML file.
        title: String, the heading of the page.
        verdicts: Strings, the paragraphs of the answer. They come first.
        sections: Dict from a heading to what goes below it: a string (a paragraph that keeps its
            line breaks), a DataFrame, or the bytes of a PNG.
        provenance: Dict, what made the numbers. Dicts inside it are flattened.
    """
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in verdicts)
    parts = [f'<div class="verdict">{sentences}</div>']
    parts += [f"<h2>{escape(name)}</h2>\n{_as_html(name, part)}" for name, part in sections.items()]
    parts.append(f"<h2>What made these numbers</h2>\n{build_table(flatten(provenance))}")
    write_text(path, build_page(title, "\n".join(parts)))


def _as_html(name, part):
    if isinstance(part, bytes):
        return build_picture(part, name)
    if isinstance(part, str):
        return f'<p style="white-space: pre-line">{escape(part)}</p>'
    return part.to_html(index=False)
