"""Intervals that draw whole groups, such as patients: the images of one are no independent draws.

Each function is given the number of every image's group. What the images of a group add is summed
first. The sums, and not the images, are then the independent draws.
"""

import numpy as np
from scipy.stats import binomtest, norm, t

from simclr_utils.data.group_folds import has_groups


def sum_by_group(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Adds the values of the images of each group.

    Args:
        values: Float array `[..., N]`.
        groups: Integer array `[N]`, the number of each image's group.

    Returns:
        A float array `[..., G]`, the groups in the order of their numbers.
    """
    values, (names, places) = np.asarray(values, float), np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), *values.shape[:-1]))
    np.add.at(sums, places, np.moveaxis(values, -1, 0))
    return np.moveaxis(sums, 0, -1)


def as_groups(table: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Turns a table over images into one over groups that has the same means.

    Then the mean square of the groups is the variance of a mean over images when groups are drawn:
    that of a ratio, the sum over the sizes. Large groups count more than small ones.

    Args:
        table: Array `[..., N]` over images.
        groups: Integer array `[N]`, the number of each image's group, or `None`.

    Returns:
        A float array `[..., G]`. Without groups, the table itself.

    References:
        Cochran 1977, "Sampling techniques", chapter 9A.
    """
    if not has_groups(groups):
        return table
    table = np.asarray(table, float)
    mean = table.mean(axis=-1, keepdims=True)
    sums = sum_by_group(table - mean, groups)
    return mean + sums * sums.shape[-1] / table.shape[-1]


def half_width(influence: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Computes half the width of the 95 % interval of a value.

    Args:
        influence: Float array `[N]`, how far each image moves the value.
        groups: Integer array `[N]`, the number of each image's group, or `None` if each image is a
            draw of its own.

    Returns:
        A float; infinity if there is a single group.
    """
    if not has_groups(groups):
        return float(norm.ppf(0.975) * np.linalg.norm(influence))
    sums = sum_by_group(influence, groups)
    count = len(sums)
    if count < 2:
        return np.inf
    return float(t.ppf(0.975, count - 1) * np.linalg.norm(sums) * np.sqrt(count / (count - 1)))


def share(
    right: np.ndarray, groups: np.ndarray | None = None, confidence: float = 0.95
) -> dict[str, float]:
    """Computes the share of images that are right, and its Wilson interval.

    With groups, the number of images is replaced by the number of independent images that would
    leave the share as uncertain. If all images are right, or none is, that is the number of groups.

    Args:
        right: Boolean array `[N]`, not empty.
        groups: Integer array `[N]`, the number of each image's group, or `None`.
        confidence: Float in (0, 1).

    Returns:
        A dict of floats in 0..1: `value`, `low` and `high`.

    References:
        Korn, Graubard 1998, "Confidence intervals for proportions with small expected number of
        positive counts estimated from survey data".
    """
    if not has_groups(groups):
        hits = int(np.sum(right))
        ends = binomtest(hits, len(right)).proportion_ci(confidence, method="wilson")
        return {"value": hits / len(right), "low": ends.low, "high": ends.high}
    value = float(np.mean(right))
    sums = sum_by_group(np.asarray(right, float) - value, groups)
    count, z = len(sums), norm.ppf((1 + confidence) / 2)
    if count < 2:
        return {"value": value, "low": 0.0, "high": 1.0}
    variance = np.sum(sums**2) / len(right) ** 2 * count / (count - 1)
    size = value * (1 - value) / variance if variance > 1e-12 else count
    size = min(size, len(right)) * (z / t.ppf((1 + confidence) / 2, count - 1)) ** 2
    middle = (value + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(value * (1 - value) / size + (z / (2 * size)) ** 2)
    # Rounding may leave an end beyond 0 or 1.
    return {"value": value, "low": max(0.0, middle - half), "high": min(1.0, middle + half)}


def renumber(groups: np.ndarray) -> np.ndarray:
    """Returns the same groups, numbered from 0 in the order in which they occur.

    Args:
        groups: Integer array `[N]`.
    """
    _, first, places = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[places]
