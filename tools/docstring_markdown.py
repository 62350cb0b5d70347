"""Docstrings in Keras' order as Markdown."""

import inspect
import re

SECTIONS = (
    "Args",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "Example",
    "Examples",
    "References",
)
HEADING = re.compile(rf"^({'|'.join(SECTIONS)}):$", re.MULTILINE)
LISTS = {"Args", "Attributes", "Raises"}
ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*): +(.*)$", re.DOTALL)


def plain(text):
    """Returns text in which angle brackets outside of code are not taken for HTML."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else p.replace("<", "\\<") for p in parts)


def to_markdown(docstring):
    """Returns a docstring as Markdown, each section below a bold heading.

    Args:
        docstring: String, as `inspect.cleandoc` returns it.
    """
    text, *sections = HEADING.split(docstring)
    blocks = [plain(text.strip())]
    for name, body in zip(sections[::2], sections[1::2], strict=True):
        split = _split_example if name.startswith("Example") else _split_indented
        body, rest = split(body)
        body = inspect.cleandoc("\n" + body)
        if name in LISTS:
            shown = _as_list(body)
        elif name.startswith("Example"):
            shown = body if "```" in body else f"```python\n{body}\n```"
        else:
            shown = _as_list(body) if ENTRY.match(body) and body[0].islower() else plain(body)
        blocks += [f"**{name}**", shown]
        if rest.strip():
            blocks.append(plain(inspect.cleandoc(rest)))
    return "\n\n".join(block for block in blocks if block)


def _split_indented(body):
    """Splits what follows a heading into its indented lines and the paragraphs after them."""
    end = re.search(r"^\S", body, re.MULTILINE)
    return (body, "") if end is None else (body[: end.start()], body[end.start() :])


def _split_example(body):
    """Splits what follows the heading of an example into its code and the paragraphs after it.

    The code may be indented or not. Without indentation, its paragraphs begin with a prompt.
    """
    code, rest = _split_indented(body)
    paragraphs = re.split(r"\n{2,}", rest.strip("\n"))
    if code.strip():
        return code, rest
    others = (n for n, each in enumerate(paragraphs) if not each.startswith(">>>"))
    end = next(others, len(paragraphs))
    return "\n\n".join(paragraphs[:end]), "\n\n".join(paragraphs[end:])


def _as_list(body):
    """Returns a list with an item for each line that is not indented."""
    items = re.split(r"\n+(?=\S)", body)
    lines = []
    for item in items:
        words = " ".join(item.split())
        entry = ENTRY.match(words)
        lines.append(f"- **{entry[1]}**: {plain(entry[2])}" if entry else f"- {plain(words)}")
    return "\n".join(lines).replace("- ****", "- **\\*\\*")
