"""What the README shows is what `results/` holds."""

from pathlib import Path

import numpy as np
import pandas as pd
import publish_results
import pytest

from simclr_utils import artifacts

ROOT = Path(__file__).resolve().parent.parent


def test_the_readme_shows_the_published_table():
    frame = artifacts.Results(ROOT / "results" / "cifar10.csv").frame()
    table = publish_results.markdown_table(artifacts.summarize(frame))
    assert table.count("\n") >= 6
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "folder",
    sorted((ROOT / "results" / "studies").glob("*/results.csv")),
    ids=lambda p: p.parent.name,
)
def test_each_row_of_a_stored_study_has_its_predictions(folder):
    """What paired comparisons are made of; the row's accuracy is the share that is right."""
    folder = folder.parent
    frame = artifacts.Results(folder / "results.csv").frame()
    assert len(frame) > 0
    for row in frame.itertuples():
        seed = "" if pd.isna(row.pretraining_seed) else f"-{int(row.pretraining_seed)}"
        part = folder / "predictions" / f"{row.preset}-{row.fingerprint}"
        with np.load(part / f"{row.method}-{row.labels}-{row.subset_seed}{seed}.npz") as stored:
            assert stored["correct"].mean() == pytest.approx(row.value), row
