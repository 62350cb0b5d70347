"""Right and wrong answers to the exercises on medical images."""

import numpy as np

from answers.answer import Answer
from simclr_utils.course import check_group_split, check_operating_point, check_predictive_value


def point(first, second, found=lambda scores, threshold: scores >= threshold):
    """Returns a function of truth, scores and threshold from two functions of two booleans."""

    def function(truth, scores, threshold):
        answers = found(scores, threshold)
        return first(answers, truth), second(answers, truth)

    return function


def sensitivity(found, truth):
    return np.mean(found[truth])


def specificity(found, truth):
    return np.mean(~found[~truth])


def precision(found, truth):
    return np.mean(truth[found])


def negative_value(found, truth):
    return np.mean(~truth[~found])


def accuracy(found, truth):
    return np.mean(found == truth)


def above(scores, threshold):
    return scores > threshold


def below(scores, threshold):
    return scores < threshold


def at_most(scores, threshold):
    return scores <= threshold


OPERATING_POINT = [
    Answer("means over each side", (point(sensitivity, specificity),)),
    Answer(
        "counts",
        (point(lambda f, t: (f & t).sum() / t.sum(), lambda f, t: (~f & ~t).sum() / (~t).sum()),),
    ),
    Answer(
        "truth == 1", (point(lambda f, t: np.mean(f[t == 1]), lambda f, t: 1 - f[t == 0].mean()),)
    ),
    Answer("the starting version", (point(accuracy, accuracy),), "this is the accuracy, twice"),
    Answer("exchanged", (point(specificity, sensitivity),), "sensitivity comes first"),
    Answer("above", (point(sensitivity, specificity, above),), "use >="),
    Answer("precision", (point(precision, specificity),), "the first number is the precision"),
    Answer("NPV", (point(sensitivity, negative_value),), "the quiet answers that are right"),
    Answer("precision and NPV", (point(precision, negative_value),), "divide by what is true"),
    Answer(
        "false alarms", (point(sensitivity, lambda f, t: f[~t].mean()),), "share of false alarms"
    ),
    Answer("misses", (point(lambda f, t: 1 - f[t].mean(), specificity),), "that is missed"),
    Answer(
        "mistakes",
        (point(lambda f, t: 1 - f[t].mean(), lambda f, t: f[~t].mean()),),
        "the shares of mistakes",
    ),
    Answer("below", (point(sensitivity, specificity, below),), "turn the comparison"),
    Answer("at most", (point(sensitivity, specificity, at_most),), "are turned round"),
    Answer(
        "of all",
        (point(lambda f, t: np.mean(f & t), lambda f, t: np.mean(~f & ~t)),),
        "shares of all images",
    ),
    Answer(
        "numbers",
        (point(lambda f, t: np.sum(f & t), lambda f, t: np.sum(~f & ~t)),),
        "numbers of images",
    ),
    Answer(
        "percent",
        (point(lambda f, t: 100 * f[t].mean(), lambda f, t: 100 - 100 * f[~t].mean()),),
        "in percent",
    ),
    Answer("mean scores", (lambda t, s, threshold: (s[t].mean(), s[~t].mean()),), "is not used"),
    Answer("a constant", (lambda t, s, threshold: (0.9, 0.9),), "none of the usual"),
    Answer("one number", (lambda t, s, threshold: 0.9,), "return two numbers"),
    Answer("three numbers", (lambda t, s, threshold: (1, 1, 1),), "return two numbers"),
    Answer("an error", (lambda truth: 0,), "TypeError"),
]


def predictive(value):
    """Returns a function of sensitivity, specificity and prevalence."""
    return lambda s, c, p: value(s, c, p, s * p, (1 - c) * (1 - p))


