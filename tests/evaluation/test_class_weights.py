"""With balanced classes, a rare class counts as much as a frequent one, in every method alike."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from simclr_utils.evaluation import comparison
from simclr_utils.evaluation.class_weights import image_weights, weighted_share, with_weights
from simclr_utils.evaluation.fixmatch import FixMatch
from simclr_utils.evaluation.mixing import AugmentedClassifier, MixedClassifier
from simclr_utils.evaluation.out_of_fold import out_of_fold_probabilities
from simclr_utils.evaluation.probes import fit_linear_probe
from simclr_utils.evaluation.supervised import SupervisedBaseline
from simclr_utils.methods import METHODS
from simclr_utils.study import training_tasks

LABELS = np.repeat([0, 1], [90, 10])


def clouds(seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(100, 4)) + 1.2 * LABELS[:, None], LABELS


def test_weights_are_those_of_scikit_learn():
    weights = image_weights(LABELS, "balanced")
    assert weights.mean() == pytest.approx(1) and weights[LABELS == 1].sum() == pytest.approx(50)
    assert image_weights(LABELS, "none") is None
    with pytest.raises(ValueError, match="class_weight='equal'. Choose from .*balanced"):
        image_weights(LABELS, "equal")
    classes = np.random.default_rng(0).integers(0, 2, 100)
    expected = balanced_accuracy_score(LABELS, classes)
    assert weighted_share(classes == LABELS, LABELS, "balanced") == pytest.approx(expected)
    assert weighted_share(classes == LABELS, LABELS, "none") == np.mean(classes == LABELS)


def test_a_balanced_probe_finds_more_of_the_rare_class():
    features, labels = clouds()
    plain, balanced = (
        fit_linear_probe(features, labels, class_weight=each) for each in ("none", "balanced")
    )
    scaled = balanced.scaler.transform(features)
    direct = LogisticRegression(
        C=1 / (balanced.penalty * 100), class_weight="balanced", tol=1e-8, max_iter=1000
    ).fit(scaled, labels)
    np.testing.assert_allclose(balanced.classifier.coef_, direct.coef_, atol=0.02)
    fresh, truth = clouds(1)
    found = [np.mean(probe.predict(fresh)[truth == 1]) for probe in (plain, balanced)]
    assert found[1] > found[0] + 0.1
    assert (plain.class_weight, balanced.class_weight) == ("none", "balanced")


def test_out_of_fold_probabilities_come_from_probes_of_other_groups():
    features, labels = clouds()
    groups = np.arange(100) // 2
    probe = fit_linear_probe(features, labels, groups=groups, class_weight="balanced")
    found = out_of_fold_probabilities(probe, features, labels, 3, groups)
    assert np.allclose(found.sum(1), 1) and np.all(found[:, 2] == 0)
    learned = probe.predict_probabilities(features, 3)
    assert np.mean(np.argmax(found, 1) == labels) <= np.mean(np.argmax(learned, 1) == labels)
    assert not np.allclose(found, learned, atol=1e-3)
    alone = np.where(np.arange(100) < 99, 0, labels)  # no fold can hold out the only one
    alone[:2] = 1, 1
    alone = np.array([2, *alone[1:]])
    lonely = out_of_fold_probabilities(probe, features, alone, 3)
    assert np.isnan(lonely[0]).all() and np.isfinite(lonely[1:]).all()


def scale():
    return keras.layers.Rescaling(1 / 255)


def linear():
    return keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])


def batch():
    images = np.random.default_rng(0).integers(0, 256, (8, 2, 2, 1), dtype=np.uint8)
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    return images, labels, image_weights(labels, "balanced")


def loss_of(model, data):
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return float(model.train_step(data)["loss"])


def test_every_loss_is_weighted_alike():
    """With weights, the loss is that of a batch in which the rare class is repeated."""
    images, labels, weights = batch()
    classifier = linear()
    logits = np.asarray(classifier(images / np.float32(255)))
    losses = np.asarray(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    expected = np.mean([losses[labels == 0].mean(), losses[labels == 1].mean()])
    tensors = tuple(map(tf.constant, (images, labels, weights)))

    class NoMixing(keras.layers.Layer):
        def call(self, views, targets):
            return views, targets

    mixed = MixedClassifier(scale(), classifier, NoMixing())
    assert loss_of(mixed, tensors) == pytest.approx(expected, rel=1e-5)
    assert loss_of(mixed, tensors[:2]) == pytest.approx(losses.mean(), rel=1e-5)
    paired = FixMatch(scale(), scale(), classifier, unlabeled_weight=0.0)
    assert loss_of(paired, (tensors, tensors[0])) == pytest.approx(expected, rel=1e-5)


def test_a_balanced_training_measures_the_balanced_accuracy():
    images = np.where(LABELS[:, None, None, None] == 1, 200, 60).astype("uint8")
    images = np.broadcast_to(images, (100, 2, 2, 1)).copy()
    settings = {"learning_rate": 1e-9, "weight_decay": 0.0, "augmentation_strength": 1.0}
    curves = {}
    for each in ("none", "balanced"):
        trainer = SupervisedBaseline(
            lambda strength: AugmentedClassifier(scale(), linear()), class_weight=each
        )
        run = trainer.train((images, LABELS), (images, LABELS), 5, settings)
        curves[each] = run.validation_curve[-1]
    # One answer for all images: 0.9 or 0.1 of them, and half of the classes; or else all or none.
    assert curves["balanced"] in (pytest.approx(0.5), 0.0, 1.0)
    assert curves["none"] in (pytest.approx(0.9), pytest.approx(0.1), 0.0, 1.0)
    names = list(with_weights(tf.data.Dataset.from_tensors((images, LABELS)), LABELS, "balanced"))
    np.testing.assert_allclose(names[0][2], image_weights(LABELS, "balanced"))


def test_a_study_weights_every_method_alike(monkeypatch):
    monkeypatch.setattr(training_tasks, "STARTS", {METHODS["fine_tuned"].start: lambda *_: None})
    config = SimpleNamespace(class_weight="balanced")
    dataset = SimpleNamespace(unlabeled=np.zeros((4, 2, 2, 1), "uint8"))
    study = SimpleNamespace(config=config, dataset=dataset, trainers={}, build_model=None)
    for method in ("supervised", "fine_tuned", "fixmatch"):
        assert training_tasks.find_trainer(study, method, 0).class_weight == "balanced"
    seen = []

    def fit(*arrays, groups, class_weight):
        seen.append(class_weight)
        return SimpleNamespace(tried=[], penalty=0.1)

    monkeypatch.setattr(comparison, "fit_linear_probe", fit)
    protocol = SimpleNamespace(
        rows=lambda *key: np.arange(4),
        train=(None, LABELS),
        validation=None,
        subset_groups=lambda *key: None,
    )
    compared = comparison.Comparison(protocol, class_weight="balanced")
    compared._fit({"train": np.zeros((4, 2))}, 4, 0, knn=False)
    assert seen == ["balanced"]
