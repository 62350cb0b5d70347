"""A loss of the user's own: passed in or named, trained, recorded, and known to the run doctor."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.config import Config, get_config
from simclr_utils.data.dataset import Dataset
from simclr_utils.files import save_json
from simclr_utils.training import pretraining
from simclr_utils.training.batches import image_batches
from simclr_utils.training.doctor import RunDoctor
from simclr_utils.training.gradient_caching import cached_gradients
from simclr_utils.training.losses import LOSSES, annotate_loss, candidate_logits, nt_xent_loss
from simclr_utils.training.networks import build_projection_head
from simclr_utils.training.simclr import SimCLR
from simclr_utils.views.recipe import build_augmenter

pytestmark = pytest.mark.numbers

IMAGES = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype="uint8")


def cross_view_loss(projections_1, projections_2, temperature):
    """InfoNCE across the views in both directions; a plain function that tells nothing else."""
    first, second = (tf.math.l2_normalize(p, axis=1) for p in (projections_1, projections_2))
    logits = tf.matmul(first, second, transpose_b=True) / temperature
    partners = tf.range(tf.shape(logits)[0])
    losses = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(partners, direction)
        for direction in (logits, tf.transpose(logits))
    ]
    return tf.reduce_mean(losses)


def decoupled(projections_1, projections_2, temperature):
    """The decoupled contrastive loss (Yeh et al. 2022): no positive in the denominator."""
    logits, positives = candidate_logits(projections_1, projections_2, temperature)
    right = tf.one_hot(positives, tf.shape(logits)[1], on_value=True, off_value=False)
    negatives = tf.where(right, tf.cast(-1e9, logits.dtype), logits)
    alike = tf.gather(logits, positives, batch_dims=1)
    return tf.reduce_mean(tf.reduce_logsumexp(negatives, axis=1) - alike)


decoupled_loss = annotate_loss(lambda num_images: math.log(2 * num_images - 2))(decoupled)


def build(loss, micro_batch_size=None):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, strides=2)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    augmenter = build_augmenter(16, operations=("flip",), seed=0)
    head = build_projection_head(8, output_dim=8, num_layers=1)
    model = SimCLR(augmenter, keras.Model(inputs, x), head, 0.2, loss, micro_batch_size)
    model.compile(keras.optimizers.Adam(0.01))
    return model


@pytest.mark.parametrize("micro_batch_size", [None, 8])
@pytest.mark.parametrize("loss", [cross_view_loss, decoupled_loss])
def test_a_loss_of_ones_own_trains(loss, micro_batch_size):
    model = build(loss, micro_batch_size)
    said = []
    history = model.fit(
        image_batches(IMAGES, 32), steps_per_epoch=2, epochs=15, verbose=0, shuffle=False,
        callbacks=[RunDoctor(IMAGES, 32, said.append)],
        validation_data=image_batches(IMAGES, 32).take(1),
    ).history  # fmt: skip
    assert history["loss"][-1] < history["loss"][0] - 0.1
    assert 0 < history["val_contrastive_accuracy"][-1] <= 1
    assert [line for line in said if "loss" in line] == []
    projections = model(IMAGES[:32])
    assert float(model.contrastive_loss(*projections)) == float(loss(*projections, 0.2))


@pytest.mark.parametrize("loss", [cross_view_loss, *LOSSES.values()])
def test_the_cached_gradient_is_that_of_the_loss(loss):
    found = []
    for micro_batch_size in (None, 4):
        model = build(loss, micro_batch_size)
        model.second_augmenter = keras.layers.Rescaling(-1 / 255, offset=1.0)  # the negative
        model(IMAGES[:2])
        model.augmenter.layers[1].probability = 0.0
        if micro_batch_size:
            gradients = cached_gradients(model, tf.constant(IMAGES[:16]), 4)[-1]
        else:
            with tf.GradientTape() as tape:
                value = model.contrastive_loss(*model(IMAGES[:16], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
        found.append([np.asarray(gradient) for gradient in gradients])
    for plain, cached in zip(*found, strict=True):
        assert np.abs(plain).max() > 1e-6
        np.testing.assert_allclose(cached, plain, rtol=0, atol=1e-5 * np.abs(plain).max() + 1e-8)


def test_a_block_size_reaches_only_a_loss_that_has_one():
    given = []

    def in_blocks(projections_1, projections_2, temperature, block_size=7):
        given.append(block_size)
        return nt_xent_loss(projections_1, projections_2, temperature, block_size)

    views = [tf.eye(4), tf.eye(4)]
    build(in_blocks, 2).contrastive_loss(*views)
    build(in_blocks).contrastive_loss(*views)
    build(decoupled_loss, 2).contrastive_loss(*views)  # has none, and does not fail
    assert given == [2, None]


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="such as `nt_xent_loss`. Received: 'nt_xent'"):
        build("nt_xent")


@pytest.mark.parametrize("num_images", [2, 32])
@pytest.mark.parametrize("loss", [nt_xent_loss, decoupled_loss])
def test_a_chance_level_is_the_loss_of_identical_projections(loss, num_images):
    same = tf.fill([num_images, 8], tf.constant(0.3, tf.float64))
    assert float(loss(same, same, 0.3)) == pytest.approx(loss.chance_level(num_images), abs=1e-9)


def test_the_loss_of_the_course_finds_mistakes_in_others():
    assert nt_xent_loss.find_mistake(nt_xent_loss) is None
    assert nt_xent_loss.find_mistake(cross_view_loss) == (
        "Candidates of the anchor's own view are missing."
    )
    assert annotate_loss()(cross_view_loss).find_mistake is None


def test_a_named_loss_is_one_function_and_one_entry(monkeypatch, tmp_path, capsys):
    """The name reaches the model, the record of the encoder, and the identity of the run."""
    monkeypatch.setitem(LOSSES, "decoupled", decoupled_loss)
    none = (IMAGES[:0], np.empty(0, np.int64))
    dataset = Dataset("noise", IMAGES, none, none, none, (), "abc", [], [], {})
    config = get_config("tiny", batch_size=32, pretraining_steps=2, width=4)
    config = Config(**{**vars(config), "loss": "decoupled"})
    assert pretraining.build_model((16, 16, 3), config).loss_function is decoupled_loss
    made = pretraining.pretrain(dataset, config)
    save_json(tmp_path / "encoder.json", made.details)
    assert json.loads((tmp_path / "encoder.json").read_text())["config"]["loss"] == "decoupled"
    assert pretraining.run_identity(dataset, config, 0, 1)["config"]["loss"] == "decoupled"
    other = pretraining.pretrain(dataset, Config(**{**vars(config), "loss": "nt_xent"}))
    assert other.history["loss"] != made.history["loss"]


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match=r"`loss` is 'triplet', but has to be one of nt_xent"):
        get_config("tiny", loss="triplet")
    with pytest.raises(ValueError, match=r"Unknown loss 'triplet'. Choose from \['nt_xent'"):
        pretraining.build_model((16, 16, 3), Config(loss="triplet"))
