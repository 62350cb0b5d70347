"""SimCLR and what feeds and drives it: training steps, batches, optimizers."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.config import get_config
from simclr_utils.training import pretraining
from simclr_utils.training.batches import image_batches
from simclr_utils.training.networks import build_encoder, build_projection_head
from simclr_utils.training.optimizers import (
    OPTIMIZERS,
    build_optimizer,
    square_root_learning_rate,
    warmup_cosine,
)
from simclr_utils.training.simclr import SimCLR
from simclr_utils.views.recipe import build_augmenter

pytestmark = pytest.mark.numbers


def pictures(count=16):
    """Pictures that differ in more than noise: one coarse pattern each."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3))
    return coarse.repeat(4, axis=1).repeat(4, axis=2).astype("uint8")


def build_model(temperature=0.2, seed=0, operations=("crop",), strength=0.5):
    keras.utils.set_random_seed(seed)
    augmenter = build_augmenter(16, strength, operations, seed=seed)
    encoder = build_encoder((16, 16, 3), width=4)
    return SimCLR(augmenter, encoder, build_projection_head(32, 16, 8), temperature)


def difference(before, after):
    return [float(np.abs(a - b).max()) for a, b in zip(before, after, strict=True)]


def test_training_lowers_the_loss_and_moves_every_weight():
    model = build_model()
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    images = pictures()
    model(images)
    before = [weight.numpy() for weight in model.trainable_weights]
    history = model.fit(
        image_batches(images, 16), steps_per_epoch=20, epochs=3, verbose=0, shuffle=False,
        validation_data=tf.data.Dataset.from_tensor_slices(images).batch(16),
    ).history  # fmt: skip
    names = {"loss", "contrastive_accuracy", "val_loss", "val_contrastive_accuracy"}
    assert set(history) == names and all(len(values) == 3 for values in history.values())
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["contrastive_accuracy"][-1] > history["contrastive_accuracy"][0] + 0.2
    assert 0 <= history["val_contrastive_accuracy"][-1] <= 1
    after = [weight.numpy() for weight in model.trainable_weights]
    assert len(after) == len(model.encoder.trainable_weights) + 4  # the head's
    assert min(difference(before, after)) > 0


def test_a_step_is_traced_once(monkeypatch):
    traces, step = [], SimCLR.train_step
    monkeypatch.setattr(
        SimCLR, "train_step", lambda model, images: traces.append(1) or step(model, images)
    )
    model = build_model()
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    batches = image_batches(pictures(), 16)
    model.fit(batches, steps_per_epoch=2, epochs=2, verbose=0, shuffle=False)
    assert len(traces) == 1


