"""Right and wrong answers to the exercises on comparisons, samples, numbers and orders."""

import numpy as np

from answers.answer import Answer
from simclr_utils.course import (
    check_crossing,
    check_num_images,
    check_number,
    check_order,
    check_pairing,
    check_prediction,
    check_standard_error,
    check_test_size,
    check_verdict,
)


def segment(labels, first, second):
    """Returns the segment in which the lines cross, or `None`, and the gaps."""
    gaps = np.subtract(first, second)
    found = [i for i in range(len(gaps) - 1) if gaps[i] > 0 >= gaps[i + 1]]
    return (found[0] if found else None), gaps


def crossing(scale=np.log, back=np.exp, never=None, where=None, share=None):
    def function(labels, first, second):
        i, gaps = segment(labels, first, second)
        if i is None:
            return never
        i, places = where(labels) if where else i, scale(np.array(labels, float))
        part = share(gaps[i], gaps[i + 1]) if share else gaps[i] / (gaps[i] - gaps[i + 1])
        return back(places[i] + part * (places[i + 1] - places[i]))

    return function


def by_interpolation(labels, first, second):
    gaps = np.subtract(first, second)
    if gaps[0] <= 0 or gaps[-1] > 0:
        return None
    return 10 ** np.interp(0, -gaps, np.log10(labels))


def by_bisection(labels, first, second):
    i, gaps = segment(labels, first, second)
    if i is None:
        return None
    low, high = labels[i], labels[i + 1]
    for _ in range(60):
        middle = (low * high) ** 0.5
        ahead = np.interp(np.log(middle), np.log(labels), gaps) > 0
        low, high = (middle, high) if ahead else (low, middle)
    return float(low)


def whole_range(labels, first, second):
    gaps = np.subtract(first, second)[[0, -1]]
    part = gaps[0] / (gaps[0] - gaps[1])
    return labels[0] * (labels[-1] / labels[0]) ** part


def of_segment(pick):
    return lambda labels, first, second: pick(labels, segment(labels, first, second)[0])


def accuracy_there(labels, first, second):
    i, gaps = segment(labels, first, second)
    return second[i] + gaps[i] / (gaps[i] - gaps[i + 1]) * (second[i + 1] - second[i])


def error_if_none(labels, first, second):
    return crossing(never=None)(labels, first, second) + 0


CROSSING = [
    Answer("a loop over the segments", (crossing(),)),
    Answer("base 10", (crossing(np.log10, lambda place: 10**place),)),
    Answer("`np.interp`", (by_interpolation,)),
    Answer("bisection", (by_bisection,)),
    Answer("always a number", (crossing(never=10_000),), "Nearly: return None"),
    Answer("an error if none", (error_if_none,), "Nearly: where the first is always ahead"),
    Answer("no logarithm", (crossing(lambda x: x, lambda x: x),), "use their logarithm"),
    Answer("geometric middle", (crossing(share=lambda a, b: 0.5),), "geometric middle"),
    Answer(
        "arithmetic middle",
        (of_segment(lambda labels, i: (labels[i] + labels[i + 1]) / 2),),
        "the middle of two counts",
    ),
    Answer("last segment", (crossing(where=lambda labels: len(labels) - 2),), "the last segment"),
    Answer("first segment", (crossing(where=lambda labels: 0),), "the first segment"),
    Answer("whole range", (whole_range,), "one line from the first to the last"),
    Answer("the logarithm", (crossing(back=lambda x: x),), "take its exponential"),
    Answer("log10", (crossing(np.log10, lambda x: x),), "take 10 to its power"),
    Answer("wrong end", (crossing(share=lambda a, b: b / (b - a)),), "from the wrong end"),
    Answer("sum of gaps", (crossing(share=lambda a, b: a / (a + b)),), "not by their sum"),
    Answer("count before", (of_segment(lambda labels, i: labels[i]),), "last count before"),
    Answer("count after", (of_segment(lambda labels, i: labels[i + 1]),), "first count after"),
    Answer("the starting version", (lambda labels, a, b: labels[-1],), "always the last count"),
    Answer("first count", (lambda labels, a, b: labels[0],), "always the first count"),
    Answer("place in the list", (of_segment(lambda labels, i: i),), "the place of the segment"),
    Answer("accuracy", (accuracy_there,), "the accuracy where the lines cross"),
    Answer("a constant", (lambda labels, a, b: 3162.3,), "the same number for all lines"),
    Answer("nothing", (lambda labels, a, b: None,), "returns None for lines that do cross"),
    Answer("a list", (lambda labels, a, b: labels,), "return one number"),
    Answer("mean of the labels", (lambda labels, a, b: np.mean(labels),), "none of the usual"),
    Answer("an error", (lambda labels: 0,), "TypeError"),
]
VERDICT = [
    Answer(
        "both ends",
        (lambda low, high: "gains" if low > 0 else "hurts" if high < 0 else "no difference",),
    ),
    Answer(
        "by the product",
        (lambda a, b: "no difference" if a * b < 0 else ["hurts", "gains"][a > 0],),
    ),
    Answer(
        "the starting version", (lambda a, b: "gains" if a + b > 0 else "hurts",), "center is above"
    ),
    Answer("two words", (lambda low, high: "gains" if low > 0 else "hurts",), "contains 0"),
    Answer("never", (lambda low, high: "no difference",), "above 0 is a gain"),
    Answer("no harm", (lambda a, b: "gains" if a > 0 else "no difference",), "below 0 is a loss"),
    Answer("another word", (lambda low, high: "better",), "return one of"),
    Answer("an error", (lambda low: "gains",), "TypeError"),
]
TEST_SIZE = [
    Answer("4,100", (4100,)),
    Answer("4,050", (4050,)),
    Answer("4,400", (4400,)),
    Answer("the starting version", (1000,), "one interval now reaches 3 points"),
    Answer("3,900", (3900,), "still touch"),
    Answer("200", (200,), "still touch"),
    Answer("5,000", (5000,), "a smaller test set would do"),
    Answer("0", (0,), "write a number of images"),
    Answer("words", ("many",), "write a number"),
]


