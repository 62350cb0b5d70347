"""Right and wrong answers to the exercises on losses."""

import numpy as np
import tensorflow as tf

from answers.answer import Answer
from simclr_utils.course import check_chance, check_supcon, check_temperature
from simclr_utils.training import check_nt_xent, nt_xent_loss


def by_loop(view_1, view_2, temperature):
    """Anchor by anchor, with interleaved views and their partners."""
    projections = np.stack([view_1, view_2], axis=1).reshape(-1, view_1.shape[1])
    losses = []
    for i, anchor in enumerate(projections):
        terms = [
            np.exp(anchor @ p / np.linalg.norm(anchor) / np.linalg.norm(p) / temperature)
            for p in projections
        ]
        losses.append(-np.log(terms[i ^ 1] / (sum(terms) - terms[i])))
    return np.mean(losses)


def by_cross_entropy(view_1, view_2, temperature):
    """Two blocks of logits, as in the paper's code."""
    first, second = (tf.math.l2_normalize(tf.cast(v, tf.float32), 1) for v in (view_1, view_2))
    count = len(view_1)
    own = [z @ tf.transpose(z) / temperature - 1e9 * tf.eye(count) for z in (first, second)]
    cross = first @ tf.transpose(second) / temperature
    rows = [tf.concat([cross, own[0]], 1), tf.concat([tf.transpose(cross), own[1]], 1)]
    losses = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(count), each) for each in rows
    ]
    return tf.reduce_mean(losses)


def unit(rows, axis=1):
    return rows / np.linalg.norm(rows, axis=axis, keepdims=True)


def written(
    normalize=unit, logits=lambda z, t: z @ z.T / t, mask=None, positive=None, denominator=None,
    last=np.mean,
):  # fmt: skip
    """Builds NT-Xent as a learner writes it, with parts that can be replaced."""

    def function(view_1, view_2, temperature):
        projections = normalize(np.concatenate([view_1, view_2]))
        matrix, count = logits(projections, temperature), len(view_1)
        anchors = np.arange(2 * count)
        partners = positive(anchors) if positive else (anchors + count) % (2 * count)
        exponentials = np.exp(matrix)
        exponentials = mask(exponentials) if mask else exponentials * (1 - np.eye(2 * count))
        positives = exponentials[anchors, partners]
        sums = exponentials.sum(axis=1)
        sums = denominator(exponentials, positives) if denominator else sums
        return last(-np.log(positives / sums))

    return function


def zero_diagonal(view_1, view_2, temperature):
    projections, count = unit(np.concatenate([view_1, view_2])), len(view_1)
    logits = projections @ projections.T / temperature
    np.fill_diagonal(logits, 0)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    anchors = np.arange(2 * count)
    return -logs[anchors, (anchors + count) % (2 * count)].mean()


def cross_views(both):
    def function(view_1, view_2, temperature):
        cross = unit(view_1) @ unit(view_2).T / temperature
        sides = [
            np.log(np.exp(each).sum(axis=1)) - np.diag(each)
            for each in (cross, cross.T)[: 1 + both]
        ]
        return np.mean(sides)

    return function


