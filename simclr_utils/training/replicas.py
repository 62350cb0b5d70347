"""Several devices: each replica has a share of the batch, and all images are candidates.

A contrastive loss compares all images of a batch. If each replica compared its own images only,
the anchors would have fewer negatives, and the loss would be another one. So each replica gathers
the projections of all replicas and computes the loss of the whole batch. It takes the gradient with
respect to its own projections and passes that on to the weights. The optimizer adds up the
gradients of all replicas, and the sum is the gradient of the whole batch.
"""

import keras
import tensorflow as tf

from simclr_utils.views.replica_draws import num_replicas, own_rows


def gather(rows: tf.Tensor) -> tf.Tensor:
    """Returns the rows of all replicas; the gradient is that of the present replica's own rows.

    Each replica computes the whole loss, so the gradient with respect to its own rows is complete.
    Nothing is divided by the number of replicas, and nothing is exchanged on the way back. (The
    gradient of TensorFlow's `all_gather` adds up the gradients of all replicas, here R times the
    same one.) The rows of the first and of the second views are gathered separately: gathered
    together, they would be in another order than the views.

    Args:
        rows: Float tensor `[N, P]`, with the same N on each of R replicas.

    Returns:
        A float tensor `[R * N, P]`, the same on each replica. With one replica, it is `rows`.
    """
    if num_replicas() == 1:
        return rows

    @tf.custom_gradient
    def gathered(own):
        everywhere = tf.distribute.get_replica_context().all_gather(own, axis=0)
        count = None if own.shape[0] is None else num_replicas() * own.shape[0]
        return tf.ensure_shape(everywhere, (count, *own.shape[1:])), own_rows

    return gathered(rows)


def synchronize_statistics(model: keras.Model) -> None:
    """Lets every BatchNormalization of a model normalize with the statistics of all replicas.

    Args:
        model: `keras.Model`. It is changed in place.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
