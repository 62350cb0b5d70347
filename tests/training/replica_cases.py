"""Trains with several replicas on logical devices of one processor, and prints what it found.

TensorFlow makes logical devices only before it starts, so `test_replicas.py` runs this file as a
program of its own. Usage: python replica_cases.py
"""

import json

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.session import set_environment

set_environment()
DEVICES = [f"CPU:{number}" for number in range(4)]
CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 4)

from simclr_utils.training import simclr  # noqa: E402
from simclr_utils.training.losses import LOSSES, nt_xent_loss  # noqa: E402
from simclr_utils.training.mixed_views import MixedSimCLR  # noqa: E402
from simclr_utils.training.networks import BatchNormalization, head_of_sizes  # noqa: E402
from simclr_utils.training.replicas import gather  # noqa: E402
from simclr_utils.training.simclr import SimCLR  # noqa: E402
from simclr_utils.training.view_sizes import ViewSizes  # noqa: E402
from simclr_utils.views.geometry import RandomFlip  # noqa: E402

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), dtype="uint8")
RATE = 2.0**12  # the weights lose no digit of the update that they are compared by


def strategy_of(count):
    if count == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(DEVICES[:count], tf.distribute.ReductionToOneDevice())


def share(strategy, values):
    """Divides rows over the replicas, in their order."""
    parts = np.split(values, strategy.num_replicas_in_sync)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )


def run(strategy, step, values):
    """Runs a step on all replicas inside of a function; returns their results as lists."""
    found = tf.function(lambda rows: strategy.run(step, args=(rows,)))(share(strategy, values))
    return tf.nest.map_structure(strategy.experimental_local_results, found)


def build_model(norm, kind=SimCLR, **options):
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, use_bias=False)(x)
    x = BatchNormalization()(x) if norm == "batch" else keras.layers.GroupNormalization(3)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    views = [keras.layers.Rescaling(1 / 255), RandomFlip(0.5, seed=1)]
    head = head_of_sizes(6, (6, 4) if norm == "batch" else (4,))
    model = kind(keras.Sequential(views), keras.Model(inputs, x), head, 0.2, **options)
    model.compile(keras.optimizers.SGD(RATE))
    return model


def one_step(count, norm="group", **options):
    """Returns the update of all weights, the loss, and the running statistics."""
    strategy = strategy_of(count)
    with strategy.scope():
        model = build_model(norm, **options)
    before = [weight.numpy() for weight in model.trainable_variables]
    logs = run(strategy, model.train_step, IMAGES)
    after = [weight.numpy() for weight in model.trainable_variables]
    change = [((old - new) / RATE) for old, new in zip(before, after, strict=True)]
    statistics = [np.asarray(each) for each in model.encoder.non_trainable_variables]
    return change, float(logs["loss"][0]), statistics


def apart(found, expected):
    """Returns the largest difference of two lists of arrays, relative to the largest value."""
    largest = max(np.abs(each).max() for each in expected)
    return max(
        float(np.abs(a - b).max() / largest) for a, b in zip(found, expected, strict=True)
    )


def compare(counts, **options):
    """Compares a step of several replicas with that of one."""
    reference = {**options, "micro_batch_size": None} if "micro_batch_size" in options else options
    expected = one_step(1, **reference)
    rows = {}
    for count in counts:
        found = one_step(count, **options)
        rows[count] = {"gradient": apart(found[0], expected[0]), "loss": found[1] - expected[1]}
        if expected[2]:
            rows[count]["statistics"] = apart(found[2], expected[2])
    return rows


def print_all():
    small = keras.Sequential([keras.layers.Rescaling(1 / 255), RandomFlip(0.5, seed=2)])
    found = {
        "plain": compare((2, 4)),
        "batch": compare((2, 4), norm="batch"),
        "cached": compare((2, 4), micro_batch_size=2),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    print_all()
