"""The contrastive loss, NT-Xent, and the accuracy of the task that it sets."""

import tensorflow as tf

from simclr_utils.training.block_loss import hits_in_blocks, loss_in_blocks


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
