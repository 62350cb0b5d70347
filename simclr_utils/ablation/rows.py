"""The rows of an ablation: one for each cell, seed and number of labels, and their summaries."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from simclr_utils.files import write_text
from simclr_utils.places import user_path

COLUMNS = ("grid", "cell", "line", "at", "dataset", "seed", "labels", "subsets", "accuracy")
COLUMNS += ("projections_accuracy", "contrastive_accuracy", "loss", "steps", "batch_size")
COLUMNS += ("minutes", "findings", "settings", "preset", "fingerprint", "versions", "hardware")
COLUMNS += ("precision", "commit", "date")
MEASURES = ("accuracy", "projections_accuracy", "contrastive_accuracy", "loss")
# Rows with the same values here are repetitions, with other seeds.
REPEATED = ["dataset", "labels", "line", "at", "cell"]


def add_rows(path: str | Path, rows: Sequence[dict]) -> None:
    """Adds rows to a CSV file: all of them, or none if the process is killed.

    Args:
        path: Path of the file, which need not exist yet.
        rows: Sequence of dicts from `COLUMNS` to values. What a row lacks stays empty.

    Raises:
        ValueError: If a row has an unknown column.
    """
    path = user_path(path)
    unknown = sorted({name for row in rows for name in row} - set(COLUMNS))
    if unknown:
        raise ValueError(f"Rows have no column {unknown}. The columns are {list(COLUMNS)}.")
    new = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
    if path.exists():
        # As text, so that the earlier rows stay as they are, to the last digit.
        new = pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False), new])
    write_text(path, new.to_csv(index=False))


def summarize_cells(
    rows: pd.DataFrame, measures: Sequence[str] = MEASURES, confidence: float = 0.95
) -> pd.DataFrame:
    """Averages the rows of each cell over their seeds.

    The interval is Student's: it says how far the mean would move with other seeds. The label
    subsets and the validation images are the same for all cells, so it does not cover them.

    Args:
        rows: DataFrame, as `evaluation.read_ablation` returns it, of one grid.
        measures: Sequence of columns to average.
        confidence: Float in (0, 1).

    Returns:
        A DataFrame with a row for each cell, number of labels and measure, in order of appearance:
        `dataset`, `labels`, `line`, `at`, `cell`, `measure`, `steps`, `n`, `mean` and `half`,
        half the width of the interval, which is NaN for a single seed. Rows without a value, such
        as those of trainings that failed, do not count.
    """
    found = []
    for key, part in rows.groupby(REPEATED, sort=False):
        for measure in measures:
            values = part[measure].dropna()
            if len(values):
                steps, half = part["steps"].iloc[0], half_width(values, confidence)
                found.append([*key, measure, steps, len(values), values.mean(), half])
    return pd.DataFrame(found, columns=[*REPEATED, "measure", "steps", "n", "mean", "half"])


def differences(
    rows: pd.DataFrame, reference: str, measure: str = "accuracy", confidence: float = 0.95
) -> pd.DataFrame:
    """Compares each cell with another one, seed by seed.

    Equal seeds share initial weights, the order of the images and the label subsets, so their
    difference varies less than either cell.

    Args:
        rows: DataFrame, as `evaluation.read_ablation` returns it, of one grid.
        reference: String, the key of the cell to compare with.
        measure: String, the column to compare.
        confidence: Float in (0, 1).

    Returns:
        A DataFrame with a row for each number of labels and each other cell: `labels`, `cell`,
        `n`, `mean` (of the cell minus the reference) and `half`, half the width of Student's
        interval.

    Raises:
        ValueError: If there is no such cell.
    """
    if reference not in set(rows["cell"]):
        raise ValueError(f"No cell {reference!r}. Choose from {list(rows['cell'].unique())}.")
    found = []
    for labels, part in rows.groupby("labels"):
        wide = part.pivot(index="seed", columns="cell", values=measure)
        for cell in part["cell"].unique():
            if cell != reference:
                gaps = (wide[cell] - wide[reference]).dropna()
                found.append([labels, cell, len(gaps), gaps.mean(), half_width(gaps, confidence)])
    return pd.DataFrame(found, columns=["labels", "cell", "n", "mean", "half"])


def half_width(values: Sequence[float], confidence: float = 0.95) -> float:
    """Returns half the width of Student's interval of a mean.

    Args:
        values: Sequence of floats.
        confidence: Float in (0, 1).

    Returns:
        A float, NaN for fewer than two values.
    """
    count = len(values)
    if count < 2:
        return float("nan")
    spread = np.std(values, ddof=1) / np.sqrt(count)
    return float(t.ppf((1 + confidence) / 2, count - 1) * spread)


def total_minutes(rows: pd.DataFrame) -> float:
    """Returns the minutes of all trainings behind some rows, probes included.

    Args:
        rows: DataFrame, as `evaluation.read_ablation` returns it.

    Returns:
        A float. A training counts once, whatever the number of its rows.
    """
    return float(rows.drop_duplicates(["dataset", "grid", "cell", "seed"])["minutes"].sum())
