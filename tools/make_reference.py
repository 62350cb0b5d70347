"""Writes docs/reference.md from the signatures and docstrings of the public names.

The page is made from the source alone, so it is the same on every platform and Python. Nothing is
imported and no object is printed.
"""

import ast
import inspect
import io
import re
import tokenize
from pathlib import Path

from docstring_markdown import plain, to_markdown

from simclr_utils.files import write_text

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference.md"
PARTS = (
    "data",
    "views",
    "training",
    "distributed",
    "evaluation",
    "study",
    "ablation",
    "deploy",
    "cli",
    "plotting",
    "course",
)
WIDTH = 88  # of a signature in one line
HEAD = """# Reference

This page is generated from the docstrings: edit those, then run `make reference`.

## The public door

`from simclr_utils import {first}, ...` gives these names. Each is loaded when it is first used.
"""
PARTS_HEAD = """
## The parts

A name that the door does not have is imported from its part, such as
`from simclr_utils.training import EpochLine`.
"""


class Source:
    """A module as source text and as a syntax tree.

    Args:
        path: `Path` of the file.
    """

    def __init__(self, path):
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.tree = ast.parse(self.text)

    def segment(self, node):
        """Returns the text of an expression in one line."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return f'"{node.value}"'
        text = ast.get_source_segment(self.text, node)
        if "\n" not in text:
            return text
        tokens = tokenize.generate_tokens(io.StringIO(f"({text})").readline)
        for comment in [token.string for token in tokens if token.type == tokenize.COMMENT]:
            text = text.replace(comment, "", 1)
        text = re.sub(r",?\s+(?=[)\]}])", "", " ".join(text.split()))
        return re.sub(r"(?<=[(\[{])\s+", "", text)

    def find(self, name):
        """Returns the top-level definition or assignment of a name, or `None`."""
        for node in self.tree.body:
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            named = [getattr(target, "id", None) for target in targets]
            if getattr(node, "name", None) == name or name in named:
                return node
        return None

    def comment_above(self, node):
        """Returns the comment in the lines above a statement, a string."""
        found, number = [], node.lineno - 2
        while number >= 0 and self.lines[number].startswith("#"):
            found.insert(0, self.lines[number].lstrip("# "))
            number -= 1
        return " ".join(found)

    def comment_after(self, node):
        """Returns the comment at the end of a statement's last line, a string."""
        rest = self.lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode().strip()
        return rest if rest.startswith("#") else ""


def read_public(path):
    """Returns the dict `PUBLIC` of the package whose `__init__.py` is at `path`."""
    return ast.literal_eval(Source(path).find("PUBLIC").value)


def find_definition(package, module, name):
    """Returns the `Source` that defines a name, and its node there; imports are followed.

    Args:
        package: `Path` of the package's folder.
        module: String, such as `"training.losses"`.
        name: String.

    Raises:
        LookupError: If the module does not have the name.
    """
    source = Source(package.joinpath(*module.split(".")).with_suffix(".py"))
    node = source.find(name)
    if node is not None:
        return source, node
    for statement in source.tree.body:
        if isinstance(statement, ast.ImportFrom) and name in [a.name for a in statement.names]:
            return find_definition(package, statement.module.partition(".")[2], name)
    raise LookupError(f"simclr_utils.{module} has no name {name!r}.")


