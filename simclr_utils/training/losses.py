"""Contrastive losses by name, and the accuracy on their pretext task."""

import math
from collections.abc import Callable

import tensorflow as tf

from simclr_utils.training.loss_checks import find_nt_xent_mistake


def annotate_loss(
    chance_level: Callable | None = None, find_mistake: Callable | None = None
) -> Callable:
    """Returns a decorator that tells the run doctor what to expect of a loss.

    Both facts are optional. `SimCLR` trains with any function of two batches of projections and
    a temperature; the run doctor skips what it does not know.

    Args:
        chance_level: Function of the batch size `N`, an integer, that returns the loss of
            projections that are all identical, a float.
        find_mistake: Function that takes a function `(projections_1, projections_2,
            temperature)` of float arrays `[N, D]` and returns a sentence about what is wrong
            with it, or `None` if it computes the loss.

    Returns:
        A decorator. It sets the attributes `chance_level` and `find_mistake` of a function and
        returns the function.

    Example:

    >>> @annotate_loss(chance_level=lambda num_images: math.log(num_images))
    ... def info_nce_loss(projections_1, projections_2, temperature):
    ...     first = tf.math.l2_normalize(projections_1, axis=1)
    ...     second = tf.math.l2_normalize(projections_2, axis=1)
    ...     logits = tf.matmul(first, second, transpose_b=True) / temperature
    ...     partners = tf.range(tf.shape(logits)[0])
    ...     losses = tf.nn.sparse_softmax_cross_entropy_with_logits(partners, logits)
    ...     return tf.reduce_mean(losses)
    """

    def annotate(loss):
        loss.chance_level, loss.find_mistake = chance_level, find_mistake
        return loss

    return annotate


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
        _check_temperature(temperature)
        units = _unit_projections(projections_1, projections_2)
        return _loss_in_blocks(units, temperature, block_size)
    logits, positives = candidate_logits(projections_1, projections_2, temperature)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
    return tf.reduce_mean(losses)


# The losses that `Config.loss` can name. An entry is a function
# `(projections_1, projections_2, temperature)` that returns a scalar.
LOSSES = {"nt_xent": nt_xent_loss}


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
        units = _unit_projections(projections_1, projections_2)
        hits = _hits_in_blocks(units, block_size)
        return tf.cast(hits, tf.float32) / tf.cast(tf.shape(units)[0], tf.float32)
    logits, positives = candidate_logits(projections_1, projections_2, temperature=1.0)
    hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), positives)
    return tf.reduce_mean(tf.cast(hits, tf.float32))


def candidate_logits(
    projections_1: tf.Tensor, projections_2: tf.Tensor, temperature: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the similarities of all pairs of views, and the position of each positive.

    Args:
        projections_1: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        projections_2: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        temperature: Float above 0.

    Returns:
        A pair of tensors. The logits `[2N, 2N]` are cosine similarities divided by the
        temperature; row i belongs to anchor i. The diagonal (each anchor with itself) is so low
        that a softmax gives it 0. The positives, int32 `[2N]`, are the columns of the other view
        of each anchor's image.

    Raises:
        ValueError: If `temperature` is not above 0.
    """
    projections = _unit_projections(projections_1, projections_2)
    _check_temperature(temperature)
    logits = tf.matmul(projections, projections, transpose_b=True) / temperature
    num_images = tf.shape(projections_1)[0]
    logits = tf.linalg.set_diag(logits, tf.fill([2 * num_images], tf.cast(-1e9, logits.dtype)))
    positives = tf.math.floormod(tf.range(2 * num_images) + num_images, 2 * num_images)
    return logits, positives


def _unit_projections(projections_1, projections_2):
    """Returns all projections with length 1, `[2N, D]`, the first views before the second."""
    projections = tf.concat([projections_1, projections_2], axis=0)
    if projections.dtype != tf.float64:
        projections = tf.cast(projections, tf.float32)  # 16 bits are not enough for the softmax
    return tf.math.l2_normalize(projections, axis=1)


def _check_temperature(temperature):
    if not temperature > 0:
        raise ValueError(f"`temperature` must be above 0. Received: {temperature}")


def _loss_in_blocks(units, temperature, block_size):
    """Computes NT-Xent of the unit vectors `[2N, D]`, one block of anchors at a time."""

    @tf.custom_gradient
    def mean_loss(units):
        loss, gradient = _loss_and_gradient(units, temperature, block_size)
        return loss, lambda upstream: upstream * gradient

    return mean_loss(units)


def _loss_and_gradient(units, temperature, block_size):
    """Computes NT-Xent of unit vectors, and its gradient `[2N, D]` with respect to them.

    Let P be the probabilities of each anchor's candidates, Y a one at each anchor's positive and
    U the unit vectors. The gradient is `((P - Y) U + (P - Y)^T U) / (2N temperature)`, because
    each view is an anchor and a candidate of the other anchors.
    """
    num_views = tf.shape(units)[0]

    def add_block(start, loss, as_candidates, as_anchors, number):
        logits, positives = _block_logits(units, start, block_size, temperature)
        log_sums = tf.reduce_logsumexp(logits, axis=1, keepdims=True)
        right = tf.one_hot(positives, num_views, dtype=logits.dtype)
        loss += tf.reduce_sum(log_sums) - tf.reduce_sum(right * logits)
        slopes = tf.exp(logits - log_sums) - right
        rows = units[start : start + block_size]
        as_candidates += tf.matmul(slopes, rows, transpose_a=True)
        as_anchors = as_anchors.write(number, tf.matmul(slopes, units))
        return start + block_size, loss, as_candidates, as_anchors, number + 1

    anchors = tf.TensorArray(units.dtype, 0, True, infer_shape=False)
    _, loss, as_candidates, as_anchors, _ = tf.while_loop(
        lambda start, *rest: start < num_views,
        add_block,
        (0, tf.zeros([], units.dtype), tf.zeros_like(units), anchors, 0),
        parallel_iterations=1,
    )
    count = tf.cast(num_views, units.dtype)
    gradient = (as_candidates + as_anchors.concat()) / (count * temperature)
    return loss / count, gradient


def _hits_in_blocks(units, block_size):
    """Counts the anchors whose positive is the most similar candidate, an int32 scalar."""

    def add_block(start, hits):
        logits, positives = _block_logits(units, start, block_size, 1.0)
        found = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), positives)
        return start + block_size, hits + tf.reduce_sum(tf.cast(found, tf.int32))

    num_views = tf.shape(units)[0]
    end = tf.while_loop(
        lambda start, hits: start < num_views, add_block, (0, 0), parallel_iterations=1
    )
    return end[1]


def _block_logits(units, start, block_size, temperature):
    """Returns rows of `candidate_logits`: logits `[B, 2N]` and positives `[B]` of B anchors."""
    num_views = tf.shape(units)[0]
    rows = units[start : start + block_size]
    anchors = start + tf.range(tf.shape(rows)[0])
    logits = tf.matmul(rows, units, transpose_b=True) / temperature
    logits = tf.where(tf.range(num_views) == anchors[:, None], tf.cast(-1e9, logits.dtype), logits)
    return logits, tf.math.floormod(anchors + num_views // 2, num_views)
