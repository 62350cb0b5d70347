"""The public door: each name is there, documented and typed, and costs nothing until it is used."""

import ast
import importlib
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import simclr_utils

PACKAGE = Path(simclr_utils.__file__).parent
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


@pytest.mark.parametrize("name", simclr_utils.MODULES)
def test_a_name_leads_to_its_definition(name):
    found = getattr(simclr_utils, name)
    assert found.__module__ == f"simclr_utils.{simclr_utils.MODULES[name]}"
    assert found.__name__ == name


def test_names_can_be_listed_and_imported_together():
    assert set(simclr_utils.MODULES) <= set(dir(simclr_utils))
    names = {}
    exec("from simclr_utils import *", names)
    assert set(simclr_utils.MODULES) <= set(names)


def test_an_unknown_name_is_told_what_there_is():
    with pytest.raises(AttributeError, match="no name 'SimCRL'; it has .*SimCLR"):
        simclr_utils.SimCRL  # noqa: B018


def test_the_door_alone_loads_neither_tensorflow_nor_numpy():
    code = "import sys, simclr_utils; print([m for m in ('tensorflow', 'keras', 'numpy', 'PIL')"
    code += " if m in sys.modules], bool(simclr_utils.__version__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True\n"


@pytest.mark.parametrize("part", PARTS)
def test_each_part_hands_on_its_public_names(part):
    package = importlib.import_module(f"simclr_utils.{part}")
    for module, names in package.PUBLIC.items():
        for name in names:
            expected = getattr(importlib.import_module(f"simclr_utils.{part}.{module}"), name)
            assert getattr(package, name) is expected


@pytest.mark.parametrize("part", PARTS)
def test_a_part_and_a_name_that_it_lacks(part):
    with pytest.raises(AttributeError, match=f"simclr_utils.{part} has no name 'nothing'; it has"):
        importlib.import_module(f"simclr_utils.{part}").nothing  # noqa: B018


# Docstrings and type hints. They are read from the source, because a decorator that uses
# `functools.wraps` gives a function the docstring and the signature of another.


