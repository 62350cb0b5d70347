"""The table of findings: scikit-learn's numbers, groups, and what is too rare for a number."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simclr_utils.evaluation.finding_scores import FindingImages, score_findings
from simclr_utils.evaluation.probes import fit_linear_probe


def make(count, seed, groups=None):
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 6)).astype("float32")
    noisy = features + random.normal(size=features.shape)
    known = {"often": noisy[:, 0] > 0, "seldom": noisy[:, 1] > 1.2, "rare": np.arange(count) < 4}
    known = {name: values.astype(int) for name, values in known.items()}
    known["often"][::7] = -1
    return FindingImages(features, known, groups)


def test_the_numbers_are_those_of_scikit_learn():
    train, scored = make(200, 0), make(100, 1)
    table = score_findings(train, scored).set_index("finding")
    for name in ("often", "seldom"):
        learned, answers = train.known(name), scored.known(name)
        penalty = fit_linear_probe(*learned[:2], class_weight="balanced").penalty
        assert penalty > 0
        reference = make_pipeline(
            StandardScaler(),
            LogisticRegression(
                C=1 / (penalty * len(learned[1])), class_weight="balanced", tol=1e-8, max_iter=5000
            ),
        ).fit(*learned[:2])
        scores = reference.decision_function(answers[0])
        row = table.loc[name]
        assert row["auroc"] == pytest.approx(roc_auc_score(answers[1], scores), abs=2e-3)
        expected = average_precision_score(answers[1], scores)
        assert row["average_precision"] == pytest.approx(expected, abs=5e-3)
        assert row["auroc_low"] < row["auroc"] < row["auroc_high"] and not row["reason"]
    assert table.loc["often", "images"] == np.sum(scored.findings["often"] >= 0) < 100
    assert table.loc["rare", "reason"] == "4 images with it in train, fewer than 5"
    assert np.isnan(table.loc["rare", "auroc"]) and table.loc["rare", "positives"] == 4


def test_intervals_draw_groups_and_one_patient_is_no_evidence():
    groups = np.repeat(np.arange(25), 4)
    plain, train = make(100, 1), make(120, 0)
    plain, train = (
        each._replace(findings={"seldom": each.findings["seldom"]}) for each in (plain, train)
    )
    # Four copies of each image say no more than one of them.
    rows = groups * 4
    copies = FindingImages(
        plain.features[rows], {name: v[rows] for name, v in plain.findings.items()}, groups
    )
    grouped = score_findings(train, copies).set_index("finding").loc["seldom"]
    alone = score_findings(train, copies._replace(groups=None)).set_index("finding").loc["seldom"]
    assert grouped["auroc"] == alone["auroc"]
    assert grouped["auroc_low"] < alone["auroc_low"]
    only = train._replace(groups=np.where(train.findings["seldom"] == 1, 0, np.arange(120) + 1))
    table = score_findings(only, plain).set_index("finding")
    assert table.loc["seldom", "reason"] == "the images with it in train are of one group"
