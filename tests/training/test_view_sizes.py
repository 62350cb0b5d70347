"""Views of several sizes: the loss over their pairs, the schedule, and runs that are resumed."""

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.config import Config, describe_changes, get_config, identity
from simclr_utils.training import examinations
from simclr_utils.training.batches import image_batches
from simclr_utils.training.checkpoints import Checkpoints, variables_of
from simclr_utils.training.continued import continued_config
from simclr_utils.training.losses import LOSSES, nt_xent_loss
from simclr_utils.training.mixed_views import MixedSimCLR
from simclr_utils.training.networks import build_projection_head
from simclr_utils.training.planned_views import build_views, check_views, views_per_image
from simclr_utils.training.pretraining import build_model
from simclr_utils.training.simclr import SimCLR
from simclr_utils.training.view_sizes import Stage, ViewSizes, check_sizes

pytestmark = pytest.mark.numbers

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype="uint8")
SIZES = {"view_sizes": ((8, 0.5), (12, 0.25), (16, 0.25))}
SMALL = {"small_views": (2, 8)}


def build(num_steps=4, seed=0, pooled=True, **settings):
    """A model of one convolution, whose views are crops that are flipped."""
    operations = {"crop": 1.0, "flip": 1.0}
    config = get_config("tiny", **{"operations": operations, "projection_dims": (6, 4), **settings})
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    pool = keras.layers.GlobalAveragePooling2D() if pooled else keras.layers.Flatten()
    encoder = keras.Model(inputs, keras.layers.Dense(5)(pool(x)))
    model = build_model((16, 16, 3), config, seed, encoder, num_steps)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def numpy_loss(views, temperature):
    """NT-Xent of each large view with every other view, from its definition."""

    def of_pair(first, second):
        z = np.concatenate([first, second])
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
        total, count = 0.0, len(first)
        for anchor in range(2 * count):
            logits = {k: z[anchor] @ z[k] / temperature for k in range(2 * count) if k != anchor}
            total += np.log(sum(map(np.exp, logits.values()))) - logits[(anchor + count) % len(z)]
        return total / len(z)

    pairs = [pair for pair in itertools.combinations(range(len(views)), 2) if pair[0] < 2]
    return np.mean([of_pair(views[i], views[j]) for i, j in pairs]), len(pairs)


@pytest.mark.parametrize("num_small, num_pairs", [(0, 1), (1, 3), (2, 5)])
def test_the_loss_is_the_mean_over_pairs_with_a_large_view(num_small, num_pairs):
    views = list(np.random.default_rng(3).normal(size=(2 + num_small, 5, 4)))
    model = build(temperature=0.3)
    loss = model.loss_of_views([tf.constant(view) for view in views])
    expected, count = numpy_loss(views, 0.3)
    assert loss.dtype == tf.float64 and count == num_pairs
    assert float(loss) == pytest.approx(expected, abs=1e-12)
    # Identical projections stand at the chance level of two views, which the doctor knows.
    same = [tf.ones((5, 4))] * len(views)
    chance = nt_xent_loss.chance_level(5)
    assert float(model.loss_of_views(same)) == pytest.approx(chance, abs=1e-5)


def test_the_loss_does_not_depend_on_the_order_of_images_and_views():
    views = np.random.default_rng(4).normal(size=(4, 5, 4))
    model, shuffled = build(temperature=0.3), np.random.default_rng(5).permutation(5)
    loss = float(model.loss_of_views(list(map(tf.constant, views))))
    for other in (views[:, shuffled], views[[1, 0, 2, 3]], views[[0, 1, 3, 2]]):
        assert float(model.loss_of_views(list(map(tf.constant, other)))) == pytest.approx(loss)
    # Small views are not compared with each other: a large one in their place is another loss.
    other = float(model.loss_of_views(list(map(tf.constant, views[[0, 2, 1, 3]]))))
    assert abs(other - loss) > 1e-3


def test_one_size_is_the_plain_model_to_the_bit():
    tf.config.experimental.enable_op_determinism()
    models = [build(), build(view_sizes=((16, 1.0),)), build()]
    losses = [np.asarray(model.train_step(tf.constant(IMAGES))["loss"]) for model in models[:2]]
    plain = models[2]
    with tf.GradientTape() as tape:
        views = tf.concat([plain.augmenter(IMAGES), plain.augmenter(IMAGES)], axis=0)
        projections = plain.projection_head(plain.encoder(views, training=True), training=True)
        losses.append(nt_xent_loss(*tf.split(projections, 2), 0.1))
    weights = plain.trainable_variables
    before = [np.asarray(weight) for weight in weights]
    plain.optimizer.apply(tape.gradient(losses[-1], weights), weights)
    assert losses[0] == losses[1] == losses[2]
    for one, two, own, old in zip(
        *(model.trainable_variables for model in models), before, strict=True
    ):
        np.testing.assert_array_equal(one, own)
        np.testing.assert_array_equal(two, own)
        assert np.abs(own - old).max() > 0  # a step was made


