"""What pretraining says while it runs."""

import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from simclr_utils.evaluation.features import extract_features
from simclr_utils.evaluation.probes import KNNMonitor, knn_accuracy
from simclr_utils.training import callbacks as module
from simclr_utils.training.callbacks import EpochLine, LiveCurves, PartialHistory
from simclr_utils.training.networks import build_encoder


def report(capsys, callback, epochs, logs):
    """The lines that a callback prints in a training of so many epochs."""
    callback.set_params({"epochs": epochs})
    callback.on_train_begin()
    for epoch in range(epochs):
        callback.on_epoch_end(epoch, dict(logs))
    return capsys.readouterr().out.splitlines()


def test_a_line_has_the_measurements_and_the_time(capsys):
    logs = {"contrastive_accuracy": 0.25, "knn_accuracy": None, "loss": 4.5678, "val_loss": 4.0}
    lines = report(capsys, EpochLine(chance_loss=6.236), 2, logs)
    assert lines == [
        f"epoch   {epoch}/2  contrastive accuracy 0.250  loss 4.568 (chance 6.236)  "
        "val loss 4.000  0.0 min, 0.0 left"
        for epoch in (1, 2)
    ]
    line = report(capsys, EpochLine(), 1, {"loss": 1.0, "knn_accuracy": 0.5})[0]
    assert line == "epoch   1/1  loss 1.000  knn accuracy 0.500  0.0 min, 0.0 left"


def test_lines_can_be_rarer_but_the_first_and_the_last_come(capsys):
    lines = report(capsys, EpochLine(every=4), 10, {"loss": 1.0})
    assert [int(re.match(r"epoch +(\d+)/10 ", line)[1]) for line in lines] == [1, 4, 8, 10]


def test_the_time_left_is_in_proportion(capsys, monkeypatch):
    clock = iter([0.0, 60.0, 120.0, 180.0])
    monkeypatch.setattr("simclr_utils.training.callbacks.time.monotonic", lambda: next(clock))
    lines = report(capsys, EpochLine(), 3, {"loss": 1.0})
    ends = ["1.0 min, 2.0 left", "2.0 min, 1.0 left", "3.0 min, 0.0 left"]
    assert [line.split("  ")[-1] for line in lines] == ends


@pytest.fixture
def data():
    labels = np.arange(30) % 2
    pixels = (
        np.random.default_rng(0).integers(0, 150, (30, 16, 16, 3))
        + 50 * labels[:, None, None, None]
    )
    pixels = pixels.astype("uint8")
    return (pixels[:20], labels[:20]), (pixels[20:], labels[20:])


def test_knn_is_measured_at_its_epochs_and_changes_nothing(data):
    encoder = build_encoder((16, 16, 3), width=4)
    before = [weight.numpy().tobytes() for weight in encoder.weights]
    monitor = KNNMonitor(encoder, *data, every=3)
    monitor.set_params({"epochs": 8})
    seen = []
    for epoch in range(8):
        logs = {"loss": 1.0}
        monitor.on_epoch_end(epoch, logs)
        seen.append(logs["knn_accuracy"])
    assert [epoch for epoch, value in enumerate(seen, 1) if value is not None] == [3, 6, 8]
    features = [extract_features(encoder, images) for images, _ in data]
    expected = knn_accuracy(features[0], data[0][1], (features[1], data[1][1]))
    assert {value for value in seen if value is not None} == {expected}
    assert [weight.numpy().tobytes() for weight in encoder.weights] == before


def test_callbacks_in_a_training(data, capsys, monkeypatch):
    """The order counts: what the monitor writes reaches those after it, and the history."""
    monkeypatch.setattr(module, "SECONDS_BETWEEN_PICTURES", 0)
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.0))
    encoder, shown = build_encoder((16, 16, 3), width=4), []
    curves = LiveCurves(
        lambda history: {k: list(v) for k, v in history.items()},
        lambda picture, words: shown.append((picture, words)),
    )
    callbacks = [KNNMonitor(encoder, *data, every=2), EpochLine(1.5), curves]
    images, labels = data[0]
    history = model.fit(images, labels, epochs=3, verbose=0, callbacks=callbacks).history
    assert [value is None for value in history["knn_accuracy"]] == [True, False, False]
    lines = capsys.readouterr().out.splitlines()
    assert ["knn accuracy" in line for line in lines] == [False, True, True]
    assert all(re.search(r"loss \d+\.\d{3} \(chance 1\.500\)", line) for line in lines)
    assert [len(picture["loss"]) for picture, _ in shown] == [1, 2, 3]
    assert shown[-1][0] == history
    assert re.fullmatch(r"epoch 2 of 3, \d\.\d min, \d\.\d left", shown[1][1])


