"""Checks of the exercises on the probe and on kNN."""

from collections.abc import Callable

import numpy as np

from simclr_utils.course.checks import attempt

BASICS = "it does not tell three well separated classes apart"
KNOBS = ("better", "worse", "no difference")


def check_probe(function: Callable) -> str:
    """Tells whether a function is a linear probe, and if not, which usual mistake it makes.

    Args:
        function: Function `(features, labels, new_features)` of a float array `[N, D]`, an
            integer array `[N]` and a float array `[M, D]`. It returns predicted labels `[M]`.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    if not is_linear(function):
        return "Not yet: your classifier draws curved boundaries; a probe is linear."
    for mistake, (features, labels, new_features, answers) in probe_cases().items():
        with np.errstate(all="ignore"):
            arguments = features.copy(), labels.copy(), new_features.copy()
            given, complaint = attempt(function, *arguments)
        if complaint:
            return f"Not yet: {complaint if mistake == BASICS else f'{mistake} ({complaint})'}"
        if np.shape(given) != answers.shape:
            return (
                f"Not yet: return one label for each of the {len(answers)} new rows; your result "
                f"has the shape {np.shape(given)}."
            )
        if np.mean(np.asarray(given) == answers) < 0.95:
            return f"Not yet: {mistake}."
    return "Right: this is a linear probe."


def probe_cases() -> dict[str, tuple]:
    """Returns, for each usual mistake, data that only a function with that mistake gets wrong."""
    blobs = features_around(np.eye(3, 6) * 6)
    scales = np.array([1e-4, 1e-4, 1e-4, 1, 1, 1])
    in_a_row = features_around(np.array([[-6.0, 0], [0, 0], [6, 0]]))
    constant = [np.concatenate([part, np.full((len(part), 1), 0.5)], axis=1) for part in blobs[::2]]
    last = blobs[3] == 2
    return {
        BASICS: blobs,
        "a probe is linear with a bias; without one no class can lie between two others": in_a_row,
        "a feature that never varies has spread 0: add a small number before you divide": (
            constant[0], blobs[1], constant[1], blobs[3],
        ),
        "the features are not standardized, so that those with small values have no influence": (
            blobs[0] * scales, blobs[1], blobs[2] * scales, blobs[3],
        ),
        "standardize new features with the mean and spread of the training features, not with "
        "their own": (*blobs[:2], blobs[2][last], blobs[3][last]),
    }  # fmt: skip


def features_around(middles: np.ndarray, num_rows: int = 60) -> tuple[np.ndarray, ...]:
    """Returns training and new features around the middle of each class, each with labels."""
    random = np.random.default_rng(0)
    labels = np.arange(num_rows) % len(middles)
    first, second = (
        middles[labels] + random.normal(size=(num_rows, middles.shape[1])) for _ in range(2)
    )
    return first, labels, second, labels


def is_linear(function: Callable) -> bool:
    """Returns whether a classifier fails on two classes in opposite corners, as a line must."""
    features, corners, new_features, _ = features_around(
        np.array([[-6.0, -6], [6, 6], [-6, 6], [6, -6]]), num_rows=80
    )
    labels = corners // 2
    given, _ = attempt(function, features, labels, new_features)
    return np.shape(given) != labels.shape or np.mean(np.asarray(given) == labels) < 0.9


def check_knobs(verdict: str, yours: float, setting: float, num_images: int) -> str:
    """Tells whether a verdict on two accuracies fits the number of images.

    Args:
        verdict: String: `"better"`, `"worse"` or `"no difference"`, the learner's conclusion.
        yours: Float, the accuracy with the learner's knobs, 0 to 1.
        setting: Float, the accuracy to compare with, 0 to 1.
        num_images: Integer, the images on which both were measured.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    if verdict not in KNOBS:
        return f"Not yet: the verdict is one of {', '.join(KNOBS)}; yours is {verdict!r}."
    middle = (yours + setting) / 2
    line = 2 * np.sqrt(2 * middle * (1 - middle) / num_images)
    gap = yours - setting
    expected = "no difference" if abs(gap) <= line else "better" if gap > 0 else "worse"
    images = f"{abs(gap) * num_images:.0f} of {num_images} images"
    if verdict == expected:
        return f"Right: the accuracies differ by {images}."
    if expected == "no difference":
        return f"Not yet: a difference of {images} can be turned round by other images."
    if verdict == "no difference":
        return f"Not yet: a difference of {images} is more than chance between images makes."
    return "Not yet: you have mixed up the two accuracies."
