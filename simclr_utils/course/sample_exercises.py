"""Checks of the exercises on sample sizes: test sets, error bars and paired images."""

from collections.abc import Callable

import numpy as np
from scipy.stats import binomtest

from simclr_utils.course.checks import PUZZLE, attempt, first_match
from simclr_utils.course.predictions import as_number

Z = 1.96
ACCURACIES = (0.60, 0.63)  # of the exercise on the size of a test set
GAIN_IN_IMAGES, RIGHT_OF_FIRST, NUM_IMAGES = 30, 610, 1000  # of the exercise on pairing


def check_test_size(size: float) -> str:
    """Tells whether a test set is just large enough to part the intervals of 60 % and 63 %.

    Args:
        size: Integer, the smallest number of images at which the 95 % intervals do not touch,
            to 10 %.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    number, complaint = as_number(size)
    if complaint or number < 1:
        return f"Not yet: {complaint or 'write a number of images'}."
    low, high = ACCURACIES
    one = Z**2 * low * (1 - low) / (high - low) ** 2
    if abs(number / one - 1) < 0.1:
        return "Not yet: one interval now reaches 3 points to each side, and the other one, too."
    if intervals_touch(number):
        return "Not yet: the intervals still touch."
    if not intervals_touch(number / 1.1):
        return "Not yet: the intervals do not touch, but a smaller test set would do."
    return "Right: here the intervals part."


def intervals_touch(size: float) -> bool:
    """Returns whether both kinds of intervals of the two accuracies touch, Wilson's and normal."""
    spread = [share * (1 - share) / size for share in ACCURACIES]
    normal = [(share, Z * var**0.5) for share, var in zip(ACCURACIES, spread, strict=True)]
    grown = 1 + Z**2 / size
    wilson = [
        ((share + Z**2 / (2 * size)) / grown, Z * (var + Z**2 / (4 * size**2)) ** 0.5 / grown)
        for share, var in zip(ACCURACIES, spread, strict=True)
    ]
    return all(low + reach >= high - other for (low, reach), (high, other) in (normal, wilson))


def check_standard_error(function: Callable) -> str:
    """Tells whether a function returns the standard error of a mean.

    Args:
        function: Function of a list of accuracies. It returns a float.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    lists = ([0.52, 0.58, 0.55], [0.41, 0.47, 0.44, 0.46, 0.38])
    given, complaint = attempt(lambda: [float(function(list(each))) for each in lists])
    if complaint:
        return f"Not yet: {complaint}"
    sizes = np.array([len(each) for each in lists])
    spread, biased = (np.array([np.std(e, ddof=ddof) for e in lists]) for ddof in (1, 0))
    right = spread / np.sqrt(sizes)
    answers = {
        "Right: this is the standard error of the mean.": right,
        "Not yet: divide the squares by n - 1, not by n, and the result by the root of n.": biased,
        "Not yet: divide the squares by n - 1, not by n: ddof=1.": biased / np.sqrt(sizes),
        "Not yet: this is the spread of one draw; a mean of n draws spreads less.": spread,
        "Not yet: divide by the square root of n, not by n.": spread / sizes,
        "Not yet: divide by the square root of n, not by n, and use ddof=1.": biased / sizes,
        "Not yet: this is the variance of one draw; take its root.": spread**2,
        "Not yet: this is the square of the standard error; take its root.": right**2,
        "Not yet: this is the range; use the standard deviation.": (
            np.array([np.ptp(each) for each in lists])
        ),
        "Not yet: this is half the range; use the standard deviation.": (
            np.array([np.ptp(each) / 2 for each in lists])
        ),
        "Not yet: this is the half width of a 95 % interval; leave out the factor.": Z * right,
        "Not yet: this is in points; return a share.": 100 * right,
        "Not yet: this is the mean.": np.array([np.mean(each) for each in lists]),
        "Not yet: multiply by nothing; divide by the root of n.": spread * np.sqrt(sizes),
    }
    return first_match(
        answers, lambda value: np.allclose(given, value, rtol=1e-3), f"Not yet: {PUZZLE}."
    )


def check_num_images(function: Callable) -> str:
    """Tells whether a function returns the test images that a gain needs, for paired methods.

    Args:
        function: Function `(gain, disagree)` of two shares. It returns the number of images at
            which 1.96 standard errors of the paired difference equal the gain.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    cases = np.array([(0.01, 0.25), (0.03, 0.1)])
    given, complaint = attempt(lambda: [float(function(*case)) for case in cases.tolist()])
    if complaint:
        return f"Not yet: {complaint}"
    gain, disagree = cases.T
    right = disagree * (Z / gain) ** 2
    answers = {
        "Right: this many images show the gain every second time.": right,
        "Not yet: the square is missing: half the gain takes four times the images.": (
            Z * disagree / gain
        ),
        "Not yet: the share of disagreements stands under the root alone: do not square it.": (
            (Z * disagree / gain) ** 2
        ),
        "Not yet: square 1.96 too.": Z * disagree / gain**2,
        "Not yet: square the gain too.": Z**2 * disagree / gain,
        "Not yet: this is the square root; square it.": np.sqrt(right),
        "Not yet: 1.96 is missing.": disagree / gain**2,
        "Not yet: a 95 % interval has the factor 1.96, not 1.645.": right * (1.645 / Z) ** 2,
        "Not yet: this is the reciprocal.": 1 / right,
        "Not yet: the gain is a share, not in points.": right / 1e4,
        "Not yet: the methods are paired: no factor of 2.": 2 * right,
        "Not yet: the width to one side counts, not the whole interval.": 4 * right,
        "Not yet: disagreements make the difference uncertain: multiply by them.": (
            (Z / gain) ** 2 / disagree
        ),
        "Not yet: the share of disagreements is missing.": (Z / gain) ** 2,
        "Not yet: this is for one method; put the share of disagreements for p(1 - p).": (
            disagree * (1 - disagree) * (Z / gain) ** 2
        ),
    }
    # An answer may be rounded up to a whole image.
    return first_match(
        answers,
        lambda value: np.allclose(given, value, rtol=2e-3, atol=1e-12),
        f"Not yet: {PUZZLE}.",
    )


def check_pairing(only_first: int, only_second: int) -> str:
    """Tells whether so many disagreements hide a difference of 30 images from the exact test.

    Args:
        only_first: Integer, images that only the first method gets right.
        only_second: Integer, images that only the second one gets right.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    counts = [as_number(count) for count in (only_first, only_second)]
    complaint = next((words for _, words in counts if words), None)
    if complaint:
        return f"Not yet: {complaint}."
    first, second = (number for number, _ in counts)
    if first < 0 or first != int(first) or second != int(second):
        return "Not yet: both are whole numbers of images, at least 0."
    if second - first == -GAIN_IN_IMAGES:
        return "Not yet: the second method is ahead: more images are right with it alone."
    if second - first != GAIN_IN_IMAGES:
        return f"Not yet: keep the difference of {GAIN_IN_IMAGES} images."
    if first > RIGHT_OF_FIRST or second > NUM_IMAGES - RIGHT_OF_FIRST:
        return "Not yet: there are not so many images."
    if binomtest(int(first), int(first + second)).pvalue <= 0.05:
        return "Not yet: the test still sees the difference; raise both numbers."
    return "Right: the same difference, and the test no longer sees it."