def test_untrained_and_collapsed_models_stand_at_chance():
    model = build_model()
    model.compile()
    images = pictures()
    model(images)
    model.projection_head.set_weights([0 * w + 1 for w in model.projection_head.get_weights()])
    loss = model.evaluate(tf.data.Dataset.from_tensors(images), verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(math.log(2 * 16 - 1), abs=1e-4)


def own_loss(z1, z2, temperature):
    """NT-Xent once more, in another way: sums of exponentials with a mask."""
    z = tf.concat([z1, z2], axis=0)
    z = z / tf.norm(z, axis=1, keepdims=True)
    similarity = tf.einsum("id,jd->ij", z, z) / temperature
    others = 1 - tf.eye(len(z))
    positives = tf.reduce_sum(z * tf.roll(z, len(z1), axis=0), axis=1) / temperature
    return tf.reduce_mean(tf.math.log(tf.reduce_sum(others * tf.exp(similarity), 1)) - positives)


def test_a_training_step_is_algorithm_1():
    model, twin = build_model(0.5, strength=1.0), build_model(0.5, strength=1.0)
    images, rate = pictures(8), 0.05
    for each in (model, twin):
        each(images)  # builds, and draws the first views
    model.compile(optimizer=keras.optimizers.SGD(rate))
    logs = tf.function(model.train_step)(tf.constant(images))
    with tf.GradientTape() as tape:
        views = tf.concat([twin.augmenter(images), twin.augmenter(images)], axis=0)
        projections = twin.projection_head(twin.encoder(views, training=True), training=True)
        loss = own_loss(projections[:8], projections[8:], 0.5)
    weights = twin.encoder.trainable_weights + twin.projection_head.trainable_weights
    gradients = tape.gradient(loss, weights)
    # Both parts learn.
    assert min(float(tf.norm(gradient)) for gradient in gradients) > 1e-6
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(rate * gradient)
    assert float(logs["loss"]) == pytest.approx(float(loss), abs=1e-5)
    for part, own in ((model.encoder, twin.encoder), (model.projection_head, twin.projection_head)):
        for ours, theirs in zip(part.weights, own.weights, strict=True):  # statistics included
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def test_validation_leaves_the_model_as_it_is():
    model = build_model()
    model.compile()
    model(pictures())
    parts = (model.encoder, model.projection_head)
    before = [weight for part in parts for weight in part.get_weights()]
    model.evaluate(tf.data.Dataset.from_tensor_slices(pictures()).batch(8), verbose=0)
    after = [weight for part in parts for weight in part.get_weights()]
    assert max(difference(before, after)) == 0


def test_the_temperature_reaches_the_loss():
    losses = []
    for temperature in (0.1, 1.0):
        model = build_model(temperature)
        model.compile()
        batches = tf.data.Dataset.from_tensors(pictures())
        losses.append(model.evaluate(batches, verbose=0, return_dict=True)["loss"])
    assert abs(losses[0] - losses[1]) > 0.01


def test_weights_can_be_saved_and_restored(tmp_path):
    model, other = build_model(seed=0), build_model(seed=1)
    for each in (model, other):
        each(pictures())
    assert max(difference(model.encoder.get_weights(), other.encoder.get_weights())) > 0.01
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    for name in ("encoder", "projection_head"):
        ours, theirs = getattr(model, name).get_weights(), getattr(other, name).get_weights()
        assert max(difference(ours, theirs)) == 0


def test_the_same_seed_gives_the_same_training():
    results = []
    for seed in (0, 0, 1):
        model = build_model(seed=seed)
        model.compile(optimizer=keras.optimizers.SGD(0.1))
        model.fit(image_batches(pictures(), 8, seed), steps_per_epoch=3, verbose=0, shuffle=False)
        results.append(model.encoder.get_weights())
    assert max(difference(results[0], results[1])) < 1e-5
    assert max(difference(results[0], results[2])) > 1e-2


@pytest.mark.bfloat16
def test_mixed_precision_trains():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_model(operations=("crop", "color_jitter"))
        model.compile(optimizer=keras.optimizers.Adam(0.01))
        first, second = model(pictures())
        history = model.fit(
            image_batches(pictures(), 16), steps_per_epoch=8, epochs=2, verbose=0, shuffle=False
        )
    finally:
        keras.config.set_dtype_policy("float32")
    assert first.dtype == second.dtype == tf.float32
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert history.history["loss"][1] < history.history["loss"][0]


# Batches.


class Watched:
    """An array that notes which rows are asked for."""

    def __init__(self, array):
        self.array, self.shape, self.asked = array, array.shape, []

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.asked.append(np.array(rows))
        return self.array[rows]


def numbered(count):
    """Pictures that say their number."""
    return np.arange(count, dtype="uint8")[:, None, None, None] + np.zeros((1, 2, 2, 3), "uint8")


def numbers(batches, count):
    return [batch.numpy()[:, 0, 0, 0].tolist() for batch in batches.take(count)]


def test_each_epoch_has_every_image_once_in_its_own_order():
    batches = image_batches(numbered(20), 5, seed=1)
    assert batches.element_spec == tf.TensorSpec((5, 2, 2, 3), tf.uint8)
    epochs = np.array(numbers(batches, 12)).reshape(3, 20)
    for epoch in epochs:
        assert sorted(epoch) == list(range(20))
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert not (epochs == np.arange(20)).all(axis=1).any()


def test_the_rest_of_an_epoch_is_left_out_and_differs():
    epochs = np.array(numbers(image_batches(numbered(11), 4), 40)).reshape(20, 8)
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    assert set(epochs.ravel()) == set(range(11))


def test_an_epoch_shares_its_random_stream_with_no_other_choice_of_the_seed():
    """A split or a sample that a user draws from the seed is not the order of an epoch."""
    epochs = {tuple(epoch) for epoch in numbers(image_batches(numbered(20), 20, seed=3), 9)}
    for entropy in (3, *([3, number] for number in range(9))):
        assert tuple(np.random.default_rng(entropy).permutation(20)) not in epochs


def test_a_batch_depends_on_seed_and_step_alone():
    whole = numbers(image_batches(numbered(20), 6, seed=3), 10)
    assert numbers(image_batches(numbered(20), 6, seed=3), 10) == whole
    assert numbers(image_batches(numbered(20), 6, seed=4), 10) != whole
    for first_step in (1, 3, 7):
        later = image_batches(numbered(20), 6, seed=3, first_step=first_step)
        assert numbers(later, 10 - first_step) == whole[first_step:]


def test_fit_goes_on_where_the_last_epoch_ended():
    images = Watched(pictures())
    model = build_model()
    model.compile(optimizer="sgd")
    model.fit(image_batches(images, 8), steps_per_epoch=2, epochs=3, verbose=0, shuffle=False)
    seen = np.concatenate(images.asked[:6]).reshape(3, 16)  # prefetching may have asked for more
    assert all(sorted(epoch) == list(range(16)) for epoch in seen)
    assert len({tuple(epoch) for epoch in seen}) == 3


def test_labels_go_with_their_images():
    batches = image_batches(numbered(12), 4, labels=np.arange(12) * 3)
    assert batches.element_spec[1] == tf.TensorSpec((4,), tf.int64)
    for images, labels in batches.take(6):
        np.testing.assert_array_equal(labels, images[:, 0, 0, 0].numpy().astype(int) * 3)


def test_a_memory_map_is_read_batch_by_batch(tmp_path):
    np.save(tmp_path / "images.npy", pictures(32))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    images = Watched(mapped)
    model = build_model()
    model.compile(optimizer="sgd")
    model.fit(image_batches(images, 8), steps_per_epoch=4, verbose=0, shuffle=False)
    assert isinstance(images.array, np.memmap)
    assert len(images.asked) >= 4 and {len(rows) for rows in images.asked} == {8}
    expected = next(iter(image_batches(pictures(32), 8)))
    np.testing.assert_array_equal(next(iter(image_batches(mapped, 8))), expected)


def test_no_thread_of_tensorflow_delays_the_end_of_batches():
    options = image_batches(pictures(), 4).options()
    assert options.autotune.enabled is False and options.threading.private_threadpool_size == 1


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="7 images do not fill one batch of 8. Lower the batch si"):
        image_batches(numbered(7), 8)
    assert len(numbers(image_batches(numbered(8), 8), 1)[0]) == 8


