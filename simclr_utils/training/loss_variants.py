"""Variants of NT-Xent, each of which differs from it in one step."""

import functools
import math

import tensorflow as tf

from simclr_utils.training.loss_checks import find_difference
from simclr_utils.training.loss_facts import annotate_loss
from simclr_utils.training.similarities import (
    candidate_logits,
    check_temperature,
    unit_projections,
)


@annotate_loss(math.log, functools.partial(find_difference, name="cross_view"))
def cross_view_loss(
    projections_1: tf.Tensor, projections_2: tf.Tensor, temperature: float = 0.1
) -> tf.Tensor:
    """Computes InfoNCE across the two views, in both directions.

    The candidates of an anchor are the N views of the other side, one of which is the positive.
    NT-Xent has the N-1 negatives of the anchor's own side as well. Many repositories compute this
    loss under the name of NT-Xent. The two losses cannot be compared: if all projections are
    identical, this one is log(N), its chance level.

    Args:
        projections_1: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        projections_2: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        temperature: Float above 0.

    Returns:
        A scalar tensor, the mean over the 2N anchors: float64 for float64 projections, float32
        for all others.

    Raises:
        ValueError: If `temperature` is not above 0.

    Example:

    >>> first = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    >>> float(cross_view_loss(first, first, temperature=0.5))  # log(1 + exp(-1 / 0.5))
    0.126...

    References:
        Sohn 2016, "Improved deep metric learning with multi-class N-pair loss objective".
        Radford et al. 2021, "Learning transferable visual models from natural language
        supervision", figure 3, which averages both directions.
    """
    check_temperature(temperature)
    first, second = tf.split(unit_projections(projections_1, projections_2), 2)
    logits = tf.matmul(first, second, transpose_b=True) / temperature
    positives = tf.range(tf.shape(logits)[0])
    both = tf.concat([logits, tf.transpose(logits)], axis=0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.tile(positives, [2]), both)
    return tf.reduce_mean(losses)


@annotate_loss(
    lambda num_images: math.log(2 * num_images - 2),
    functools.partial(find_difference, name="decoupled"),
)
def decoupled_loss(
    projections_1: tf.Tensor, projections_2: tf.Tensor, temperature: float = 0.1
) -> tf.Tensor:
    """Computes DCL, the decoupled contrastive loss.

    The sum in the denominator is over the 2N-2 negatives alone. In NT-Xent the positive is part of
    it, so the gradient of an anchor fades as soon as its positive stands out, which small batches
    make easy. This loss has no such factor. It may be negative. If all projections are identical,
    it is log(2N-2), its chance level.

    Args:
        projections_1: Float tensor or array `[N, D]`, N at least 2, as in `nt_xent_loss`.
        projections_2: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        temperature: Float above 0.

    Returns:
        A scalar tensor, the mean over the 2N anchors: float64 for float64 projections, float32
        for all others.

    Raises:
        ValueError: If `temperature` is not above 0.

    Example:

    >>> first = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    >>> float(decoupled_loss(first, first, temperature=0.5))  # log(2) - 1 / 0.5
    -1.306...

    References:
        Yeh et al. 2022, "Decoupled contrastive learning".
    """
    logits, positives = candidate_logits(projections_1, projections_2, temperature)
    is_positive = tf.one_hot(positives, tf.shape(logits)[1], on_value=True, off_value=False)
    negatives = tf.where(is_positive, tf.cast(-1e9, logits.dtype), logits)
    similarity = tf.gather(logits, positives, batch_dims=1)
    return tf.reduce_mean(tf.reduce_logsumexp(negatives, axis=1) - similarity)


@annotate_loss(find_mistake=functools.partial(find_difference, name="alignment"))
def alignment_loss(
    projections_1: tf.Tensor, projections_2: tf.Tensor, temperature: float = 0.1
) -> tf.Tensor:
    """Computes NT-Xent without its negatives: minus the mean similarity of the positives.

    Nothing keeps the views of different images apart. Identical projections reach the minimum,
    -1 / temperature, so training ends in a collapse. The loss has no chance level.

    Args:
        projections_1: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        projections_2: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        temperature: Float above 0. It scales the loss, and changes nothing else.

    Returns:
        A scalar tensor: float64 for float64 projections, float32 for all others.

    Raises:
        ValueError: If `temperature` is not above 0.

    Example:

    >>> first = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    >>> float(alignment_loss(first, first, temperature=0.5))
    -2.0

    References:
        Wang, Isola 2020, "Understanding contrastive representation learning through alignment and
        uniformity on the hypersphere", which splits the loss into these two parts.
    """
    check_temperature(temperature)
    first, second = tf.split(unit_projections(projections_1, projections_2), 2)
    return -tf.reduce_mean(tf.reduce_sum(first * second, axis=1)) / temperature


@annotate_loss(
    lambda num_images: math.log(2 * num_images - 1),
    functools.partial(find_difference, name="unnormalized"),
)
def unnormalized_loss(
    projections_1: tf.Tensor, projections_2: tf.Tensor, temperature: float = 0.1
) -> tf.Tensor:
    """Computes NT-Xent with dot products of the projections in place of their cosines.

    The length of a projection counts. A network lowers the loss of an anchor that it gets right by
    making its projection longer, and a similarity has no upper bound. If all projections are
    identical, the loss is log(2N-1), its chance level.

    Args:
        projections_1: Float tensor or array `[N, D]`. Its rows are taken as they are.
        projections_2: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        temperature: Float above 0. Dot products may be far larger than cosines; the paper tried 10
            and 100.

    Returns:
        A scalar tensor, the mean over the 2N anchors: float64 for float64 projections, float32
        for all others.

    Raises:
        ValueError: If `temperature` is not above 0.

    Example:

    >>> first = tf.constant([[2.0, 0.0], [0.0, 2.0]])
    >>> float(unnormalized_loss(first, first, temperature=0.5))  # log(1 + 2 exp(-4 / 0.5))
    0.00067...

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", table 5, whose last rows do not normalize.
    """
    logits, positives = candidate_logits(projections_1, projections_2, temperature, normalize=False)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
    return tf.reduce_mean(losses)
