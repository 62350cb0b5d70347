"""The answer to "does it help on my images?" as one HTML file to send to somebody."""

from html import escape

from simclr_utils.cli.html_page import build_page, build_picture, build_table, flatten
from simclr_utils.files import write_text


def write_verdict_page(path, title, verdicts, sections, provenance):
    """Writes a page that needs no other file and no network.

    Args:
        path: the HTML file.
        title: str.
        verdicts: list of sentences, the answer; they come first.
        sections: dict from a heading to what stands below it: a string (a paragraph, its line
            breaks kept), a DataFrame, or bytes (a PNG).
        provenance: dict, what made the numbers; dicts inside it are flattened.
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
