"""Probabilities for labeled images from probes that have not learned from them."""

import numpy as np

from simclr_utils.data.splits import held_out_folds
from simclr_utils.evaluation.probes import TOLERANCE, LinearProbe, class_probabilities, fit_scaled


def out_of_fold_probabilities(
    probe: LinearProbe,
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Predicts the labeled images, each with a probe that is fitted to the other folds.

    The folds are those of `held_out_folds`; with groups, no group is on both sides. The penalty is
    that of the given probe. A threshold that is chosen on these probabilities costs no label.

    Args:
        probe: `LinearProbe`, fitted to these features and labels.
        features: Float array `[N, D]`.
        labels: Integer array `[N]`.
        num_classes: Integer, C.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        A float array `[N, C]`. An image that no fold can hold out, such as the only one of its
        class, has NaN.

    Example:

    >>> held_out = out_of_fold_probabilities(probe, features, labels, 2, groups)
    >>> threshold = choose_threshold(labels == 1, held_out[:, 1], specificity=0.95)
    """
    labels, probabilities = np.asarray(labels), np.full((len(labels), num_classes), np.nan)
    options = probe.classifier.max_iter, TOLERANCE, probe.class_weight
    for fold in held_out_folds(labels, len(labels), 0, groups):
        fitted = fit_scaled(features[~fold], labels[~fold], probe.penalty, *options)
        known = fitted[0].transform(features[fold])
        probabilities[fold] = class_probabilities(fitted[1], known, num_classes)
    return probabilities