def test_each_step_has_the_views_of_its_stage_and_each_size_is_traced_once(monkeypatch):
    model, seen, drawn = build(view_sizes=((8, 0.5), (16, 0.5)), **SMALL), [], []
    draw = SimCLR.draw_all_views

    def watched(model, images):
        views = draw(model, images)
        drawn.append([view.shape[1] for view in views])
        tf.py_function(lambda: seen.append(views[0].shape[1]), [], [])
        return views

    monkeypatch.setattr(SimCLR, "draw_all_views", watched)
    batches = image_batches(IMAGES, 12)
    model.fit(batches, steps_per_epoch=4, verbose=0, shuffle=False)
    assert seen == [8, 8, 16, 16]
    assert drawn == [[8, 8], [16, 8]]
    first, second = model(IMAGES)  # calls and validation have the views of the end
    assert first.shape == second.shape == (12, 4) and model.stage is None
    assert len(model(IMAGES, training=True)) == 4


def test_a_resumed_run_ends_in_the_same_bits(tmp_path):
    tf.config.experimental.enable_op_determinism()

    def run(folder, epochs):
        model = build(3, view_sizes=((8, 0.6), (16, 0.4)), **SMALL)
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)  # tracing takes longer
        checkpoints = Checkpoints(folder, {"seed": 0}, min_seconds=0)
        first = checkpoints.restore(model)
        model.fit(
            image_batches(IMAGES, 12, 0, first_step=first),
            steps_per_epoch=1, epochs=epochs, initial_epoch=first, verbose=0, shuffle=False,
            callbacks=[checkpoints],
        )  # fmt: skip
        return model, checkpoints.history["loss"]

    whole, losses = run(tmp_path / "whole", 3)
    run(tmp_path / "stopped", 1)  # one step before the size changes
    resumed, again = run(tmp_path / "stopped", 3)
    assert again == losses and len(set(losses)) == 3
    for one, other in zip(variables_of(whole), variables_of(resumed), strict=True):
        np.testing.assert_array_equal(one, other)
    for augmenter in (whole.sizes.small_augmenter, whole.sizes.early[0].augmenter):
        states = [layer.seed_generator.state for layer in augmenter.layers[1:]]
        assert all(any(v is state for v in variables_of(whole)) for state in states)


def test_the_cached_gradient_is_that_of_all_views():
    found = []
    for micro_batch_size in (None, 4):
        model = build(8, **SIZES, **SMALL, projection_dims=(4,), micro_batch_size=micro_batch_size)
        for augmenter in model.other_augmenters:  # the draws of a microbatch are others
            augmenter.layers[1].scale, augmenter.layers[2].probability = (1.0, 1.0), 0.0
        stage = model.sizes.early[1]
        loss, *sides, gradients = model.loss_and_gradients(tf.constant(IMAGES), stage)
        assert len(sides) == 2 and model.stage is None
        found.append([loss, *sides, *gradients])
    assert [view.shape for view in draw_in(model, stage)] == [(24, 12, 12, 3), (24, 8, 8, 3)]
    for plain, cached in zip(*found, strict=True):
        atol = 1e-5 * float(tf.reduce_max(tf.abs(plain))) + 1e-7
        np.testing.assert_allclose(cached, plain, rtol=0, atol=atol)


def draw_in(model, stage):
    """The views of a stage."""
    model.stage = stage
    try:
        return model.draw_all_views(IMAGES)
    finally:
        model.stage = None


def test_mixtures_may_have_any_size_but_no_small_views():
    model = build(4, **SIZES, mix_alpha=0.5)
    assert type(model) is MixedSimCLR
    assert np.isfinite(model.train_step(tf.constant(IMAGES))["loss"])
    with pytest.raises(ValueError, match=r"small_views=\(2, 8\) and mix_alpha=0.5 do not"):
        build(mix_alpha=0.5, **SMALL)
    parts = (model.augmenter, model.encoder, build_projection_head(5, 4, 4), 0.1, LOSSES["nt_xent"])
    sizes = ViewSizes(small_augmenter=model.augmenter, num_small=1)
    with pytest.raises(ValueError, match="A small view shows one image.*num_small=1"):
        MixedSimCLR(*parts, sizes=sizes)


