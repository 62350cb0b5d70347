"""A pretraining run on several workers: the steps of `pretrain`, in a loop of its own.

Keras' `fit` does not run under `tf.distribute.MultiWorkerMirroredStrategy`. This loop makes the
same steps and calls the same callbacks.
"""

import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from simclr_utils.config import Config
from simclr_utils.data.dataset import Dataset
from simclr_utils.distributed.chief import check_same_work, is_chief, restore_everywhere
from simclr_utils.training import optimizers
from simclr_utils.training.batches import image_batches
from simclr_utils.training.checkpoints import Checkpoints
from simclr_utils.training.doctor import RunDoctor
from simclr_utils.training.pretraining import (
    Pretraining,
    build_model,
    describe_pretraining,
    in_float32,
    plan_epochs,
    run_identity,
)
from simclr_utils.training.simclr import SimCLR

# What TensorFlow raises when a worker no longer answers.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class WorkerLostError(RuntimeError):
    """Another worker no longer answers. The run can be continued from its checkpoint."""


def pretrain_on_workers(
    strategy: tf.distribute.Strategy,
    dataset: Dataset,
    config: Config,
    seed: int = 0,
    preset: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint_folder: str | Path | None = None,
) -> Pretraining:
    """Trains an encoder and a projection head as `pretrain` does, on several workers together.

    Every worker calls it with the same arguments. Each step has the batch of `pretrain`. A replica
    reads and computes an equal part of it, and the loss compares the images of all parts. After
    each step all replicas have the same weights.

    Worker 0 writes checkpoints. When a run is resumed, it sends the newest one to the others. With
    the same number of replicas, a run that was stopped ends as one that was not.

    Args:
        strategy: A `tf.distribute.Strategy`, such as that of `open_strategy`.
        dataset: `Dataset` whose `unlabeled` images are the pool. Every worker opens it.
        config: `Config` with networks, views, loss, optimizer, batch size and steps. The batch size
            is that of all replicas together, the micro batch size that of one replica.
        seed: Integer, at least 0. It determines the initial weights, the views and the order of
            the images.
        preset: String, the name of the preset for the record, or `None`.
        callbacks: Keras callbacks, for this worker.
        checkpoint_folder: Path of a folder for `Checkpoints`, or `None` for no checkpoints. Only
            worker 0 uses it.

    Returns:
        A `Pretraining`, the same on every worker. Its `details` also have the number of `replicas`.

    Raises:
        CheckpointError: If the folder holds checkpoints of another run.
        ClusterError: If worker 0 has other images or settings.
        ValueError: If the batch does not divide among the replicas.
        TrainingFailedError: If the loss, or a weight at the end of an epoch, is not a number.
        WorkerLostError: If another worker no longer answers.

    Example:

    >>> strategy = open_strategy()
    >>> pretraining = pretrain_on_workers(strategy, load_dataset("shapes"), get_config("quick"))
    """
    keras.utils.set_random_seed(seed)
    batch_size, steps_per_epoch, epochs = plan_epochs(len(dataset.unlabeled), config)
    report = print if is_chief(strategy) else _say_nothing
    doctor = RunDoctor(dataset.unlabeled, batch_size, report)
    # Worker 0 alone reads and writes the folder.
    checkpoints = Checkpoints(
        checkpoint_folder or ".", run_identity(dataset, config, seed, epochs), doctor=doctor
    )
    with lost_workers_named():
        check_same_work(strategy, checkpoints.identity)
        model = build_in_scope(strategy, dataset, config, seed)
        saved = checkpoint_folder is not None
        first = restore_everywhere(strategy, model, checkpoints) if saved else 0
        writes = saved and is_chief(strategy)
        history = checkpoints if writes else keras.callbacks.History()
        watchers = [doctor, *callbacks, history]
        watchers = keras.callbacks.CallbackList(watchers, model=model, epochs=epochs)
        batches = distributed_batches(
            strategy, dataset.unlabeled, batch_size, seed, first * steps_per_epoch
        )
        started = time.monotonic()
        run_epochs(strategy, model, batches, range(first, epochs), steps_per_epoch, watchers)
    seconds = checkpoints.seconds if writes else time.monotonic() - started
    if history.history:  # empty on other workers if worker 0 had only to save the result
        doctor.conclude(history.history["loss"][-1])
    made = (preset, seed, epochs * steps_per_epoch, seconds, doctor.findings)
    details = describe_pretraining(dataset, config, *made)
    details["replicas"] = strategy.num_replicas_in_sync
    return in_float32(model, history.history, details)


