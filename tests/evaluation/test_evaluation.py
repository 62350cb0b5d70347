"""The evaluation of a frozen encoder, against NumPy and published values."""

import keras
import numpy as np
import pytest

from simclr_utils.data.splits import label_subset
from simclr_utils.evaluation import probes as evaluation
from simclr_utils.evaluation.features import extract_features, map_features, pixel_features
from simclr_utils.evaluation.metrics import accuracy_interval
from simclr_utils.evaluation.probes import (
    PENALTIES,
    fit_knn,
    fit_linear_probe,
    fit_logistic,
    knn_accuracy,
)
from simclr_utils.training.networks import build_encoder

pytestmark = pytest.mark.numbers


def pictures(count=21, channels=3):
    shape = (count, 16, 16, channels)
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


def clouds(count, classes=3, dim=6, spread=1.5, seed=0):
    """Labeled points around one centre a class, on axes of very different scale."""
    labels = np.random.default_rng(seed).integers(0, classes, count)
    centres = np.random.default_rng(99).normal(size=(classes, dim))
    points = centres[labels] + spread * np.random.default_rng(seed).normal(size=(count, dim))
    return (points * 10.0 ** np.arange(-2, dim - 2) + 5).astype("float32"), labels


# Features.


@pytest.mark.parametrize("count", [4, 60])
def test_a_map_keeps_neighbors_together(count):
    points, labels = clouds(count, classes=2, spread=0.1)
    points /= 10.0 ** np.arange(-2, 4)
    places = map_features(points, seed=0)
    assert places.shape == (count, 2) and np.array_equal(places, map_features(points, seed=0))
    if count > 4:
        first, second = places[labels == 0], places[labels == 1]
        apart = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
        assert apart > max(first.std(axis=0).max(), second.std(axis=0).max())


def moved_encoder(name="small_cnn"):
    """An encoder whose batch statistics are not those of a new one."""
    encoder = build_encoder((16, 16, 3), name, width=4)
    for _ in range(3):
        encoder(pictures() / np.float32(255), training=True)
    return encoder


@pytest.mark.parametrize("name", ["small_cnn", "small_cnn_wide", "resnet18"])
def test_the_encoder_stays_frozen_to_the_byte(name):
    encoder = moved_encoder(name)
    before = [weight.numpy().tobytes() for weight in encoder.weights]
    assert any("moving_variance" in weight.path for weight in encoder.weights)
    assert len(encoder.weights) > len(encoder.trainable_weights)  # statistics are among them
    features = extract_features(encoder, pictures())
    labels = np.arange(21) % 3
    fit_linear_probe(features, labels, (features, labels)).predict(features)
    assert [weight.numpy().tobytes() for weight in encoder.weights] == before


def test_features_do_not_depend_on_the_batch():
    encoder, images = moved_encoder(), pictures()
    expected = extract_features(encoder, images)
    assert expected.shape == (21, 32) and expected.dtype == np.float32
    for batch_size in (1, 7, 10):
        features = extract_features(encoder, images, batch_size)
        np.testing.assert_allclose(features, expected, rtol=0, atol=1e-5)
    order = np.random.default_rng(1).permutation(21)
    np.testing.assert_allclose(extract_features(encoder, images[order]), expected[order], atol=1e-5)
    by_hand = encoder.predict(images / np.float32(255), verbose=0)
    np.testing.assert_allclose(expected, by_hand, rtol=0, atol=1e-5)


def test_features_of_a_memory_map(tmp_path):
    np.save(tmp_path / "images.npy", pictures())
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    encoder = moved_encoder()
    np.testing.assert_array_equal(
        extract_features(encoder, mapped, 4), extract_features(encoder, pictures(), 4)
    )


def test_images_that_do_not_fit_are_refused():
    encoder = build_encoder((16, 16, 3), width=4)
    with pytest.raises(ValueError, match="must be uint8, 0 to 255. Received: float32"):
        extract_features(encoder, pictures().astype("float32"))
    with pytest.raises(ValueError, match=r"for images \(16, 16, 3\). .*np.repeat"):
        extract_features(encoder, pictures(channels=1))


