"""Several findings in the table `labels.csv`: in one column, or each in a column of its own."""

from simclr_utils.data.findings import CELLS, SEPARATOR, combine, split_label, values_of
from simclr_utils.data.table_text import TABLE_NAME

# Cells that make a column one of a finding; its other cells may be empty or -1.
CERTAIN = {cell for cell, value in CELLS.items() if value >= 0}


def find_columns(header, lines, known):
    """Returns the columns that hold a finding each: 1 and 0 in a table without labels.

    Args:
        header: List of the names of the columns.
        lines: List of lists of cells.
        known: Names of the columns that have another meaning.

    Returns:
        A list of strings.
    """
    if "label" in header:
        return []
    lines = [cells for cells in lines if len(cells) == len(header)]  # others are refused later
    cells = {name: {line[place] for line in lines} for place, name in enumerate(header)}
    return [
        name
        for name, found in cells.items()
        if name not in known and found <= set(CELLS) and found & CERTAIN
    ]


def values_in(cells, columns):
    """Returns the values of the columns that hold a finding each.

    Args:
        cells: Dict from the names of all columns to strings.
        columns: List of strings.

    Returns:
        A list of 1, 0 or -1.
    """
    return [CELLS[cells[column]] for column in columns]


def combine_rows(rows, numbers, own, values):
    """Makes combinations of findings the labels of a table's rows, if it has several findings.

    Args:
        rows: Dict from names to `Row`.
        numbers: Dict from names to numbers of lines.
        own: List of the columns that hold a finding each.
        values: List of lists, the values of these columns.

    Returns:
        A pair: the rows, and `Table.findings`.

    Raises:
        ValueError: If a label is not a list of findings.
    """
    if not own and not any(SEPARATOR in row.label for row in rows.values()):
        return rows, {}
    if not own:
        lists = []
        for name, row in rows.items():
            try:
                lists.append(split_label(row.label))
            except ValueError as error:
                raise ValueError(f"{TABLE_NAME}, line {numbers[name]}: {error}") from None
        values, own = values_of(lists)
    labels, combinations, findings = combine(values, own)
    combined = {
        name: row._replace(label=combinations[label] if label >= 0 else "")
        for (name, row), label in zip(rows.items(), labels, strict=True)
    }
    return combined, {
        name: dict(zip(combinations, of_each, strict=True)) for name, of_each in findings.items()
    }
