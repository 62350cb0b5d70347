"""The stored predictions of a study: which test images each method gets right."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.evaluation.predictions import StoredPredictions
from simclr_utils.methods import METHODS, in_order

if TYPE_CHECKING:
    from simclr_utils.study.study import Study


def correct(study: "Study", method: str, labels: int) -> np.ndarray | None:
    """Returns which predictions of a method are right.

    Args:
        study: A `Study`.
        method: String, a name in `METHODS`.
        labels: Integer, the number of labels.

    Returns:
        A boolean array `[subsets, seeds, N]` over label subsets, pretraining seeds and test images.
        `None` if a row is missing.
    """
    runs = stored_runs(study, method, labels)
    return None if runs is None else np.array([[each.correct for each in row] for row in runs])


def stored_runs(study: "Study", method: str, labels: int) -> list[list[StoredPredictions]] | None:
    """Returns the predictions of a method, over label subsets and pretraining seeds.

    Args:
        study: A `Study`.
        method: String, a name in `METHODS`.
        labels: Integer, the number of labels.

    Returns:
        A list `[subsets][seeds]` of `StoredPredictions`. `None` if a row is missing.
    """
    subsets = study.comparison.subsets(labels, trained=METHODS[method].trained)
    seeds = study.seeds if METHODS[method].pretrained else [None]
    protocol = study.comparison.protocol
    runs = [
        [
            protocol.predictions(
                method=method, labels=labels, subset_seed=subset, pretraining_seed=seed
            )
            for seed in seeds
        ]
        for subset in subsets
    ]
    return None if any(part is None for row in runs for part in row) else runs


def first_predictions(
    study: "Study", methods: Iterable[str] = METHODS
) -> dict[int, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Returns what each method predicts for the test images, on the first label subset.

    Args:
        study: A `Study` with rows.
        methods: Strings, names in `METHODS`. All of them by default.

    Returns:
        A dict from a number of labels to a dict from a method's label, in the order of `METHODS`,
        to a pair of arrays `[N]`: the predicted classes, and booleans that say which are right.
        Methods without rows are left out.

    Example:

    >>> explorer = MistakesExplorer(*test, first_predictions(study), class_names)
    """
    protocol, found = study.comparison.protocol, {}
    for labels in study.counts:
        found[labels] = {}
        for name in in_order(methods):
            seed = study.seeds[0] if METHODS[name].pretrained else None
            key = {"method": name, "labels": labels, "subset_seed": 0, "pretraining_seed": seed}
            pair = protocol.scored(**key)
            if pair is not None:
                found[labels][METHODS[name].label] = pair
    return found
