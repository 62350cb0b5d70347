"""The reference page is what its command writes, and it shows what the source says."""

import ast
import re

import make_reference
import pytest
from docstring_markdown import to_markdown
from make_reference import PAGE, find_definition, make_page, signature

import simclr_utils

PACKAGE = make_reference.ROOT / "simclr_utils"


def test_the_page_is_up_to_date():
    written = PAGE.read_text(encoding="utf-8")
    assert written == make_page(), "docs/reference.md is out of date: run `make reference`"


def test_the_page_has_every_public_name_in_order():
    shown = re.findall(r"^### (\w+)$", make_page().split("## The parts")[0], re.MULTILINE)
    assert shown == list(simclr_utils.MODULES)
    for part in make_reference.PARTS:
        assert f"### simclr_utils.{part}\n" in make_page()


def parameters(name):
    """Returns the source, the docstring and the parameters of a public function or class."""
    source, node = find_definition(PACKAGE, simclr_utils.MODULES[name], name)
    found = node
    if isinstance(node, ast.ClassDef):
        found = next((each for each in node.body if getattr(each, "name", "") == "__init__"), None)
    arguments = [] if found is None else [*found.args.args, *found.args.kwonlyargs]
    arguments = [argument for argument in arguments if argument.arg != "self"]
    return make_reference.docstring(source, node), arguments


@pytest.mark.parametrize("name", simclr_utils.MODULES)
def test_every_parameter_of_a_public_name_is_documented(name):
    text, arguments = parameters(name)
    entries = re.findall(r"^    (\*{0,2}\w+(?:, \*{0,2}\w+)*): ", text, re.MULTILINE)
    documented = set(re.findall(r"\w+", " ".join(entries)))
    assert [each.arg for each in arguments if each.arg not in documented] == []


@pytest.mark.parametrize("name", simclr_utils.MODULES)
def test_every_parameter_of_a_public_name_has_a_type_hint(name):
    _, arguments = parameters(name)
    assert [each.arg for each in arguments if each.annotation is None] == []


def test_contributing_names_files_that_exist():
    """The table of what to change: files of the package, of the tests and of the tools."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("| To add |") : text.index("## Change a notebook")]
    paths = re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", table)
    places = (PACKAGE, PACKAGE.parent)
    assert len(paths) >= 16
    assert [path for path in paths if not any((place / path).exists() for place in places)] == []


def test_the_page_shows_nothing_of_this_machine():
    assert not re.search(r"\bat 0x|/home/|/tmp/|[A-Z]:\\\\", make_page())


SOURCE = '''
from simclr_utils.part.other import moved


def f(a, b: "keras.Model | None" = None, *rest, c=(1, 2), d: int = 3, **options) -> "np.ndarray":
    """Returns a < b."""


def bare(*, c):
    pass


def wide(first_argument: int = 1000, second_argument: str = "text, with a comma", third=(
        # a comment
        "x",  # another
        ("y", 1),
)):
    """Does something."""


@dataclass(frozen=True)
class Data:
    """Holds a number."""

    number: int = helper(5)  # above 0
    names: list = field(default_factory=list)


class Thing:
    """Is a thing.

    Args:
        x: Integer.
    """

    def __init__(self, x, /, y=1):
        pass

    @property
    def size(self):
        """Its size."""

    def do(self, what="that"):
        """Does it.

        More."""

    def _hidden(self):
        """Is hidden."""


# How it is written.
CONSTANT = 1
'''


@pytest.fixture
def package(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "module.py").write_text(SOURCE)
    (tmp_path / "part" / "other.py").write_text('def moved(x):\n    """Was moved."""\n')
    return tmp_path


@pytest.mark.parametrize(
    "name, expected",
    [
        ("f", "f(a, b: keras.Model | None = None, *rest, c=(1, 2), d: int = 3, **options)"),
        ("bare", "bare(*, c)"),
        ("Data", "Data(\n    number: int = 5,  # above 0\n    names: list = [],\n)"),
        ("Thing", "Thing(x, y=1)"),
        ("moved", "moved(x)"),
    ],
)
def test_signatures_are_as_written(package, name, expected):
    shown = signature(*find_definition(package, "part.module", name))
    assert shown == expected + (" -> np.ndarray" if name == "f" else "")


def test_a_long_signature_has_a_line_for_each_parameter(package):
    lines = signature(*find_definition(package, "part.module", "wide")).splitlines()
    assert lines[0] == "wide(" and lines[-1] == ")"
    assert lines[2] == '    second_argument: str = "text, with a comma",'
    assert lines[3] == '    third=("x", ("y", 1)),'


def test_summaries_and_methods(package):
    found = {
        name: make_reference.summary(*find_definition(package, "part.module", name))
        for name in ("f", "CONSTANT", "Thing", "bare")
    }
    assert found == {
        "f": r"Returns a \< b.",
        "CONSTANT": "How it is written.",
        "Thing": "Is a thing.",
        "bare": "",
    }
    methods = make_reference.methods_of(*find_definition(package, "part.module", "Thing"))
    assert methods == ["- `size`: Its size.", '- `do(what="that")`: Does it.']


def test_what_is_missing_is_an_error(package):
    with pytest.raises(LookupError, match="no name 'nothing'"):
        find_definition(package, "part.module", "nothing")
    with pytest.raises(LookupError, match="bare has no docstring"):
        make_reference.door_entry(package, "part.module", "bare")


DOCSTRING = """Does it for <name>.

Args:
    one, two: Integers, of
        two lines.
    **more: As `<x>` says.

Returns:
    A pair: first,
    second.

Raises:
    ValueError: If not.

Example:
    >>> do(
    ...     1)

References:
    *A paper*.
"""
MARKDOWN = r"""Does it for \<name>.

**Args**

- **one, two**: Integers, of two lines.
- **\*\*more**: As `<x>` says.

**Returns**

A pair: first,
second.

**Raises**

- **ValueError**: If not.

**Example**

```python
>>> do(
...     1)
```

**References**

*A paper*."""


def test_a_docstring_becomes_markdown():
    assert to_markdown(DOCSTRING.strip()) == MARKDOWN


def test_every_example_stands_in_a_block_of_code():
    inside, lines = False, PAGE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("```"):
            inside = not inside
            assert not inside or lines[number + 1].strip(), f"line {number + 1}: an empty block"
        assert inside or not line.startswith(">>>"), line


def test_an_example_may_be_indented_or_not():
    for code in ("    >>> f(1)\n    2", "\n>>> f(1)\n2"):
        shown = to_markdown(f"Adds.\n\nExample:\n{code}\n\nMore words.")
        assert shown == "Adds.\n\n**Example**\n\n```python\n>>> f(1)\n2\n```\n\nMore words."