def standard_error(ddof=1, last=lambda spread, n: spread / np.sqrt(n)):
    return lambda accuracies: last(np.std(accuracies, ddof=ddof), len(accuracies))


STANDARD_ERROR = [
    Answer("ddof=1, by the root of n", (standard_error(),)),
    Answer(
        "by hand",
        (lambda a: (sum((x - sum(a) / len(a)) ** 2 for x in a) / (len(a) - 1) / len(a)) ** 0.5,),
    ),
    Answer("the starting version", (np.std,), "not by n, and the result"),
    Answer("ddof=0", (standard_error(0),), "ddof=1"),
    Answer("of one draw", (standard_error(last=lambda s, n: s),), "spread of one draw"),
    Answer("by n", (standard_error(last=lambda s, n: s / n),), "the square root of n, not by n"),
    Answer("ddof=0, by n", (standard_error(0, lambda s, n: s / n),), "and use ddof=1"),
    Answer("variance", (standard_error(last=lambda s, n: s**2),), "variance of one draw"),
    Answer(
        "squared", (standard_error(last=lambda s, n: s**2 / n),), "square of the standard error"
    ),
    Answer("range", (np.ptp,), "this is the range"),
    Answer("half the range", (lambda a: np.ptp(a) / 2,), "half the range"),
    Answer("95 % interval", (lambda a: 1.96 * standard_error()(a),), "half width"),
    Answer("in points", (lambda a: 100 * standard_error()(a),), "in points"),
    Answer("mean", (np.mean,), "this is the mean"),
    Answer(
        "times the root", (standard_error(last=lambda s, n: s * np.sqrt(n)),), "divide by the root"
    ),
    Answer("a constant", (lambda a: 0.01234,), "none of the usual"),
    Answer("an error", (lambda: 0,), "TypeError"),
]


def num_images(z=1.96, gain_power=2, disagree_power=1, factor=1.0, z_power=2):
    return lambda gain, disagree: factor * disagree**disagree_power * z**z_power / gain**gain_power


