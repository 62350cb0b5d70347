"""The results of each class: recall, precision and specificity, with intervals."""

import numpy as np
import pandas as pd

from simclr_utils.evaluation.groups import share

UNKNOWN = {"value": np.nan, "low": np.nan, "high": np.nan}


def results_per_class(
    truth: np.ndarray, predictions: np.ndarray, groups: np.ndarray | None = None
) -> pd.DataFrame:
    """Computes how well each class is told from the others.

    Args:
        truth: Integer array `[N]`, the true classes.
        predictions: Integer array `[N]`, the predicted classes.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        A DataFrame with three rows for each class that occurs in the truth, in ascending order:
        its number `label`; the `measure`, which is "recall" (the share of the class that is
        recognized, or sensitivity), "precision" (the share of the images taken for the class that
        are of it) or "specificity" (the share of the other images that are not taken for it); the
        number of `images` that it is a share of; its `value`, and the ends `low` and `high` of its
        95 % Wilson interval. A share of no images is NaN.

    Example:

    >>> table = results_per_class(truth, probabilities.argmax(1))
    >>> table.pivot(index="label", columns="measure", values="value")
    """
    truth, predictions = np.asarray(truth), np.asarray(predictions)
    rows = []
    for label in np.unique(truth):
        own, named = truth == label, predictions == label
        for measure, among in (("recall", own), ("precision", named), ("specificity", ~own)):
            inside = None if groups is None else np.asarray(groups)[among]
            score = share((own == named)[among], inside) if among.any() else UNKNOWN
            rows.append({"label": int(label), "measure": measure, "images": int(among.sum())})
            rows[-1].update(score)
    return pd.DataFrame(rows)
