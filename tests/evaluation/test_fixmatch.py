"""FixMatch: which answers count, what they add to the loss, and what is evaluated."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from simclr_utils.evaluation import fixmatch
from simclr_utils.evaluation.fixmatch import FixMatch, FixMatchTrainer, pseudo_label_loss
from simclr_utils.evaluation.supervised import build_supervised
from simclr_utils.views.geometry import RandomCutout
from simclr_utils.views.weak import RandomShift, build_weak_augmenter

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (48, 16, 16, 3), np.uint8)
LABELS = np.arange(48) % 2  # of dark and of bright images
IMAGES[LABELS == 0] //= 3


def scale():
    return keras.Sequential([layers.Rescaling(1 / 255)])


def small_classifier(strength=1.0):
    inputs = keras.Input((16, 16, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(inputs))
    encoder = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    return build_supervised(scale(), encoder, 2)


def test_only_certain_answers_count():
    weak = np.log([[0.96, 0.04], [0.94, 0.06], [0.01, 0.99]]).astype("float32")
    strong = np.log([[0.5, 0.5], [0.1, 0.9], [0.2, 0.8]]).astype("float32")
    loss, share = pseudo_label_loss(tf.constant(weak), tf.constant(strong), 0.95)
    # The first image is of class 0, the third of class 1; the second is not certain. The sum is
    # divided by all three, as in the paper.
    assert float(loss) == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 3, abs=1e-6)
    assert float(share) == pytest.approx(2 / 3)
    assert float(pseudo_label_loss(tf.constant(weak), tf.constant(strong), 1.0)[0]) == 0


def test_no_gradient_passes_through_the_answers():
    weak, strong = (tf.Variable(9 * RANDOM.normal(size=(5, 3)).astype("float32")) for _ in range(2))
    with tf.GradientTape() as tape:
        loss, _ = pseudo_label_loss(weak, strong, 0.5)
    gradients = tape.gradient(loss, [weak, strong])
    assert gradients[0] is None and np.abs(gradients[1]).max() > 0


def one_step(**options):
    keras.utils.set_random_seed(4)
    model = FixMatch(scale(), scale(), small_classifier().classifier, **options)
    model.compile(keras.optimizers.SGD(0.1))
    model.optimizer.build(model.classifier.trainable_variables)
    before = model.classifier.get_weights()
    batch = (tf.constant(IMAGES[:8]), tf.constant(LABELS[:8])), tf.constant(IMAGES[8:])
    logs = model.train_step(batch)
    return before, model, logs


def test_without_weight_the_pool_teaches_nothing():
    """The gradient is that of the labeled images; the pool only enters batch normalization."""
    before, model, _ = one_step(unlabeled_weight=0.0, threshold=0.0)
    keras.utils.set_random_seed(4)
    twin = small_classifier().classifier
    pixels = np.concatenate([IMAGES, IMAGES[8:]]).astype("float32") / 255
    with tf.GradientTape() as tape:
        logits = twin(pixels, training=True)[:8]
        loss = tf.reduce_mean(fixmatch.cross_entropy(LABELS[:8], logits))
    keras.optimizers.SGD(0.1).apply(
        tape.gradient(loss, twin.trainable_variables), twin.trainable_variables
    )
    for ours, theirs in zip(model.classifier.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    other = one_step(unlabeled_weight=1.0, threshold=0.0)[1]
    assert np.abs(other.classifier.get_weights()[0] - twin.get_weights()[0]).max() > 1e-4
    # If no answer is certain, the weight does not matter.
    unsure = one_step(unlabeled_weight=1.0, threshold=1.0)[1]
    np.testing.assert_allclose(unsure.classifier.get_weights()[0], twin.get_weights()[0], atol=1e-6)


def test_the_average_follows_the_weights():
    before, model, logs = one_step()
    kept = 2 / 11  # after the first step
    for old, new, average in zip(
        before, model.classifier.get_weights(), model.averaged, strict=True
    ):
        np.testing.assert_allclose(average, kept * old + (1 - kept) * new, rtol=1e-4, atol=1e-6)
    assert set(logs) == {"loss", "share_certain"}


def test_the_schedule_is_the_papers():
    schedule = fixmatch.falling_cosine(0.03, 100)
    assert schedule(0) == pytest.approx(0.03)
    assert schedule(100) == pytest.approx(0.03 * np.cos(7 * np.pi / 16))


def test_a_run_can_be_repeated_and_learns():
    trainer = FixMatchTrainer(small_classifier, lambda: (scale(), scale()), IMAGES)
    settings = {"augmentation_strength": 1.0}
    runs = [trainer.train((IMAGES, LABELS), None, 200, settings, seed) for seed in (0, 0, 1)]
    assert runs[0].num_steps == 200 and runs[0].validation_curve == []
    for first, again in zip(runs[0].weights, runs[1].weights, strict=True):
        np.testing.assert_array_equal(first, again)
    assert np.abs(runs[0].weights[0] - runs[2].weights[0]).max() > 1e-3
    found = trainer.predict_probabilities(runs[2], IMAGES)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    assert np.mean(found.argmax(1) == LABELS) > 0.9
    # Predictions are those of the averaged weights.
    trainer.models[1.0, "none"].classifier.set_weights(runs[0].weights)
    logits = trainer.models[1.0, "none"].classifier(IMAGES.astype("float32") / 255)
    expected = trainer.predict_probabilities(runs[0], IMAGES).argmax(1)
    np.testing.assert_array_equal(np.argmax(logits, 1), expected)


def test_weak_views_are_shifted_images():
    image = np.arange(16 * 16, dtype="float32").reshape(1, 16, 16, 1) / 256
    views = np.asarray(RandomShift(1 / 8, seed=0)(np.repeat(image, 200, 0)))
    padded = np.pad(image[0, ..., 0], 2, "reflect")
    possible = [padded[a : a + 16, b : b + 16] for a in range(5) for b in range(5)]
    found = [
        [n for n, each in enumerate(possible) if np.array_equal(each, view[..., 0])]
        for view in views
    ]
    assert all(len(each) == 1 for each in found)
    assert len({each[0] for each in found}) == 25  # every shift, also none
    pixels = np.asarray(build_weak_augmenter(flip=False, seed=0)(IMAGES))
    assert pixels.shape == IMAGES.shape and pixels.min() >= 0 and pixels.max() <= 1
    mirrored = np.repeat(np.where(np.arange(16) < 8, 0, 255)[None, None, :, None], 16, 1)
    mirrored = np.repeat(mirrored, 100, 0).astype(np.uint8)
    for flip, share in ((True, 0.5), (False, 0.0)):
        left = np.asarray(build_weak_augmenter(flip, seed=1)(mirrored))[:, 0, 0, 0]
        assert np.mean(left == 1) == pytest.approx(share, abs=0.2)


def test_cutout_covers_a_square():
    views = np.asarray(RandomCutout(0.5, seed=0)(np.ones((300, 16, 16, 3), "float32")))
    assert set(np.unique(views)) == {0.5, 1.0}
    covered = views[..., 0] == 0.5
    rows, columns = covered.any(2), covered.any(1)
    np.testing.assert_array_equal(covered, rows[:, :, None] & columns[:, None, :])
    assert rows.sum(1).max() == 8 and 0.02 < covered.mean() < 0.15
    middle = covered[:, 8, 8].mean()
    assert middle > 0.02
