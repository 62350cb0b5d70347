"""Trains with several replicas on logical devices of one processor, and prints what it found.

TensorFlow makes logical devices only before it starts, so `test_replicas.py` runs this file as a
program of its own. Usage: python replica_cases.py <an empty folder>
[<the names of cases>]
"""

import json
import sys
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from simclr_utils import session
from simclr_utils.config import get_config
from simclr_utils.data.dataset import Dataset
from simclr_utils.training import simclr
from simclr_utils.training.batches import image_batches
from simclr_utils.training.checkpoints import Checkpoints, variables_of
from simclr_utils.training.losses import LOSSES, nt_xent_loss
from simclr_utils.training.mixed_views import MixedSimCLR
from simclr_utils.training.networks import BatchNormalization, head_of_sizes
from simclr_utils.training.pretraining import pretrain
from simclr_utils.training.replicas import choose_strategy, gather
from simclr_utils.training.simclr import SimCLR
from simclr_utils.training.similarities import candidate_logits
from simclr_utils.training.view_sizes import Stage, ViewSizes
from simclr_utils.views.geometry import RandomFlip
from simclr_utils.views.layers import KerasOperation
from simclr_utils.views.recipe import build_augmenter
from simclr_utils.views.replica_draws import num_replicas, own_rows, own_seeds

COLORS = np.random.default_rng(0).integers(0, 191, (16, 1, 1, 3), dtype="uint8")
IMAGES = COLORS + np.random.default_rng(1).integers(0, 64, (16, 16, 16, 3), dtype="uint8")
RATE = 2.0**12  # the weights lose no digit of the update that they are compared by


def share(strategy, values):
    """Divides rows over the replicas, in their order."""
    parts = np.split(values, strategy.num_replicas_in_sync)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )


def run(strategy, step, values, traced=False):
    """Runs a step on all replicas; returns a structure of lists, with one value of each."""

    def on_all(rows):
        return strategy.run(step, args=(rows,))

    found = (tf.function(on_all) if traced else on_all)(share(strategy, values))
    return tf.nest.map_structure(strategy.experimental_local_results, found)


def build_model(norm="group", kind=SimCLR, flips=0.5, num_small=0, **options):
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, use_bias=False)(x)
    x = BatchNormalization()(x) if norm == "batch" else keras.layers.GroupNormalization(3)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    views = [
        keras.Sequential([keras.layers.Rescaling(1 / 255), RandomFlip(flips, seed)])
        for seed in (1, 2)
    ]
    if num_small:
        options["sizes"] = ViewSizes(small_augmenter=views[1], num_small=num_small)
    head = head_of_sizes(6, (6, 4) if norm == "batch" else (4,))
    model = kind(views[0], keras.Model(inputs, x), head, 0.2, **options)
    model.compile(keras.optimizers.SGD(RATE))
    return model


def one_step(count, **options):
    """Returns the change of all weights, the loss, and the running statistics."""
    strategy = choose_strategy(count, len(IMAGES))
    with strategy.scope():
        model = build_model(**options)
    before = [weight.numpy() for weight in model.trainable_variables]
    # These have exchanges or loops in the graph of `fit`. Tracing takes most of the time.
    traced = count == 2 and bool({"norm", "micro_batch_size"} & {*options})
    logs = run(strategy, model.train_step, IMAGES[:, :12, :12], traced=traced)
    after = [weight.numpy() for weight in model.trainable_variables]
    change = [(old - new) / RATE for old, new in zip(before, after, strict=True)]
    statistics = [each.numpy() for each in model.encoder.non_trainable_variables]
    return change, float(logs["loss"][0]), statistics


def apart(found, expected):
    """Returns the largest difference of two lists of arrays, relative to the largest value."""
    largest = max(np.abs(each).max() for each in expected)
    return max(float(np.abs(a - b).max() / largest) for a, b in zip(found, expected, strict=True))


def compare(counts, one=None, **options):
    """Compares a step of several replicas with that of one, which may have other options."""
    expected, rows = one_step(1, **(options if one is None else one)), {}
    for count in counts:
        found = one_step(count, **options)
        rows[count] = {"gradient": apart(found[0], expected[0]), "loss": found[1] - expected[1]}
        if expected[2]:
            rows[count]["statistics"] = apart(found[2], expected[2])
    return rows


def own_anchors_loss(first, second, temperature):
    """The mean over the anchors of this replica: right only if gradients come back to it."""
    logits, positives = candidate_logits(first, second, temperature)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
    return tf.reduce_mean([own_rows(side) for side in tf.split(losses, 2)]) / num_replicas()


def averaged_loss(first, second, temperature):
    return nt_xent_loss(first, second, temperature) / num_replicas()


def wrong_variants():
    """Returns how far the gradient of each wrong variant is from that of the whole batch."""
    expected = one_step(1)[0]
    found = {
        "gathered without gradient": one_step(2, loss=own_anchors_loss)[0],
        "averaged": one_step(2, loss=averaged_loss)[0],
    }
    with mock.patch.object(simclr, "gather", lambda rows: rows):
        found["local negatives, averaged"] = one_step(2, loss=averaged_loss)[0]
    return {name: apart(change, expected) for name, change in found.items()}


