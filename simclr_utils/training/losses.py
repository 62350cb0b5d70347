"""Contrastive losses by name, and the accuracy on their pretext task."""

import math

import tensorflow as tf

from simclr_utils.training.loss_checks import find_nt_xent_mistake
from simclr_utils.training.loss_facts import annotate_loss
from simclr_utils.training.loss_variants import (
    alignment_loss,
    cross_view_loss,
    decoupled_loss,
    unnormalized_loss,
)
from simclr_utils.training.similarities import (
    candidate_logits,
    check_temperature,
    hits_in_blocks,
    loss_in_blocks,
    unit_projections,
)


@annotate_loss(lambda num_images: math.log(2 * num_images - 1), find_nt_xent_mistake)
def nt_xent_loss(
    projections_1: tf.Tensor,
    projections_2: tf.Tensor,
    temperature: float = 0.1,
    block_size: int | None = None,
) -> tf.Tensor:
    """Computes NT-Xent, the normalized temperature-scaled cross entropy.

    Each of the 2N views is an anchor. Its candidates are the 2N-1 other views, from both sides.
    One candidate is the positive: the other view of the anchor's image. The
    similarity of two views is the cosine of their projections, divided by the temperature. The
    loss is the cross entropy of finding the positive among the candidates, averaged over the 2N
    anchors. It is at least 0. If all projections are identical, it is log(2N-1), its chance level.

    Args:
        projections_1: Float tensor or array `[N, D]`, the projections of the first views. The
            rows may have any length; they are normalized here.
        projections_2: Float tensor or array `[N, D]`, the projections of the second views. Row i
            comes from the same image as row i of `projections_1`.
        temperature: Float above 0. A low temperature puts the weight on the hardest negatives.
        block_size: Integer, at least 1, or `None`. The number of anchors whose similarities are
            in memory at once. `None` holds all of them, `[2N, 2N]`. The loss and its gradient do
            not depend on it, except for rounding.

    Returns:
        A scalar tensor: float64 for float64 projections, float32 for all others.

    Raises:
        ValueError: If `temperature` is not above 0.

    Example:

    >>> first = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    >>> float(nt_xent_loss(first, first, temperature=0.5))  # log(1 + 2 exp(-1 / 0.5))
    0.239...
    >>> same = tf.ones([256, 128])
    >>> float(nt_xent_loss(same, same))  # log(2 * 256 - 1), whatever the temperature
    6.236...

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", equation 1 and algorithm 1.
    """
    if block_size is not None:
        check_temperature(temperature)
        units = unit_projections(projections_1, projections_2)
        return loss_in_blocks(units, temperature, block_size)
    logits, positives = candidate_logits(projections_1, projections_2, temperature)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
    return tf.reduce_mean(losses)


# The losses that `Config.loss` can name. An entry is a function
# `(projections_1, projections_2, temperature)` that returns a scalar.
LOSSES = {
    "nt_xent": nt_xent_loss,
    "cross_view": cross_view_loss,
    "decoupled": decoupled_loss,
    "alignment": alignment_loss,
    "unnormalized": unnormalized_loss,
}


def contrastive_accuracy(
    projections_1: tf.Tensor, projections_2: tf.Tensor, block_size: int | None = None
) -> tf.Tensor:
    """Computes how often the positive is the most similar of an anchor's 2N-1 candidates.

    Contrastive accuracy measures the pretext task, not the features: stronger augmentation
    lowers it and may improve the features. Its chance level is 1 / (2N-1).

    Args:
        projections_1: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        projections_2: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        block_size: Integer or `None`, as in `nt_xent_loss`.

    Returns:
        A float32 scalar tensor in [0, 1].

    Example:

    >>> views = tf.eye(4)
    >>> float(contrastive_accuracy(views, views))
    1.0
    """
    if block_size is not None:
        units = unit_projections(projections_1, projections_2)
        hits = hits_in_blocks(units, block_size)
        return tf.cast(hits, tf.float32) / tf.cast(tf.shape(units)[0], tf.float32)
    logits, positives = candidate_logits(projections_1, projections_2, temperature=1.0)
    hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), positives)
    return tf.reduce_mean(tf.cast(hits, tf.float32))
