"""Right and wrong answers to the exercises on ablations, variants of the loss, and mixtures."""

import numpy as np
from faked_ablations import fake_rows
from scipy.special import logsumexp

from answers.answer import Answer
from simclr_utils.course import (
    check_cell,
    check_cell_order,
    check_cutmix,
    check_denominator,
    check_effect,
    check_loss_candidates,
    check_mixup,
)

PAIRS = fake_rows(
    "augmentation-pairs",
    {"crop": 0.30, "color": 0.25, "crop+color": 0.60},
    contrastive_accuracy=0.9,
)
HEADS = fake_rows(
    "head",
    {"none": 0.45, "linear": 0.55, "1-hidden": 0.56, "2-hidden": 0.561, "3-hidden": 0.50},
    projections_accuracy=0.2,
)
ONE_SEED = fake_rows("head", {"none": 0.45, "linear": 0.55}, seeds=(0.0,))


def cell(words, guess, said="Right", rows=PAIRS, key="crop+color", **more):
    return Answer(words, (guess, rows, key, *more.values()), said)


CELL = [
    cell("the mean", 0.60),
    cell("in the interval", 0.64, "Right: your guess lies in the interval. Measured: 60.0 ± 5.0 %"),
    cell("an array", np.array([0.62])),
    cell("near one seed's value", 0.47, "Right: within 3 points", ONE_SEED, "none"),
    cell("before a guess", None, "write your guess in place of None"),
    cell("a word", "much", "write a number"),
    cell("per cent", 60, "not per cent"),
    cell("negative", -0.6, "write a share between 0 and 1"),
    cell(
        "as for the crop",
        0.31,
        "about crop alone; think of what the other operation does. Measured:",
    ),
    cell("as for the color", 0.245, "about color alone"),
    cell("the task", 0.9, "contrastive accuracy, which says how well the task is solved"),
    cell("high", 0.75, "too high. Measured: 60.0 ± 5.0 %"),
    cell("low", 0.4, "too low"),
    cell("the projections'", 0.2, "the probe on the projections", HEADS, "linear"),
    Answer("chance", (0.1, PAIRS, "crop", 100, 0.03, {"that is chance": 0.1}), "that is chance"),
]


def effect(words, answer, said, cell="none", reference="1-hidden", rows=HEADS):
    return Answer(words, (answer, rows, cell, reference), said)


EFFECT = [
    effect("worse", "worse", "Right: the interval leaves out 0. Measured, seed by seed: none is"),
    effect("better", "better", "Right", "1-hidden", "none"),
    effect("cannot tell", "cannot tell", "Right: the interval contains 0", "2-hidden"),
    effect("a guess where nothing is decided", "better", "Nearly: you may be right", "2-hidden"),
    effect("the other guess", "worse", "Nearly: you may be right", "2-hidden"),
    effect("one seed", "better", "Nearly", "none", "linear", ONE_SEED),
    effect("before an answer", None, "write your guess in place of None"),
    effect("another word", "good", "write one of 'better', 'worse', 'cannot tell', not 'good'"),
    effect("the wrong way", "better", "Not yet: it is the other way round. Measured"),
    effect("undecided", "cannot tell", "Not yet: the seeds can tell"),
]


def order(words, names, said="Right", cells=("none", "linear", "1-hidden"), rows=HEADS):
    return Answer(words, (names, rows, cells), said)


TWINS = ("none", "1-hidden", "2-hidden")
ORDER = [
    order("by the means", ["none", "linear", "1-hidden"]),
    order(
        "the seeds cannot tell",
        ["none", "1-hidden", "2-hidden"],
        "Right: nothing that the seeds",
        TWINS,
    ),
    order("nor the other way", ["none", "2-hidden", "1-hidden"], "Right: nothing", TWINS),
    order("all decided", ("none", "3-hidden"), "Right: this is the order", ("none", "3-hidden")),
    order(
        "one seed",
        ["linear", "none"],
        "Right: nothing that the seeds",
        ("none", "linear"),
        ONE_SEED,
    ),
    order("before an order", None, "write your guess in place of None"),
    order("a word", "none", "write a list"),
    order("unknown", ["none", "linear", "mlp"], "'mlp' is none of 'none', 'linear', '1-hidden'"),
    order("one missing", ["none", "linear"], "'1-hidden' is missing"),
    order("one twice", ["none", "linear", "1-hidden", "none"], "stands twice"),
    order("exchanged", ["linear", "none", "1-hidden"], "'linear' stands before 'none', but it is"),
    order(
        "reversed",
        ["linear", "3-hidden", "none"],
        "the order is reversed",
        ("none", "3-hidden", "linear"),
    ),
]


