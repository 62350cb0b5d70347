"""What each method cost on this machine, in minutes."""

from typing import TYPE_CHECKING

import pandas as pd

from simclr_utils import files
from simclr_utils.methods import METHODS
from simclr_utils.study.encoder_tasks import KINDS
from simclr_utils.study.kept_features import file_of, stored_record

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

# The kept features that each start needs, besides an encoder that the study trains.
NEEDED = {
    "encoder_file": ("encoder_file",),
    "kmeans_patches": ("kmeans_patches",),
    "pretrained_and_kmeans": ("kmeans_patches",),
    "distilled_encoder": ("teacher",),
}


def minutes_of(study: "Study", method: str, labels: int) -> dict[str, float | None]:
    """Returns the minutes that a method took on the machine of its rows.

    Args:
        study: A `Study`.
        method: String, the name of the method.
        labels: Integer, the number of labels.

    Returns:
        A dict: `pretraining`, all that is done once and without labels; `tuning`, the choice of
        settings on the first subset; `fitting`, the mean of one run; and `total`. Parts that do
        not exist or were not recorded are `None`.
    """
    tuned = study.comparison.tuning(method, labels) if METHODS[method].trained else None
    rows = study.frame()
    rows = rows[(rows["method"] == method) & (rows["labels"] == labels)]
    fitting = rows.loc[rows["metric"] == "accuracy", "minutes"].mean()
    parts = {
        "pretraining": minutes_before(study, method) or None,
        "tuning": sum(run["minutes"] for run in tuned["tried"]) if tuned else None,
        "fitting": None if pd.isna(fitting) else float(fitting),
    }
    known = [value for value in parts.values() if value is not None]
    return {**parts, "total": sum(known) if known else None}


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
        readout = METHODS[method].readout if name == start else "pooled"
        record = stored_record(study.folder / "features" / file_of(name, readout))
        minutes += record["minutes"] if record else 0.0
    if not METHODS[method].pretrained:
        return minutes
    folders = [study.encoder_folder(seed, KINDS[start].prefix) for seed in study.seeds]
    records = [folder / "encoder.json" for folder in folders]
    made = [files.load_json(path)["minutes"] for path in records if path.exists()]
    return minutes + (sum(made) / len(made) if made else 0.0)