def half(losses):
    return losses[: len(losses) // 2].mean()


def diagonal_kept(exponentials):
    return exponentials


NT_XENT = [
    Answer("the library's", (nt_xent_loss,)),
    Answer("the library's as a `tf.function`", (tf.function(nt_xent_loss),)),
    Answer("the four steps, with NumPy", (written(),)),
    Answer("a loop over interleaved views", (by_loop,)),
    Answer("two blocks of logits, float32", (by_cross_entropy,)),
    Answer("no length 1", (written(lambda rows: rows),), "not normalized"),
    Answer(
        "columns",
        (written(lambda rows: unit(rows, 0)),),
        "columns are normalized. Normalize each row",
    ),
    Answer("whole matrix", (written(lambda r: r / np.linalg.norm(r)),), "divided by one length"),
    Answer(
        "squared lengths",
        (written(lambda rows: rows / (rows**2).sum(1, keepdims=True)),),
        "squared length",
    ),
    Answer("one view twice", (lambda a, b, t: written()(a, a, t),), "same view stands twice"),
    Answer("times the temperature", (written(logits=lambda z, t: z @ z.T * t),), "a divisor"),
    Answer("no temperature", (written(logits=lambda z, t: z @ z.T),), "temperature is missing"),
    Answer("temperature twice", (written(logits=lambda z, t: z @ z.T / t**2),), "divides twice"),
    Answer("the Keras sign", (written(logits=lambda z, t: -z @ z.T / t),), "wrong sign, as in"),
    Answer("no mask", (written(mask=diagonal_kept),), "ask the diagonal"),
    Answer("diagonal of the logits 0", (zero_diagonal,), "the diagonal of the logits is 0"),
    Answer("the other view's candidates only", (cross_views(True),), "own view are missing"),
    Answer("one direction", (cross_views(False),), "only N views are anchors, and only the other"),
    Answer("partner i ^ 1 of stacked views", (written(positive=lambda i: i ^ 1),), "interleaved"),
    Answer(
        "the anchor as its own positive",
        (written(mask=diagonal_kept, positive=lambda i: i),),
        "the anchor itself",
    ),
    Answer(
        "the positive left out of the sum",
        (written(denominator=lambda e, positives: e.sum(axis=1) - positives),),
        "missing from the denominator",
    ),
    Answer(
        "softmax over the whole matrix",
        (written(denominator=lambda e, positives: e.sum()),),
        "sum over the whole matrix",
    ),
    Answer("N anchors", (written(last=half),), "only the N views of one side are anchors"),
    Answer("no logarithm", (written(last=lambda x: np.exp(-x).mean()),), "logarithm is missing"),
    Answer(
        "logarithm of the mean",
        (written(last=lambda x: -np.log(np.exp(-x).mean())),),
        "mean is taken before",
    ),
    Answer("log2", (written(last=lambda x: x.mean() / np.log(2)),), "base 2"),
    Answer("log10", (written(last=lambda x: x.mean() / np.log(10)),), "base 10"),
    Answer("sum", (written(last=np.sum),), "not the sum"),
    Answer("twice", (written(last=lambda x: 2 * x.mean()),), "twice the loss"),
    Answer("half", (written(last=lambda x: x.mean() / 2),), "half the loss"),
    Answer("divided by N more", (written(last=lambda x: 2 * x.mean() / len(x)),), "by N once more"),
    Answer("divided by 2N more", (written(last=lambda x: x.mean() / len(x)),), "by 2N once more"),
    Answer("minus", (written(last=lambda x: -x.mean()),), "sign is wrong"),
    Answer("chance", (lambda a, b, t: np.log(2 * len(a) - 1),), "chance level"),
    Answer("a constant", (lambda a, b, t: 0.123,), "none of the usual"),
    Answer("a vector", (written(last=lambda x: x),), "return one number"),
    Answer("nothing", (lambda a, b, t: None,), "returns nothing"),
    Answer("nan", (lambda a, b, t: np.nan,), "not a number"),
    Answer("infinite", (written(positive=lambda i: i),), "infinite"),
    Answer("an error", (lambda a, b, t: 1 / 0,), "ZeroDivisionError"),
]

TEMPERATURE = [
    Answer("exp(0.2 / 0.1)", (np.exp((0.9 - 0.7) / 0.1),)),
    Answer("7.39", (7.39,)),
    Answer("0.9 / 0.7", (0.9 / 0.7,), "ratio of the cosines"),
    Answer("exp(0.2)", (np.exp(0.2),), "temperature is missing"),
    Answer("exp(0.02)", (np.exp(0.02),), "you multiply"),
    Answer("0.2", (0.2,), "this is the difference of the cosines"),
    Answer("2", (2,), "difference of the exponents"),
    Answer("exp(20)", (np.exp(20),), "divides twice"),
    Answer("exp(-2)", (np.exp(-2),), "the second in terms of the first"),
    Answer("a share", (0.8808,), "share of both"),
    Answer("a difference", (np.exp(9) - np.exp(7),), "difference of the two terms"),
    Answer("2 ** 2", (4,), "base e"),
    Answer("10 ** 2", (100,), "not 10"),
    Answer("5", (5,), "too low"),
    Answer("nothing", (None,), "write a single number"),
]


def chance(count=lambda n: 2 * n - 1, loss=np.log, accuracy=lambda m: 1 / m):
    return lambda batch_size: (loss(count(batch_size)), accuracy(count(batch_size)))


CHANCE = [
    Answer("log(2N - 1) and 1 / (2N - 1)", (chance(),)),
    Answer("a list of TensorFlow's", (lambda n: [tf.math.log(2.0 * n - 1), 1 / (2 * n - 1)],)),
    Answer("N", (chance(lambda n: n),), "for the loss: the views of *both* sides"),
    Answer("N - 1", (chance(lambda n: n - 1),), "the anchor aside"),
    Answer("2N", (chance(lambda n: 2 * n),), "does not compete with itself"),
    Answer("2N - 2", (chance(lambda n: 2 * n - 2),), "include the positive"),
    Answer("log2", (chance(loss=np.log2),), "base 2"),
    Answer("log10", (chance(loss=np.log10),), "base 10"),
    Answer("minus", (chance(loss=lambda m: -np.log(m)),), "*minus* the logarithm"),
    Answer("no logarithm", (chance(loss=lambda m: m),), "take its logarithm"),
    Answer("probability", (chance(loss=lambda m: 1 / m),), "this is the probability"),
    Answer("accuracy 1/2", (chance(accuracy=lambda m: 0.5),), "for the accuracy: two classes"),
    Answer("accuracy in %", (chance(accuracy=lambda m: 100 / m),), "not per cent"),
    Answer(
        "accuracy 1/N", (chance(accuracy=lambda m: 2 / (m + 1)),), "for the accuracy: the views"
    ),
    Answer(
        "accuracy 1/2N", (chance(accuracy=lambda m: 1 / (m + 1)),), "for the accuracy: an anchor"
    ),
    Answer("share of wrong ones", (chance(accuracy=lambda m: 1 - 1 / m),), "wrong guesses"),
    Answer("built-in batch size", (lambda n: chance()(4),), "for the loss: none of the usual"),
    Answer("one number", (lambda n: [np.log(2 * n - 1)],), "return two numbers"),
    Answer("an error", (lambda n: np.log(2 * n - 1),), "TypeError"),
]


def supcon(
    normalize=unit, factor=lambda t: 1 / t, own_positive=False, keep_self=False, last=np.mean,
    weigh=lambda sums, counts: sums / counts,
):  # fmt: skip
    def function(projections, labels, temperature):
        rows = normalize(projections)
        logits = rows @ rows.T * factor(temperature)
        if not keep_self:
            np.fill_diagonal(logits, -np.inf)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        positive = labels[:, None] == labels
        if not own_positive:
            positive &= ~np.eye(len(labels), dtype=bool)
        return last(weigh(-np.where(positive, logs, 0).sum(axis=1), positive.sum(axis=1)))

    return function


def supcon_loop(projections, labels, temperature):
    rows, losses = unit(projections), []
    for i, anchor in enumerate(rows):
        others = [j for j in range(len(rows)) if j != i]
        total = sum(np.exp(anchor @ rows[j] / temperature) for j in others)
        own = [j for j in others if labels[j] == labels[i]]
        losses.append(np.mean([np.log(total) - anchor @ rows[j] / temperature for j in own]))
    return np.mean(losses)


def inside(mean):
    def function(projections, labels, temperature):
        rows = unit(projections)
        terms = np.exp(rows @ rows.T / temperature) * (1 - np.eye(len(rows)))
        same = (labels[:, None] == labels) & ~np.eye(len(rows), dtype=bool)
        shares = (terms * same).sum(axis=1) / terms.sum(axis=1)
        return -np.log(shares / same.sum(axis=1) if mean else shares).mean()

    return function


def negatives_only(projections, labels, temperature):
    rows = unit(projections)
    logits, same = rows @ rows.T / temperature, labels[:, None] == labels
    sums = np.log(np.where(same, 0, np.exp(logits)).sum(axis=1, keepdims=True))
    own = same & ~np.eye(len(rows), dtype=bool)
    return (np.where(own, sums - logits, 0).sum(axis=1) / own.sum(axis=1)).mean()


def first_positive(projections, labels, temperature):
    rows = unit(projections)
    logits = rows @ rows.T / temperature
    np.fill_diagonal(logits, -np.inf)
    partners = [next(j for j in range(len(rows)) if j != i and labels[j] == labels[i])
                for i in range(len(rows))]  # fmt: skip
    sums = np.log(np.exp(logits).sum(axis=1))
    return (sums - logits[np.arange(len(rows)), partners]).mean()


SUPCON = [
    Answer("with a mask", (supcon(),)),
    Answer("with a loop", (supcon_loop,)),
    Answer("no length 1", (supcon(lambda rows: rows),), "not normalized"),
    Answer("no temperature", (supcon(factor=lambda t: 1),), "temperature is missing"),
    Answer("times the temperature", (supcon(factor=lambda t: t),), "you multiply"),
    Answer("anchor in the sum", (supcon(keep_self=True),), "ask the diagonal"),
    Answer("anchor a positive", (supcon(keep_self=True, own_positive=True),), "own positives"),
    Answer("minus infinity times 0", (supcon(own_positive=True),), "not finite"),
    Answer("positives left out of the sum", (negatives_only,), "missing from the denominator"),
    Answer("one positive", (first_positive,), "only one positive"),
    Answer("mean inside", (inside(True),), "outside of the logarithm"),
    Answer("sum inside", (inside(False),), "added up inside"),
    Answer("not divided", (supcon(weigh=lambda s, c: s),), "by the number of its positives"),
    Answer(
        "over pairs", (supcon(weigh=lambda s, c: s / c.mean()),), "each anchor's positives first"
    ),
    Answer("sum", (supcon(last=np.sum),), "not the sum"),
    Answer("minus", (supcon(last=lambda x: -x.mean()),), "sign is wrong"),
    Answer("the starting version", (lambda p, y, t: np.log(len(y) - 1),), "chance level"),
    Answer("a vector", (supcon(last=lambda x: x),), "return one number"),
    Answer("a constant", (lambda p, y, t: 0.3,), "none of the usual"),
    Answer("an error", (lambda p, y: 0,), "TypeError"),
]
TRIED = {
    check_nt_xent: NT_XENT,
    check_temperature: TEMPERATURE,
    check_chance: CHANCE,
    check_supcon: SUPCON,
}
