"""Web pages that need no other file and no network, from the templates beside this module."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).resolve().parent / "templates"


def render(template: str, **content: object) -> str:
    """Fills a template.

    Args:
        template: String, the name of a file in `templates`. In a page of HTML, everything that is
            filled in is escaped.
        **content: The values of the template's names.

    Returns:
        A string.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    text = environment.get_template(template).render(**content)
    # No line break between a number and its percent sign.
    return text.replace(" %", "\N{NO-BREAK SPACE}%") if template.endswith(".html") else text


def as_part(value: str | bytes | pd.DataFrame) -> dict:
    """Returns a part of a page in the form that the templates take.

    Args:
        value: A string (a paragraph that keeps its line breaks), a DataFrame whose index is left
            out, or the bytes of a PNG.

    Returns:
        A dict with `kind`: `"text"` with `text`, `"table"` with `head` and `rows`, or `"picture"`
        with `data`.
    """
    if isinstance(value, bytes):
        return {"kind": "picture", "data": base64.b64encode(value).decode()}
    if isinstance(value, str):
        return {"kind": "text", "text": value}
    rows = [[str(cell) for cell in row] for row in value.itertuples(index=False, name=None)]
    return {"kind": "table", "head": [str(name) for name in value.columns], "rows": rows}


def flatten(record: Mapping, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields pairs of name and value from nested dicts such as a provenance."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name} ")
        else:
            yield prefix + name, str(value)


def as_table(record: Mapping) -> pd.DataFrame:
    """Returns nested dicts as a table of two columns, name and value."""
    return pd.DataFrame(list(flatten(record)), columns=["", "value"])
