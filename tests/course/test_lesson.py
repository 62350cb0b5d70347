"""The start of a notebook: settings, images, the encoder, and results that notebooks share."""

import functools

import keras
import numpy as np
import pytest

from simclr_utils import files, places
from simclr_utils.course import open_lesson
from simclr_utils.parameters import ParameterError
from simclr_utils.study.study import Study, StudyError
from simclr_utils.training.pretraining import load_encoder, pretrain, save_pretraining

LIMITS = {"unlabeled": 96, "train": 60, "validation": 40, "test": 40}
SETTINGS = {
    "width": 4,
    "pretraining_steps": 4,
    "label_counts": [20],
    "num_subsets": 1,
    "limits": LIMITS,
}
FROZEN = ["linear_probe", "random_encoder", "chance"]


def parameters(**given):
    own = {"source": "glyphs", "preset": "tiny", "seed": 0, "run_dir": None, "settings": SETTINGS}
    return {**own, **given}


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test reads or writes what the notebooks of this checkout share."""
    monkeypatch.setattr(places, "LESSONS", tmp_path / "lessons")
    monkeypatch.setattr(places, "PRETRAINED", tmp_path / "pretrained")


def test_settings_reach_config_and_images():
    settings = {**SETTINGS, "temperature": 0.5, "image_size": 16, "reading": {}}
    lesson = open_lesson(parameters(settings=settings))
    assert lesson.config.temperature == 0.5 and lesson.config.label_counts == (20,)
    assert lesson.dataset.image_shape == (16, 16, 3) and len(lesson.dataset.train[1]) == 60
    assert str(lesson).startswith("TensorFlow") and "seed 0" in str(lesson)


@pytest.mark.parametrize(
    "settings, words",
    [({"temprature": 0.2}, "temprature"), ({"width": 0}, "width"), ([1], "settings")],
)
def test_impossible_settings_are_named(settings, words):
    cells = [
        'source: str = "glyphs"\npreset: str = "tiny"\nseed: int = 0\nrun_dir: str = None\n'
        "settings: dict = {}"
    ]
    with pytest.raises(ParameterError, match=words):
        open_lesson({**parameters(settings=settings), "In": cells})


def test_results_are_measured_once_and_shared(monkeypatch):
    first = open_lesson(parameters()).results(FROZEN)
    assert set(first["method"]) == set(FROZEN) and (first["metric"] == "accuracy").all()
    other = open_lesson(parameters())
    assert other.study.tasks(FROZEN) == []
    again = other.results(FROZEN)
    np.testing.assert_array_equal(again["value"], first["value"])
    assert open_lesson(parameters(seed=1)).folder == other.folder
    changed = parameters(settings={**SETTINGS, "width": 5})
    assert open_lesson(changed).folder != other.folder


def test_only_the_methods_asked_for_are_measured():
    lesson = open_lesson(parameters())
    lesson.results(["raw_pixels"])
    assert set(lesson.study.frame()["method"]) == {"raw_pixels"}
    assert not lesson.study.encoder_folder(0).exists()
    with pytest.raises(StudyError, match="no_method"):
        lesson.results(["no_method"])


@functools.cache
def encoder_of_the_course():
    lesson = open_lesson(parameters())
    return pretrain(lesson.dataset, lesson.config, seed=0, preset="tiny")


def test_encoder_of_the_course_serves_if_its_settings_are_the_same():
    lesson = open_lesson(parameters())
    save_pretraining(places.PRETRAINED, encoder_of_the_course())
    # As if another processor had rendered the images.
    record = files.load_json(places.PRETRAINED / "encoder.json")
    files.save_json(places.PRETRAINED / "encoder.json", {**record, "fingerprint": "0" * 12})
    shipped, _ = load_encoder(places.PRETRAINED)
    pretrained, details = lesson.pretrained
    for ours, theirs in zip(pretrained.get_weights(), shipped.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert details["fingerprint"] == lesson.dataset.fingerprint
    assert lesson.projection_head.output_shape == (None, 16)


@pytest.mark.parametrize("given", [{"seed": 1}, {"settings": {**SETTINGS, "temperature": 0.5}}])
def test_other_settings_get_an_encoder_of_their_own(given, monkeypatch):
    save_pretraining(places.PRETRAINED, encoder_of_the_course())
    trained = []

    def make(study, seed):
        trained.append(seed)
        save_pretraining(study.encoder_folder(seed), encoder_of_the_course())

    monkeypatch.setattr(Study, "pretrain_now", make)
    other = open_lesson(parameters(**given))
    assert other.encoder is not None and trained == [given.get("seed", 0)]


def test_run_without_an_encoder_says_which_notebook_makes_it(tmp_path):
    lesson = open_lesson(parameters(run_dir=str(tmp_path / "run")))
    assert (tmp_path / "run" / "data.json").exists()
    with pytest.raises(FileNotFoundError, match="Notebook 03"):
        lesson.encoder  # noqa: B018


def test_watch_keeps_the_encoder_of_a_run(tmp_path):
    lesson = open_lesson(parameters(run_dir=str(tmp_path / "run")))
    model = compiled(lesson)
    with lesson.watch(model) as watch:
        fit(model, lesson, watch)
    assert set(watch.levels) == {"untrained encoder", "raw pixels"}
    assert len(watch.history["loss"]) == watch.epochs
    assert watch.history["knn_accuracy"][-1] is not None
    assert isinstance(watch.finish(), str)
    kept, details = open_lesson(parameters(run_dir=str(tmp_path / "run"))).pretrained
    assert details["steps"] == watch.epochs * watch.steps_per_epoch
    images = lesson.dataset.train[0][:4] / 255
    expected = model.encoder(images, training=False)
    np.testing.assert_allclose(kept(images, training=False), expected, rtol=0.1, atol=0.1)
    assert not (tmp_path / "run" / "encoders" / "0" / "checkpoints").exists()


def test_watch_ends_an_interrupted_training_without_an_error(capsys):
    lesson = open_lesson(parameters())
    model = compiled(lesson)

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with lesson.watch(model) as watch:
        watch.callbacks.append(Interrupt())
        fit(model, lesson, watch)
    assert "Stopped after 1 steps" in capsys.readouterr().out
    assert len(watch.history["loss"]) == 1
    with pytest.raises(ZeroDivisionError), lesson.watch(model):
        1 / 0  # noqa: B018 other errors pass


def compiled(lesson):
    from simclr_utils.training.optimizers import build_optimizer
    from simclr_utils.training.pretraining import build_model

    model = build_model(lesson.dataset.image_shape, lesson.config, lesson.seed)
    model.compile(build_optimizer("adamw", 1e-3))
    return model


def fit(model, lesson, watch):
    from simclr_utils.training.batches import image_batches

    batches = image_batches(
        lesson.dataset.unlabeled, watch.batch_size, lesson.seed, first_step=watch.first_step
    )
    model.fit(
        batches,
        steps_per_epoch=watch.steps_per_epoch,
        epochs=watch.epochs,
        initial_epoch=watch.first_epoch,
        callbacks=watch.callbacks,
        verbose=0,
        shuffle=False,
    )