NUM_IMAGES = [
    Answer("disagree * (1.96 / gain) ** 2", (num_images(),)),
    Answer("rounded up", (lambda g, d: int(np.ceil(num_images()(g, d))),)),
    Answer("the starting version", (lambda g, d: 1.96 * d / g,), "the square is missing"),
    Answer("all squared", (lambda g, d: (1.96 * d / g) ** 2,), "do not square it"),
    Answer("1.96 not squared", (num_images(z_power=1),), "square 1.96 too"),
    Answer("gain not squared", (num_images(gain_power=1),), "square the gain too"),
    Answer("root", (lambda g, d: num_images()(g, d) ** 0.5,), "this is the square root"),
    Answer("no 1.96", (num_images(z=1),), "1.96 is missing"),
    Answer("1.645", (num_images(z=1.645),), "not 1.645"),
    Answer("reciprocal", (lambda g, d: 1 / num_images()(g, d),), "reciprocal"),
    Answer("gain in points", (lambda g, d: num_images()(100 * g, d),), "not in points"),
    Answer("two groups", (num_images(factor=2),), "no factor of 2"),
    Answer("whole width", (num_images(factor=4),), "the width to one side"),
    Answer("divided by disagree", (num_images(disagree_power=-1),), "multiply by them"),
    Answer("no disagree", (num_images(disagree_power=0),), "disagreements is missing"),
    Answer("p(1 - p)", (lambda g, d: num_images()(g, d * (1 - d)),), "this is for one method"),
    Answer("a constant", (lambda g, d: 9604,), "none of the usual"),
    Answer("an error", (lambda g: g,), "TypeError"),
]
PAIRING = [
    Answer("135 and 165", (135, 165)),
    Answer("120 and 150", (120, 150)),
    Answer("the starting version", (20, 50), "still sees the difference"),
    Answer("80 and 110", (80, 110), "still sees the difference"),
    Answer("another difference", (100, 120), "keep the difference"),
    Answer("exchanged", (150, 120), "the second method is ahead"),
    Answer("too many", (400, 430), "not so many images"),
    Answer("negative", (-10, 20), "whole numbers"),
    Answer("halves", (100.5, 130.5), "whole numbers"),
    Answer("words", ("few", 50), "write a number"),
]
NUMBER = [
    Answer("exact", (7, 7)),
    Answer("rounded", (7.05, 7)),
    Answer("named", (5, 7, {"the padding is missing": 5}), "the padding is missing"),
    Answer("sign", (-7, 7), "sign is wrong"),
    Answer("twice", (14, 7), "twice"),
    Answer("half", (3.5, 7), "half"),
    Answer("per cent", (70, 0.7), "write a share"),
    Answer("share", (0.7, 70), "write per cent"),
    Answer("reciprocal", (1 / 7, 7), "reciprocal"),
    Answer("log2", (np.log2(15), np.log(15)), "base 2"),
    Answer("log10", (np.log10(15), np.log(15)), "base 10"),
    Answer("square", (49, 7), "the square"),
    Answer("root", (7**0.5, 7), "square root"),
    Answer("no exponential", (np.log(7), 7), "exponential is missing"),
    Answer("one more", (8, 7), "one too large"),
    Answer("one fewer", (6, 7), "one too small"),
    Answer("high", (9.3, 7), "too high"),
    Answer("low", (5.1, 7), "too low"),
    Answer("two numbers", ([7, 7], 7), "a single number"),
    Answer("nan", (float("nan"), 7), "a finite number"),
    Answer("words", ("seven", 7), "write a number"),
]
PREDICTION = [
    Answer("exact", (0.3, 0.3)),
    Answer("near", (0.38, 0.3)),
    Answer("named", (0.8, 0.3, 0.1, {"that is the score of the crop": 0.82}), "score of the crop"),
    Answer("per cent", (30, 0.3), "not per cent"),
    Answer("negative", (-0.3, 0.3), "between 0 and 1"),
    Answer("high", (0.5, 0.3), "too high"),
    Answer("low", (0.1, 0.3), "too low"),
    Answer("no share", (5, 7.0, 1.0), "too low"),
    Answer("words", ("some", 0.3), "write a number"),
]
VALUES = {"all": 0.0, "parts": 0.3, "anchors": 0.6}
ORDER = [
    Answer("in order", (["all", "parts", "anchors"], VALUES)),
    Answer("a tuple", (("all", "parts", "anchors"), VALUES)),
    Answer("exchanged", (["all", "anchors", "parts"], VALUES), "'anchors' stands before 'parts'"),
    Answer("reversed", (["anchors", "parts", "all"], VALUES), "reversed"),
    Answer("one missing", (["all", "parts"], VALUES), "'anchors' is missing"),
    Answer("one twice", (["all", "all", "parts", "anchors"], VALUES), "stands twice"),
    Answer("unknown", (["all", "parts", "anchor"], VALUES), "'anchor' is none of"),
    Answer("a word", ("all", VALUES), "write a list"),
]
TRIED = {
    check_crossing: CROSSING,
    check_verdict: VERDICT,
    check_test_size: TEST_SIZE,
    check_standard_error: STANDARD_ERROR,
    check_num_images: NUM_IMAGES,
    check_pairing: PAIRING,
    check_number: NUMBER,
    check_prediction: PREDICTION,
    check_order: ORDER,
}