def test_pixels_as_features():
    images = pictures(5)
    features = pixel_features(images)
    assert features.dtype == np.float32 and features.shape == (5, 16 * 16 * 3)
    np.testing.assert_allclose(features, images.reshape(5, -1) / 255, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(pixel_features(images, batch_size=2), features)
    large = images.repeat(3, axis=1).repeat(3, axis=2)
    np.testing.assert_allclose(pixel_features(large, largest=16), features, rtol=0, atol=1e-5)


# The linear probe.


def gradient_of_the_objective(probe, features, labels):
    """Of mean cross entropy + penalty / 2 * |weights|^2, on features standardised here."""
    features = features.astype("float64")
    x = (features - features.mean(0)) / features.std(0)
    logits = x @ probe.classifier.coef_.T + probe.classifier.intercept_
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    error = (shares - np.eye(logits.shape[1])[labels]) / len(x)
    return error.T @ x + probe.penalty * probe.classifier.coef_, error.sum(0)


@pytest.mark.parametrize("validation", [None, clouds(200, seed=10)])
@pytest.mark.parametrize("count, seed", [(40, 0), (600, 1)])
def test_the_probe_is_at_its_optimum(validation, count, seed):
    features, labels = clouds(count, seed=seed)
    probe = fit_linear_probe(features, labels, validation)
    assert np.abs(probe.classifier.coef_).max() > 0.01
    for gradient in gradient_of_the_objective(probe, features, labels):
        assert np.abs(gradient).max() < 5e-4


def test_the_strength_is_the_best_on_validation():
    features, labels = clouds(60, spread=3, dim=30)
    validation = clouds(400, seed=1, spread=3, dim=30)
    probe = fit_linear_probe(features, labels, validation)
    tried = dict(probe.tried)
    assert list(tried) == list(PENALTIES[: len(tried)])  # from strong to weak
    assert probe.validation_accuracy == max(tried.values()) > min(tried.values())
    assert probe.penalty == max(
        p for p, accuracy in tried.items() if accuracy == max(tried.values())
    )
    # The probe that is returned is the one that scored so, and not a warm-started cousin.
    accuracy = np.mean(probe.predict(validation[0]) == validation[1])
    assert accuracy == pytest.approx(probe.validation_accuracy, abs=0.01)


def test_validation_decides_whatever_the_training_labels_say():
    """Where the training labels are noise but for one class mean, weak penalties score worse."""
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(40, 60)), np.arange(40) % 2
    fresh, truth = random.normal(size=(500, 60)), np.arange(500) % 2
    for points, classes in ((features, labels), (fresh, truth)):
        points[:, 0] += 2.5 * classes
    probe = fit_linear_probe(features, labels, (fresh, truth))
    tried = dict(probe.tried)
    assert probe.penalty > 0.01 and tried[probe.penalty] > list(tried.values())[-1]
    opposite = fit_linear_probe(features, labels, (fresh, 1 - truth))
    assert opposite.validation_accuracy == max(a for _, a in opposite.tried) < 0.5
    assert opposite.penalty != probe.penalty


def test_the_walk_ends_after_three_worse_strengths(monkeypatch):
    scores = iter([0.2, 0.6, 0.4, 0.5, 0.6, 0.1, 0.1, 0.1, 0.9])

    class Scripted:
        def __init__(self, hits):
            self.hits = hits

        def predict(self, features):
            return np.arange(len(features)) < round(self.hits * len(features))

    fits = []

    def fit(features, labels, penalty, *options):
        fits.append((len(labels), penalty))
        return Scripted(next(scores))

    monkeypatch.setattr(evaluation, "fit_logistic", fit)
    data = np.zeros((10, 2)), np.arange(10) % 2
    probe = fit_linear_probe(*data, (np.zeros((20, 2)), np.ones(20)))
    assert [accuracy for _, accuracy in probe.tried] == [0.2, 0.6, 0.4, 0.5, 0.6, 0.1, 0.1, 0.1]
    assert probe.penalty == PENALTIES[1] and probe.validation_accuracy == 0.6
    assert fits[-1] == (10, PENALTIES[1])  # at the strength chosen


