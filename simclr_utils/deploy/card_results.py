"""The results on a model card: as a table, and as metadata that model hubs read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.results import Results, summarize
from simclr_utils.methods import BASELINE, METHODS, in_order

MEASURED = ("linear_probe", "knn", "fine_tuned")  # methods that use the encoder alone
MEANS = (
    "Values from 0 to 1, measured on test images that no choice has seen. They are means over "
    "repetitions, which differ in the labeled images and in the seed. In brackets: 95 % intervals, "
    "for other test images and other repetitions. A calibration error should be small, all other "
    "values large."
)


def read_results(folder: Path) -> pd.DataFrame:
    """Returns the means and intervals of the methods that use the encoder, and of the baseline.

    Args:
        folder: `Path` of the folder of a study.

    Returns:
        A DataFrame with `method`, `labels`, `metric`, `n`, `mean`, `low` and `high`. It is empty
        if nothing was measured.
    """
    path = folder / "results.csv"
    frame = summarize(Results(path).frame()) if path.is_file() else pd.DataFrame()
    if frame.empty:
        return pd.DataFrame(columns=["method", "labels", "metric", "n", "mean", "low", "high"])
    frame = frame[frame["method"].isin([*MEASURED, BASELINE]) & frame["metric"].isin(METRICS)]
    places = {name: place for place, name in enumerate(METRICS)}
    by_place = frame["metric"].map(places)
    return frame.assign(place=by_place).sort_values(["labels", "place"], kind="stable")


def front_matter(
    name: str, license_name: str, record: Mapping[str, Any], results: pd.DataFrame
) -> str:
    """Returns the metadata of a model card as YAML.

    Args:
        name: String, the name of the model.
        license_name: String.
        record: Dict, the record of the encoder.
        results: DataFrame, as `read_results` returns it.
    """
    data = {"name": record["dataset"], "type": record["dataset"]}
    found = []
    own = results[results["method"] != BASELINE]
    for (method, labels), rows in own.groupby(["method", "labels"], sort=False):
        task = f"{METHODS[method].label}, {int(labels)} labels"
        found.append(
            {
                "task": {"type": "image-classification", "name": task},
                "dataset": data,
                "metrics": [_metric(row) for row in rows.itertuples()],
            }
        )
    content = {
        "library_name": "keras",
        "license": license_name,
        "pipeline_tag": "image-feature-extraction",
        "tags": ["simclr", "self-supervised", "contrastive-learning", "feature-extraction"],
    }
    if found:
        content["model-index"] = [{"name": name, "results": found}]
    return yaml.dump(content, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True).strip()


class _PlainDumper(yaml.SafeDumper):
    """Writes equal parts in full: readers of model cards do not all know references."""

    def ignore_aliases(self, data: Any) -> bool:
        """Returns True for every value."""
        return True


def _metric(row):
    """Returns one metric of the front matter; the interval is part of its name."""
    known = pd.notna(row.low) and pd.notna(row.high)
    interval = f" (95 % interval {row.low:.4f} to {row.high:.4f})" if known else ""
    label = METRICS[row.metric].label
    return {"type": row.metric, "name": label + interval, "value": round(float(row.mean), 4)}


def results_table(results: pd.DataFrame) -> dict | None:
    """Returns the table of results: a row for each method and number of labels.

    Args:
        results: DataFrame, as `read_results` returns it.

    Returns:
        A dict with `sentence`, `head` and `rows`, or `None` if nothing was measured.
    """
    if results.empty:
        return None
    metrics = list(dict.fromkeys(results.sort_values("place")["metric"]))
    rows = []
    for method in in_order(dict.fromkeys(results["method"])):
        for labels, group in results[results["method"] == method].groupby("labels"):
            cells = {row.metric: _cell(row) for row in group.itertuples()}
            values = [cells.get(metric, "") for metric in metrics]
            rows.append([METHODS[method].label, f"{int(labels):,}", *values])
    head = ["method", "labels", *(METRICS[metric].label for metric in metrics)]
    return {"sentence": MEANS, "head": head, "rows": rows}


def _cell(row):
    """Returns a value and its interval as text."""
    if pd.isna(row.low) or pd.isna(row.high):
        return f"{row.mean:.3f}"
    return f"{row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]"
