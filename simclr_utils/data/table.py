"""The table `labels.csv` beside a folder's images: which file has which label, split and group.

    file,label,split,group
    scans/001.png,normal,train,0042
    scans/002.png,pneumonia,test,0107
    scans/003.png,,,0042

Either `file` and `label` (with `split` and `group`, if you like) replace class folders, or `file`
and `group` tell which images of the class folders belong together. Several findings an image stand
in `label` with `|` between them, or each in a column of its own that holds 1, 0 or nothing.
"""

import hashlib
import os
import posixpath
import unicodedata
from collections import Counter
from pathlib import PurePosixPath
from typing import NamedTuple

from simclr_utils.data.splits import LABELED, SPLITS
from simclr_utils.data.table_findings import combine_rows, find_columns, values_in
from simclr_utils.data.table_text import SEPARATORS, TABLE_NAME, read_lines, read_text
from simclr_utils.data.walk import meant_split

COLUMNS = ("file", "label", "split", "group")
EXAMPLE = "Expected a first line such as file,label,split,group or file,group."


class Row(NamedTuple):
    """A row of the table: strings without spaces at their ends, empty where nothing is stated."""

    label: str = ""
    split: str = ""
    group: str = ""


class Table(NamedTuple):
    """A table that has been read.

    Attributes:
        rows: Dict from the name of a file, relative to the folder, to its `Row`.
        lines: Dict from the same names to the number of the line.
        columns: List of the columns, of `COLUMNS`, that the table has.
        unused: List of its other columns.
        digest: String, a hash of the file's content.
        findings: Dict from the names of findings to dicts from labels, which are combinations of
            findings, to 1, 0 or -1. Empty if the labels are classes.
    """

    rows: dict
    lines: dict
    columns: list
    unused: list
    digest: str
    findings: dict = {}

    @property
    def has_labels(self):
        """Whether the table, not the folders, says which label a file has."""
        return "label" in self.columns or bool(self.findings)

    def without_findings(self):
        """Returns the table as one that states groups beside class folders."""
        rows = {name: row._replace(label="") for name, row in self.rows.items()}
        return self._replace(rows=rows, unused=[*self.findings, *self.unused], findings={})


def read_table(folder):
    """Reads the table of a folder.

    The file is UTF-8, with or without a byte-order mark. Its columns are separated by commas,
    semicolons or tabs, whichever the first line uses. Every value is read as text, so that 007
    stays 007.

    Args:
        folder: Path of the folder.

    Returns:
        A `Table`, or `None` if the folder has no `labels.csv`.

    Raises:
        ValueError: If the table cannot be read, lacks a column, names a file twice or a file
            outside the folder, or has an unknown split.
    """
    path = os.path.join(folder, TABLE_NAME)
    if not os.path.isfile(path):
        return None
    content, text = read_text(path)
    separator = max(SEPARATORS, key=text.split("\n", 1)[0].count)
    lines = read_lines(text, separator)
    header = [_column_name(name) for name in lines[0][1]] if lines else []
    own = find_columns(header, [cells for _, cells in lines[1:]], COLUMNS)
    columns = _check_columns(header, separator, own)
    rows, numbers, cells_of = {}, {}, []
    for number, cells in lines[1:]:
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise ValueError(
                f"{TABLE_NAME}, line {number}, has {len(cells)} values, but the first line has "
                f"{len(header)} columns. Put values that contain a {SEPARATORS[separator]} into "
                "double quotes."
            )
        values = dict(zip(header, cells, strict=True))
        name = _check_name(values["file"], number)
        if name in rows:
            raise ValueError(
                f"{TABLE_NAME} names {name!r} twice, in lines {numbers[name]} and {number}; "
                "expected one line for each file."
            )
        _check_split(values.get("split", ""), number)
        rows[name] = Row(**{column: values[column] for column in columns if column != "file"})
        numbers[name] = number
        cells_of.append(values_in(values, own))
    rows, findings = combine_rows(rows, numbers, own, cells_of)
    unused = [name for name in header if name not in COLUMNS and name not in own]
    digest = hashlib.blake2b(content).hexdigest()
    return Table(rows, numbers, columns, unused, digest, findings)


def _column_name(name):
    """Returns a known column in lower case, and any other as it is written."""
    return name.lower() if name.lower() in COLUMNS else name


def _check_columns(header, separator, own=()):
    columns = [name for name in COLUMNS if name in header]
    found = f"{TABLE_NAME} has the columns {header} (separated by {SEPARATORS[separator]}s)"
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ValueError(f"{found}, and {twice[0]!r} is there twice. {EXAMPLE}")
    if "file" not in columns:
        raise ValueError(f"{found}; the column 'file' is missing. {EXAMPLE}")
    if not {"label", "group"} & set(columns) and not own:
        raise ValueError(
            f"{found}; it needs 'label' or 'group' as well, or columns of findings "
            f"that hold 1, 0 or nothing. {EXAMPLE}"
        )
    if "split" in columns and "label" not in columns and not own:
        raise ValueError(
            f"{found}: 'split' without 'label'. Add the column 'label', or remove 'split', since "
            "train/, validation/ and test/ say which split a file of a class folder is in."
        )
    return columns


def _check_name(name, number):
    """Returns a file's name with forward slashes and in Unicode's composed form."""
    plain = posixpath.normpath(unicodedata.normalize("NFC", name.replace("\\", "/")))
    if not name:
        raise ValueError(f"{TABLE_NAME}, line {number}, names no file.")
    if plain.startswith(("/", "../")) or plain == ".." or plain[1:2] == ":":
        raise ValueError(
            f"{TABLE_NAME}, line {number}: {name!r} lies outside the folder; expected a path "
            "relative to the folder, such as scans/001.png."
        )
    return plain


def _check_split(split, number):
    if split and split not in SPLITS:
        meant = meant_split(split)
        hint = f" Write {meant}." if meant else ""
        raise ValueError(
            f"{TABLE_NAME}, line {number}: unknown split {split!r}; expected {', '.join(LABELED)}, "
            f"or nothing for a file that may go into any of them.{hint}"
        )


def match_rows(table, names, folder):
    """Finds the rows of a folder's files.

    Args:
        table: A `Table`.
        names: List of the names of all files that were found, relative to the folder.
        folder: Path of the folder.

    Returns:
        A dict from each name that the table has to its `Row`.

    Raises:
        ValueError: If the table has files that were not found.
    """
    composed = {unicodedata.normalize("NFC", name): name for name in names}
    missing = [name for name in table.rows if name not in composed]
    if missing:
        raise ValueError(_say_missing(missing, table, composed, folder))
    return {composed[name]: row for name, row in table.rows.items()}


def _say_missing(missing, table, composed, folder):
    name = missing[0]
    words = f"{TABLE_NAME}, line {table.lines[name]}: there is no file {name!r} in the folder"
    if len(missing) > 1:
        words += f", and {len(missing) - 1:,} more files are missing"
    if os.path.exists(os.path.join(folder, name)):
        return f"{words} that is read, because of its name. Rename the file, or remove the line."
    stem = PurePosixPath(name).stem
    alike = next((each for each in composed if PurePosixPath(each).stem == stem), None)
    hint = f" There is {alike!r}." if alike else ""
    return f"{words}.{hint} Expected paths relative to the folder, with the file's ending."