def build_in_scope(
    strategy: tf.distribute.Strategy, dataset: Dataset, config: Config, seed: int
) -> SimCLR:
    """Builds and compiles the model of a run so that every replica has a copy of its variables.

    Args:
        strategy: A `tf.distribute.Strategy`.
        dataset: `Dataset` whose `unlabeled` images are the pool.
        config: `Config` of the run.
        seed: Integer, the seed of the views.

    Returns:
        A compiled `SimCLR`.
    """
    batch_size, steps_per_epoch, epochs = plan_epochs(len(dataset.unlabeled), config)
    steps = epochs * steps_per_epoch
    rate = (config.optimizer, config.base_learning_rate, batch_size)
    peak = optimizers.peak_learning_rate(*rate)
    with strategy.scope():
        model = build_model(dataset.image_shape, config, seed, num_steps=steps)
        model.build((None, *dataset.image_shape))
        schedule = optimizers.warmup_cosine(peak, steps)
        model.compile(optimizers.build_optimizer(config.optimizer, schedule, config.weight_decay))
    return model


def distributed_batches(strategy, images, batch_size, seed, first_step):
    """Returns the batches of `image_batches`, each divided among the replicas of all workers.

    A worker reads the rows of its own replicas only.

    Raises:
        ValueError: If the batch does not divide among the replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            f"A batch of {batch_size} images does not divide among {replicas} replicas. Choose a "
            f"batch_size that {replicas} divides."
        )

    def read(context):
        part = (context.input_pipeline_id, context.num_input_pipelines)
        batches = image_batches(images, batch_size, seed, first_step=first_step, part=part)
        # A part of a worker becomes one batch for each of its GPUs. Endless, as far as TensorFlow
        # knows: otherwise the workers would ask each other before each step whether it ends.
        return batches.rebatch(batch_size // replicas, drop_remainder=True).repeat()

    return iter(strategy.distribute_datasets_from_function(read))


def run_epochs(strategy, model, batches, epochs, steps_per_epoch, callbacks):
    """Makes the steps of all epochs, and calls the callbacks as `fit` does.

    Args:
        strategy: A `tf.distribute.Strategy`.
        model: Compiled `SimCLR`, built in the strategy's scope.
        batches: Iterator of distributed batches.
        epochs: Range of integers, the epochs that are left.
        steps_per_epoch: Integer.
        callbacks: `keras.callbacks.CallbackList`.
    """

    @tf.function(autograph=False)
    def step(images):
        logs = strategy.run(model.train_step, args=(images,))
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

    callbacks.on_train_begin()
    for epoch in epochs:
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        for number in range(steps_per_epoch):
            callbacks.on_train_batch_begin(number)
            logs = step(next(batches))
            callbacks.on_train_batch_end(number, logs)
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callbacks.on_train_end()


@contextmanager
def lost_workers_named():
    """Turns the errors of TensorFlow about a lost worker into a `WorkerLostError`."""
    try:
        yield
    except LOST as error:
        raise WorkerLostError(
            "Another worker no longer answers, so this one stops too. Its own output says why. "
            "Start all workers again with the same command: the run continues from its last "
            "checkpoint."
        ) from error


def _say_nothing(message):
    """Takes the place of `print` where worker 0 prints."""
