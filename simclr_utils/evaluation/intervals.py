"""How far a mean would move with other images, other labels, another encoder."""

import math

import numpy as np
from scipy.stats import binomtest, t


def half_width(parts, confidence=0.95, known=0.0):
    """Half the width of an interval around a mean that varies for several reasons.

    Each reason is given by its parts: the mean over everything else, for each image, each label
    subset or each pretraining seed. Their variances add up; the degrees of freedom are
    Satterthwaite's. With one reason this is Student's interval. Where the leading reason has two
    parts only, as two encoders, the interval comes out somewhat too narrow; so it does for label
    subsets that overlap, because they are much of all there is.

    Args:
        parts: list of float arrays, one a reason. A reason with a single part cannot be
            estimated and is left out: the interval then says nothing of it.
        confidence: float in (0, 1).
        known: float, the variance of the mean for a reason whose size is known without parts,
            such as a proportion's for the draw of the test images.

    Returns:
        A float; `None` if nothing is known and no reason has two parts.

    References:
        Satterthwaite 1946, "An approximate distribution of estimates of variance components".
    """
    parts = [np.asarray(part, float) for part in parts if len(part) > 1]
    if not parts and not known:
        return None
    variances = [part.var(ddof=1) / len(part) for part in parts]
    total = sum(variances) + known
    if not total:
        return 0.0
    uncertain = sum(
        variance**2 / (len(part) - 1) for variance, part in zip(variances, parts, strict=True)
    )
    freedom = total**2 / uncertain if uncertain else math.inf
    return float(t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(total)


def accuracy_interval(predictions, labels, confidence=0.95):
    """Scores predictions: accuracy and its Wilson interval.

    The interval covers the sampling of the test images only, not of labels or training seeds.

    Args:
        predictions, labels: int arrays `[N]`.
        confidence: float in (0, 1).

    Returns:
        A dict of floats: `value`, `low`, `high`, all in 0..1.

    Raises:
        ValueError: if the lengths differ or are 0.
    """
    if len(predictions) != len(labels) or not len(labels):
        raise ValueError(f"Received {len(predictions)} predictions for {len(labels)} labels.")
    hits = int(np.sum(np.asarray(predictions) == np.asarray(labels)))
    interval = binomtest(hits, len(labels)).proportion_ci(confidence, method="wilson")
    return {"value": hits / len(labels), "low": interval.low, "high": interval.high}