def negatives(logits, positives):
    columns = np.arange(len(logits))
    return (columns != columns[:, None]) & (columns != positives[:, None])


def masked(logits, positives, fill=-np.inf):
    return np.where(negatives(logits, positives), logits, fill)


def deleted(logits, positives):
    rows = range(len(logits))
    return [np.exp(np.delete(logits[i], [i, positives[i]])).sum() for i in rows]


def without(anchor=True, positive=True):
    def function(logits, positives):
        rows, terms = np.arange(len(logits)), np.exp(logits)
        gone = terms.sum(axis=1)
        gone = gone - (terms[rows, rows] if anchor else 0)
        return gone - (terms[rows, positives] if positive else 0)

    return function


def of_side(other):
    def function(logits, positives):
        sides = np.arange(len(logits)) // (len(logits) // 2)
        kept = negatives(logits, positives) & ((sides != sides[:, None]) == other)
        return (np.exp(logits) * kept).sum(axis=1)

    return function


DENOMINATOR = [
    Answer("a mask", (lambda z, p: np.exp(masked(z, p)).sum(axis=1),)),
    Answer("by subtraction", (without(),)),
    Answer("by a loop", (deleted,)),
    Answer("by columns", (lambda z, p: np.exp(masked(z, p)).sum(axis=0),)),
    Answer("the starting version", (without(False, False),), "the anchor and its positive are"),
    Answer("NT-Xent's", (without(True, False),), "the positive is still in the sum"),
    Answer("with the anchor", (without(False, True),), "each anchor is still in its own sum"),
    Answer("across views", (of_side(True),), "the own view's are missing"),
    Answer("within a view", (of_side(False),), "the other view's are missing"),
    Answer("logarithm", (lambda z, p: logsumexp(masked(z, p), axis=1),), "the logarithm"),
    Answer("no exponential", (lambda z, p: masked(z, p, 0).sum(axis=1),), "exponential is missing"),
    Answer("zeros", (lambda z, p: np.exp(masked(z, p, 0)).sum(axis=1),), "still counts 1"),
    Answer("mean", (lambda z, p: without()(z, p) / (len(z) - 2),), "not their mean"),
    Answer(
        "a ratio",
        (lambda z, p: np.exp(z)[np.arange(len(z)), p] / without()(z, p),),
        "share of the positive",
    ),
    Answer("one number", (lambda z, p: without()(z, p).sum(),), "one number for each"),
    Answer("a matrix", (lambda z, p: np.exp(masked(z, p)),), "yours has the shape (8, 8)"),
    Answer("ones", (lambda z, p: np.ones(len(z)),), "none of the usual"),
    Answer("an error", (lambda z: z,), "TypeError"),
]
CANDIDATES = [
    Answer("255, 128, 254", (255, 128, 254)),
    Answer("the starting version", (256, 256, 256), "nt_xent: an anchor does not compete"),
    Answer("254 for NT-Xent", (254, 128, 254), "nt_xent: the positive is in the denominator too"),
    Answer("one view for NT-Xent", (128, 128, 254), "nt_xent: each image has two views"),
    Answer("127 across", (255, 127, 254), "cross_view: the positive is one of them"),
    Answer("255 across", (255, 255, 254), "cross_view: only the other view's are left"),
    Answer("255 decoupled", (255, 128, 255), "decoupled: the decoupled loss leaves out"),
    Answer("256 decoupled", (255, 128, 256), "decoupled: an anchor does not compete"),
    Answer("253 decoupled", (255, 128, 253), "decoupled: two are left out"),
    Answer("126 decoupled", (255, 128, 126), "decoupled: each image has two views"),
    Answer("1,000", (255, 128, 1000), "decoupled: too high"),
    Answer("words", (255, "half", 254), "cross_view: write a number"),
]


def mixup(images=None, targets=None):
    def right(whole, partners, shares):
        own = shares.reshape(-1, *[1] * (whole.ndim - 1))
        return own * whole + (1 - own) * whole[partners]

    def function(pictures, classes, partners, shares):
        return (
            (images or right)(pictures, partners, shares),
            (targets or right)(classes, partners, shares),
        )

    return function


def share_of(shares, whole):
    return shares.reshape(-1, *[1] * (whole.ndim - 1))


def mix_by_einsum(images, targets, partners, shares):
    weights = np.diag(shares)
    weights[np.arange(len(shares)), partners] += 1 - shares
    return np.einsum("ij,jhwc->ihwc", weights, images), weights @ targets


