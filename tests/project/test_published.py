"""What the README shows is what `results/` holds."""

from pathlib import Path

import numpy as np
import pandas as pd
import publish_results
import pytest
import results_page

from simclr_utils.evaluation import results

ROOT = Path(__file__).resolve().parents[2]


STUDIES = sorted(path.parent for path in (ROOT / "results" / "studies").glob("*/results.csv"))


# One that is under way is stored, so that it can go on elsewhere, but not published yet.
PUBLISHED = [path for path in STUDIES if (ROOT / "results" / f"{path.name}.csv").exists()]


def test_there_are_studies():
    assert PUBLISHED


def test_the_readme_shows_the_published_table():
    frame = results.Results(ROOT / "results" / "cifar10.csv").frame()
    table = results_page.markdown_table(results.summarize(frame))
    assert table.count("\n") >= 6
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("study", PUBLISHED, ids=lambda path: path.name)
def test_what_is_published_is_what_the_command_writes(study, tmp_path):
    publish_results.publish(study, study.name, tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert {f"{study.name}{end}" for end in (".csv", ".json", ".md", ".png")} <= written
    for path in tmp_path.iterdir():
        if path.suffix != ".png":  # another machine draws other pixels
            published = (ROOT / "results" / path.name).read_text(encoding="utf-8")
            assert path.read_text(encoding="utf-8") == published, path.name


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_each_row_of_a_stored_study_has_its_predictions(folder):
    """What paired comparisons are made of; the row's accuracy is the share that is right."""
    frame = results.Results(folder / "results.csv").frame()
    assert len(frame) > 0
    for row in frame.itertuples():
        seed = "" if pd.isna(row.pretraining_seed) else f"-{int(row.pretraining_seed)}"
        part = folder / "predictions" / f"{row.preset}-{row.fingerprint}"
        with np.load(part / f"{row.method}-{row.labels}-{row.subset_seed}{seed}.npz") as stored:
            assert stored["correct"].mean() == pytest.approx(row.value), row


@pytest.mark.parametrize(
    "record, source",
    [
        ({"source": "cifar10", "from_folder": False}, "cifar10"),
        ({"source": "cifar10", "from_folder": True}, "<folder>"),
        ({"source": "medmnist:pathmnist", "from_folder": False}, "medmnist:pathmnist"),
    ],
)
def test_a_command_names_a_data_set_but_not_a_users_folder(record, source):
    record = {"command": "python -m simclr_utils run", "preset": "full", "settings": {}, **record}
    assert f"--source {source} " in results_page.command_of(record, None)