# Optimizers.


def test_the_square_root_rule():
    assert square_root_learning_rate(0.01, 256) == pytest.approx(0.01)
    assert square_root_learning_rate(0.01, 1024) == pytest.approx(0.02)
    assert square_root_learning_rate(0.01, 64) == pytest.approx(0.005)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_warm_up_and_cosine_decay(name):
    optimizer = build_optimizer(name, warmup_cosine(0.4, num_steps=1000, warmup_share=0.2))
    steps = [0, 49, 99, 199, 399, 599, 1000, 2000]
    decay = [0.2 * (1 + math.cos(math.pi * done / 801)) for done in (0, 200, 400, 801, 801)]
    rates = []
    for step in steps:
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0.002, 0.1, 0.2, *decay], abs=1e-6)


@pytest.mark.parametrize("num_steps", [1, 2, 10, 19, 20, 30, 1000])
def test_every_update_of_a_run_moves_the_weights(num_steps):
    rates = [float(warmup_cosine(0.4, num_steps)(step)) for step in range(num_steps + 1)]
    assert (
        min(rates[:-1]) > 0
        and max(rates) == pytest.approx(0.4) == rates[max(1, num_steps // 10) - 1]
    )
    assert rates[-1] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "lars"])
def test_only_kernels_are_decayed(name):
    inputs = keras.Input((3,))
    outputs = keras.layers.BatchNormalization()(keras.layers.Dense(2)(inputs))
    model = keras.Model(inputs, outputs)
    for weight in model.trainable_weights:
        weight.assign(weight * 0 + 1.0)
    optimizer = build_optimizer(name, 0.5, weight_decay=0.1)
    optimizer.apply([0 * weight for weight in model.trainable_weights], model.trainable_weights)
    values = {weight.name: weight.numpy().ravel() for weight in model.trainable_weights}
    assert set(values) == {"kernel", "bias", "gamma", "beta"}
    assert values.pop("kernel") == pytest.approx(1 - 0.5 * 0.1)
    for name, value in values.items():
        assert value == pytest.approx(1.0), name


