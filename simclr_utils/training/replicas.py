"""Several devices: each replica has a share of the batch, and all images are candidates.

A contrastive loss compares all images of a batch. If each replica compared its own images only,
the anchors would have fewer negatives, and the loss would be another one. So each replica gathers
the projections of all replicas and computes the loss of the whole batch. It takes the gradient with
respect to its own projections and passes that on to the weights. The optimizer adds up the
gradients of all replicas, and the sum is the gradient of the whole batch.

This holds for every loss of two batches of projections. Its price is that each replica computes all
similarities, and not those of its own anchors alone. That is one product of two matrices of
projections, little beside the encoder until there are very many replicas.
"""

import functools

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


def moments(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the mean and the variance of each channel over the rows of all replicas.

    Args:
        values: Float tensor `[N, ..., C]`, with the same shape on each replica.

    Returns:
        A pair of tensors `[C]`, the same on each replica. Gradients pass through them to all rows.
    """
    context, axes = tf.distribute.get_replica_context(), list(range(len(values.shape) - 1))

    def average(part):
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.reduce_mean(part, axes))

    mean = average(values)
    return mean, average(tf.math.squared_difference(values, mean))


def synchronize_statistics(model: keras.Model) -> None:
    """Lets every BatchNormalization of a model normalize with the statistics of all replicas.

    Args:
        model: `keras.Model`. It is changed in place.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def choose_strategy(
    devices: int, batch_size: int, micro_batch_size: int | None = None
) -> tf.distribute.Strategy:
    """Returns the strategy that divides each batch over some of this machine's devices.

    The devices are GPUs, or if there are none, the CPU devices of `session.start`.

    Args:
        devices: Integer, the number of devices.
        batch_size: Integer, the number of images per step.
        micro_batch_size: Integer, the number of images in the encoder at once, or `None` for the
            share of a device.

    Returns:
        A `tf.distribute.MirroredStrategy`. For one device, the present strategy, which outside
        of a scope is the default one.

    Raises:
        ValueError: If there are fewer devices, or they do not divide the batch.
    """
    if devices == 1:
        return tf.distribute.get_strategy()
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    names = [device.name for device in found]
    if devices > len(names):
        raise ValueError(
            f"`devices` is {devices}, and TensorFlow has {len(names)} here ({', '.join(names)}). "
            "Choose at most that many. To try several devices on a processor, begin the session "
            f"with `start(cpu_devices={devices})`."
        )
    share, rest = divmod(batch_size, devices)
    if rest or share % min(share, micro_batch_size or share):
        micro = f" of whole microbatches of {micro_batch_size}" if micro_batch_size else ""
        raise ValueError(
            f"A batch of {batch_size} images does not divide into {devices} equal shares{micro}. "
            "Choose another number of `devices`, or a `batch_size` that is a multiple."
        )
    return _mirrored(tuple(names[:devices]))


@functools.lru_cache
def _mirrored(names):
    """Returns the strategy of some devices: always the same one, so that its keys stay unique."""
    on_host = tf.distribute.ReductionToOneDevice() if "CPU" in names[0] else None
    return tf.distribute.MirroredStrategy(names, on_host)
