"""Batches for `fit`: each depends on seed and step only, and is read from an array on disk."""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Part of the seed of every epoch's order. No other random choice made from the same seed (such as
# a split, or `default_rng(seed)` in a notebook) then shares the random stream of an epoch.
ORDER_STREAM = 0x0BDE


def image_batches(
    images: np.ndarray,
    batch_size: int,
    seed: int = 0,
    labels: Sequence[int] | None = None,
    first_step: int = 0,
    part: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Returns an endless dataset of shuffled batches; pass `steps_per_epoch` to `fit`.

    Each epoch visits the images in an order of its own and leaves out the images that do not
    fill a batch. Batch s depends on the seed and on s only, so that a run can be resumed at any
    step. Rows are read batch by batch: a memory-mapped array never has to fit into memory.

    Args:
        images: Uint8 array `[N, H, W, C]`, in memory or memory-mapped.
        batch_size: Integer, at most N.
        seed: Integer, at least 0. It determines the order of the images.
        labels: Integer array `[N]`, or `None` for batches of images alone.
        first_step: Integer, the number of the batch to begin with.
        part: Pair of integers `(index, count)`. Each batch is divided into `count` equal parts,
            and only the part of this index is read, `batch_size / count` images. By default, the
            whole batch.

    Returns:
        A `tf.data.Dataset` of uint8 tensors `[batch_size, H, W, C]`. With labels, of pairs of
        such a tensor and an int64 tensor `[batch_size]`.

    Raises:
        ValueError: If there are fewer images than `batch_size`, or the batch does not divide into
            equal parts.

    Example:

    >>> steps = len(images) // 256
    >>> model.fit(image_batches(images, 256), steps_per_epoch=steps, epochs=10, shuffle=False)
    """
    steps_per_epoch = len(images) // batch_size
    if steps_per_epoch < 1:
        raise ValueError(
            f"{len(images)} images do not fill one batch of {batch_size}. "
            f"Lower the batch size to {len(images)} or less."
        )
    index, count = part
    if batch_size % count:
        raise ValueError(
            f"A batch of {batch_size} images does not divide into {count} equal parts. Choose a "
            f"batch size that {count} divides."
        )
    size = batch_size // count

    @functools.lru_cache(maxsize=2)
    def order(epoch):
        return np.random.default_rng([seed, epoch, ORDER_STREAM]).permutation(len(images))

    def read(step):
        epoch, position = divmod(int(step), steps_per_epoch)
        first = position * batch_size + index * size
        rows = order(epoch)[first : first + size]
        picked = np.ascontiguousarray(images[rows])
        return picked if labels is None else (picked, np.asarray(labels, np.int64)[rows])

    def read_batch(step):
        types = tf.uint8 if labels is None else (tf.uint8, tf.int64)
        batch = tf.numpy_function(read, [step], types)
        pixels = batch if labels is None else batch[0]
        pixels.set_shape((size, *images.shape[1:]))
        if labels is None:
            return pixels
        batch[1].set_shape((size,))
        return pixels, batch[1]

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1  # reading never waits for the step
    return without_autotune(steps.map(read_batch).prefetch(2).with_options(options))


def without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Turns off the tuning of a dataset's buffers, so that the dataset closes without delay.

    TensorFlow tunes buffers in a separate thread, which sleeps for longer and longer intervals.
    Closing the dataset waits until that thread wakes up, which may take a minute.

    Args:
        dataset: A `tf.data.Dataset`.

    Returns:
        A `tf.data.Dataset` with the same elements.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
