"""Fine-tuning starts at encoder and probe, and learns the two parts at different speeds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.evaluation.features import extract_features
from simclr_utils.evaluation.fine_tuning import FineTuning, LayerwiseAdamW, as_dense_weights
from simclr_utils.evaluation.probes import fit_linear_probe
from simclr_utils.evaluation.supervised import build_supervised
from simclr_utils.training.networks import build_encoder
from simclr_utils.views.recipe import build_augmenter

pytestmark = pytest.mark.numbers

SETTINGS = {"augmentation_strength": 0.3, "encoder_share": 0.1, "learning_rate": 1e-3}
SETTINGS["weight_decay"] = 1e-4


def bright_and_dark(count, seed, num_classes=2):
    random, labels = np.random.default_rng(seed), np.arange(count) % num_classes
    pixels = random.integers(0, 120, (count, 16, 16, 3)) + 60 * labels[:, None, None, None]
    return pixels.astype("uint8"), labels


def trainer(num_classes=2, **options):
    keras.utils.set_random_seed(0)
    encoder = build_encoder((16, 16, 3), width=4)

    def build_model(strength):
        augmenter = build_augmenter(16, strength, ("crop", "flip"), seed=0)
        return build_supervised(augmenter, build_encoder((16, 16, 3), width=4), num_classes)

    return FineTuning(build_model, encoder, batch_size=16, **options)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_a_dense_layer_equals_the_probe(num_classes):
    random = np.random.default_rng(0)
    features, labels = random.normal(2, 5, (90, 6)), np.arange(90) % num_classes
    features[:, 0] += labels
    probe = fit_linear_probe(features, labels, (features, labels))
    kernel, bias = as_dense_weights(probe, num_classes)
    odds = np.exp(features @ kernel + bias)
    expected = probe.classifier.predict_proba(probe.scaler.transform(features))
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), expected, atol=1e-4)


def test_a_training_starts_at_encoder_and_probe():
    tuner = trainer(3)
    train, validation = bright_and_dark(60, 0, 3), bright_and_dark(30, 1, 3)
    model = tuner.fresh_model(SETTINGS, seed=1)
    tuner.start(model, train)
    for pretrained, copied in zip(
        tuner.encoder.get_weights(), model.classifier.get_weights()[:-2], strict=True
    ):
        np.testing.assert_array_equal(pretrained, copied)
    probe = tuner.fit_head(train)
    assert tuner.fit_head(train) is probe  # fitted once for all settings
    assert tuner.fit_head(bright_and_dark(60, 5, 3)) is not probe
    features = extract_features(tuner.encoder, validation[0])
    logits = model.call(tf.constant(validation[0]), training=False)
    np.testing.assert_array_equal(np.argmax(logits, 1), probe.predict(features))


def test_without_a_first_stage_the_head_is_random():
    train, heads = bright_and_dark(60, 0), []
    for seed in (1, 2):
        tuner = trainer(head_first=False)
        model = tuner.fresh_model(SETTINGS, seed)
        tuner.start(model, train)
        heads.append(model.classifier.get_weights()[-2])
        np.testing.assert_array_equal(
            tuner.encoder.get_weights()[0], model.classifier.get_weights()[0]
        )
    assert np.abs(heads[0] - heads[1]).max() > 1e-3


def test_fine_tuning_learns_and_leaves_the_pretrained_encoder_alone():
    tuner = trainer()
    before = [array.copy() for array in tuner.encoder.get_weights()]
    train, validation = bright_and_dark(64, 0), bright_and_dark(60, 1)
    settings = {**SETTINGS, "encoder_share": 1.0, "learning_rate": 4e-3}
    first = tuner.train(train, validation, 150, settings, seed=0)
    assert first.validation_curve[-1] > 0.9
    for old, now in zip(before, tuner.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    moved = [np.abs(a - b).max() for a, b in zip(before, first.weights, strict=False)]
    assert max(moved) > 1e-3
    again = tuner.train(train, validation, 150, settings, seed=0)
    gaps = [np.abs(a - b).max() for a, b in zip(first.weights, again.weights, strict=True)]
    assert max(gaps) < 1e-5


def test_the_encoder_learns_at_its_share_of_the_rate():
    layers = [keras.layers.Dense(3, name="body"), keras.layers.Dense(2, name="logits")]
    steps = {}
    for share in (1.0, 0.1, 0.0):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([type(layer).from_config(layer.get_config()) for layer in layers])
        model.build((None, 4))
        start = [value.copy() for value in model.get_weights()]
        optimizer = LayerwiseAdamW(0.01, share, weight_decay=0.0)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(model(tf.ones((2, 4)))))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        steps[share] = [
            np.abs(a - b).max() for a, b in zip(start, model.get_weights(), strict=True)
        ]
    body, head = (slice(0, 2), slice(2, 4))
    np.testing.assert_allclose(steps[0.1][body], 0.1 * np.array(steps[1.0][body]), rtol=1e-3)
    np.testing.assert_allclose(steps[0.1][head], steps[1.0][head], rtol=1e-5)
    assert max(steps[0.0][body]) == 0 and min(steps[0.0][head]) > 0


def test_a_share_of_nothing_leaves_the_encoder_alone_in_a_real_training():
    tuner = trainer()
    settings = {**SETTINGS, "encoder_share": 0.0, "weight_decay": 0.0}
    run = tuner.train(bright_and_dark(64, 0), bright_and_dark(60, 1), 20, settings)
    encoder = tuner.models[next(iter(tuner.models))].classifier
    encoder.set_weights(run.weights)
    *body, head = [
        variable for variable in encoder.trainable_variables if "kernel" in variable.path
    ]
    before = [v for v in tuner.encoder.trainable_variables if "kernel" in v.path]
    for old, now in zip(before, body, strict=True):
        np.testing.assert_array_equal(old, now)
    start = as_dense_weights(tuner.fit_head(bright_and_dark(64, 0)), 2)
    assert np.abs(start[0] - head.numpy()).max() > 0


def test_all_labels_with_a_class_of_one_image():
    """The only image of a class must not be held out of the head."""
    images, labels = bright_and_dark(40, 0)
    labels = np.concatenate([labels, [2]])
    images = np.concatenate([images, np.full((1, 16, 16, 3), 250, "uint8")])
    tuner = trainer(3)
    for order in (np.arange(41), np.arange(41)[::-1]):
        run = tuner.train((images[order], labels[order]), None, 10, SETTINGS)
        assert run.validation_curve == [] and run.weights[-2].shape[1] == 3
        probe = tuner.fit_head((images[order], labels[order]))
        assert probe.classifier.classes_.tolist() == [0, 1, 2]


def test_the_layerwise_optimizer_comes_back_from_its_configuration():
    optimizer = LayerwiseAdamW(0.01, 0.25, weight_decay=1e-3)
    config = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(config)
    assert type(again) is LayerwiseAdamW
    assert (again.encoder_share, again.head, again.weight_decay) == (0.25, "logits", 1e-3)
