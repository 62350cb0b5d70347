"""The results that come with the course, in the folder `results`."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from simclr_utils import files, places
from simclr_utils.evaluation.results import Results
from simclr_utils.places import user_path


@dataclass(frozen=True)
class Published:
    """A study that comes with the course.

    Attributes:
        frame: DataFrame of the rows of one metric, as `Results.frame` returns it.
        comparisons: DataFrame, as `study.compare` returns it: paired differences to the baseline.
        tuning: Dict from a method and a number of labels, such as `"supervised-100"`, to the
            record that `Comparison.tuning` returns.
    """

    frame: pd.DataFrame
    comparisons: pd.DataFrame
    tuning: dict

    def __repr__(self) -> str:
        """Describes what was run."""
        first, counts = self.frame.iloc[0], self.frame["labels"].nunique()
        encoders = self.frame["pretraining_seed"].nunique()
        subsets = self.frame["subset_seed"].nunique()
        return (
            f"{first['dataset']}, preset {first['preset']}: {len(self.frame)} rows at {counts} "
            f"numbers of labels, {encoders} pretrained encoders times {subsets} label subsets"
        )


def load_published(name: str, metric: str = "accuracy") -> Published:
    """Loads a study of the folder `results`.

    Args:
        name: String, such as `"cifar10"`.
        metric: String, the metric of the rows in `frame`.

    Returns:
        A `Published`. Its comparisons are by the metric that decided the study.

    Raises:
        FileNotFoundError: If there is no such study.
    """
    table = places.RESULTS / f"{name}.csv"
    parts = [places.RESULTS / f"{name}_comparisons.csv", places.RESULTS / f"{name}.json"]
    if not all(path.exists() for path in (table, *parts)):
        found = sorted(path.stem for path in places.RESULTS.glob("*.json"))
        raise FileNotFoundError(
            f"There is no study {name!r} in {places.RESULTS}. It has "
            f"{', '.join(found) or 'none'}. Work in a copy of the whole repository."
        )
    tuning = files.load_json(parts[1])["tuning"]
    return Published(Results(table).frame(metric), pd.read_csv(parts[0]), tuning)


def read_ablation(path: str | Path) -> pd.DataFrame:
    """Reads the rows of an ablation.

    Args:
        path: Path of the CSV file, such as `rows.csv` in the folder of the command `ablate`.

    Returns:
        A DataFrame with a row for each cell, seed and number of labels. `accuracy`, that of a
        linear probe on the features, `projections_accuracy` and `contrastive_accuracy` are in 0..1;
        missing values are NaN. `at` is a string, also where it is a number.
    """
    text = dict.fromkeys(("grid", "cell", "line", "at", "dataset", "findings", "settings"), str)
    return pd.read_csv(user_path(path), dtype=text, keep_default_na=False, na_values=[""])


def published_ablation(name: str) -> pd.DataFrame:
    """Loads an ablation of the folder `results/ablations`.

    Args:
        name: String, the dataset and the grid, such as `"shapes_temperature"`.

    Returns:
        A DataFrame, as `read_ablation` returns it.

    Raises:
        FileNotFoundError: If there is no such ablation.
    """
    folder = places.RESULTS / "ablations"
    if not (folder / f"{name}.csv").exists():
        found = sorted(path.stem for path in folder.glob("*.csv"))
        raise FileNotFoundError(
            f"There is no ablation {name!r} in {folder}. It has {', '.join(found) or 'none'}. "
            "Work in a copy of the whole repository."
        )
    return read_ablation(folder / f"{name}.csv")
