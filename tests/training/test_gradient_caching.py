"""Large batches: the loss in blocks and the cached gradient are those of the whole batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.config import get_config
from simclr_utils.training.batches import image_batches
from simclr_utils.training.gradient_caching import cached_gradients
from simclr_utils.training.losses import contrastive_accuracy, nt_xent_loss
from simclr_utils.training.networks import build_projection_head
from simclr_utils.training.pretraining import plan_epochs
from simclr_utils.training.simclr import SimCLR
from simclr_utils.views.recipe import build_augmenter

pytestmark = pytest.mark.numbers

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype="uint8")


def projections(count, dims=8, dtype=tf.float64):
    draws = np.random.default_rng(count).normal(size=(2, count, dims))
    return [tf.constant(draws[0], dtype), tf.constant(draws[0] + 0.7 * draws[1], dtype)]


@pytest.mark.parametrize("block_size", [1, 3, 7, 10, 20, 64])
@pytest.mark.parametrize("dtype, tolerance", [(tf.float64, 1e-14), (tf.float32, 2e-6)])
def test_blocks_give_the_same_loss_gradient_and_accuracy(block_size, dtype, tolerance):
    sides = projections(10, dtype=dtype)
    found = []
    for size in (None, block_size):
        with tf.GradientTape() as tape:
            tape.watch(sides)
            loss = 3.0 * nt_xent_loss(*sides, temperature=0.2, block_size=size)
        found.append([loss, *tape.gradient(loss, sides)])
    for whole, blocks in zip(*found, strict=True):
        np.testing.assert_allclose(blocks, whole, rtol=0, atol=tolerance * 10)
        assert blocks.dtype == whole.dtype == dtype
    whole, blocks = (float(contrastive_accuracy(*sides, size)) for size in (None, block_size))
    assert 0 < whole < 1 and blocks == pytest.approx(whole, abs=1e-7)


def test_blocks_work_inside_a_function_with_an_unknown_batch():
    loss = tf.function(
        lambda one, two: nt_xent_loss(one, two, 0.5, block_size=4),
        input_signature=[tf.TensorSpec((None, 8), tf.float64)] * 2,
    )
    for count in (3, 6):
        sides = projections(count)
        assert float(loss(*sides)) == pytest.approx(float(nt_xent_loss(*sides, 0.5)), abs=1e-12)
    with pytest.raises(ValueError, match="temperature"):
        nt_xent_loss(*projections(3), temperature=0, block_size=2)


def build_model(micro_batch_size=None, norm="group", dropout=0.0):
    """A small encoder whose normalisation, if any, does not mix images."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    if norm == "group":
        x = keras.layers.GroupNormalization(4)(x)
    elif norm == "batch":
        x = keras.layers.BatchNormalization(momentum=0.5)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    encoder = keras.Model(inputs, keras.layers.Dropout(dropout, seed=3)(x))
    augmenter = build_augmenter(16, operations=("flip",), seed=0)
    head = build_projection_head(8, output_dim=8, num_layers=1)  # more layers normalise too
    model = SimCLR(augmenter, encoder, head, 0.2, micro_batch_size=micro_batch_size)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def gradients_of(micro_batch_size, **options):
    """Loss, gradients, and what is left of the state, of one batch."""
    model = build_model(micro_batch_size, **options)
    images = tf.constant(IMAGES)
    model(images[:2])  # builds it
    for layer in model.augmenter.layers[1:]:
        layer.probability = 0.0  # the draws of a microbatch are others than those of a batch
    if micro_batch_size:
        loss, _, _, gradients = tf.function(cached_gradients)(model, images, micro_batch_size)
    else:
        with tf.GradientTape() as tape:
            loss = model.contrastive_loss(*model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
    return loss, gradients, model


@pytest.mark.parametrize("norm", ["group", None])
@pytest.mark.parametrize("micro_batch_size", [1, 6, 24])
def test_the_cached_gradient_is_that_of_the_batch(norm, micro_batch_size):
    loss, gradients, _ = gradients_of(None, norm=norm)
    cached_loss, cached, model = gradients_of(micro_batch_size, norm=norm)
    assert float(cached_loss) == pytest.approx(float(loss), abs=1e-5)
    assert len(cached) == len(model.trainable_variables)
    for ours, plain in zip(cached, gradients, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=0, atol=1e-5 * float(tf.norm(plain)) + 1e-7)


def test_adding_up_small_batches_is_another_gradient():
    """What gradient accumulation does: the check above is no matter of course."""
    _, whole, _ = gradients_of(None)
    sums = [tf.zeros_like(gradient) for gradient in whole]
    for start in range(0, 24, 6):
        model = build_model()
        model(IMAGES[:2])
        model.augmenter.layers[1].probability = 0.0
        with tf.GradientTape() as tape:
            loss = model.contrastive_loss(*model(IMAGES[start : start + 6], training=True)) / 4
        gradients = tape.gradient(loss, model.trainable_variables)
        sums = [total + part for total, part in zip(sums, gradients, strict=True)]
    apart = [tf.norm(a - b) / tf.norm(b) for a, b in zip(sums, whole, strict=True)]
    assert max(map(float, apart)) > 0.05


def test_batch_normalization_takes_the_microbatch_for_its_batch():
    _, plain, whole = gradients_of(None, norm="batch")
    _, same, once = gradients_of(24, norm="batch")
    _, ghost, often = gradients_of(6, norm="batch")
    for ours, theirs in zip(same, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    assert max(float(tf.norm(a - b) / tf.norm(b)) for a, b in zip(ghost, plain, strict=True)) > 0.01
    # The running mean: once a microbatch, though the encoder has seen each of them twice.
    mean, *_ = whole.encoder.non_trainable_variables
    np.testing.assert_allclose(once.encoder.non_trainable_variables[0], mean, atol=1e-6)
    model = build_model(norm="batch")
    model(IMAGES[:2])
    for start in range(0, 24, 6):
        some = tf.cast(IMAGES[start : start + 6], tf.float32) / 255
        model.encoder(tf.concat([some, some], axis=0), training=True)
    np.testing.assert_allclose(
        often.encoder.non_trainable_variables[0],
        model.encoder.non_trainable_variables[0],
        atol=1e-6,
    )


def test_both_passes_see_the_same_dropout():
    """With another draw in the second pass, the gradient would not be that of any loss."""
    _, whole, _ = gradients_of(None, dropout=0.5)
    _, same, _ = gradients_of(24, dropout=0.5)
    for ours, plain in zip(same, whole, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=0, atol=1e-5)


def test_fit_trains_with_microbatches_and_draws_two_views():
    model = build_model(6, norm=None)
    model.compile(keras.optimizers.Adam(0.01))
    colors = np.random.default_rng(1).integers(0, 191, (len(IMAGES), 1, 1, 3), dtype="uint8")
    history = model.fit(
        image_batches(IMAGES // 4 + colors, 12),
        steps_per_epoch=2, epochs=10, verbose=0, shuffle=False,
        validation_data=tf.data.Dataset.from_tensor_slices(IMAGES).batch(10),
    ).history  # fmt: skip
    assert history["loss"][-1] < history["loss"][0] - 0.2
    assert all(0 <= value <= 1 for value in history["val_contrastive_accuracy"])
    # Flips leave some images as they are: the two views agree on a part of them.
    _, one, two, _ = cached_gradients(model, tf.constant(IMAGES), 6)
    agree = np.isclose(one, two, atol=1e-6).all(axis=1)
    assert 0 < agree.sum() < len(IMAGES)


def test_a_batch_that_does_not_fall_into_microbatches_is_refused():
    model = build_model(5)
    with pytest.raises(ValueError, match="24 images does not divide into microbatches of 5"):
        cached_gradients(model, tf.constant(IMAGES), 5)


def test_a_batch_smaller_than_a_microbatch_is_one():
    loss, *_ = cached_gradients(build_model(256), tf.constant(IMAGES), 256)
    assert np.isfinite(loss)


def test_microbatches_that_do_not_fit_are_refused_beforehand():
    with pytest.raises(ValueError, match="256 images does not divide into microbatches of 100"):
        plan_epochs(900, get_config("full", micro_batch_size=100))
    assert plan_epochs(900, get_config("tiny", micro_batch_size=64))[0] == 32  # one microbatch


@pytest.mark.parametrize(
    "pool, micro, planned",
    [(900, None, 512), (900, 128, 512), (300, None, 300), (300, 128, 256), (100, 128, 100)],
)
def test_a_small_pool_is_cut_into_whole_microbatches(pool, micro, planned):
    config = get_config("full", batch_size=512, micro_batch_size=micro)
    batch_size, steps_per_epoch, _ = plan_epochs(pool, config)
    assert batch_size == planned and steps_per_epoch == 1
