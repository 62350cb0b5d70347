"""The contrastive loss, NT-Xent, and the accuracy of the task that it sets."""

import numpy as np
import tensorflow as tf


def candidate_logits(projections_1, projections_2, temperature):
    """Similarities of each anchor to its 2N-1 candidates, and where its positive stands.

    Args:
        projections_1, projections_2: float tensors `[N, D]`; row i of both comes from image i.
        temperature: float > 0.

    Returns:
        logits: `[2N, 2N]`, cosine similarity / temperature, with the diagonal (an anchor and
            itself) set so low that softmax gives it 0.
        positives: int32 `[2N]`, the column of each anchor's other view.
    """
    projections = unit_projections(projections_1, projections_2)
    check_temperature(temperature)
    logits = tf.matmul(projections, projections, transpose_b=True) / temperature
    num_images = tf.shape(projections_1)[0]
    logits = tf.linalg.set_diag(logits, tf.fill([2 * num_images], tf.cast(-1e9, logits.dtype)))
    positives = tf.math.floormod(tf.range(2 * num_images) + num_images, 2 * num_images)
    return logits, positives


def unit_projections(projections_1, projections_2):
    """All projections, scaled to length 1: float `[2N, D]`, the first views before the second."""
    projections = tf.concat([projections_1, projections_2], axis=0)
    if projections.dtype != tf.float64:
        projections = tf.cast(projections, tf.float32)  # 16 bits are too few for the softmax
    return tf.math.l2_normalize(projections, axis=1)


def check_temperature(temperature):
    if not temperature > 0:
        raise ValueError(f"`temperature` must be above 0. Received: {temperature}")


def nt_xent_loss(projections_1, projections_2, temperature=0.1, block_size=None):
    """Computes NT-Xent, the normalised temperature-scaled cross entropy.

    Each of the 2N views is an anchor. Among its 2N-1 candidates (all other views, those of the
    same side included) the other view of the same image is the right one; the loss is the mean
    cross entropy over the 2N anchors. Projections that are all identical give log(2N-1).

    Args:
        projections_1, projections_2: float tensors `[N, D]`, any scale: rows are normalised here.
        temperature: float > 0.
        block_size: int, anchors whose similarities are in memory at once, for large batches;
            `None` holds those of all. The number and its gradient are the same.

    Returns:
        A scalar: float64 for float64 projections, otherwise float32.

    Raises:
        ValueError: if `temperature` is not above 0.

    References:
        SimCLR (Chen et al. 2020), equation 1 and algorithm 1.
    """
    if block_size is not None:
        check_temperature(temperature)
        units = unit_projections(projections_1, projections_2)
        return loss_in_blocks(units, temperature, block_size)
    logits, positives = candidate_logits(projections_1, projections_2, temperature)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
    return tf.reduce_mean(losses)


def contrastive_accuracy(projections_1, projections_2, block_size=None):
    """Computes how often an anchor's other view is the most similar of its 2N-1 candidates.

    It measures the pretext task, not the features: stronger augmentation lowers it and may
    improve them. By chance it is 1 / (2N-1).

    Args:
        projections_1, projections_2: float tensors `[N, D]`.
        block_size: as of `nt_xent_loss`.

    Returns:
        A float32 scalar in 0..1.
    """
    if block_size is not None:
        units = unit_projections(projections_1, projections_2)
        hits = hits_in_blocks(units, block_size)
        return tf.cast(hits, tf.float32) / tf.cast(tf.shape(units)[0], tf.float32)
    logits, positives = candidate_logits(projections_1, projections_2, temperature=1.0)
    hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), positives)
    return tf.reduce_mean(tf.cast(hits, tf.float32))


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


def check_nt_xent(function):
    """Tells whether a function computes NT-Xent, and if not, which known mistake fits.

    Args:
        function: `function(view_1, view_2, temperature)` of float arrays `[N, D]` -> a number.

    Returns:
        A sentence.
    """
    random = np.random.default_rng(0)
    view_1 = random.normal(size=(5, 4))
    view_2, temperature = view_1 + random.normal(size=(5, 4)), 0.3
    try:
        value = float(function(view_1.copy(), view_2.copy(), temperature))
    except Exception as error:  # a learner's code may raise anything: tell, do not stop
        return f"Not yet: your function raised {type(error).__name__}: {error}"
    mistakes = {
        "Right: this is NT-Xent.": {},
        "Not yet: the vectors are not normalised to length 1.": {"normalise": False},
        "Not yet: multiply less, divide more: the temperature is a divisor.": {"power": 1},
        "Not yet: the temperature is missing.": {"power": 0},
        "Not yet: each anchor still competes with itself. Mask the diagonal.": {"mask": False},
        "Not yet: normalise each row, not each column.": {"axis": 0},
        "Not yet: the other view was never used; the same view stands twice.": {"same": True},
        "Not yet: candidates of the anchor's own view are missing.": {"cross_only": True},
        "Not yet: the similarity has the wrong sign, as Keras' loss of that name.": {"sign": -1},
    }
    for message, mistake in mistakes.items():
        expected = reference_nt_xent(view_1, view_2, temperature, **mistake)
        if np.isclose(value, expected, rtol=1e-4):
            return message
        if np.isclose(value, expected * 10, rtol=1e-4):
            return "Not yet: take the mean over the 2N anchors, not the sum."
        if np.isclose(value, 2 * expected, rtol=1e-4):
            return "Not yet: twice the loss. Average the two directions."
        if np.isclose(value, -expected, rtol=1e-4):
            return "Not yet: the sign is turned. The loss is minus the logarithm."
    if np.isclose(value, np.log(9)):
        return "Not yet: this is the chance level log(2N - 1), whatever the vectors are."
    expected = reference_nt_xent(view_1, view_2, temperature)
    return f"Not yet: {value:.4f} in place of {expected:.4f}, by none of the usual mistakes."


def reference_nt_xent(
    view_1, view_2, temperature, normalise=True, power=-1, mask=True, axis=1, same=False,
    cross_only=False, sign=1,
):  # fmt: skip
    """NT-Xent in NumPy, with a switch for each mistake that the check knows."""
    projections = np.concatenate([view_1, view_1 if same else view_2])
    if normalise:
        projections = projections / np.linalg.norm(projections, axis=axis, keepdims=True)
    logits = sign * projections @ projections.T * temperature**power
    anchors, num_images = np.arange(len(projections)), len(view_1)
    if cross_only:
        sides = anchors // num_images
        logits = np.where(sides[:, None] == sides[None, :], -np.inf, logits)
    elif mask:
        np.fill_diagonal(logits, -np.inf)
    positives = (anchors + num_images) % (2 * num_images)
    largest = logits.max(axis=1, keepdims=True)
    total = largest[:, 0] + np.log(np.exp(logits - largest).sum(axis=1))
    return float(np.mean(total - logits[anchors, positives]))