def parameters_of(source, arguments):
    """Returns the parameters of a function as they are written, a list of strings."""

    def written(argument, default=None, stars=""):
        text = stars + argument.arg
        if argument.annotation is not None:
            text += ": " + source.segment(argument.annotation).strip('"')
        if default is not None:
            equals = " = " if argument.annotation is not None else "="
            text += equals + source.segment(default)
        return text

    plain_ones = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain_ones) - len(arguments.defaults)) + arguments.defaults
    found = [written(*pair) for pair in zip(plain_ones, defaults, strict=True)]
    if arguments.vararg:
        found.append(written(arguments.vararg, stars="*"))
    elif arguments.kwonlyargs:
        found.append("*")
    found += map(written, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg:
        found.append(written(arguments.kwarg, stars="**"))
    return found


def fields_of(source, node):
    """Returns the fields of a dataclass and the comments behind them, a list of pairs."""
    found = []
    for field in node.body:
        if isinstance(field, ast.AnnAssign):
            text = f"{field.target.id}: {source.segment(field.annotation)}"
            if field.value is not None:
                text += f" = {_default_of_field(source, field.value)}"
            found.append((text, source.comment_after(field)))
    return found


def _default_of_field(source, value):
    if not isinstance(value, ast.Call):
        return source.segment(value)
    for keyword in value.keywords:
        if keyword.arg == "default_factory":
            return {"list": "[]", "dict": "{}"}.get(source.segment(keyword.value), "...")
        if keyword.arg == "default":
            return source.segment(keyword.value)
    return source.segment(value.args[0])


def signature(source, node):
    """Returns how a function or a class is called, as lines of code."""
    if isinstance(node, ast.ClassDef):
        if any("dataclass" in source.segment(each) for each in node.decorator_list):
            fields = fields_of(source, node)
            lines = [f"    {text},  {comment}".rstrip() for text, comment in fields]
            return "\n".join([f"{node.name}(", *lines, ")"])
        init = next((each for each in node.body if getattr(each, "name", "") == "__init__"), None)
        parameters, result = parameters_of(source, init.args)[1:] if init else [], ""
    else:
        parameters = [p for p in parameters_of(source, node.args) if p not in ("self", "cls")]
        result = f" -> {source.segment(node.returns)}" if node.returns is not None else ""
        result = result.replace('"', "")
    line = f"{node.name}({', '.join(parameters)}){result}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{node.name}(", *(f"    {each}," for each in parameters), f"){result}"])


def docstring(source, node):
    """Returns a definition's docstring, or the comment at an assignment."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return inspect.cleandoc(ast.get_docstring(node) or "")
    return source.comment_above(node) or source.comment_after(node).lstrip("# ")


def summary(source, node):
    """Returns the first sentence of a docstring."""
    return plain(docstring(source, node).split("\n\n")[0].replace("\n", " "))


def methods_of(source, node):
    """Returns the public methods and properties of a class as lines of a list."""
    lines = []
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            decorators = {source.segment(each) for each in method.decorator_list}
            if ast.get_docstring(method) and not any(".setter" in name for name in decorators):
                called = " ".join(signature(source, method).split())
                called = called.replace("( ", "(").replace(", )", ")")
                name = method.name if decorators & {"property"} else called
                lines.append(f"- `{name}`: {summary(source, method)}")
    return lines


def door_entry(package, module, name):
    """Returns the text of one name of the public door."""
    source, node = find_definition(package, module, name)
    if not docstring(source, node):
        raise LookupError(f"simclr_utils.{module}.{name} has no docstring.")
    blocks = [f"### {name}", f"```python\n{signature(source, node)}\n```"]
    blocks.append(to_markdown(docstring(source, node)))
    methods = methods_of(source, node) if isinstance(node, ast.ClassDef) else []
    if methods:
        blocks += ["**Methods**", "\n".join(methods)]
    path = f"simclr_utils/{module.replace('.', '/')}.py"
    return "\n\n".join([*blocks, f"Source: [{path}](../{path})"])


def part_entry(package, part):
    """Returns the text of one part: its public names with what they do."""
    init = package / part / "__init__.py"
    lines = []
    for module, names in read_public(init).items():
        for name in names:
            found = find_definition(package, f"{part}.{module}", name)
            lines.append(f"- `{name}`: {summary(*found)}" if summary(*found) else f"- `{name}`")
    purpose = plain(ast.get_docstring(Source(init).tree).splitlines()[0])
    return "\n\n".join([f"### simclr_utils.{part}", purpose, "\n".join(lines)])


def make_page(package=ROOT / "simclr_utils"):
    """Returns the text of the page, for the package in a folder."""
    public = read_public(package / "__init__.py")
    door = [door_entry(package, module, name) for module, names in public.items() for name in names]
    parts = [part_entry(package, part) for part in PARTS if (package / part).is_dir()]
    first = ", ".join([name for names in public.values() for name in names][:2])
    blocks = [HEAD.format(first=first).strip(), *door, PARTS_HEAD.strip(), *parts]
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    write_text(PAGE, make_page())