def each_loss():
    """Compares the gradients of all losses with respect to the projections."""
    rows = np.random.default_rng(2).normal(size=(12, 2, 5)).astype("float32")
    losses = {**LOSSES, "own": lambda a, b, _: tf.reduce_mean(tf.exp(tf.matmul(a, b, False, True)))}

    def gradients(values):
        found = {}
        for name, loss in losses.items():
            with tf.GradientTape() as tape:
                tape.watch(values)
                value = loss(gather(values[:, 0]), gather(values[:, 1]), 0.5)
            found[name] = tape.gradient(value, values)
        return found

    one, two = (run(choose_strategy(count, 12), gradients, rows) for count in (1, 2))
    return {name: apart([np.concatenate(two[name])], [one[name][0].numpy()]) for name in losses}


def random_numbers():
    """Returns which views are the same with one and two replicas, and on two of them."""
    strategy = choose_strategy(2, len(IMAGES))
    same = np.concatenate([IMAGES[:8], IMAGES[:8]])
    noises = {
        "noise": lambda: build_augmenter(16, operations={"noise": 1.0}, seed=0),
        "changes": lambda: build_augmenter(16, operations={"rand_augment": 1.0}, seed=0),
        "keras": lambda: KerasOperation(keras.layers.GaussianNoise(0.3, seed=0)),
    }
    found = {}
    with strategy.scope():
        recipe = build_augmenter(16, seed=0)
        several = {name: build() for name, build in noises.items()}
        dropout = keras.layers.Dropout(0.5, seed=0)
    for _ in range(2):  # the states of the generators stay together
        two = np.concatenate(run(strategy, recipe, IMAGES))
    one = build_augmenter(16, seed=0)
    one(IMAGES)
    found["recipe"] = float(np.abs(two - one(IMAGES)).max())
    for name, layer in several.items():
        first, second = run(
            strategy, layer, same.astype("float32") / 255 if name == "keras" else same
        )
        found[name] = float(np.abs(first - second).mean())
        states = [each.value.values for each in layer.variables if "seed" in each.name]
        found[f"{name} states"] = all(np.array_equal(a, b) for a, b in states)

    def drop(rows):
        with own_seeds(dropout):
            return dropout(rows, training=True)

    first, second = run(strategy, drop, np.ones((16, 9), "float32"))
    found["dropout"] = float(np.abs(first - second).mean())
    return found


def resumed(folder):
    """Compares a run of two epochs with one that is resumed after the first of them."""
    strategy = choose_strategy(2, 8)
    with strategy.scope():
        model = build_model("batch")
        model.compile(keras.optimizers.Adam(0.01))
    found = []
    for _ in range(2):
        checkpoints = Checkpoints(folder, {}, min_seconds=0)
        first = checkpoints.restore(model)
        batches = image_batches(IMAGES, 8, first_step=2 * first)
        model.fit(
            batches, steps_per_epoch=2, epochs=2, initial_epoch=first, verbose=0, shuffle=False,
            callbacks=[checkpoints],
        )  # fmt: skip
        found.append([np.array(each.numpy()) for each in variables_of(model)])
        checkpoints.paths()[0].unlink(missing_ok=True)
    same = all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
    return {"first": first, "same": same, "loss": checkpoints.history["loss"]}


def whole_runs():
    """Pretrains with one and with two devices."""
    images = {split: (IMAGES, np.zeros(16, int)) for split in ("train", "validation", "test")}
    made = {"fingerprint": "0", "notes": [], "refused": [], "overlaps": {}}
    dataset = Dataset("made", unlabeled=IMAGES, class_names=("one",), **images, **made)
    small = {"width": 2, "projection_dims": (4, 4), "operations": {"flip": 1.0}}
    found = {}
    for count in (1, 2):
        config = get_config("tiny", devices=count, batch_size=8, pretraining_steps=4, **small)
        found[count] = pretrain(dataset, config)
    one, two = (found[count].encoder for count in (1, 2))
    layers = [each.get_config() for each in two.layers]
    return {
        "features": apart([two(IMAGES / 255)], [one(IMAGES / 255)]),
        "synchronized": [each["synchronized"] for each in layers if "synchronized" in each],
        "loss": [found[count].history["loss"] for count in (1, 2)],
        "findings": found[2].details["findings"],
    }


def refused():
    """Returns the message about views whose size changes during the run."""
    stages = ViewSizes([Stage(1, RandomFlip())])
    with choose_strategy(2, 8).scope():
        try:
            build_model(sizes=stages)
        except ValueError as error:
            return str(error)


def all_cases(folder):
    """Returns a dict from the names of the cases to functions."""
    mixed = {"kind": MixedSimCLR, "seed": 3, "flips": 0.0}
    return {
        "plain": lambda: compare((2, 4)),
        "batch": lambda: compare((2, 4), norm="batch"),
        "cached": lambda: compare((2, 4), {"flips": 0.0}, micro_batch_size=2, flips=0.0),
        "small": lambda: compare((4,), num_small=1),
        # One replica mixes the images of each quarter as well, if these are its microbatches.
        "mixed": lambda: compare((4,), {"micro_batch_size": 4, **mixed}, **mixed),
        "wrong": wrong_variants,
        "losses": each_loss,
        "random": random_numbers,
        "resumed": lambda: resumed(folder),
        "whole": whole_runs,
        "refused": refused,
    }


if __name__ == "__main__":
    session.start(0, "float32", cpu_devices=4)
    cases = all_cases(sys.argv[1])
    for name in sys.argv[2:] or cases:
        print(json.dumps({name: cases[name]()}), flush=True)
