"""Checks of the exercises on medical images: thresholds, prevalence, and splits by patient."""

from collections.abc import Callable

import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt, first_match

# Ten and twelve images; in each case a score lies exactly on the threshold.
OPERATING_CASES = (
    ([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [90, 60, 50, 20, 80, 50, 40, 30, 10, 5], 50),
    ([0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0], [35, 70, 30, 20, 25, 88, 15, 30, 30, 10, 5, 65], 30),
)
PREDICTIVE_CASES = ((0.9, 0.8, 0.1), (0.75, 0.95, 0.3), (0.6, 0.99, 0.02))
SHARE_OF_GROUPS, LEAST, MOST = 0.2, 0.1, 0.32


def check_operating_point(function: Callable) -> str:
    """Tells whether a function returns sensitivity and specificity at a threshold.

    Args:
        function: Function `(truth, scores, threshold)` of a boolean array `[N]`, a float array
            `[N]` and a float. It returns two floats. An image is taken for positive if its score
            is at least the threshold.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    given, answers = [], []
    for truth, percent, threshold in OPERATING_CASES:
        truth, scores = np.array(truth, bool), np.array(percent) / 100
        threshold = threshold / 100
        result, complaint = attempt(function, truth.copy(), scores.copy(), threshold)
        if complaint:
            return f"Not yet: {complaint}"
        pair, complaint = attempt(lambda pair: [float(value) for value in pair], result)
        if complaint or len(pair) != 2:
            return "Not yet: return two numbers, sensitivity and specificity."
        given.append(pair)
        answers.append(operating_answers(truth, scores, threshold))
    joined = {message: [case[message] for case in answers] for message in answers[0]}
    return first_match(joined, lambda pairs: np.allclose(given, pairs), f"Not yet: {PUZZLE}.")


def operating_answers(truth, scores, threshold):
    """Returns the right pair of an operating point, and those of the usual mistakes."""
    found = scores >= threshold
    hits, misses, alarms, quiet = (
        np.sum(part) for part in (found & truth, ~found & truth, found & ~truth, ~found & ~truth)
    )
    sensitivity, specificity = hits / (hits + misses), quiet / (quiet + alarms)
    precision, negative = hits / (hits + alarms), quiet / (quiet + misses)
    strict = scores > threshold
    above = np.mean(strict[truth]), np.mean(~strict[~truth])
    accuracy, count = np.mean(found == truth), len(truth)
    return {
        "Right: these are sensitivity and specificity at the threshold.": (
            sensitivity, specificity,
        ),
        "Not yet: exchange the two: sensitivity comes first.": (specificity, sensitivity),
        "Not yet: a score that equals the threshold counts as positive: use >=.": above,
        "Not yet: the first number is the precision, the share of the alarms that are right; "
        "divide by the number of positive images.": (precision, specificity),
        "Not yet: the second number is the share of the quiet answers that are right; divide by "
        "the number of negative images.": (sensitivity, negative),
        "Not yet: you have divided by what the scores say; divide by what is true.": (
            precision, negative,
        ),
        "Not yet: the second number is the share of false alarms; specificity is 1 minus it.": (
            sensitivity, 1 - specificity,
        ),
        "Not yet: the first number is the share that is missed; sensitivity is 1 minus it.": (
            1 - sensitivity, specificity,
        ),
        "Not yet: these are the shares of mistakes; take 1 minus each, or turn the comparison "
        "with the threshold round: a high score stands for a positive image.": (
            1 - sensitivity, 1 - specificity,
        ),
        "Not yet: the scores are turned round: a high score stands for a positive image.": (
            np.mean(~strict[truth]), np.mean(strict[~truth]),
        ),
        "Not yet: these are shares of all images; divide by the images of each side.": (
            hits / count, quiet / count,
        ),
        "Not yet: these are numbers of images; divide each by the images of its side.": (
            hits, quiet,
        ),
        "Not yet: this is in percent; return shares.": (100 * sensitivity, 100 * specificity),
        "Not yet: this is the accuracy, twice; count positive and negative images apart.": (
            accuracy, accuracy,
        ),
        "Not yet: the threshold is not used: these are the mean scores of the two sides.": (
            scores[truth].mean(), scores[~truth].mean(),
        ),
    }  # fmt: skip


def check_predictive_value(function: Callable) -> str:
    """Tells whether a function returns the positive predictive value of a test.

    Args:
        function: Function `(sensitivity, specificity, prevalence)` of three shares. It returns the
            share of the positive answers that are right.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    given, complaint = attempt(lambda: [float(function(*case)) for case in PREDICTIVE_CASES])
    if complaint:
        return f"Not yet: {complaint}"
    sensitivity, specificity, prevalence = np.transpose(PREDICTIVE_CASES)
    sick, well, alarms = prevalence, 1 - prevalence, 1 - specificity
    hits, false_hits, quiet = sensitivity * sick, alarms * well, specificity * well
    right = hits / (hits + false_hits)
    answers = {
        "Right: the rarer the disease, the more of the alarms are false.": right,
        "Not yet: this is the sensitivity: the share of the sick that are found, not of the "
        "found that are sick.": sensitivity,
        "Not yet: this is the specificity; it speaks of those who are well.": specificity,
        "Not yet: the prevalence is missing: this holds only where half of all people are sick.": (
            sensitivity / (sensitivity + alarms)
        ),
        "Not yet: the false alarms have no share of the people: multiply 1 - specificity by "
        "1 - prevalence.": hits / (hits + alarms),
        "Not yet: the true alarms have no share of the people: multiply the sensitivity by the "
        "prevalence.": sensitivity / (sensitivity + false_hits),
        "Not yet: false alarms are 1 - specificity, not the specificity.": hits / (hits + quiet),
        "Not yet: this is the share of all people with a true alarm; divide by all alarms.": hits,
        "Not yet: this is the share of all people with an alarm; how many of these are sick?": (
            hits + false_hits
        ),
        "Not yet: this is the share of the alarms that are false; take 1 minus it.": 1 - right,
        "Not yet: this is the negative predictive value, of the answers without an alarm.": (
            quiet / (quiet + (1 - sensitivity) * sick)
        ),
        "Not yet: these are odds, true alarms to false ones; divide by all alarms.": (
            hits / false_hits
        ),
        "Not yet: this is the likelihood ratio; it knows nothing of the prevalence.": (
            sensitivity / alarms
        ),
        "Not yet: this is the accuracy: the share of all people with a right answer.": hits + quiet,
        "Not yet: this is the prevalence, the chance before the test.": prevalence,
        "Not yet: this is in percent; return a share.": 100 * right,
    }
    return first_match(answers, lambda value: np.allclose(given, value), f"Not yet: {PUZZLE}.")


def check_group_split(function: Callable) -> str:
    """Tells whether a function holds out whole groups, about a fifth of them.

    Args:
        function: Function of an integer array `[N]`, the number of each image's group. It returns
            a boolean array `[N]` that is true for the images that are held out.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    groups = group_numbers()
    given, complaint = attempt(function, groups.copy())
    if complaint:
        return f"Not yet: {complaint}"
    held_out, complaint = attempt(np.asarray, given)
    if complaint or held_out.dtype != bool or held_out.shape != groups.shape:
        return f"Not yet: {shape_mistake(held_out, groups)}"
    if held_out.all() or not held_out.any():
        return f"Not yet: {'all' if held_out.any() else 'no'} images are held out."
    split = np.intersect1d(groups[held_out], groups[~held_out])
    everyone = np.unique(groups)
    if len(split):
        return (
            f"Not yet: {len(split)} of {len(everyone)} groups are on both sides: draw groups, not "
            "images."
        )
    share = len(np.unique(groups[held_out])) / len(everyone)
    if share > 0.5:
        return (
            f"Not yet: {share:.0%} of the groups are held out. Either True and False are turned "
            "round, or you have drawn a fifth of the images and then all of their groups."
        )
    if not LEAST <= share <= MOST:
        return f"Not yet: {share:.0%} of the groups are held out, and not about a fifth."
    return "Right: no group is on both sides."


def group_numbers():
    """Returns the numbers of 100 groups of one to nine images each, in no order, int64 `[N]`."""
    random = np.random.default_rng(0)
    numbers = random.choice(10_000, 100, replace=False)
    return random.permutation(np.repeat(numbers, random.integers(1, 10, 100)))


def shape_mistake(held_out, groups):
    """Returns a sentence on a result that is not one boolean for each image."""
    everyone = np.unique(groups)
    if held_out is None or held_out.dtype == object:
        return "return an array with a boolean for each image."
    if held_out.dtype == bool and held_out.shape == everyone.shape:
        return "this is a boolean for each group; return one for each image, as np.isin gives it."
    if held_out.dtype == bool:
        return (
            f"return a boolean for each of the {len(groups)} images; your result has the shape "
            f"{held_out.shape}."
        )
    if held_out.shape == groups.shape and np.isin(held_out, (0, 1)).all():
        return "return booleans, not 0 and 1: with whole numbers, ~ does not turn them round."
    if held_out.ndim == 1 and len(held_out) and np.isin(held_out, everyone).all():
        return "these are the numbers of groups; return a boolean for each image."
    if held_out.ndim == 1 and len(held_out) < len(groups) and held_out.dtype.kind in "iu":
        return "these are places of images; return a boolean for each image."
    return f"return a boolean for each image; your result is of the type {held_out.dtype}."