def test_kinds_of_optimizers():
    sgd = build_optimizer("sgd", 0.1)
    assert type(sgd) is keras.optimizers.SGD and sgd.momentum == 0.9 and sgd.nesterov
    assert type(build_optimizer("adamw", 0.1)) is keras.optimizers.AdamW
    assert type(build_optimizer("lamb", 0.1)) is keras.optimizers.Lamb
    assert build_optimizer("adamw", 0.1, weight_decay=0.03).weight_decay == 0.03
    with pytest.raises(ValueError, match=r"Unknown optimizer 'lion'. Choose from \['adamw', 'sgd"):
        build_optimizer("lion", 0.1)


def asymmetric(first, second, seed=0, micro_batch_size=None):
    """A model of `build_model` in `training/pretraining.py`, whose views may differ."""
    settings = {"operations": first, "second_operations": second}
    config = get_config("tiny", micro_batch_size=micro_batch_size, **settings)
    return pretraining.build_model((16, 16, 3), config, seed)


def test_equal_second_operations_draw_other_numbers_for_the_second_view():
    images = pictures()
    same, crop = (("crop", 1.0),), {"crop": 1.0}
    first, second = np.split(asymmetric(same, same).draw_views(images), 2)
    assert not np.isclose(first, second).all(axis=(1, 2, 3)).any()
    # Without a second augmenter, both views are draws of the first, in turn.
    model, augmenter = asymmetric(same, None), build_augmenter(16, operations=crop, seed=0)
    assert model.second_augmenter is None
    expected = np.concatenate([augmenter(images), augmenter(images)])
    np.testing.assert_array_equal(model.draw_views(images), expected)


@pytest.mark.parametrize("micro_batch_size", [None, 8])
def test_the_second_view_may_be_the_image_itself(micro_batch_size):
    images = pictures()
    model = asymmetric({"noise": 1.0}, {}, micro_batch_size=micro_batch_size)
    drawn = model.draw_views(images).numpy()
    np.testing.assert_allclose(drawn[16:], images / 255, atol=1e-6)
    assert np.abs(drawn[:16] - drawn[16:]).max() > 0.05
    model.compile(keras.optimizers.SGD(0.1))
    metrics = model.train_step(tf.constant(images))
    # Gradient caching sees these views too: one view twice would be a perfect match.
    assert np.isfinite(metrics["loss"]) and model.optimizer.iterations == 1
