"""The comparison of features and projections: which rows are measured, and the table."""

from types import SimpleNamespace

import head_or_features
import numpy as np
import pandas as pd

RANDOM = np.random.default_rng(0)
LABELS = np.arange(60) % 3
GOOD = np.eye(3)[LABELS] + 0.05 * RANDOM.normal(size=(60, 3))
NOISE = RANDOM.normal(size=(60, 3))
DATASET = SimpleNamespace(
    **dict.fromkeys(("train", "validation", "test"), (None, LABELS)), name="made", fingerprint="f"
)
OUTPUTS = {
    name: dict.fromkeys(("train", "validation", "test"), vectors)
    for name, vectors in (("features", GOOD), ("projections", NOISE))
}


def measured(monkeypatch, known=()):
    record = {"seed": 4, "steps": 9}
    monkeypatch.setattr(head_or_features, "outputs_of", lambda *_: (OUTPUTS, record))
    return list(head_or_features.measure("folder", DATASET, [30, 60, 1000], 2, set(known)))


def test_each_output_is_scored_with_the_same_labels_once(monkeypatch):
    rows = measured(monkeypatch)
    assert len(rows) == 2 * 2 * (2 + 1)  # two subsets of 30 labels, and all 60 once
    frame = pd.DataFrame(rows)
    means = frame.groupby(["classifier", "output"])["accuracy"].mean().unstack()
    assert (means["features"] == 1).all() and (means["projections"] < 0.95).all()
    known = [tuple(row[key] for key in head_or_features.KEYS) for row in rows[:5]]
    assert measured(monkeypatch, known) == rows[5:]


def test_the_page_has_a_table_for_each_dataset(tmp_path):
    keys = [
        ("a", seed, 10, 0, "kNN", output)
        for seed in (0, 1)
        for output in ("features", "projections")
    ]
    keys += [("b", 0, 10, 0, "kNN", output) for output in ("features", "projections")]
    frame = pd.DataFrame(keys, columns=head_or_features.KEYS)
    frame = frame.assign(accuracy=[0.5, 0.6, 0.5, 0.8, 0.9, 0.7], steps=1000)
    head_or_features.write_page(frame, tmp_path)
    page = (tmp_path / "head.md").read_text()
    assert "## a: 2 encoders, 1,000 steps" in page and "## b: one encoder" in page
    assert "| kNN | 10 | 50.0 | 70.0 | +20.0 (14.1) |" in page
    assert "| kNN | 10 | 90.0 | 70.0 | -20.0 |" in page