def source_of(module):
    """Returns the syntax tree of a module of the package."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def definition(module, name):
    """Returns where a name is defined: the module and the node, `None` for a constant."""
    for node in source_of(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("simclr_utils"):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return definition(node.module, alias.name)
    return module, None


def documented(node):
    """Returns the names that the sections `Args:` and `Attributes:` of a docstring describe."""
    names, inside = set(), False
    for line in (ast.get_docstring(node) or "").splitlines():
        if line and not line.startswith(" "):
            inside = line in ("Args:", "Attributes:")
        entry = re.match(r" {4}([\w*]+(?:, [\w*]+)*): +\S", line)
        if inside and entry:
            names |= {name.strip("*") for name in entry[1].split(", ")}
    return names


def decorators(node):
    """Returns the last word of each decorator, such as "dataclass" or "property"."""
    calls = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return {ast.unparse(call).split(".")[-1] for call in calls}


def check_function(where, function, documents, method=False):
    """Yields what a function lacks; `documents` is the node whose docstring describes it.

    A method whose docstring is a sentence needs no `Args:`, but if it has one, it is complete.
    """
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    plain = plain[1:] if method and "staticmethod" not in decorators(function) else plain
    stars = [star for star in (arguments.vararg, arguments.kwarg) if star]
    described = documented(documents)
    free = method and documents is function and not described
    for argument in [*plain, *arguments.kwonlyargs, *stars]:
        if argument.annotation is None:
            yield f"{where}: no hint for {argument.arg}"
        if argument.arg not in described and not free:
            yield f"{where}: {argument.arg} is not in Args"
    if function.returns is None and function.name != "__init__":
        yield f"{where}: no hint for what it returns"
    if not ast.get_docstring(documents):
        yield f"{where}: no docstring"


def check_class(where, node, inherited=()):
    """Yields what a class, its `__init__` and its public methods lack.

    Args:
        where: String, the name of the class.
        node: The class's syntax tree.
        inherited: Names of methods whose signature a class of another package determines.
    """
    if not ast.get_docstring(node):
        yield f"{where}: no docstring"
    bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
    if "dataclass" in decorators(node) or "NamedTuple" in bases:
        fields = [child.target.id for child in node.body if isinstance(child, ast.AnnAssign)]
        yield from (
            f"{where}: {field} is not in Args" for field in fields if field not in documented(node)
        )
    for child in node.body:
        if not isinstance(child, ast.FunctionDef) or child.name in inherited:
            continue
        if child.name == "__init__":
            yield from check_function(where, child, node, method=True)
        elif not child.name.startswith("_") and "setter" not in decorators(child):
            yield from check_function(f"{where}.{child.name}", child, child, method=True)


def foreign_methods(cls):
    """Returns the names of the methods that a class inherits from other packages."""
    foreign = [c for c in cls.__mro__ if not c.__module__.startswith("simclr_utils")]
    return {name for c in foreign for name in vars(c)} - {"__init__"}


def check_name(module, name):
    """Yields what a public name of a module lacks."""
    where = f"{module.removeprefix('simclr_utils.')}.{name}"
    home, node = definition(module, name)
    if node is None:
        if callable(getattr(importlib.import_module(module), name)):
            yield f"{where}: neither def nor class defines it"
    elif isinstance(node, ast.FunctionDef):
        yield from check_function(where, node, node)
    else:
        cls = getattr(importlib.import_module(home), name)
        for base in cls.__mro__:
            if base.__module__.startswith("simclr_utils"):
                tree = definition(base.__module__, base.__name__)[1]
                place = f"{base.__module__.removeprefix('simclr_utils.')}.{base.__name__}"
                yield from check_class(place, tree, foreign_methods(base))


def test_public_names_are_documented_and_typed():
    public = [(f"simclr_utils.{module}", name) for name, module in simclr_utils.MODULES.items()]
    for part in PARTS:
        package = importlib.import_module(f"simclr_utils.{part}")
        for module, names in package.PUBLIC.items():
            public += [(f"simclr_utils.{part}.{module}", name) for name in names]
    wrong = [line for module, name in dict.fromkeys(public) for line in check_name(module, name)]
    wrong = list(dict.fromkeys(wrong))
    assert not wrong, f"{len(wrong)} are missing:\n" + "\n".join(wrong)


GOOD = '''
def good(x: int, *more: int, **options: str) -> int:
    """Returns x.

    Args:
        x: Integer.
        *more: Integers.
        **options: Strings.

    Returns:
        y: Integer.
    """
'''


@pytest.mark.parametrize(
    "change, missing",
    [
        (("", ""), []),
        (("x: int", "x"), ["f: no hint for x"]),
        ((" -> int", ""), ["f: no hint for what it returns"]),
        (("**options: str", "**options"), ["f: no hint for options"]),
        (("        x: Integer.\n", ""), ["f: x is not in Args"]),
        (("x: int", "x: int, y: int"), ["f: y is not in Args"]),
        (("Args:", "Notes:"), [f"f: {n} is not in Args" for n in ("x", "more", "options")]),
    ],
)
def test_what_a_function_lacks_is_found(change, missing):
    source = GOOD.replace(*change) if change[0] else GOOD
    node = ast.parse(source).body[0]
    assert list(check_function("f", node, node)) == missing


def test_wraps_does_not_hide_what_a_function_lacks():
    source = GOOD + "\n@functools.wraps(good)\ndef bad(x):\n    return x\n"
    node = ast.parse(source).body[1]
    expected = ["no hint for x", "x is not in Args", "no hint for what it returns", "no docstring"]
    assert list(check_function("f", node, node)) == [f"f: {words}" for words in expected]


def test_what_a_class_lacks_is_found():
    source = '''
    @dataclasses.dataclass(frozen=True)
    class C:
        """A class.

        Attributes:
            a: Integer.
        """
        a: int
        b: int

        def __init__(self, c):
            pass

        @property
        def d(self):
            """A property."""

        def call(self, inputs):
            pass

        def e(self, x: int) -> int:
            """Returns x."""

        def f(self, x: int, y: int) -> int:
            """Returns x.

            Args:
                x: Integer.
            """

        def _private(self, x):
            pass
    '''
    node = ast.parse(textwrap.dedent(source)).body[0]
    assert list(check_class("C", node, inherited={"call"})) == [
        "C: b is not in Args",
        "C: no hint for c",
        "C: c is not in Args",
        "C.d: no hint for what it returns",
        "C.f: y is not in Args",
    ]
