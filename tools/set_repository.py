"""Writes the address of the repository into the README and the notebooks, for Colab and Binder.

    python tools/set_repository.py owner/name
    make refresh

The first command writes two badges into the README and into the twin of each notebook. It also adds
a cell that fetches the course if it is missing, as on Colab. With another name, the command
replaces them. The second command updates the notebooks.
"""

import argparse
import re
from pathlib import Path

from simclr_utils.files import write_text

ROOT = Path(__file__).resolve().parent.parent
BADGES = re.compile(r"^\[!\[Open in Colab\].*\n\n?", re.MULTILINE)
# The tag excludes the cell from the count of a notebook's lines, because nobody has to read it.
CELL = re.compile(r"```\{code-cell\} ipython3\n:tags: \[fetch-course\]\n.*?```\n\n", re.DOTALL)
FETCH = """```{{code-cell}} ipython3
:tags: [fetch-course]

# Fetches the course where it is missing, as on Colab.
from importlib.util import find_spec

if find_spec("simclr_utils") is None:
    !git clone --quiet --depth 1 https://github.com/{repository} course
    %pip install --quiet ./course
    %cd course/notebooks
```

"""


def notebook_addresses(repository, notebook):
    """Returns the addresses that open a notebook in Colab and in Binder, a pair."""
    return (
        f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{notebook}",
        f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/notebooks/{notebook}",
    )


def badges(repository, notebook):
    """Returns a line with two badges that open a notebook in Colab and in Binder."""
    colab, binder = notebook_addresses(repository, notebook)
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Launch Binder](https://mybinder.org/badge_logo.svg)]({binder})\n\n"
    )


def find_repository(root=ROOT):
    """Returns the name that `set_repository` wrote into the README, or `None`."""
    text = (root / "README.md").read_text(encoding="utf-8")
    found = re.search(r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob/", text)
    return found and found[1]


def below_title(text, addition):
    """Returns a Markdown text with an addition below its title, without old badges."""
    title, rest = re.split(r"(?<=\n)\n", BADGES.sub("", text[text.index("# ") :]), maxsplit=1)
    return text[: text.index("# ")] + title + "\n" + addition + rest


def set_repository(repository, root=ROOT):
    """Writes badges and cells.

    Args:
        repository: String, `owner/name` on GitHub.
        root: `Path` of the checkout.

    Raises:
        ValueError: If `repository` is not a name of this form.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(
            f"Expected owner/name, as in google-research/simclr. Received: {repository!r}."
        )
    readme = root / "README.md"
    first = badges(repository, "01_augmentations.ipynb")
    write_text(readme, below_title(readme.read_text(encoding="utf-8"), first))
    for twin in sorted((root / "notebooks" / "text").glob("*.md")):
        text = CELL.sub("", twin.read_text(encoding="utf-8"))
        text = below_title(text, badges(repository, f"{twin.stem}.ipynb"))
        # Before the first import. papermill finds the cell of parameters by its tag.
        place = text.index("```{code-cell}")
        cell = FETCH.format(repository=repository)
        write_text(twin, text[:place] + cell + text[place:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", help="owner/name on GitHub")
    arguments = parser.parse_args()
    try:
        set_repository(arguments.repository)
    except ValueError as error:
        parser.error(str(error))