def test_the_second_views_keep_their_operations_at_every_size():
    config = get_config("tiny", operations={"crop": 1.0, "noise": 1.0}, **SIZES)
    config = replace(config, second_operations=(("crop", 0.0),))
    first, second, sizes = build_views((16, 16, 3), config, 0, 8)
    assert [stage.end for stage in sizes.early] == [4, 6]
    for augmenter, size in zip([*sizes.early, None], (8, 12, 16), strict=True):
        pair = (first, second)
        if augmenter is not None:
            pair = augmenter.augmenter, augmenter.second_augmenter
        assert [each.layers[1].image_size for each in pair] == [size, size]
        assert len(pair[1].layers) == 2 and len(pair[0].layers) == 3
    seeds = [each.layers[1].seed for each in (first, second, *sizes.augmenters())]
    assert len(set(seeds)) == len(seeds)


def test_a_short_run_leaves_out_a_size_that_has_no_step():
    config = get_config("tiny", operations={"crop": 1.0}, view_sizes=((8, 0.01), (16, 0.99)))
    assert build_views((16, 16, 3), config, 0, 10)[2].early == ()
    assert [stage.end for stage in build_views((16, 16, 3), config, 0, 100)[2].early] == [1]


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"operations": {"flip": 1.0}, **SIZES}, r"operations \['flip'\] have no crop. Add"),
        ({"operations": {"flip": 1.0}, **SMALL}, r"operations \['flip'\] have no crop. Add"),
        ({**SIZES, "second_operations": {}}, r"operations \[\] have no crop"),
    ],
)
def test_views_without_a_crop_have_the_size_of_the_image(settings, words):
    config = get_config("tiny", **settings)
    with pytest.raises(ValueError, match=words):
        check_views(config, 16)
    whole = replace(config, view_sizes=((16, 1.0),), small_views=None)
    check_views(whole, 16)


def test_an_encoder_for_one_size_is_refused():
    with pytest.raises(ValueError, match="cannot take views of 8x8 pixels: .*Leave out view_sizes"):
        build(pooled=False, **SIZES)
    model = build(**SIZES)
    check_sizes(model.encoder, [9, 30], 3)
    with pytest.raises(ValueError, match="cannot take views of 9x9"):
        check_sizes(model.encoder, [9], 1)  # the channels are still checked
    assert model.encoder.input_shape == (None, 16, 16, 3)


def test_stages_out_of_order_and_small_views_without_an_augmenter_are_refused():
    layer = keras.layers.Identity()
    with pytest.raises(ValueError, match=r"must increase. Received: \[3, 3\]"):
        ViewSizes([Stage(3, layer), Stage(3, layer)])
    with pytest.raises(ValueError, match="both an augmenter and a number.*num_small=2"):
        ViewSizes(num_small=2)


def test_the_doctor_understands_other_sizes_and_leaves_the_draws_alone():
    model = build(4, view_sizes=((8, 0.5), (12, 0.5)), **SMALL)
    before = [np.asarray(variable) for variable in model.variables]
    assert examinations.examine_model(model, IMAGES, nt_xent_loss) == []
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    model.sizes.small_augmenter.layers[1].scale = (1.0, 1.0)
    model.sizes.small_augmenter.layers[2].probability = 0.0
    found = examinations.examine_model(model, IMAGES, nt_xent_loss)
    assert [finding.name for finding in found] == ["augmentation off"]


def test_smaller_views_cost_what_their_pixels_cost():
    config = get_config("tiny")
    assert views_per_image(config, 32) == 2
    sized = replace(config, view_sizes=((16, 0.5), (32, 0.5)))
    assert views_per_image(sized, 32) == 2 * (0.5 / 4 + 0.5)
    small = replace(sized, small_views=(3, 16))
    assert views_per_image(small, 32) == 2 * (0.5 / 4 + 0.5) + 3 / 4
    assert views_per_image(continued_config(small), 32) == 2


def test_a_record_without_the_settings_has_views_of_one_size():
    config = get_config("tiny", view_sizes=[[8, 0.5], [16, 0.5]], small_views=[1, 16])
    assert config.view_sizes == ((8, 0.5), (16, 0.5))
    stored = identity(get_config("tiny"))
    for name in ("view_sizes", "small_views"):
        del stored[name]
    assert describe_changes(stored, get_config("tiny")) == []
    assert len(describe_changes(stored, config)) == 2
    assert Config().view_sizes is None and Config().small_views is None
