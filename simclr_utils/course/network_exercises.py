"""Checks of the exercises on sizes and similarities."""

from collections.abc import Callable

import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt, first_match
from simclr_utils.course.predictions import check_number

WIDER = {
    "a kernel has input *and* output channels, and both double": 2,
    "a kernel stays 3 x 3; only its channels double": 16,
    "only two of the four numbers in a kernel's shape double": 8,
    "more channels need more weights": 1,
}
LARGER = {
    "a kernel is moved over the image: its shape does not contain the image's size": 4,
    "the side of the image is not in a kernel's shape": 2,
}


def check_growth(wider: float, larger: float) -> str:
    """Tells how the weights of convolutions grow with the width and with the image's side.

    Args:
        wider: Float, the factor by which the weights grow if the number of channels doubles.
        larger: Float, the factor by which they grow if the image's side doubles.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    answers = {"width": (wider, 4, WIDER), "side": (larger, 1, LARGER)}
    for name, (answer, expected, mistakes) in answers.items():
        said = check_number(answer, expected, mistakes, tolerance=0.06)
        if not said.startswith("Right"):
            return said.replace("Not yet:", f"Not yet, for the {name}:")
    return "Right: the channels count twice, the size of the image not at all."


def check_cosine(function: Callable) -> str:
    """Tells whether a function returns the cosine similarity of all rows of two arrays.

    Args:
        function: Function of two float arrays `[N, D]` and `[M, D]`. It returns `[N, M]`.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    random = np.random.default_rng(0)
    first, second = random.normal(size=(3, 5)), random.normal(size=(4, 5))
    with np.errstate(all="ignore"):
        given, complaint = attempt(lambda: np.asarray(function(first.copy(), second.copy()), float))
    if complaint:
        return f"Not yet: {complaint}"

    def unit(rows, **axes):
        return rows / np.linalg.norm(rows, keepdims=True, **axes)

    a, b = unit(first, axis=1), unit(second, axis=1)
    squares = [rows / (rows**2).sum(axis=1, keepdims=True) for rows in (first, second)]
    answers = {
        "Right: these are the cosines of all pairs.": a @ b.T,
        "Not yet: rows and columns are exchanged; entry [i, j] is of row i of the first.": b @ a.T,
        "Not yet: the vectors are not normalized to length 1.": first @ second.T,
        "Not yet: only the first array is normalized.": a @ second.T,
        "Not yet: only the second array is normalized.": first @ b.T,
        "Not yet: the columns are normalized; normalize each row.": (
            unit(first, axis=0) @ unit(second, axis=0).T
        ),
        "Not yet: each array is divided by one number; divide each row by its own length.": (
            unit(first) @ unit(second).T
        ),
        "Not yet: the rows are divided by their squared length; take its square root.": (
            squares[0] @ squares[1].T
        ),
        "Not yet: the sign is that of the Keras loss; equal vectors have the cosine +1.": -a @ b.T,
        "Not yet: this is a distance, 1 minus the cosine.": 1 - a @ b.T,
        "Not yet: this is the angle; return its cosine.": np.arccos(a @ b.T),
        "Not yet: this is the Euclidean distance; multiply the vectors.": (
            np.linalg.norm(first[:, None] - second, axis=-1)
        ),
        "Not yet: the sign of the cosine is lost.": np.abs(a @ b.T),
    }
    wrong_shape = f"Not yet: return every pair, (3, 4) for 3 and 4 rows; yours is {given.shape}."
    return first_match(
        answers,
        lambda values: given.shape == values.shape and np.allclose(given, values, atol=1e-5),
        wrong_shape if given.shape != (3, 4) else f"Not yet: {PUZZLE}.",
    )
