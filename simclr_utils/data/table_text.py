"""The text of the table `labels.csv`, as spreadsheets write it."""

import csv
import io

TABLE_NAME = "labels.csv"
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}


def read_text(path):
    """Reads a table as bytes and as text.

    Args:
        path: Path of the file, UTF-8 with or without a byte-order mark.

    Returns:
        A pair of bytes and a string.

    Raises:
        ValueError: If the file cannot be read, or is not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
        return content, content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{TABLE_NAME} is not UTF-8 text (byte {error.start:,}). Save it as 'CSV UTF-8' in the "
            "spreadsheet."
        ) from None
    except OSError as error:
        raise ValueError(f"{TABLE_NAME} cannot be read ({error.strerror}).") from error


def read_lines(text, separator):
    """Splits the text of a table into cells.

    Args:
        text: String.
        separator: String, what stands between two cells.

    Returns:
        A list of pairs: the number of a line, and a list of strings.

    Raises:
        ValueError: If quotation marks are not closed.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{TABLE_NAME}, line {reader.line_num}: {error}.") from error
