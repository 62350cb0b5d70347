"""Random numbers on several replicas: other ones for each image, wherever it is processed.

Under a `tf.distribute` strategy, each replica computes the same step with its share of the batch.
The state of a random generator is the same on all of them, so without further ado image i of each
replica would get the same random numbers.
"""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

# The distance between the seeds of two replicas, an odd number without a pattern.
STRIDE = 0x9E3779B1


def num_replicas() -> int:
    """Returns the number of replicas that compute the present step, 1 outside of a strategy."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def replica_number() -> tf.Tensor:
    """Returns the number of the present replica, counted from 0, a scalar int32 tensor."""
    return tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32)


def own_rows(values: tf.Tensor) -> tf.Tensor:
    """Returns the rows of the present replica out of the rows of a whole batch.

    Args:
        values: Tensor `[R * N, ...]` for R replicas, the same on each of them.

    Returns:
        A tensor `[N, ...]`. With one replica, it is `values`.
    """
    if num_replicas() == 1:
        return values
    return tf.reshape(values, (num_replicas(), -1, *values.shape[1:]))[replica_number()]


@contextlib.contextmanager
def own_seeds(layer: keras.layers.Layer) -> Iterator[None]:
    """Lets a layer draw other random numbers on each replica while the block runs.

    It moves the seeds of all random generators of the layer, and moves them back, so that the
    states are the same on all replicas after a step.

    Args:
        layer: `keras.Layer` or `keras.Model`, whose parts may be random.
    """
    states = []
    if num_replicas() > 1:
        states = [each for each in layer.variables if each.name == "seed_generator_state"]
        shift = tf.cast(tf.stack([replica_number(), 0]), tf.int64) * STRIDE
    for state in states:
        state.assign_add(shift)
    yield
    for state in states:
        state.assign_sub(shift)
