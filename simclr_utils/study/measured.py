"""What a study has measured of each method: every metric, and the minutes that it took."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simclr_utils.evaluation.class_results import results_per_class
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.results import summarize
from simclr_utils.methods import METHODS, in_order
from simclr_utils.study.minutes import minutes_of
from simclr_utils.study.stored import stored_runs

if TYPE_CHECKING:
    from simclr_utils.study.study import Study


def rows_of(study: "Study", metric: str) -> pd.DataFrame:
    """Returns the rows of a metric, measured from the stored predictions where they are missing.

    Args:
        study: A `Study` with rows.
        metric: String, a name in `METRICS`.

    Returns:
        A DataFrame with the columns of `Results.frame`. Rows for which the metric is not defined
        are left out.
    """
    frame = study.frame()
    there = frame[frame["metric"] == metric]
    names = ["method", "labels", "subset_seed", "pretraining_seed"]
    known = {tuple(_key(row, names).values()) for _, row in there.iterrows()}
    made = []
    for _, row in frame[frame["metric"] == "accuracy"].iterrows():
        key = _key(row, names)
        if tuple(key.values()) in known:
            continue
        score = study.comparison.protocol.measure(metric, **key)
        if score is not None:
            made.append({**row, "metric": metric, **score})
    if not made:
        return there
    return pd.concat([there, pd.DataFrame(made).astype(there.dtypes)], ignore_index=True)


def _key(row, names):
    return {name: None if pd.isna(row[name]) else row[name] for name in names}


def describe_methods(study: "Study", only_images: bool = False) -> list[dict]:
    """Returns what was measured of each method, at each number of labels, in each metric.

    Args:
        study: A `Study`.
        only_images: Boolean, whether the intervals cover the draw of the test images alone, as
            those of a study with two repetitions have to.

    Returns:
        A list of dicts in the order of `METHODS`: `method`, `label`, `labels`, `metric`, `value`
        and its interval `low` and `high`, `runs` and `minutes`, as `minutes_of` returns them. Ends
        of an interval that is unknown are `None`.
    """
    found = []
    for metric in METRICS:
        rows = rows_of(study, metric)
        if rows.empty:
            continue
        table = _only_images(rows) if only_images else summarize(rows)
        table = table.sort_values("labels", kind="stable")
        for method in in_order(table["method"]):
            for row in table[table["method"] == method].itertuples():
                ends = (None if np.isnan(end) else float(end) for end in (row.low, row.high))
                each = {"method": method, "label": METHODS[method].label, "labels": int(row.labels)}
                each |= {"metric": metric, "value": float(row.mean)}
                each |= dict(zip(("low", "high"), ends, strict=True), runs=int(row.n))
                found.append({**each, "minutes": minutes_of(study, method, int(row.labels))})
    return found


def _only_images(rows):
    """Averages rows, and the ends of their own intervals, which cover the test images."""
    names = ["method", "labels"]
    table = rows.groupby(names, sort=False)[["value", "low", "high"]].mean().reset_index()
    sizes = rows.groupby(names, sort=False).size().reset_index(name="n")
    return table.merge(sizes, on=names).rename(columns={"value": "mean"})


def per_class(study: "Study", methods: list[str], labels: int) -> list[dict]:
    """Returns recall, precision and specificity of each class, on the first subset.

    Args:
        study: A `Study`.
        methods: Strings, names in `METHODS`.
        labels: Integer, the number of labels.

    Returns:
        A list of dicts: `method`, `class`, `measure` ("recall", "precision" or "specificity"), the
        number of `images` that it is a share of, `value`, `low` and `high`. A share of no images
        is `None`.
    """
    found = []
    for method in methods:
        runs = stored_runs(study, method, labels)
        if runs is None:
            continue
        first = runs[0][0]
        table = results_per_class(first.truth, first.classes, first.groups)
        for row in table.astype(object).where(table.notna(), None).to_dict("records"):
            name = study.dataset.class_names[row.pop("label")]
            found.append({"method": method, "class": name, **row})
    return found