def test_cross_validation_measures_each_image_once_and_fits_all(monkeypatch):
    fits, fit = [], evaluation.fit_logistic

    def spy(features, labels, *rest):
        fits.append(len(labels))
        return fit(features, labels, *rest)

    monkeypatch.setattr(evaluation, "fit_logistic", spy)
    features, labels = clouds(100, spread=3, dim=30)
    probe = fit_linear_probe(features, labels)
    assert set(fits[:-1]) == {80} and len(fits) == 5 * len(probe.tried) + 1 and fits[-1] == 100
    hits = [100 * accuracy for _, accuracy in probe.tried]
    np.testing.assert_allclose(hits, np.rint(hits), atol=1e-6)  # of 100 images
    assert probe.validation_accuracy == max(accuracy for _, accuracy in probe.tried)
    # Large sets hold out enough images in fewer folds.
    fits.clear()
    probe = fit_linear_probe(*clouds(5000))
    assert set(fits[:-1]) == {4000} and len(fits) == len(probe.tried) + 1


def test_the_penalty_is_the_default_where_nothing_can_be_held_out():
    features = np.random.default_rng(0).normal(size=(12, 4))
    probe = fit_linear_probe(features, np.arange(12))
    assert probe.penalty == pytest.approx(0.1) and probe.tried == []
    assert np.isnan(probe.validation_accuracy) and len(probe.classifier.classes_) == 12
    # Most classes have a second image: it is held out, and the class stays known.
    probe = fit_linear_probe(features, np.arange(12) % 7)
    assert len(probe.tried) >= 3 and len(probe.classifier.classes_) == 7


def test_the_probe_ignores_the_scale_of_features_and_is_repeatable():
    features, labels = clouds(100)
    validation = clouds(100, seed=1)
    probes = [fit_linear_probe(features, labels, validation) for _ in range(2)]
    np.testing.assert_array_equal(probes[0].classifier.coef_, probes[1].classifier.coef_)
    scale = np.array([100, 1, 0.1, 1, 1, 0.5], "float32")
    other = fit_linear_probe(features * scale, labels, (validation[0] * scale, validation[1]))
    same = other.predict(validation[0] * scale) == probes[0].predict(validation[0])
    assert np.mean(same) > 0.98


def test_a_constant_feature_does_no_harm():
    features, labels = clouds(100)
    features[:, 2] = 1
    probe = fit_linear_probe(features, labels, (features, labels))
    assert np.isfinite(probe.classifier.coef_).all() and probe.validation_accuracy > 0.5


def test_wrong_input_to_the_probe():
    features, labels = clouds(50)
    with pytest.raises(ValueError, match=r"two classes or more. Received: \[1\]"):
        fit_linear_probe(features, np.ones(50, int), (features, labels))
    with pytest.raises(RuntimeError, match="did not converge in 1 iterations at penalty 10"):
        fit_linear_probe(features, labels, (features, labels), max_iterations=1)


# Nearest neighbours.


def knn_by_hand(features, labels, query, num_neighbors, temperature):
    similarity = features @ query / np.linalg.norm(features, axis=1) / np.linalg.norm(query)
    votes = np.zeros(labels.max() + 1)
    for row in np.argsort(-similarity)[:num_neighbors]:
        votes[labels[row]] += np.exp(similarity[row] / temperature)
    return votes.argmax()


@pytest.mark.parametrize("num_neighbors, temperature", [(1, 0.1), (5, 0.02), (20, 0.1), (20, 5.0)])
def test_knn_is_weighted_cosine_voting(num_neighbors, temperature):
    random = np.random.default_rng(0)
    features, queries = random.normal(size=(80, 3)), random.normal(size=(200, 3))
    labels, truth = random.integers(0, 4, 80), random.integers(0, 4, 200)
    options = {"num_neighbors": num_neighbors, "temperature": temperature}
    expected = [knn_by_hand(features, labels, query, **options) for query in queries]
    scaled = queries * random.uniform(0.1, 10, (200, 1))
    knn = fit_knn(features, labels, **options)
    np.testing.assert_array_equal(knn.predict(queries), expected)
    np.testing.assert_array_equal(knn.predict(scaled), expected)
    accuracy = knn_accuracy(features, labels, (queries, truth), **options)
    assert accuracy == np.mean(np.array(expected) == truth)


def test_knn_with_fewer_images_than_neighbours():
    features = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    assert fit_knn(features, [0, 0, 1]).predict([[0.0, 2.0], [3.0, 0.1]]).tolist() == [1, 0]


