"""NT-Xent of large batches: the same number and gradient, a block of anchors at a time.

The plain loss holds the 2N x 2N similarities, their softmax, and both again for the gradient: at
N = 4,096 more than a gigabyte. Here a block of rows is made, used for the loss *and* its gradient,
and dropped.
"""

import tensorflow as tf


def loss_in_blocks(units, temperature, block_size):
    """Mean cross entropy over the anchors, without ever holding more than a block of rows.

    Args:
        units: float tensor `[2N, D]` of unit length: first all first views, then all second ones.
        temperature: float > 0.
        block_size: int, anchors of a block.

    Returns:
        A scalar of the dtype of `units`, with its gradient.
    """

    @tf.custom_gradient
    def mean_loss(units):
        loss, gradient = loss_and_gradient(units, temperature, block_size)
        return loss, lambda upstream: upstream * gradient

    return mean_loss(units)


def loss_and_gradient(units, temperature, block_size):
    """The loss of `loss_in_blocks` and its gradient `[2N, D]` with respect to `units`.

    With probabilities P of an anchor's candidates and a one at its positive, Y, the gradient is
    `((P - Y) U + (P - Y)^T U) / (2N temperature)`: a view is an anchor, and a candidate of others.
    """
    num_views = tf.shape(units)[0]

    def add_block(start, loss, as_candidates, as_anchors, number):
        logits, positives = block_logits(units, start, block_size, temperature)
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
    """How many anchors find their positive most similar: an int32 scalar; `units` as above."""

    def add_block(start, hits):
        logits, positives = block_logits(units, start, block_size, 1.0)
        found = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), positives)
        return start + block_size, hits + tf.reduce_sum(tf.cast(found, tf.int32))

    num_views = tf.shape(units)[0]
    end = tf.while_loop(
        lambda start, hits: start < num_views, add_block, (0, 0), parallel_iterations=1
    )
    return end[1]


def block_logits(units, start, block_size, temperature):
    """The rows of some anchors: logits `[B, 2N]`, the anchor itself masked, and positives `[B]`."""
    num_views = tf.shape(units)[0]
    rows = units[start : start + block_size]
    anchors = start + tf.range(tf.shape(rows)[0])
    logits = tf.matmul(rows, units, transpose_b=True) / temperature
    logits = tf.where(tf.range(num_views) == anchors[:, None], tf.cast(-1e9, logits.dtype), logits)
    return logits, tf.math.floormod(anchors + num_views // 2, num_views)
