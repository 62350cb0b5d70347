"""i-Mix: mixed views have mixed positives, and a resumed run draws the same shares."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.config import Config, describe_changes, get_config, identity
from simclr_utils.training.batches import image_batches
from simclr_utils.training.checkpoints import Checkpoints, variables_of
from simclr_utils.training.gradient_caching import cached_gradients
from simclr_utils.training.losses import LOSSES, nt_xent_loss
from simclr_utils.training.mixed_views import MixedSimCLR
from simclr_utils.training.networks import build_projection_head
from simclr_utils.training.pretraining import build_model
from simclr_utils.training.simclr import SimCLR
from simclr_utils.views.recipe import build_augmenter

pytestmark = pytest.mark.numbers

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype="uint8")


def build(kind=MixedSimCLR, loss=nt_xent_loss, micro_batch_size=None, augmenter=None, **options):
    """A linear encoder. By default the views of an image are the image and its negative."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    encoder = keras.Model(inputs, keras.layers.Dense(6)(keras.layers.Flatten()(inputs)))
    head = build_projection_head(6, output_dim=4, num_layers=1)
    second = keras.layers.Rescaling(-1 / 255, offset=1.0) if augmenter is None else None
    augmenter = keras.layers.Rescaling(1 / 255) if augmenter is None else augmenter
    parts = (augmenter, encoder, head, 0.3, loss, micro_batch_size, second)
    model = kind(*parts, **options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def soft_nt_xent(first, second, temperature, share):
    """The cross entropy of each anchor's candidates and their shares of the anchor's images."""
    views, n, losses = [*first, *second], len(first), []
    for i, anchor in enumerate(views):
        logits = [cosine(anchor, view) / temperature for view in views]
        total = math.log(sum(math.exp(logit) for k, logit in enumerate(logits) if k != i))
        own, partner = i % n, n - 1 - i % n
        other_side = n if i < n else 0
        found = share * logits[other_side + own] + (1 - share) * logits[other_side + partner]
        losses.append(total - found)
    return sum(losses) / len(losses)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_the_loss_is_the_cross_entropy_with_mixed_positives(share):
    first, second = np.random.default_rng(1).normal(size=(2, 5, 4))
    model = build()
    model.own_share = tf.constant(share, tf.float64)
    loss = model.contrastive_loss(tf.constant(first), tf.constant(second))
    assert loss.dtype == tf.float64
    assert float(loss) == pytest.approx(soft_nt_xent(first, second, 0.3, share), abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_a_share_of_1_is_the_plain_loss_of_plain_views(name):
    plain, mixed = (build(kind, LOSSES[name]) for kind in (SimCLR, MixedSimCLR))
    mixed.own_share = tf.constant(1.0)
    np.testing.assert_array_equal(mixed.draw_views(IMAGES), plain.draw_views(IMAGES))
    found = [model.contrastive_loss(*model(IMAGES)) for model in (plain, mixed)]
    assert float(found[0]) == float(found[1])
    mixed.own_share = tf.constant(0.7)
    assert float(mixed.contrastive_loss(*mixed(IMAGES))) != float(found[0])
    mixed.own_share = None  # outside of a training step nothing is mixed
    np.testing.assert_array_equal(mixed(IMAGES), plain(IMAGES))


def test_only_the_first_views_are_mixtures_of_partners():
    model = build()
    model.own_share = tf.constant(0.75)
    first, second = tf.split(model.draw_views(IMAGES), 2)
    pixels = IMAGES / 255
    np.testing.assert_allclose(first, 0.75 * pixels + 0.25 * pixels[::-1], atol=1e-6)
    np.testing.assert_allclose(second, 1 - pixels, atol=1e-6)


@pytest.mark.parametrize("micro_batch_size", [4, 16, 64])
def test_the_cached_gradient_is_that_of_the_mixed_loss(micro_batch_size):
    model = build(micro_batch_size=micro_batch_size)
    model(IMAGES[:2])
    model.own_share = tf.constant(0.7)
    loss, *_, cached = cached_gradients(model, tf.constant(IMAGES), micro_batch_size)
    size, sides = min(micro_batch_size, 16), ([], [])
    with tf.GradientTape() as tape:
        for start in range(0, 16, size):
            for side, part in zip(sides, model(IMAGES[start : start + size]), strict=True):
                side.append(part)
        plain_loss = model.contrastive_loss(*[tf.concat(side, axis=0) for side in sides])
    assert float(loss) == pytest.approx(float(plain_loss), abs=1e-6)
    gradients = tape.gradient(plain_loss, model.trainable_variables)
    for ours, plain in zip(cached, gradients, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=0, atol=1e-5 * np.abs(plain).max() + 1e-8)


def shares_of(model, count):
    """The shares of some training steps."""
    shares = []

    def loss(projections_1, projections_2, temperature):
        shares.append(float(model.own_share))
        return nt_xent_loss(projections_1, projections_2, temperature)

    model.loss_function = loss
    for _ in range(count):
        model.train_step(tf.constant(IMAGES))
        assert model.own_share is None
    return shares[::2]  # the loss is computed twice in a step


def test_each_step_draws_a_share_from_the_seed():
    shares = shares_of(build(alpha=1.0, seed=3), 12)
    assert 0.5 <= min(shares) < 0.7 < max(shares) <= 1 and len(set(shares)) == 12
    assert shares_of(build(alpha=1.0, seed=3), 3) == shares[:3]
    assert shares_of(build(alpha=1.0, seed=4), 3) != shares[:3]
    assert np.mean(shares_of(build(alpha=0.1, seed=3), 6)) > np.mean(shares)


def test_a_resumed_run_ends_in_the_same_bits(tmp_path):
    tf.config.experimental.enable_op_determinism()

    def run(folder, epochs):
        model = build(augmenter=build_augmenter(8, operations=("crop",), seed=0), seed=7)
        checkpoints = Checkpoints(folder, {"seed": 0}, min_seconds=0)
        first = checkpoints.restore(model)
        model.fit(
            image_batches(IMAGES, 8, 0, first_step=2 * first),
            steps_per_epoch=2, epochs=epochs, initial_epoch=first, verbose=0, shuffle=False,
            callbacks=[checkpoints],
        )  # fmt: skip
        return model, checkpoints.history["loss"]

    whole, losses = run(tmp_path / "whole", 3)
    run(tmp_path / "stopped", 1)
    resumed, again = run(tmp_path / "stopped", 3)
    assert again == losses and len(set(losses)) == 3
    for one, other in zip(variables_of(whole), variables_of(resumed), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(variable is whole.share_seed.state for variable in variables_of(whole))


def test_the_setting_builds_it_and_a_record_without_it_is_not_mixed():
    config = get_config("tiny", mix_alpha=0.4)
    model = build_model((16, 16, 3), config, seed=1)
    assert type(model) is MixedSimCLR and model.alpha == 0.4
    assert type(build_model((16, 16, 3), get_config("tiny"))) is SimCLR
    stored = identity(get_config("tiny"))
    del stored["mix_alpha"]
    assert describe_changes(stored, get_config("tiny")) == []
    assert describe_changes(stored, config) == ["mix_alpha is 0.0 there and 0.4 here"]
    assert Config().mix_alpha == 0


def test_what_cannot_be_mixed_is_refused():
    with pytest.raises(ValueError, match="`alpha` must be above 0.*Received: 0"):
        build(alpha=0)
    with pytest.raises(ValueError, match="no partner to mix with. Choose"):
        build(micro_batch_size=1)
