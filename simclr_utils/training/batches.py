"""Feeding `fit`: batches of a memory-mapped array, as a pure function of seed and step."""

import functools

import numpy as np
import tensorflow as tf


def image_batches(images, batch_size, seed=0, labels=None, first_step=0):
    """Yields shuffled batches for ever; pass `steps_per_epoch` to `fit`.

    Each epoch visits the images in an order of its own and leaves out the rest that does not
    fill a batch. Batch number s depends on (seed, s) only, so that training can go on at any
    step. Rows are read from `images` batch by batch: a memory-mapped array never has to fit
    into memory.

    Args:
        images: uint8 array `[N, H, W, C]`, in memory or memory-mapped.
        batch_size: int, at most N.
        seed: int.
        labels: int array `[N]`, or `None` for batches of images alone.
        first_step: int, the batch to begin with.

    Returns:
        A `tf.data.Dataset` of uint8 `[batch_size, H, W, C]`, or of pairs with int64
        `[batch_size]`.

    Raises:
        ValueError: if there are fewer images than one batch holds.
    """
    steps_per_epoch = len(images) // batch_size
    if steps_per_epoch < 1:
        raise ValueError(
            f"{len(images)} images do not fill one batch of {batch_size}. "
            f"Lower the batch size to {len(images)} or less."
        )

    @functools.lru_cache(maxsize=2)
    def order(epoch):
        return np.random.default_rng([seed, epoch]).permutation(len(images))

    def read(step):
        epoch, position = divmod(int(step), steps_per_epoch)
        rows = order(epoch)[position * batch_size : (position + 1) * batch_size]
        picked = np.ascontiguousarray(images[rows])
        return picked if labels is None else (picked, np.asarray(labels, np.int64)[rows])

    def read_batch(step):
        types = tf.uint8 if labels is None else (tf.uint8, tf.int64)
        batch = tf.numpy_function(read, [step], types)
        pixels = batch if labels is None else batch[0]
        pixels.set_shape((batch_size, *images.shape[1:]))
        if labels is None:
            return pixels
        batch[1].set_shape((batch_size,))
        return pixels, batch[1]

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1  # the next batch never waits for the step's turn
    return without_autotune(steps.map(read_batch).prefetch(2).with_options(options))


def without_autotune(dataset):
    """Lets a pipeline end at once: TensorFlow tunes its buffers in a thread of its own.

    That thread sleeps for longer and longer, and an end that it sleeps through waits until it
    wakes: up to as long as the pipeline ran, a minute at most.

    Args:
        dataset: a `tf.data.Dataset`.

    Returns:
        The same dataset, with the buffers that it asks for.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
