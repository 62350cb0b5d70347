"""What each method cost on this machine, in minutes."""

from typing import TYPE_CHECKING

import pandas as pd

from simclr_utils import files
from simclr_utils.methods import METHODS, in_order
from simclr_utils.study.encoder_tasks import KINDS
from simclr_utils.study.kept_features import stored_record

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

# The kept features that each start needs, besides an encoder that the study trains.
NEEDED = {
    "encoder_file": ("encoder_file",),
    "kmeans_patches": ("kmeans_patches",),
    "pretrained_and_kmeans": ("kmeans_patches",),
    "distilled_encoder": ("teacher",),
}


def method_minutes(study: "Study") -> pd.DataFrame:
    """Returns what one run of each method took on this machine.

    Args:
        study: A `Study` with rows.

    Returns:
        A DataFrame, one row for each method and label count, in the order of `METHODS`: `method`,
        `labels`, `before` (the minutes that are spent once, without labels: pretraining,
        distillation, features that are kept) and `run` (the mean of the column `minutes` of the
        rows: one fit or training, without tuning). A method without such times has 0.
    """
    frame = study.frame()
    frame = frame[frame["metric"] == "accuracy"]
    runs = frame.groupby(["method", "labels"])["minutes"].mean().fillna(0.0)
    rows = []
    for method in in_order(frame["method"]):
        before = minutes_before(study, method)
        for labels, run in runs[method].items():
            rows.append({"method": method, "labels": labels, "before": before, "run": run})
    return pd.DataFrame(rows, columns=["method", "labels", "before", "run"])


def minutes_before(study: "Study", method: str) -> float:
    """Returns the minutes that a method takes before it sees a label, for one encoder.

    Args:
        study: A `Study`.
        method: String, a name in `METHODS`.

    Returns:
        A float: the mean over the study's encoders, 0 if nothing is known.
    """
    start, minutes = METHODS[method].start, 0.0
    for name in NEEDED.get(start, ()):
        record = stored_record(study.folder / "features" / f"{name}.npz")
        minutes += record["minutes"] if record else 0.0
    if not METHODS[method].pretrained:
        return minutes
    folders = [study.encoder_folder(seed, KINDS[start].prefix) for seed in study.seeds]
    records = [folder / "encoder.json" for folder in folders]
    made = [files.load_json(path)["minutes"] for path in records if path.exists()]
    return minutes + (sum(made) / len(made) if made else 0.0)
