"""The table of results: one row a measurement, in a CSV file that is rewritten whole."""

import csv
import io
import math

import pandas as pd
from scipy.stats import norm

from simclr_utils.evaluation.statistics import half_width
from simclr_utils.files import write_text
from simclr_utils.places import user_path
from simclr_utils.system.provenance import commit, hardware_string, precision, versions_string

# What rows that differ in their seeds alone have in common.
REPEATED = ("dataset", "method", "labels", "metric")


# What makes two rows the same measurement: a second one takes the place of the first.
KEY = (*REPEATED, "subset_seed", "pretraining_seed", "preset", "fingerprint")


REQUIRED = (*REPEATED, "value", "preset", "fingerprint")


COLUMNS = ("dataset", "method", "labels", "subset_seed", "pretraining_seed", "metric", "value")


COLUMNS += ("low", "high", "steps", "minutes", "preset", "fingerprint", "versions", "hardware")


COLUMNS += ("tuning", "precision", "commit")  # tuning: what was tried before, in words


INTEGERS = ("labels", "subset_seed", "pretraining_seed", "steps")


FLOATS = ("value", "low", "high", "minutes")


class Results:
    """A table of measurements in a CSV file, one row a measurement.

    Every `add` rewrites the file in one step, and a row with the same `KEY` is replaced: a run
    that was stopped asks `has` for what is there and continues. `versions`, `hardware`,
    `precision` and `commit` are filled in when they are not given. One process writes at a time.

    Args:
        path: The CSV file; it need not exist yet.
        **shared: Columns that all rows added through this object have in common.

    Raises:
        ValueError: If a column is unknown, or the file has others than `COLUMNS`. A file from
            before a column was added is read as if it were empty there.

    Example:

    >>> results = Results("results.csv", dataset="shapes", preset="quick", fingerprint="1f2e")
    >>> results.add(method="chance", labels=100, metric="accuracy", value=0.1)
    >>> results.has(method="chance", labels=100)
    True
    """

    def __init__(self, path, **shared):
        _check_names(shared)
        self.path = user_path(path)
        self.shared = shared
        self._read()

    def add(self, **row):
        """Adds a measurement to the file, or replaces the one with the same `KEY`.

        Args:
            **row: A value for each column of `REQUIRED`, and for any other of `COLUMNS`. `low`
                and `high` bound the row's own 95 % interval; seeds may be None or left out.

        Raises:
            ValueError: If a column is unknown or missing, or `value` is not finite.
        """
        row = {**self.shared, **row}
        _check_names(row)
        missing = [name for name in REQUIRED if row.get(name) is None]
        if missing:
            raise ValueError(f"A row of results lacks {missing}. Required are {list(REQUIRED)}.")
        if not math.isfinite(row["value"]):
            raise ValueError(f"`value` has to be a finite number, received {row['value']!r}.")
        made = {"versions": versions_string(), "hardware": hardware_string()}
        row = {**made, "precision": precision(), "commit": commit(), **row}
        row = {name: _as_text(row.get(name)) for name in COLUMNS}
        others = [other for other in self._read() if any(other[k] != row[k] for k in KEY)]
        content = io.StringIO()
        writer = csv.DictWriter(content, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*others, row])
        write_text(self.path, content.getvalue())

    def has(self, **key):
        """Returns whether there is a row with these values in these columns, and the shared."""
        _check_names(key)
        wanted = {name: _as_text(value) for name, value in {**self.shared, **key}.items()}
        return any(all(row[k] == v for k, v in wanted.items()) for row in self._read())

    def frame(self):
        """Returns all rows as a pandas DataFrame with `COLUMNS`; what was not given is NA."""
        types = dict.fromkeys(COLUMNS, "string")
        types |= dict.fromkeys(INTEGERS, "Int64") | dict.fromkeys(FLOATS, "float64")
        if not self.path.exists():
            return pd.DataFrame(columns=COLUMNS).astype(types)
        return pd.read_csv(self.path, dtype=types).reindex(columns=COLUMNS).astype(types)

    def _read(self):
        if not self.path.exists():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            found = reader.fieldnames or ()
            if not set(REQUIRED) <= set(found) <= set(COLUMNS):
                raise ValueError(
                    f"{self.path} has the columns {found}, expected {list(COLUMNS)}. "
                    "Name a new file, or move this one away."
                )
            return [dict.fromkeys(COLUMNS, "") | row for row in reader]


def _check_names(names):
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise ValueError(f"Results have no column {unknown}. The columns are {list(COLUMNS)}.")


def _as_text(value):
    """The text of a value in the file: 100, 100.0 and NumPy's 100 are the same key."""
    if value is None or value is pd.NA:
        return ""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def summarize(frame):
    """Averages results over their repetitions (label subsets, pretraining seeds).

    The interval of several rows is `half_width` over label subsets, pretraining seeds and test
    images: it tells how far the mean would move with others of each. The share of the test
    images is that of one row, whose own interval it comes from. A single row keeps its own.

    Args:
        frame: DataFrame as `Results.frame` returns it.

    Returns:
        A DataFrame, one row for each dataset, method, labels and metric in order of appearance:
        those four columns, then `n`, `mean`, `low`, `high`.

    Raises:
        ValueError: If rows of several presets or fingerprints would be averaged.
    """
    rows = []
    for key, group in frame.groupby(list(REPEATED), sort=False, dropna=False):
        for name in ("preset", "fingerprint"):
            if group[name].nunique(dropna=False) > 1:
                raise ValueError(
                    f"Rows of several values of {name!r} would be averaged: "
                    f"{sorted(group[name].unique())}. Select one before, as in "
                    f"summarize(frame[frame[{name!r}] == {group[name].iloc[0]!r}])."
                )
        mean, low, high = group["value"].mean(), group["low"].iloc[0], group["high"].iloc[0]
        n = len(group)
        seeds = ("subset_seed", "pretraining_seed")
        parts = [group.groupby(seed, dropna=False)["value"].mean() for seed in seeds]
        if n > 1:
            own = ((group["high"] - group["low"]).mean() / 2 / norm.ppf(0.975)) ** 2
            half = half_width(parts, known=0.0 if math.isnan(own) else own)
            low, high = max(0.0, mean - half), min(1.0, mean + half)
        rows.append([*key, n, mean, low, high])
    return pd.DataFrame(rows, columns=[*REPEATED, "n", "mean", "low", "high"])
