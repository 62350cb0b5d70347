"""The table of results: a CSV file with one row for each measurement."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from scipy.stats import norm

from simclr_utils.evaluation.components import Uncertainty, mean_squares, uncertainty_of_mean
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.files import write_text
from simclr_utils.places import user_path
from simclr_utils.system.provenance import commit, hardware_string, precision, versions_string

# Rows with the same values here differ only in their seeds: they are repetitions.
REPEATED = ("dataset", "method", "labels", "metric")
# Two rows with the same values here are one measurement: the second replaces the first.
KEY = (*REPEATED, "subset_seed", "pretraining_seed", "preset", "fingerprint")
REQUIRED = (*REPEATED, "value", "preset", "fingerprint")
COLUMNS = ("dataset", "method", "labels", "subset_seed", "pretraining_seed", "metric", "value")
COLUMNS += ("low", "high", "steps", "minutes", "preset", "fingerprint", "versions", "hardware")
COLUMNS += ("tuning", "precision", "commit")  # tuning: what was tried before, in words
INTEGERS = ("labels", "subset_seed", "pretraining_seed", "steps")
FLOATS = ("value", "low", "high", "minutes")


class Results:
    """A table of measurements in a CSV file, one row for each.

    Every `add` rewrites the file in one step and replaces a row with the same `KEY`. A run that
    was stopped asks `has` which rows exist, and continues with the others. `versions`, `hardware`,
    `precision` and `commit` are filled in when they are not given. One process writes at a time.

    Args:
        path: String or path of the CSV file, which need not exist yet.
        **shared: Values of columns that all rows added through this object have in common.

    Raises:
        ValueError: If a column is unknown, or the file has other columns than `COLUMNS`. Columns
            that the file lacks are read as empty, except those in `REQUIRED`.

    Example:

    >>> results = Results("results.csv", dataset="shapes", preset="quick", fingerprint="1f2e")
    >>> results.add(method="chance", labels=100, metric="accuracy", value=0.1)
    >>> results.has(method="chance", labels=100)
    True
    """

    def __init__(self, path: str | Path, **shared: object):
        _check_names(shared)
        self.path = user_path(path)
        self.shared = shared
        self._read()

    def add(self, **row: object) -> None:
        """Adds a measurement to the file, or replaces the one with the same `KEY`.

        Args:
            **row: A value for each column of `REQUIRED`, and for any other of `COLUMNS`. `low`
                and `high` are the ends of the row's own 95 % interval. Seeds may be `None` or
                left out.

        Raises:
            ValueError: If a column is unknown or missing, or `value` is not finite.
        """
        self.extend([row])

    def extend(self, rows: Sequence[dict]) -> None:
        """Adds several measurements: all of them, or none if the process is killed.

        Args:
            rows: Sequence of dicts, each as the keyword arguments of `add`.

        Raises:
            ValueError: If a column is unknown or missing, or a `value` is not finite.
        """
        rows = [self._complete(row) for row in rows]
        new = {tuple(row[name] for name in KEY) for row in rows}
        others = [row for row in self._read() if tuple(row[name] for name in KEY) not in new]
        content = io.StringIO()
        writer = csv.DictWriter(content, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*others, *rows])
        write_text(self.path, content.getvalue())

    def has(self, **key: object) -> bool:
        """Returns whether a row has these values and the shared ones.

        Args:
            **key: A value for each column to compare.
        """
        _check_names(key)
        wanted = {name: _as_text(value) for name, value in {**self.shared, **key}.items()}
        return any(all(row[k] == v for k, v in wanted.items()) for row in self._read())

    def frame(self, metric: str | None = None) -> pd.DataFrame:
        """Returns the rows of one metric, or of all metrics.

        Args:
            metric: String, a name in `METRICS`, or `None` for all rows.

        Returns:
            A DataFrame with the columns `COLUMNS`. Missing values are NA.
        """
        types = dict.fromkeys(COLUMNS, "string")
        types |= dict.fromkeys(INTEGERS, "Int64") | dict.fromkeys(FLOATS, "float64")
        if self.path.exists():
            found = pd.read_csv(self.path, dtype=types).reindex(columns=COLUMNS).astype(types)
        else:
            found = pd.DataFrame(columns=COLUMNS).astype(types)
        return found if metric is None else found[found["metric"] == metric]

    def _complete(self, row):
        """Returns a row as the file has it: every column, as text."""
        row = {**self.shared, **row}
        _check_names(row)
        missing = [name for name in REQUIRED if row.get(name) is None]
        if missing:
            raise ValueError(f"A row of results lacks {missing}. Required are {list(REQUIRED)}.")
        if not math.isfinite(row["value"]):
            raise ValueError(f"`value` has to be a finite number, received {row['value']!r}.")
        made = {"versions": versions_string(), "hardware": hardware_string()}
        row = {**made, "precision": precision(), "commit": commit(), **row}
        return {name: _as_text(row.get(name)) for name in COLUMNS}

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
    """Returns the text of a value in the file: 100, 100.0 and NumPy's 100 are the same key."""
    if value is None or value is pd.NA:
        return ""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def summarize(frame: pd.DataFrame) -> pd.DataFrame:
    """Averages results over their repetitions (label subsets, pretraining seeds).

    The interval of several rows says how far the mean would move with other label subsets,
    pretraining seeds and test images, as `uncertainty_of_mean` computes it. What all rows share
    of the draw of the test images comes from the rows' own intervals. A single row keeps its
    interval. No interval exceeds the bounds of its metric. A metric that is not in `METRICS` has
    no bounds.

    Args:
        frame: DataFrame as `Results.frame` returns it.

    Returns:
        A DataFrame with one row for each dataset, method, number of labels and metric, in order
        of appearance: those four columns, then `n`, `mean`, `low` and `high`.

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
        if n > 1:
            half = float(uncertainty_of_rows(group).half_width())
            low, high = mean - half, mean + half
            if key[-1] in METRICS:
                low, high = map(METRICS[key[-1]].clip, (low, high))
        rows.append([*key, n, mean, low, high])
    return pd.DataFrame(rows, columns=[*REPEATED, "n", "mean", "low", "high"])


def uncertainty_of_rows(rows: pd.DataFrame) -> Uncertainty:
    """Computes the uncertainty of the mean of repeated rows.

    The rows differ by their runs, and by what each run makes of the test images. The second part
    is in the rows' own intervals too. So the draw of the images adds only what the rows share of
    it: the rows' own variance minus the variance between rows, and half of it at least, as in
    the stored studies.

    Args:
        rows: DataFrame, at least two rows that differ in their seeds alone.

    Returns:
        An `Uncertainty`.
    """
    seeds = ["subset_seed", "pretraining_seed"]
    table = rows.fillna(dict.fromkeys(seeds, -1)).pivot_table("value", *seeds)
    if table.isna().any(axis=None):  # some runs are missing: no interactions
        means = [table.mean(axis=axis).to_numpy() for axis in (1, 0)]
        parts = [mean_squares(each).get((0,)) for each in means]
        squares = {(axis,): part for axis, part in enumerate(parts) if part}
    else:
        squares = mean_squares(table.to_numpy(float))
    own = ((rows["high"] - rows["low"]).mean() / 2 / norm.ppf(0.975)) ** 2
    own = 0.0 if math.isnan(own) else own
    shared = max(own - rows["value"].var(), own / 2)
    return uncertainty_of_mean(squares, shared) or Uncertainty(shared, math.inf)
