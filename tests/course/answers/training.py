"""Right and wrong answers to the exercises on the training step and on large batches."""

import tensorflow as tf

from answers.answer import Answer
from simclr_utils.course import check_candidates, check_carrier, check_training_step
from simclr_utils.course.training_exercises import STEP_ANSWERS, reference_step
from simclr_utils.training import nt_xent_loss


def by_hand(images, augmenter, encoder, head, optimizer, temperature):
    views = tf.concat([augmenter(images), augmenter(images)], axis=0)
    with tf.GradientTape() as tape:
        projections = head(encoder(views, training=True), training=True)
        loss = nt_xent_loss(*tf.split(projections, 2), temperature)
    weights = encoder.trainable_variables + head.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return loss


def with_mistake(mistake):
    return lambda *parts: reference_step(*parts[:-1], **mistake)


def silent(*parts):
    by_hand(*parts)


def without_update(images, augmenter, encoder, head, optimizer, temperature):
    views = tf.concat([augmenter(images), augmenter(images)], axis=0)
    projections = head(encoder(views, training=True), training=True)
    return nt_xent_loss(*tf.split(projections, 2), temperature)


def larger_rate(images, augmenter, encoder, head, optimizer, temperature):
    optimizer.learning_rate = 1.0
    return by_hand(images, augmenter, encoder, head, optimizer, temperature)


STEPS = [
    Answer("by hand", (by_hand,)),
    Answer("by hand, as a `tf.function`", (tf.function(by_hand),)),
    *(
        Answer(str(mistake or "the reference"), (with_mistake(mistake),), message)
        for message, mistake in STEP_ANSWERS.items()
    ),
    Answer("the starting version", (without_update,), "no weight has changed"),
    Answer("no return", (silent,), "Nearly: the weights are right, but nothing is returned"),
    Answer(
        "twice the loss",
        (lambda *p: 2 * by_hand(*p),),
        "Nearly: the weights are right, but another",
    ),
    Answer("another learning rate", (larger_rate,), "none of the usual"),
    Answer("an error", (lambda *parts: 1 / 0,), "ZeroDivisionError"),
]
CARRIER = [
    Answer("sum of the product", (lambda z, cached: tf.reduce_sum(z * cached),)),
    Answer("`tensordot`", (lambda z, cached: tf.tensordot(z, cached, 2),)),
    Answer("`einsum`", (lambda z, cached: tf.einsum("nd,nd->", z, cached),)),
    Answer("the starting version", (lambda z, cached: tf.reduce_sum(z),), "is not used"),
    Answer("mean", (lambda z, cached: tf.reduce_mean(z * cached),), "not the mean"),
    Answer(
        "mean over the rows",
        (lambda z, cached: tf.reduce_mean(tf.reduce_sum(z * cached, 1)),),
        "over the rows too",
    ),
    Answer("minus", (lambda z, cached: -tf.reduce_sum(z * cached),), "sign is wrong"),
    Answer("squared", (lambda z, cached: tf.reduce_sum(z * z * cached),), "once, not twice"),
    Answer("distance", (lambda z, c: tf.reduce_sum((z - c) ** 2),), "squared distance"),
    Answer(
        "stopped gradient",
        (lambda z, cached: tf.reduce_sum(tf.stop_gradient(z) * cached),),
        "no gradient reaches",
    ),
    Answer("squares", (lambda z, cached: tf.reduce_sum(z * z),), "none of the usual"),
    Answer("an error", (lambda z: z,), "TypeError"),
]
CANDIDATES = [
    Answer("127 and 8,191", (127, 8191)),
    Answer("the starting version", (4095, 4095), "accumulated: an average of gradients"),
    Answer("8,191 twice", (8191, 8191), "accumulated: an average of gradients"),
    Answer("127 twice", (127, 127), "cached: gradient caching puts all parts"),
    Answer("128", (128, 8191), "accumulated: an anchor does not compete"),
    Answer("126", (126, 8191), "accumulated: the positive is a candidate"),
    Answer("63", (63, 8191), "accumulated: each image has two views"),
    Answer("the loss", (4.84, 8191), "accumulated: write the number of candidates"),
    Answer("8,192", (127, 8192), "cached: an anchor does not compete"),
    Answer("8,190", (127, 8190), "cached: the positive is a candidate"),
    Answer("4,095", (127, 4095), "cached: each image has two views"),
    Answer("1,000", (127, 1000), "cached: too low"),
    Answer("254", (254, 8191), "twice what it should be"),
    Answer("words", ("many", 8191), "write a number"),
]
TRIED = {check_training_step: STEPS, check_carrier: CARRIER, check_candidates: CANDIDATES}
