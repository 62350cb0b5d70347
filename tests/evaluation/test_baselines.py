"""The supervised baseline, and the comparison that scores test images once for each row."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.evaluation import comparison, tuning
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
FEW = {
    "learning_rate": (1e-3, 3e-3, 1e-2),
    "weight_decay": (1e-4,),
    "augmentation_strength": (0.3,),
    "length": (1.0,),
}


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
    assert first.num_steps == 300 == baseline.models[0.3, "none", 1e-4].optimizer.iterations
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
    assert list(baseline.models) == [(0.3, "none", 1e-4)]  # compiled once
    assert len(traces) == 1  # and traced once
    assert runs[0].validation_curve == []
    for other, same in ((1, False), (2, False), (3, True)):
        distances = [
            np.abs(a - b).max() for a, b in zip(runs[0].weights, runs[other].weights, strict=True)
        ]
        assert (max(distances) < 1e-5) == same
    # A run's weights are its own: later trainings left them alone.
    stronger = baseline.train(train, None, 20, {**SETTINGS, "augmentation_strength": 1.0})
    assert list(baseline.models) == [(0.3, "none", 1e-4), (1.0, "none", 1e-4)]
    assert stronger.settings["augmentation_strength"] == 1.0
    scale = [
        model.augmenter.layers[1].scale[0] for model in baseline.models.values()
    ]  # the smallest crop
    assert scale[0] > scale[1]
    again = baseline.predict_probabilities(first, validation[0])
    np.testing.assert_allclose(again, predictions, rtol=1e-5)


def test_more_labels_get_more_steps_but_fewer_epochs():
    assert supervised_steps(100, 40) == 400 and supervised_steps(10_000, 40) == 4000
    # Few labels take more steps as well.
    assert supervised_steps(25, 40) == 800 and supervised_steps(10, 40) == 1265
    assert supervised_steps(1, 0.01) == 5  # one for each check


@pytest.mark.parametrize(
    "asked, num_labels, expected",
    [
        ((500, 100, 500), 1000, (100, 500)),
        ((100, 1000), 1000, (100, 1000)),
        ((100, 250, 10_000), 9000, (100, 250, 9000)),
        ((5, 100, 10_000, 20_000), 400, (100, 400)),
        ((5, 400), 400, (400,)),
    ],
)
def test_label_counts_are_fitted_to_the_dataset(asked, num_labels, expected):
    assert usable_label_counts(asked, num_labels, num_classes=10) == expected


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
    parts = {name: bright_and_dark(count, seed) for seed, (name, count) in enumerate(SIZES.items())}
    joined = (parts["train"], parts["validation"])
    labeled = tuple(np.concatenate(pair) for pair in zip(*joined, strict=True))
    return SimpleNamespace(**parts, labeled=labeled, own_validation=False, num_classes=2, groups={})


SIZES = {"train": 40, "validation": 20, "test": 30}


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "results.csv", dataset="d", preset="tiny", fingerprint="f")


@pytest.fixture
def compared(dataset, results, tmp_path):
    return Comparison(Protocol(dataset, results, tmp_path), num_subsets=3)


class Scripted:
    """A baseline that learns nothing: notes what was trained and predicted.

    Each subset prefers another learning rate.
    """

    axes = {"learning_rate": (1e-3, 1e-2, 1e-1), "length": (1.0,)}

    def __init__(self, dataset, stop_after=None):
        self.dataset, self.log, self.stop_after = dataset, [], stop_after

    def train(self, train, validation, num_steps, settings, seed=0):
        if len(self.log) == self.stop_after:
            raise KeyboardInterrupt
        images = train[0].sum() if validation is None else train[0].sum() + validation[0].sum()
        self.log.append((validation is not None, len(train[1]), num_steps, seed, images))
        best = settings["learning_rate"] == self.axes["learning_rate"][seed]
        curve = [] if validation is None else [0.1, 0.9 if best else 0.6]
        return SupervisedRun([], settings, num_steps, curve, 0.3)

    def predict_probabilities(self, run, images):
        assert images is self.dataset.test[0]
        return np.eye(2)[self.dataset.test[1] * (np.arange(30) % 3 > 0)]  # some right


@pytest.fixture
def baseline(dataset):
    return Scripted(dataset)


STEPS = 400
SHORT = tuning.short_steps(STEPS)


def test_each_subset_is_tuned_within_itself_and_tested_once(compared, results, baseline, capsys):
    compared.score_trained("supervised", baseline, 20, STEPS)
    tuned = [entry for entry in baseline.log if entry[0]]
    final = [entry for entry in baseline.log if not entry[0]]
    # Five folds of each subset at three rates, and beyond the edge where that was the best.
    assert len(tuned) == 5 * (4 + 3 + 4) and {entry[1:3] for entry in tuned} == {(16, SHORT)}
    assert [entry[1:4] for entry in final] == [(20, STEPS, 0), (20, STEPS, 1), (20, STEPS, 2)]
    for subset, run in enumerate(final):  # what is held out is part of the subset
        assert {entry[4] for entry in tuned if entry[3] == subset} == {run[4]}
    assert len({entry[4] for entry in final}) == 3
    chosen = [compared.tuning("supervised", 20, subset)["settings"] for subset in range(3)]
    assert [settings["learning_rate"] for settings in chosen] == [1e-3, 1e-2, 1e-1]
    frame = results.frame("accuracy")
    assert frame.subset_seed.tolist() == [0, 1, 2] and set(frame.steps) == {STEPS}
    assert set(frame.method) == {"supervised"} and set(frame.labels) == {20}
    assert frame.value.tolist() == pytest.approx([25 / 30] * 3)
    assert (frame.low < frame.value).all() and (frame.value < frame.high).all()
    assert set(frame.minutes) == {0.3}
    said = [f"{5 * n} training runs, {5 * n * SHORT} steps, on 20 images" for n in (4, 3, 4)]
    assert [text.split(" held")[0] for text in frame.tuning] == said
    assert ["beyond the edge" in text for text in frame.tuning] == [True, False, True]
    assert capsys.readouterr().out.count("subset") == 3
    # All there: nothing is done again.
    del baseline.log[:]
    compared.score_trained("supervised", baseline, 20, STEPS)
    assert baseline.log == []


def test_a_killed_comparison_loses_one_run(compared, dataset, results):
    whole = 5 * (4 + 3 + 4) + 3
    for done in (7, whole - 20):
        stopped = Scripted(dataset, stop_after=done)
        with pytest.raises(KeyboardInterrupt):
            compared.score_trained("supervised", stopped, 20, STEPS)
        whole -= done
    again = Scripted(dataset)
    fresh = Comparison(compared.protocol, num_subsets=3)
    fresh.score_trained("supervised", again, 20, STEPS)
    assert len(again.log) == whole
    assert sorted(results.frame("accuracy").subset_seed) == [0, 1, 2]


def test_lost_rows_are_made_with_what_was_chosen(compared, results, baseline):
    compared.score_trained("supervised", baseline, 20, STEPS)
    lines = results.path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if ",1,,accuracy," in line]
    results.path.write_text("".join([lines[0], *kept]))  # row 1 is there, 0 and 2 are not
    del baseline.log[:]
    compared.score_trained("supervised", baseline, 20, STEPS)
    assert [entry[0] for entry in baseline.log] == [False, False]
    assert [entry[3] for entry in baseline.log] == [0, 2]
    # Another length of training is tuned anew. So is what was chosen among other settings.
    for change in ({}, {"learning_rate": (1e-3, 3e-3, 1e-2)}):
        results.path.unlink()
        del baseline.log[:]
        baseline.axes = {**baseline.axes, **change}
        compared.score_trained("supervised", baseline, 20, STEPS * 2)
        assert baseline.log[0][:3] == (True, 16, SHORT * 2)


def test_rows_of_other_runs_are_refused(compared, results, baseline):
    compared.score_trained("supervised", baseline, 20, STEPS)
    before = results.path.read_text()
    with pytest.raises(ValueError, match=r"supervised at 20 labels, but num_steps is \d+ there"):
        compared.score_trained("supervised", baseline, 20, 2 * STEPS)
    other = Comparison(compared.protocol, num_subsets=3, search="short")
    with pytest.raises(ValueError, match="search is 'whole' there and 'short' here"):
        other.score_trained("supervised", baseline, 20, STEPS)
    baseline.axes = {**baseline.axes, "learning_rate": (1e-3,)}
    with pytest.raises(ValueError, match=r"axes is .*\. Choose another folder"):
        compared.score_trained("supervised", baseline, 20, STEPS)
    assert results.path.read_text() == before


def test_a_folder_tuned_without_mixing_goes_on_without_it(compared, results, baseline):
    """Its rows stay, what was tried counts, and a new subset or method gets the same choice."""
    first = Comparison(compared.protocol, num_subsets=2)
    first.score_trained("supervised", baseline, 20, STEPS)
    before = results.path.read_text()
    baseline.axes = {**Scripted.axes, "mixing": ("none", "mixup")}
    del baseline.log[:]
    first.score_trained("supervised", baseline, 20, STEPS)
    assert baseline.log == [] and results.path.read_text() == before
    baseline.axes = {**Scripted.axes, "mixing": ("none", "mixup")}
    assert compared.axes(baseline.axes) == Scripted.axes
    compared.score_trained("supervised", baseline, 20, STEPS)
    assert list(compared.tuning("supervised", 20, 2)["axes"]) == ["learning_rate", "length"]
    assert [entry[3] for entry in baseline.log if not entry[0]] == [2]
    results.shared["preset"] = "quick"  # another study of the folder
    assert "mixing" in compared.axes({**Scripted.axes, "mixing": ("none", "mixup")})


def test_another_encoder_takes_over_the_settings(compared, results, baseline):
    compared.score_trained("fine_tuned", baseline, 20, STEPS, 0)
    kept = [compared.tuning("fine_tuned", 20, subset) for subset in range(3)]
    assert {record["encoder"] for record in kept} == {0}
    del baseline.log[:]
    compared.score_trained("fine_tuned", baseline, 20, STEPS, 1)
    assert [entry[0] for entry in baseline.log] == [False] * 3
    assert [compared.tuning("fine_tuned", 20, subset) for subset in range(3)] == kept
    baseline.axes = {**baseline.axes, "learning_rate": (1e-3,)}
    with pytest.raises(OtherRunsError, match="fine_tuned at 20 labels"):
        compared.score_trained("fine_tuned", baseline, 20, STEPS, 2)


def test_all_labels_are_one_subset_that_is_tuned_anew_for_each_run(compared, results, baseline):
    compared.score_trained("supervised", baseline, 60, STEPS)
    final = [entry for entry in baseline.log if not entry[0]]
    assert [(entry[1], entry[3]) for entry in final] == [(60, 0), (60, 1), (60, 2)]
    assert len({entry[4] for entry in final}) == 1  # the same images
    assert {entry[1] for entry in baseline.log if entry[0]} == {48}
    assert len(results.frame("accuracy")) == 3


def test_one_label_of_a_class_is_not_tuned(compared, results, baseline):
    compared.score_trained("supervised", baseline, 5, STEPS)
    assert [entry[:2] for entry in baseline.log] == [(False, 5)] * 3
    assert set(results.frame().tuning) == {"default settings (fewer than 3 labels a class)"}
    assert compared.tuning("supervised", 5)["settings"] == {"learning_rate": 1e-2, "length": 1.0}


def test_images_given_for_validation_are_used(dataset, results, tmp_path, baseline):
    dataset.own_validation, dataset.labeled = True, dataset.train
    given = Comparison(Protocol(dataset, results, tmp_path), num_subsets=1)
    given.score_trained("supervised", baseline, 40, STEPS)
    assert {entry[1] for entry in baseline.log} == {40}  # nothing is held out
    assert results.frame().tuning[0].startswith(f"4 training runs, {4 * SHORT} steps, on 20 images")
    features = {name: getattr(dataset, name)[0].mean(axis=(1, 2)) for name in SIZES}
    given.score_frozen("linear_probe", features, (40,))
    assert results.frame("accuracy").value.iloc[-1] > 0.9


def test_many_subsets_where_labels_are_few():
    def protocol(count):
        return SimpleNamespace(is_all=lambda labels: labels >= count)

    many = Comparison(protocol(10_000), num_subsets=10)
    assert [len(many.subsets(labels)) for labels in (100, 1000, 1001, 10_000)] == [10, 10, 3, 1]
    assert len(many.subsets(10_000, trained=True)) == 3
    few = Comparison(protocol(300), num_subsets=10)
    assert len(few.subsets(300)) == 1 and len(few.subsets(300, trained=True)) == 10
    assert len(Comparison(protocol(10_000), num_subsets=2).subsets(5000)) == 2


@pytest.mark.parametrize("method", ["linear_probe", "supervised"])
def test_no_label_but_those_of_the_row_is_read(method, dataset, tmp_path, monkeypatch):
    """Whatever the other images and labels are, validation included, the row is the same."""
    found, rows = [], Protocol(dataset, None, tmp_path).rows(10, 0)
    monkeypatch.setattr(Protocol, "rows", lambda protocol, labels, seed: rows)
    monkeypatch.setattr(SupervisedBaseline, "axes", FEW)
    for name in ("clean", "poisoned"):
        images, labels = (part.copy() for part in dataset.labeled)
        if name == "poisoned":
            others = np.setdiff1d(np.arange(60), rows)
            images[others], labels[others] = 255 - images[others], -1
            dataset.validation = (255 - dataset.validation[0], np.full(20, -1))
        dataset.labeled = images, labels
        folder = tmp_path / name
        made = Results(folder / "results.csv", dataset="d", preset="tiny", fingerprint="f")
        one = Comparison(Protocol(dataset, made, folder), num_subsets=1)
        if method == "supervised":
            one.score_trained(method, SupervisedBaseline(build_model), 10, 20, progress=len)
        else:
            parts = {"train": images, "test": dataset.test[0]}
            features = {key: part.mean(axis=(1, 2)) for key, part in parts.items()}
            one.score_frozen(method, features, (10,))
        found.append(made.frame()[["metric", "value", "tuning"]])
    assert found[0].equals(found[1])


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
    parts = {"train": dataset.labeled, "test": dataset.test}
    return {name: part[1][:, None] * 1.0 for name, part in parts.items()}


def kinds(log):
    return [entry[0] for entry in log]


def test_frozen_features_are_tested_once_a_row(compared, dataset, results, monkeypatch):
    log = []

    def fit(features, labels, validation, **options):
        assert np.array_equal(features[:, 0], labels) and validation is None
        log.append(("fit", len(labels)))
        return Spy(log, labels)

    monkeypatch.setattr(comparison, "fit_linear_probe", fit)
    features = label_features(dataset)
    details = {"steps": 7, "pretraining_seed": 1}
    compared.score_frozen("linear_probe", features, (4, 10, 60), **details)
    fits = [entry[1] for entry in log if entry[0] == "fit"]
    assert fits == [4] * 3 + [10] * 3 + [60]
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
    parts = {"train": dataset.labeled, "test": dataset.test}
    features = {name: part[0].mean(axis=(1, 2)) for name, part in parts.items()}
    compared.score_frozen("linear_probe", features, (2, 10, 60))
    compared.score_chance((10,))
    frame = results.frame("accuracy")
    probes = frame[frame.method == "linear_probe"]
    assert probes.value.min() > 0.9
    assert (
        probes.tuning.str.startswith("default penalty 0.1 (").tolist() == [True] * 3 + [False] * 4
    )
    assert set(frame[frame.method == "chance"].value) == {0.5}


def test_chance_is_the_most_frequent_class(results, tmp_path):
    labels = np.array([0] * 30 + [2] * 60)
    pixels = np.zeros((90, 2, 2, 1), "uint8")
    test = (pixels[:10], np.array([2] * 7 + [0] * 3))
    uneven = SimpleNamespace(
        labeled=(pixels, labels), own_validation=False, test=test, num_classes=3, groups={}
    )
    Comparison(Protocol(uneven, results, tmp_path), num_subsets=2).score_chance((9, 90))
    assert results.frame("accuracy").value.tolist() == [0.7] * 3
    assert set(results.frame("auroc").value) == {0.5}
    assert results.frame("accuracy").labels.tolist() == [9, 9, 90]


def test_one_real_supervised_comparison(dataset, results, tmp_path, monkeypatch):
    monkeypatch.setattr(SupervisedBaseline, "axes", {**FEW, "length": (0.5, 1.0, 2.0)})
    once = Comparison(Protocol(dataset, results, tmp_path), num_subsets=1)
    baseline, steps = SupervisedBaseline(build_model), 75
    once.score_trained("supervised", baseline, 60, steps, progress=lambda text: None)
    row, tuned = results.frame("accuracy").iloc[0], once.tuning("supervised", 60)
    assert {run["fold"] for run in tuned["tried"]} == {0, 1, 2, 3, 4}
    lengths = {(run["settings"]["length"], run["steps"]) for run in tuned["tried"]}
    assert {(1.0, 60), (1.0, 75), (0.5, 40), (2.0, 150)} <= lengths
    assert row.steps == tuning.run_steps(tuned["settings"], 75)
    assert row.value > 0.9