PREDICTIVE_VALUE = [
    Answer("Bayes", (predictive(lambda s, c, p, hits, alarms: hits / (hits + alarms)),)),
    Answer("odds", (lambda s, c, p: 1 / (1 + (1 - p) / p * (1 - c) / s),)),
    Answer("the starting version", (lambda s, c, p: s,), "this is the sensitivity"),
    Answer("specificity", (lambda s, c, p: c,), "this is the specificity"),
    Answer("no prevalence", (lambda s, c, p: s / (s + 1 - c),), "the prevalence is missing"),
    Answer("twice sick", (lambda s, c, p: s * p / (s * p + (1 - c) * p),), "is missing"),
    Answer("alarms of all", (lambda s, c, p: s * p / (s * p + 1 - c),), "1 - specificity by"),
    Answer(
        "hits of all", (predictive(lambda s, c, p, h, a: s / (s + a)),), "multiply the sensitivity"
    ),
    Answer(
        "specificity below", (lambda s, c, p: s * p / (s * p + c * (1 - p)),), "not the specificity"
    ),
    Answer("joint", (lambda s, c, p: s * p,), "all people with a true alarm"),
    Answer("alarms", (predictive(lambda s, c, p, h, a: h + a),), "all people with an alarm"),
    Answer("false", (predictive(lambda s, c, p, h, a: a / (h + a)),), "alarms that are false"),
    Answer(
        "negative",
        (lambda s, c, p: c * (1 - p) / (c * (1 - p) + (1 - s) * p),),
        "negative predictive value",
    ),
    Answer("odds only", (predictive(lambda s, c, p, h, a: h / a),), "these are odds"),
    Answer("likelihood ratio", (lambda s, c, p: s / (1 - c),), "likelihood ratio"),
    Answer("accuracy", (lambda s, c, p: s * p + c * (1 - p),), "this is the accuracy"),
    Answer("prevalence", (lambda s, c, p: p,), "this is the prevalence"),
    Answer("percent", (predictive(lambda s, c, p, h, a: 100 * h / (h + a)),), "in percent"),
    Answer("a constant", (lambda s, c, p: 0.5,), "none of the usual"),
    Answer("words", (lambda s, c, p: "high",), "ValueError"),
    Answer("an error", (lambda s: s,), "TypeError"),
]


def drawn(values, share=0.2, seed=1):
    """Returns a share of the distinct values, drawn at random."""
    values = np.unique(values)
    return np.random.default_rng(seed).permutation(values)[: round(share * len(values))]


def with_fold(groups):
    from sklearn.model_selection import GroupKFold

    held_out = np.zeros(len(groups), bool)
    held_out[next(GroupKFold(5).split(groups, groups=groups))[1]] = True
    return held_out


def images_at_random(groups):
    return np.random.default_rng(1).random(len(groups)) < 0.2


def groups_of_images(groups):
    drawn_images = np.random.default_rng(1).choice(groups, len(groups) // 5, replace=False)
    return np.isin(groups, drawn_images)


GROUP_SPLIT = [
    Answer("isin", (lambda groups: np.isin(groups, drawn(groups)),)),
    Answer("a list", (lambda groups: [group in set(drawn(groups)) for group in groups],)),
    Answer("GroupKFold", (with_fold,)),
    Answer("the starting version", (images_at_random,), "draw groups, not images"),
    Answer("the first fifth", (lambda g: np.arange(len(g)) < len(g) / 5,), "on both sides"),
    Answer("numbers of groups", (drawn,), "the numbers of groups"),
    Answer(
        "a boolean each group", (lambda g: np.isin(np.unique(g), drawn(g)),), "as np.isin gives"
    ),
    Answer("places", (lambda g: np.flatnonzero(np.isin(g, drawn(g))),), "places of images"),
    Answer("0 and 1", (lambda g: np.isin(g, drawn(g)).astype(int),), "return booleans, not 0"),
    Answer("floats", (lambda g: np.isin(g, drawn(g)) * 1.5,), "of the type float64"),
    Answer("two sides", (lambda g: np.isin([g, g], drawn(g)),), "your result has the shape"),
    Answer("pairs", (lambda g: (np.isin(g, drawn(g)), None),), "boolean for each image"),
    Answer("turned round", (lambda g: ~np.isin(g, drawn(g)),), "turned round"),
    Answer("groups of a fifth of the images", (groups_of_images,), "drawn a fifth of the images"),
    Answer("half", (lambda g: np.isin(g, drawn(g, 0.5)),), "50% of the groups"),
    Answer("all", (lambda g: np.ones(len(g), bool),), "all images are held out"),
    Answer("none", (lambda g: np.zeros(len(g), bool),), "no images are held out"),
    Answer("nothing", (lambda g: None,), "return an array"),
    Answer("an error", (lambda: 0,), "TypeError"),
]
TRIED = {
    check_operating_point: OPERATING_POINT,
    check_predictive_value: PREDICTIVE_VALUE,
    check_group_split: GROUP_SPLIT,
}
