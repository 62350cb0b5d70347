"""Calibration: is a method right as often as its probabilities say?"""

import numpy as np
import pandas as pd

from simclr_utils.evaluation.groups import half_width, share

NUM_BINS = 15


def reliability(
    truth: np.ndarray,
    predictions: np.ndarray,
    probabilities: np.ndarray,
    num_bins: int = NUM_BINS,
    groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Computes how often predictions are right, by the probability that they were given.

    Args:
        truth: Integer array `[N]`, the true classes.
        predictions: Integer array `[N]`, the predicted classes.
        probabilities: Float array `[N, C]`, the class probabilities.
        num_bins: Integer, the number of bins of equal width in 0..1.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        A DataFrame with a row for each bin that holds an image: `confidence`, the mean
        probability of the predicted class; `accuracy`, the share that is right, with the ends
        `low` and `high` of its 95 % Wilson interval; and `images`, their number.
    """
    confidence, right, places = _binned(truth, predictions, probabilities, num_bins)
    rows = []
    for place in np.unique(places):
        inside = places == place
        own = None if groups is None else np.asarray(groups)[inside]
        score = share(right[inside], own)
        row = {"confidence": confidence[inside].mean(), "accuracy": score["value"]}
        row |= {"low": score["low"], "high": score["high"]}
        rows.append({**row, "images": int(inside.sum())})
    return pd.DataFrame(rows)


def calibration_error(truth, predictions, probabilities, groups=None):
    """Computes the expected calibration error over 15 bins, as the `function` of a `Metric`.

    It is the mean distance, over the images, from the accuracy of a bin to its mean probability.
    Chance alone makes a distance in a bin of few images, so that a small test set overstates the
    error. The interval takes the bins as given.

    References:
        Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks".
    """
    value = float(_signed_gaps(truth, predictions, probabilities).mean())
    half = half_width(calibration_influence(truth, predictions, probabilities), groups)
    return {"value": value, "low": value - half, "high": value + half}


def calibration_influence(truth, predictions, probabilities):
    """Computes what each image adds to the calibration error, as the `influence` of a `Metric`."""
    gaps = _signed_gaps(truth, predictions, probabilities)
    return (gaps - gaps.mean()) / len(gaps)


def _signed_gaps(truth, predictions, probabilities):
    """Returns numbers `[N]` whose mean is the calibration error."""
    confidence, right, places = _binned(truth, predictions, probabilities, NUM_BINS)
    gaps = right - confidence
    signs = np.sign(np.bincount(places, gaps, NUM_BINS))
    return signs[places] * gaps


def _binned(truth, predictions, probabilities, num_bins):
    """Returns the probability of each predicted class, whether it is right, and its bin."""
    predictions = np.asarray(predictions)
    rows = np.arange(len(predictions))
    confidence = np.asarray(probabilities, float)[rows, predictions]
    edges = np.linspace(0, 1, num_bins + 1)
    places = np.searchsorted(edges[1:-1], confidence)  # as in sklearn's calibration_curve
    return confidence, (predictions == np.asarray(truth)).astype(float), places