# Intervals.


@pytest.mark.parametrize(
    "hits, total, low, high",
    [  # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_as_published(hits, total, low, high):
    predictions = np.arange(total) < hits
    score = accuracy_interval(predictions, np.ones(total, bool))
    assert score["value"] == hits / total
    assert (score["low"], score["high"]) == pytest.approx((low, high), abs=6e-5)


def test_intervals_widen_with_confidence_and_shrink_with_images():
    def width(total, confidence=0.95):
        score = accuracy_interval(np.arange(total) % 2, np.ones(total), confidence)
        return score["high"] - score["low"]

    assert width(100, 0.99) > width(100) > width(400)


def test_wrong_lengths_are_refused():
    with pytest.raises(ValueError, match="Received 3 predictions for 2 labels"):
        accuracy_interval([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="Received 0 predictions for 0 labels"):
        accuracy_interval([], [])


# Subsets of the labels.

UNEVEN = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [300, 150, 45, 5]))


@pytest.mark.parametrize("seed", range(5))
def test_subsets_are_nested_stratified_and_complete(seed):
    previous = set()
    for count in (4, 10, 57, 100, 250, 499, 500):
        rows = label_subset(UNEVEN, count, seed)
        assert len(rows) == len(set(rows)) == count
        assert previous <= set(rows)
        previous = set(rows)
        counts = np.bincount(UNEVEN[rows], minlength=4)
        expected = count * np.array([300, 150, 45, 5]) / 500
        assert (counts >= 1).all()
        assert np.abs(counts - expected).max() <= 3


def test_subsets_depend_on_the_seed_alone():
    first, again, other = (set(label_subset(UNEVEN, 100, seed)) for seed in (0, 0, 1))
    assert first == again
    assert len(first & other) < 60  # by chance about 20
    shares = [np.isin(range(500), label_subset(UNEVEN, 100, seed)) for seed in range(200)]
    chosen = np.mean(shares, axis=0)[UNEVEN == 0]
    assert chosen.min() > 0.05 and chosen.max() < 0.4  # every image has its chance


def test_subsets_of_even_classes_are_even():
    labels = np.arange(1000) % 10
    for count in (10, 100, 500):
        counts = np.bincount(labels[label_subset(labels, count, 3)])
        assert np.abs(counts - count / 10).max() <= 1


@pytest.mark.parametrize("count", [0, 3, 501])
def test_impossible_subsets_are_refused(count):
    with pytest.raises(ValueError, match=rf"\(one per class\) to 500. Received: {count}"):
        label_subset(UNEVEN, count, 0)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("given", [False, True])
def test_more_features_than_images_give_the_probe_of_all_features(given, classes, monkeypatch):
    """It is fitted in the span of the images, and has a weight for each feature all the same."""
    random = np.random.default_rng(0)
    labels = np.arange(64) % classes
    features = random.normal(size=(64, 200)) + random.normal(size=(classes, 200))[labels]
    held_out = features + random.normal(size=features.shape), labels
    probe = fit_linear_probe(features, labels, held_out if given else None)
    monkeypatch.setattr(evaluation, "basis_of", lambda features: None)
    plain = fit_linear_probe(features, labels, held_out if given else None)
    assert probe.tried == plain.tried and probe.penalty == plain.penalty
    assert probe.classifier.coef_.shape == plain.classifier.coef_.shape
    np.testing.assert_allclose(probe.classifier.coef_, plain.classifier.coef_, atol=1e-4)
    answers = [each.predict_probabilities(held_out[0], classes) for each in (probe, plain)]
    np.testing.assert_allclose(*answers, atol=1e-4)


@pytest.mark.bfloat16
def test_mixed_precision_gives_float32_features():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        features = extract_features(build_encoder((16, 16, 3), width=4), pictures())
    finally:
        keras.config.set_dtype_policy("float32")
    assert features.dtype == np.float32


def test_a_thousand_classes_with_two_labels_each_bring_no_warnings(recwarn):
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(60, 8)), np.arange(60) % 40
    fit_logistic(features, labels, 1.0, 1000)
    fit_knn(features, labels)
    assert not [warning for warning in recwarn if "unique classes" in str(warning.message)]
