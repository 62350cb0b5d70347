"""Worker 0, the chief: what it knows, sent to all workers."""

import hashlib
import json
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.distributed.cluster import ClusterError
from simclr_utils.training.checkpoints import Checkpoints, variables_of


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process is worker 0, or the only one."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_id


def copy_from_chief(
    strategy: tf.distribute.Strategy, arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Returns the arrays of worker 0 on every worker, to the bit.

    All workers have to call it.

    Args:
        strategy: A `tf.distribute.Strategy` of one or more workers.
        arrays: Arrays. Those of the other workers have the same shapes and dtypes, and any values.

    Returns:
        A list of arrays, those of worker 0.

    Example:

    >>> (epoch,) = copy_from_chief(strategy, [np.int64(epoch)])
    """
    arrays = [np.asarray(array) for array in arrays]
    content = b"".join(array.tobytes() for array in arrays)
    words = np.frombuffer(content + bytes(-len(content) % 4), np.int32)

    def sum_of_all(words):
        context = tf.distribute.get_replica_context()
        # Zeros from all but one: the sum of integers is exact, whatever the bits mean.
        first = tf.cast(tf.equal(context.replica_id_in_sync_group, 0), tf.int32)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, words * first)

    @tf.function(autograph=False)
    def send(words):
        return strategy.experimental_local_results(strategy.run(sum_of_all, args=(words,)))[0]

    received = send(tf.constant(words)).numpy().tobytes()
    copies, start = [], 0
    for array in arrays:
        part = received[start : start + array.nbytes]
        copies.append(np.frombuffer(part, array.dtype).reshape(array.shape))
        start += array.nbytes
    return copies


def check_same_work(strategy: tf.distribute.Strategy, identity: dict) -> None:
    """Makes sure that this worker has the images and settings of worker 0.

    All workers have to call it.

    Args:
        strategy: A `tf.distribute.Strategy` of one or more workers.
        identity: Dict that JSON can hold: what all workers have to agree on.

    Raises:
        ClusterError: If worker 0 has another identity.
    """
    text = json.dumps(identity, sort_keys=True)
    digest = np.frombuffer(hashlib.blake2b(text.encode(), digest_size=8).digest(), np.int64)
    if copy_from_chief(strategy, [digest])[0] != digest:
        raise ClusterError(
            "This worker has other images, settings, precision or versions than worker 0. Start "
            "all workers with the same options, images and environment; SIMCLR_PRECISION sets the "
            f"precision. Here: {text}"
        )


def restore_everywhere(
    strategy: tf.distribute.Strategy, model: keras.Model, checkpoints: Checkpoints
) -> int:
    """Restores the newest checkpoint of worker 0 on all workers, if there is one.

    Only worker 0 reads the folder, so that all workers continue from the same checkpoint. All
    workers have to call it.

    Args:
        strategy: A `tf.distribute.Strategy` of one or more workers.
        model: Compiled model, built in the strategy's scope.
        checkpoints: `Checkpoints` of the run.

    Returns:
        The number of epochs that are done, an integer.

    Raises:
        CheckpointError: If the checkpoints belong to another run.
    """
    with strategy.scope():
        done = checkpoints.restore(model) if is_chief(strategy) else 0
        variables = variables_of(model)
        epoch, *values = copy_from_chief(
            strategy, [np.int64(done), *(np.asarray(variable) for variable in variables)]
        )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    return int(epoch)
