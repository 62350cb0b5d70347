"""A web page that needs no other file and no network."""

import base64
from html import escape

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


def build_page(title, body):
    """A whole page from a title, plain text, and a body that is HTML already."""
    return PAGE.format(title=escape(title), body=body)


def build_table(rows):
    """A table from rows of cells that are HTML already."""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def build_picture(png, description):
    """An image element that holds the PNG bytes themselves."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{data}">'


def flatten(record, prefix=""):
    """Yields rows of two cells from nested dicts, such as a provenance."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name} ")
        else:
            yield escape(prefix + name), escape(str(value))
