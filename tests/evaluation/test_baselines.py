"""The supervised baseline, and the comparison that scores test images once for each row."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.evaluation import comparison
from simclr_utils.evaluation.comparison import Comparison, OtherRunsError, usable_label_counts
from simclr_utils.evaluation.predictions import split_predictions
from simclr_utils.evaluation.protocol import Protocol
from simclr_utils.evaluation.results import Results
from simclr_utils.evaluation.supervised import (
    AugmentedClassifier,
    SupervisedBaseline,
    SupervisedRun,
    build_supervised,
    model_key,
    supervised_steps,
)
from simclr_utils.training.networks import build_encoder
from simclr_utils.views.recipe import build_augmenter

pytestmark = pytest.mark.numbers


def bright_and_dark(count, seed):
    """Two classes that a small network learns in a few steps."""
    random, labels = np.random.default_rng(seed), np.arange(count) % 2
    pixels = random.integers(0, 160, (count, 16, 16, 3)) + 90 * labels[:, None, None, None]
    return pixels.astype("uint8"), labels


SETTINGS = {"learning_rate": 4e-3, "weight_decay": 1e-4, "augmentation_strength": 0.3}


def build_model(augmentation_strength=0.3):
    encoder = build_encoder((16, 16, 3), width=4)
    augmenter = build_augmenter(16, augmentation_strength, ("crop", "flip"), seed=0)
    return build_supervised(augmenter, encoder, 2)


def test_images_are_augmented_in_training_only():
    keras.utils.set_random_seed(0)
    model, images = build_model(), bright_and_dark(4, 0)[0]
    images = tf.constant(np.concatenate([images, images]))
    calm = [model.call(images, training=False).numpy() for _ in range(2)]
    np.testing.assert_allclose(*calm, rtol=0, atol=1e-6)
    np.testing.assert_allclose(calm[0][:4], calm[0][4:], rtol=0, atol=1e-5)
    plain = model.classifier(tf.cast(images, "float32") / 255, training=False)
    np.testing.assert_allclose(calm[0], plain, rtol=0, atol=1e-6)
    wild = [model.call(images, training=True).numpy() for _ in range(2)]
    assert np.abs(wild[0] - wild[1]).max() > 1e-3
    assert np.abs(wild[0][:4] - wild[0][4:]).max() > 1e-3


def test_validation_ends_without_waiting_for_a_thread_of_tensorflow(monkeypatch):
    taken, fit = {}, AugmentedClassifier.fit
    monkeypatch.setattr(
        AugmentedClassifier, "fit", lambda *parts, **more: taken.update(more) or fit(*parts, **more)
    )
    train, validation = bright_and_dark(16, 0), bright_and_dark(16, 1)
    SupervisedBaseline(build_model, batch_size=16).train(train, validation, 5, SETTINGS)
    assert taken["validation_data"].options().autotune.enabled is False


def test_training_learns_and_starts_anew_each_time(monkeypatch):
    """The second training with the same settings equals the first, whatever came between."""
    traces, step = [], AugmentedClassifier.train_step
    monkeypatch.setattr(
        AugmentedClassifier,
        "train_step",
        lambda model, batch: traces.append(1) or step(model, batch),
    )
    baseline = SupervisedBaseline(build_model, batch_size=16)
    train, validation = bright_and_dark(64, 0), bright_and_dark(60, 1)
    first = baseline.train(train, validation, 302, SETTINGS, seed=3)
    assert first.num_steps == 300 == baseline.models[0.3, 1e-4].optimizer.iterations
    assert len(first.validation_curve) == 5 and first.validation_curve[-1] > 0.9
    predictions = baseline.predict_probabilities(first, validation[0], batch_size=7)
    assert predictions.shape == (60, 2)
    assert np.mean(predictions.argmax(1) == validation[1]) == pytest.approx(
        first.validation_curve[-1]
    )
    runs = [
        baseline.train(train, None, 20, {**SETTINGS, "learning_rate": rate}, seed)
        for rate, seed in ((4e-3, 0), (4e-3, 1), (1e-3, 0), (4e-3, 0))
    ]
    assert list(baseline.models) == [(0.3, 1e-4)]  # compiled once
    assert len(traces) == 1  # and traced once
    assert runs[0].validation_curve == []
    for other, same in ((1, False), (2, False), (3, True)):
        distances = [
            np.abs(a - b).max() for a, b in zip(runs[0].weights, runs[other].weights, strict=True)
        ]
        assert (max(distances) < 1e-5) == same
    # A run's weights are its own: later trainings left them alone.
    stronger = baseline.train(train, None, 20, {**SETTINGS, "augmentation_strength": 1.0})
    assert list(baseline.models) == [(0.3, 1e-4), (1.0, 1e-4)]
    assert stronger.settings["augmentation_strength"] == 1.0
    scale = [
        model.augmenter.layers[1].scale[0] for model in baseline.models.values()
    ]  # the smallest crop
    assert scale[0] > scale[1]
    again = baseline.predict_probabilities(first, validation[0])
    np.testing.assert_allclose(again, predictions, rtol=1e-5)


def test_more_labels_get_more_steps_but_fewer_epochs():
    assert supervised_steps(100, 40) == 400 and supervised_steps(10_000, 40) == 4000
    assert supervised_steps(10, 40) == supervised_steps(99, 40) == 400
    assert supervised_steps(1, 0.1) == 5  # one for each check


@pytest.mark.parametrize("full, short", [(240, 60), (4000, 800)])
def test_settings_are_chosen_one_after_the_other_by_the_last_accuracy(full, short):
    train, validation = bright_and_dark(8, 0), bright_and_dark(800, 1)
    # Learning rates, the other decay, then the strengths at full length.
    curves = iter([[0.9, 0.5], [0.1, 0.7], [0.2, 0.7], [0.1, 0.8], [0.4], [0.9], [0.9]])

    class Scripted(SupervisedBaseline):
        def train(self, images, held_out, num_steps, settings, seed=0):
            assert images is train and held_out is validation and seed == 5
            return SupervisedRun([], settings, num_steps, next(curves), 0.1)

    best, runs = Scripted(build_model).tune(train, validation, full, seed=5)
    assert [tuple(run.settings.values()) for run in runs] == [
        (1e-2, 1e-1, 0.5),
        (3e-3, 1e-1, 0.5),
        (3e-2, 1e-1, 0.5),
        (3e-3, 1e-4, 0.5),  # the first of two equals, by the last value, not the highest
        (3e-3, 1e-4, 0.5),
        (3e-3, 1e-4, 0.0),
        (3e-3, 1e-4, 1.0),
    ]
    assert [run.num_steps for run in runs] == [short] * 4 + [full] * 3
    assert [run.num_steps for run in runs] == Scripted.tuning_lengths(full)
    assert best is runs[5]  # of full length


def test_a_short_training_of_full_length_is_not_made_twice():
    lengths = []

    class Scripted(SupervisedBaseline):
        def train(self, images, held_out, num_steps, settings, seed=0):
            lengths.append(num_steps)
            return SupervisedRun([], settings, num_steps, [len(lengths) / 10], 0.1)

    best, runs = Scripted(build_model).tune(None, None, 30)
    assert lengths == [30] * 6 == Scripted.tuning_lengths(30) and best is runs[-1]


@pytest.mark.parametrize(
    "asked, num_train, expected",
    [
        ((500, 100, 500), 1000, (100, 500)),
        ((100, 1000), 1000, (100, 1000)),
        ((100, 250, 10_000), 9000, (100, 250, 10_000)),
        ((5, 100, 10_000, 20_000), 400, (100, 1400)),
    ],
)
def test_label_counts_are_fitted_to_the_dataset(asked, num_train, expected):
    assert usable_label_counts(asked, num_train, 1000, num_classes=10) == expected


def test_the_predicted_class_is_that_of_the_largest_logit():
    """Also of a run that diverged, and where the softmax cannot tell two logits apart."""
    logits = np.array([[0, 1e-20, 0], [1, 1, 0], [np.nan] * 3, [0, np.nan, 1], [9, np.inf, 0]])
    logits = logits.astype("float32")
    baseline = SupervisedBaseline(build_model)

    def model(images, training):
        return logits[images]

    model.classifier = SimpleNamespace(set_weights=lambda weights: None)
    run = SupervisedRun([], SETTINGS, 5, [], 0.1)
    baseline.models[model_key(SETTINGS)] = model
    shares = baseline.predict_probabilities(run, np.arange(5), batch_size=2)
    assert shares.argmax(1).tolist() == logits.argmax(1).tolist() == [1, 0, 0, 1, 1]
    np.testing.assert_allclose(shares[1], [0.4223188, 0.4223188, 0.1553624], rtol=1e-5)
    split_predictions(shares, 5, 3)  # they are probabilities


# The comparison.


@pytest.fixture
def dataset():
    parts = {
        name: bright_and_dark(count, seed)
        for seed, (name, count) in enumerate([("train", 40), ("validation", 20), ("test", 30)])
    }
    return SimpleNamespace(**parts, num_classes=2)


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "results.csv", dataset="d", preset="tiny", fingerprint="f")


@pytest.fixture
def compared(dataset, results, tmp_path):
    return Comparison(Protocol(dataset, results, tmp_path), num_subsets=3)


class Scripted:
    """A baseline that learns nothing: notes what was tuned, trained and predicted."""

    settings, axes = SETTINGS, {"learning_rate": (4e-3,)}

    def __init__(self, dataset):
        self.dataset, self.log = dataset, []

    def tune(self, train, validation, num_steps, seed=0):
        assert validation is self.dataset.validation
        self.log.append(("tune", len(train[1]), num_steps))
        self.best = SupervisedRun([], self.settings, num_steps, [0.5, 0.8], 0.2)
        poor = {"learning_rate": 1, "weight_decay": 1}
        return self.best, [SupervisedRun([], poor, 7, [0.9, 0.1], 0.1), self.best]

    def train(self, train, validation, num_steps, settings, seed=0):
        joined = len(train[1]) > len(self.dataset.train[1])
        assert validation is (None if joined else self.dataset.validation)
        assert settings == self.settings
        self.log.append(("train", len(train[1]), seed, train[0].sum()))
        return SupervisedRun([], settings, num_steps, [], 0.3)

    def predict_probabilities(self, run, images):
        self.log.append(("predict", images is self.dataset.test[0], run is self.best))
        return np.eye(2)[self.dataset.test[1] * (np.arange(30) % 3 > 0)]  # some right


@pytest.fixture
def baseline(dataset):
    return Scripted(dataset)


def kinds(log):
    return [entry[0] for entry in log]


def test_supervised_rows_are_tuned_once_and_tested_once_each(compared, results, baseline, capsys):
    compared.score_trained("supervised", baseline, 10, supervised_steps(10, 40.0))
    # The best training of the tuning is the first subset's.
    assert kinds(baseline.log) == ["tune", "predict", *["train", "predict"] * 2]
    predicted = [entry[1:] for entry in baseline.log if entry[0] == "predict"]
    assert predicted == [(True, True), (True, False), (True, False)]
    steps = supervised_steps(10, 40.0)
    assert baseline.log[0] == ("tune", 10, steps)
    trained = [entry[1:] for entry in baseline.log if entry[0] == "train"]
    assert [entry[:2] for entry in trained] == [(10, 1), (10, 2)]
    assert len({entry[2] for entry in trained}) == 2  # other subsets
    frame = results.frame("accuracy")
    assert frame.subset_seed.tolist() == [0, 1, 2] and set(frame.steps) == {steps}
    assert set(frame.method) == {"supervised"} and set(frame.labels) == {10}
    assert frame.value.tolist() == pytest.approx([25 / 30] * 3)
    assert (frame.low < frame.value).all() and (frame.value < frame.high).all()
    assert frame.minutes.tolist() == [0.2, 0.3, 0.3]
    assert set(frame.tuning) == {f"2 training runs, {7 + steps} steps"}
    assert capsys.readouterr().out.count("subset") == 3
    # All there: nothing is done again.
    del baseline.log[:]
    compared.score_trained("supervised", baseline, 10, supervised_steps(10, 40.0))
    assert baseline.log == []


def test_a_stopped_comparison_continues_with_what_was_tuned(compared, dataset, results, baseline):
    compared.score_trained("supervised", baseline, 10, supervised_steps(10, 40.0))
    lines = results.path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if ",1,,accuracy," in line]
    results.path.write_text("".join([lines[0], *kept]))  # row 1 is there, 0 and 2 are not
    del baseline.log[:]
    fresh = Comparison(compared.protocol, num_subsets=3)
    fresh.score_trained("supervised", baseline, 10, supervised_steps(10, 40.0))
    assert kinds(baseline.log) == ["train", "predict", "train", "predict"]
    assert [entry[2] for entry in baseline.log if entry[0] == "train"] == [0, 2]
    assert sorted(results.frame("accuracy").subset_seed) == [0, 1, 2]
    tuned = compared.tuning("supervised", 10)
    assert tuned["settings"] == baseline.settings and tuned["tried"][0]["curve"] == [0.9, 0.1]
    # Another length of training is tuned anew.
    results.path.unlink()
    del baseline.log[:]
    fresh.score_trained("supervised", baseline, 10, supervised_steps(10, 20.0))
    assert baseline.log[0] == ("tune", 10, supervised_steps(10, 20.0))
    # So is what was chosen among other settings.
    results.path.unlink()
    del baseline.log[:]
    baseline.axes = {"learning_rate": (1e-3,)}
    fresh.score_trained("supervised", baseline, 10, supervised_steps(10, 20.0))
    assert baseline.log[0] == ("tune", 10, supervised_steps(10, 20.0))


def test_rows_of_other_runs_are_refused(compared, results, baseline):
    compared.score_trained("supervised", baseline, 10, supervised_steps(10, 40.0))
    before = results.path.read_text()
    with pytest.raises(ValueError, match=r"supervised at 10 labels, but num_steps is \d+ there"):
        compared.score_trained("supervised", baseline, 10, supervised_steps(10, 80.0))
    baseline.axes = {"learning_rate": (1e-3,)}
    with pytest.raises(ValueError, match=r"axes is .*\. Choose another folder"):
        compared.score_trained("supervised", baseline, 10, supervised_steps(10, 40.0))
    assert results.path.read_text() == before


def test_another_encoder_is_not_tuned_otherwise(compared, results, baseline):
    compared.score_trained("fine_tuned", baseline, 10, supervised_steps(10, 40.0), 0)
    kept = compared.tuning("fine_tuned", 10)
    baseline.axes = {"learning_rate": (1e-3,)}
    with pytest.raises(OtherRunsError, match="fine_tuned at 10 labels"):
        compared.score_trained("fine_tuned", baseline, 10, supervised_steps(10, 40.0), 1)
    assert compared.tuning("fine_tuned", 10) == kept


def test_all_labels_join_validation_after_tuning(compared, results, baseline):
    compared.score_trained("supervised", baseline, 60, supervised_steps(60, 40.0))
    assert baseline.log[0][:2] == ("tune", 40)  # apart
    assert [entry[1:3] for entry in baseline.log if entry[0] == "train"] == [
        (60, 0),
        (60, 1),
        (60, 2),
    ]
    assert len({entry[3] for entry in baseline.log if entry[0] == "train"}) == 1  # the same images
    assert kinds(baseline.log).count("predict") == 3 == len(results.frame("accuracy"))


class Spy:
    """A fitted classifier that notes on what it is asked."""

    def __init__(self, log, labels):
        self.log, self.labels = log, labels
        self.tried, self.penalty = [(0.1, 0.5)] * 4, 0.1

    def predict_probabilities(self, features, num_classes):
        self.log.append(("predict", len(features)))
        return np.tile(np.eye(num_classes)[0], (len(features), 1))


def label_features(dataset):
    """Features of one dimension: the label itself."""
    names = ("train", "validation", "test")
    return {name: getattr(dataset, name)[1][:, None] * 1.0 for name in names}


def test_frozen_features_are_tested_once_a_row(compared, dataset, results, monkeypatch):
    log = []

    def fit(features, labels, validation, refit):
        assert np.array_equal(features[:, 0], labels) and len(validation[1]) == 20
        log.append(("fit", len(labels), refit))
        return Spy(log, labels)

    monkeypatch.setattr(comparison, "fit_linear_probe", fit)
    features = label_features(dataset)
    details = {"steps": 7, "pretraining_seed": 1}
    compared.score_frozen("linear_probe", features, (4, 10, 60), **details)
    fits = [entry[1:] for entry in log if entry[0] == "fit"]
    assert fits == [(4, False)] * 3 + [(10, False)] * 3 + [(40, True)]
    assert [entry for entry in log if entry[0] == "predict"] == [("predict", 30)] * 7
    frame = results.frame("accuracy")
    assert len(frame) == 7 and set(frame.value) == {0.5} and set(frame.steps) == {7}
    assert set(frame.tuning) == {"penalty 0.1 of 4 tried"}
    compared.score_frozen("linear_probe", features, (4, 10, 60), **details)
    assert len(log) == 14  # nothing again
    compared.score_frozen("linear_probe", features, (4,), steps=7, pretraining_seed=2)
    assert len(log) == 20  # another encoder is other rows


def test_knn_uses_all_labels_where_there_are_no_more(compared, dataset, results, monkeypatch):
    log = []

    def fit(features, labels):
        log.append(("fit", len(features), len(labels)))
        return Spy(log, labels)

    monkeypatch.setattr(comparison, "fit_knn", fit)
    features = label_features(dataset)
    compared.score_frozen("knn", features, (10, 60), knn=True)
    assert [entry[1:] for entry in log if entry[0] == "fit"] == [(10, 10)] * 3 + [(60, 60)]
    assert kinds(log).count("predict") == 4 == len(results.frame("accuracy"))


def test_real_fits_reach_the_test_set(compared, dataset, results):
    """Without stand-ins: brightness tells the classes apart."""
    names = ("train", "validation", "test")
    features = {n: getattr(dataset, n)[0].mean(axis=(1, 2)) for n in names}
    compared.score_frozen("linear_probe", features, (10, 60))
    compared.score_chance((10,))
    frame = results.frame("accuracy")
    assert frame[frame.method == "linear_probe"].value.min() > 0.95
    assert set(frame[frame.method == "chance"].value) == {0.5}


def test_chance_is_the_most_frequent_class(results, tmp_path):
    labels = np.array([0] * 30 + [2] * 60)
    pixels = np.zeros((90, 2, 2, 1), "uint8")
    test = (pixels[:10], np.array([2] * 7 + [0] * 3))
    uneven = SimpleNamespace(
        train=(pixels, labels), validation=(pixels, labels), test=test, num_classes=3
    )
    Comparison(Protocol(uneven, results, tmp_path), num_subsets=2).score_chance((9, 180))
    assert results.frame("accuracy").value.tolist() == [0.7] * 3
    assert set(results.frame("auroc").value) == {0.5}
    assert results.frame("accuracy").labels.tolist() == [9, 9, 180]


def test_one_real_supervised_comparison(dataset, results, tmp_path, monkeypatch):
    axes = {"learning_rate": (3e-3, 1e-2), "weight_decay": (1e-4,)}
    monkeypatch.setattr(SupervisedBaseline, "axes", {**axes, "augmentation_strength": (0.3, 0.0)})
    once = Comparison(Protocol(dataset, results, tmp_path), num_subsets=1)
    baseline, steps = SupervisedBaseline(build_model), 75
    once.score_trained("supervised", baseline, 40, steps, progress=lambda text: None)
    row, tuned = results.frame("accuracy").iloc[0], once.tuning("supervised", 40)
    assert abs(row.steps - tuned["num_steps"]) <= 5  # rounded to the checks
    assert [run["steps"] for run in tuned["tried"]] == [60, 60, 75, 75]
    last = [run["curve"][-1] for run in tuned["tried"]]
    chosen = tuned["tried"][2 + int(last[3] > last[2])]
    assert tuned["settings"] == chosen["settings"] and tuned["curves"] == {"0": chosen["curve"]}