def test_pictures_keep_their_distance_but_the_last_one_comes(monkeypatch):
    shown, clock = [], iter([0, 2, 4, 6, 8, 10, 11])
    curves = LiveCurves(lambda history: len(history["loss"]), lambda *a: shown.append(a[0]))
    curves.set_params({"epochs": 7})
    curves.clock = SimpleNamespace(after=lambda epoch: "")
    monkeypatch.setattr(module, "SECONDS_BETWEEN_PICTURES", 5)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    for epoch in range(7):
        curves.on_epoch_end(epoch, {"loss": 1.0})
    assert shown == [1, 4, 7]


def fit_interrupted(model, *data, callbacks, **options):
    """Returns the history of a `fit` that one of the callbacks interrupts."""
    recorded = PartialHistory()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, callbacks=[*callbacks, recorded], verbose=0, **options)
    recorded.add_partial_epoch()
    return recorded.history


@pytest.mark.parametrize("steps, means", [(2, [2]), (4, [4]), (7, [4, 3]), (8, [4, 4])])
def test_an_interrupted_training_leaves_model_and_history(steps, means, data):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.01))
    losses, weights = [], []

    def interrupt(batch, logs):
        if len(losses) == steps:
            raise KeyboardInterrupt

    def note(batch, logs):
        losses.append(float(logs["loss"]))
        weights.append(model.get_weights()[0])

    spy = keras.callbacks.LambdaCallback(on_train_batch_begin=interrupt, on_train_batch_end=note)
    inputs = np.ones((16, 1), "float32")
    options = {"batch_size": 4, "epochs": 3, "shuffle": False}
    history = fit_interrupted(model, inputs, inputs, callbacks=[spy], **options)
    # The loss of an epoch is the mean over its steps so far, as Keras tells it after each.
    ends = np.cumsum(means) - 1
    assert history["loss"] == pytest.approx([losses[end] for end in ends])
    np.testing.assert_array_equal(model.get_weights()[0], weights[-1])


def test_an_epoch_that_was_cut_short_has_no_validation(data):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="sgd")
    count = iter(range(100))

    def interrupt(batch, logs):
        if next(count) == 6:
            raise KeyboardInterrupt

    spy = keras.callbacks.LambdaCallback(on_train_batch_begin=interrupt)
    inputs = np.ones((16, 1), "float32")
    options = {"validation_data": (inputs, inputs), "batch_size": 4, "epochs": 3}
    history = fit_interrupted(model, inputs, inputs, callbacks=[spy], **options)
    assert len(history["loss"]) == 2 and None not in history["loss"]
    assert history["val_loss"][0] is not None and history["val_loss"][1] is None


def test_a_resumed_training_goes_on_with_its_history_and_clock(capsys, monkeypatch):
    clock = iter(60.0 * minute for minute in range(100))
    monkeypatch.setattr("simclr_utils.training.callbacks.time.monotonic", lambda: next(clock))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="sgd")
    inputs, past, shown = np.ones((4, 1), "float32"), {"loss": [9.0, 8.0]}, []
    curves = LiveCurves(lambda history: list(history["loss"]), lambda *a: shown.append(a), past)
    recorded = PartialHistory(past)
    callbacks = [EpochLine(), curves, recorded]
    model.fit(inputs, inputs, epochs=4, initial_epoch=2, callbacks=callbacks, verbose=0)
    history = recorded.history
    assert history["loss"][:2] == [9.0, 8.0] and len(history["loss"]) == 4
    assert shown[-1][0] == history["loss"] and shown[0][1].startswith("epoch 3 of 4")
    assert past == {"loss": [9.0, 8.0]}
    first, last = capsys.readouterr().out.splitlines()
    minutes, left = re.findall(r"(\d\.\d)", first.split("  ")[-1])
    assert minutes == left  # one epoch of two is done, not three of four
    assert last.endswith("0.0 left")