MIXUP = [
    Answer("by hand", (mixup(),)),
    Answer("one matrix of weights", (mix_by_einsum,)),
    Answer("the starting version", (mixup(targets=lambda y, p, s: y),), "targets: they are unch"),
    Answer("targets alone", (mixup(images=lambda x, p, s: x),), "images: they are unchanged"),
    Answer("the partners", (mixup(lambda x, p, s: x[p]),), "images: they are the partners'"),
    Answer(
        "exchanged",
        (mixup(None, lambda y, p, s: (1 - s[:, None]) * y + s[:, None] * y[p]),),
        "targets: the shares are exchanged",
    ),
    Answer("one share", (mixup(lambda x, p, s: s[0] * x + (1 - s[0]) * x[p]),), "a share of its"),
    Answer(
        "the larger share",
        (mixup(None, lambda y, p, s: mixup()(y, y, p, np.maximum(s, 1 - s))[1]),),
        "use the shares as they are",
    ),
    Answer("a sum", (mixup(None, lambda y, p, s: y + y[p]),), "targets: both parts are added"),
    Answer("half and half", (mixup(lambda x, p, s: (x + x[p]) / 2),), "half and half"),
    Answer("own part", (mixup(lambda x, p, s: share_of(s, x) * x),), "partner's part is missing"),
    Answer(
        "partner unweighted",
        (mixup(lambda x, p, s: share_of(s, x) * x + x[p]),),
        "partner needs its share",
    ),
    Answer(
        "in reverse",
        (lambda x, y, p, s: mixup()(x, y, np.arange(4)[::-1], s),),
        "not the given ones",
    ),
    Answer("squares", (mixup(lambda x, p, s: x**2),), "images: none of the usual"),
    Answer("a shape", (mixup(lambda x, p, s: x[:, 0]),), "images: the shape is (4, 3, 2)"),
    Answer("images only", (lambda x, y, p, s: (mixup()(x, y, p, s)[0],),), "return two arrays"),
    Answer("no axes", (lambda x, y, p, s: (s * x, s * y),), "raised ValueError"),
    Answer("nothing", (lambda x, y, p, s: None,), "TypeError"),
]


def clipped(box, size):
    top, left, bottom, right = np.clip(box, 0, size)
    return bottom - top, right - left


def by_mask(box, size):
    mask = np.zeros((size, size))
    mask[max(0, box[0]) : box[2], max(0, box[1]) : box[3]] = 1
    return 1 - mask.mean()


def cutmix(share):
    return lambda box, size: share(*clipped(box, size), size)


CUTMIX = [
    Answer("the area", (cutmix(lambda h, w, size: 1 - h * w / size**2),)),
    Answer("a mask", (by_mask,)),
    Answer("the pasted part", (cutmix(lambda h, w, size: h * w / size**2),), "of the pasted"),
    Answer(
        "the starting version",
        (lambda box, size: (box[2] - box[0]) * (box[3] - box[1]) / size**2,),
        "and boxes reach beyond the edge",
    ),
    Answer(
        "beyond the edge",
        (lambda box, size: 1 - (box[2] - box[0]) * (box[3] - box[1]) / size**2,),
        "cut it off",
    ),
    Answer("by the side", (cutmix(lambda h, w, size: 1 - h * w / size),), "the side squared"),
    Answer("pixels left", (cutmix(lambda h, w, size: size**2 - h * w),), "pixels that are left"),
    Answer("pixels", (cutmix(lambda h, w, size: h * w),), "number of pasted pixels"),
    Answer(
        "one more",
        (cutmix(lambda h, w, size: 1 - (h + 1) * (w + 1) / size**2),),
        "not part of the box",
    ),
    Answer("a root", (cutmix(lambda h, w, size: 1 - (h * w) ** 0.5 / size),), "no root"),
    Answer("a sum", (cutmix(lambda h, w, size: 1 - (h + w) / 2 / size),), "you add them"),
    Answer("height", (cutmix(lambda h, w, size: 1 - h / size),), "the height alone"),
    Answer("width", (cutmix(lambda h, w, size: 1 - w / size),), "the width alone"),
    Answer("per cent", (cutmix(lambda h, w, size: 100 - 100 * h * w / size**2),), "in per cent"),
    Answer("half", (lambda box, size: 0.5,), "none of the usual"),
    Answer("an error", (lambda box: 1,), "TypeError"),
]
TRIED = {
    check_cell: CELL,
    check_effect: EFFECT,
    check_cell_order: ORDER,
    check_denominator: DENOMINATOR,
    check_loss_candidates: CANDIDATES,
    check_mixup: MIXUP,
    check_cutmix: CUTMIX,
}
