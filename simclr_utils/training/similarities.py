"""The similarities of all pairs of views: as one matrix, or a block of its rows at a time."""

import tensorflow as tf


def candidate_logits(
    projections_1: tf.Tensor,
    projections_2: tf.Tensor,
    temperature: float,
    normalize: bool = True,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the similarities of all pairs of views, and the position of each positive.

    Args:
        projections_1: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        projections_2: Float tensor or array `[N, D]`, as in `nt_xent_loss`.
        temperature: Float above 0.
        normalize: Boolean, whether similarities are cosines. `False` takes dot products of the
            projections as they are.

    Returns:
        A pair of tensors. The logits `[2N, 2N]` are similarities divided by the temperature; row
        i belongs to anchor i. The diagonal (each anchor with itself) is so low that a softmax
        gives it 0. The positives, int32 `[2N]`, are the columns of the other view of each
        anchor's image.

    Raises:
        ValueError: If `temperature` is not above 0.
    """
    check_temperature(temperature)
    projections = stack_projections(projections_1, projections_2)
    if normalize:
        projections = tf.math.l2_normalize(projections, axis=1)
    logits = tf.matmul(projections, projections, transpose_b=True) / temperature
    num_images = tf.shape(projections_1)[0]
    logits = tf.linalg.set_diag(logits, tf.fill([2 * num_images], tf.cast(-1e9, logits.dtype)))
    positives = tf.math.floormod(tf.range(2 * num_images) + num_images, 2 * num_images)
    return logits, positives


def stack_projections(projections_1, projections_2):
    """Returns all projections `[2N, D]`, the first views before the second, in 32 or 64 bits."""
    projections = tf.concat([projections_1, projections_2], axis=0)
    if projections.dtype == tf.float64:
        return projections
    return tf.cast(projections, tf.float32)  # 16 bits are not enough for the softmax


def unit_projections(projections_1, projections_2):
    """Returns all projections with length 1, `[2N, D]`, the first views before the second."""
    return tf.math.l2_normalize(stack_projections(projections_1, projections_2), axis=1)


def check_temperature(temperature):
    """Raises a `ValueError` if a temperature is not above 0."""
    if not temperature > 0:
        raise ValueError(f"`temperature` must be above 0. Received: {temperature}")


def loss_in_blocks(units, temperature, block_size):
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


def hits_in_blocks(units, block_size):
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
