"""A study with an encoder from elsewhere measures every method, and goes on if it was stopped."""

import keras
import numpy as np
import pytest
from keras import layers

from simclr_utils.__main__ import build_parser
from simclr_utils.cli import study as study_command
from simclr_utils.cli.arguments import own_options
from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.supervised import SupervisedBaseline
from simclr_utils.files import load_json, save_json
from simclr_utils.methods import METHODS, choose_methods
from simclr_utils.study import encoder_tasks, training_tasks
from simclr_utils.study.identity import StudyError
from simclr_utils.study.kept_features import keep, stored_record
from simclr_utils.study.minutes import minutes_of
from simclr_utils.study.study import Study
from simclr_utils.training.pretraining import load_encoder

LIMITS = {"unlabeled": 64, "train": 60, "validation": 30, "test": 50}
SETTINGS = {"pretraining_steps": 6, "label_counts": (20,), "num_subsets": 1, "limits": LIMITS}
SETTINGS["operations"] = {"crop": 0.87, "flip": 1.0}  # each graph is traced in less time
DEFAULT = [name for name, each in METHODS.items() if each.by_default and not each.needs_encoder]


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("shapes", limits=LIMITS)


def save_encoder(path, seed=0):
    """A small encoder that takes images of any size."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, strides=2, activation="relu")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, 3, strides=2)(x)))
    keras.Model(inputs, layers.GlobalAveragePooling2D()(x)).save(path)
    return str(path)


def settings(path, **more):
    return get_config("tiny", **{**SETTINGS, "encoder_file": path, "input_size": 32, **more})


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    """A study of all methods, interrupted once when the last encoder was to be trained."""
    folder = tmp_path_factory.mktemp("study")
    config = settings(save_encoder(folder / "own.keras"), methods=["all"])
    with pytest.MonkeyPatch.context() as patch:
        for kind, more in ((SupervisedBaseline, {}), (FineTuning, {"encoder_share": (0.1,)})):
            rates = {"learning_rate": (3e-3,), "weight_decay": (0.1,), **more}
            patch.setattr(kind, "axes", {**rates, "augmentation_strength": (1.0,)})
        with pytest.MonkeyPatch.context() as stop:
            stop.setattr(encoder_tasks, "distill", interrupt)
            with pytest.raises(KeyboardInterrupt):
                Study(dataset, config, folder / "out", "tiny", 1).run(lambda line: None)
        study = Study(dataset, config, folder / "out", "tiny", 1)
        left = [task.name for task in study.tasks()]
        study.run(lambda line: None)
        yield study, left


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_every_method_is_measured(finished):
    study, left = finished
    frame = study.frame()
    frame = frame[frame["metric"] == "accuracy"].set_index("method")
    assert set(frame.index) == set(METHODS) and len(frame) == len(METHODS)
    assert study.tasks() == []
    assert left == [
        "distillation 0",
        "distilled_pyramid, encoder 0",
        "distilled_mirror, encoder 0",
        "distilled, encoder 0",
        "distilled_fine_tuned at 20 labels, encoder 0",
    ]
    seeds = frame["pretraining_seed"].notna().to_dict()
    assert seeds == {name: method.pretrained for name, method in METHODS.items()}
    text = study_command.summarize(study)
    for method in METHODS.values():
        assert method.label in text


def test_long_runs_have_the_image_passes_of_pretraining_and_fine_tuning(finished):
    study, steps = finished[0], {}
    for row in study.frame().itertuples():
        steps[row.method] = row.steps
    views = 2 * 32 * steps["linear_probe"]
    passes = views + 20 * steps["fine_tuned"]
    assert steps["supervised_long"] == pytest.approx(passes / 20, abs=5)
    assert steps["fixmatch"] == pytest.approx(passes / (20 + 2 * 124), abs=5)
    rows = study.frame().set_index("method")["tuning"]
    assert set(rows["supervised_long"]) == {"supervised"} and set(rows["fixmatch"]) == {"none"}
    assert study.comparison.tuning("supervised_long", 20) is None


def test_encoders_say_what_they_come_from(finished):
    study = finished[0]
    sizes = {"": 64, "continued-": 6, "distilled-": 64}
    for prefix, size in sizes.items():
        encoder, made = load_encoder(study.encoder_folder(0, prefix), study.dataset)
        assert encoder.output_shape == (None, size)
        assert made.get("given_encoder") == (study.given if prefix else None)
        assert not (study.encoder_folder(0, prefix) / "checkpoints").exists()
    given = study.given_encoder.get_weights()
    assert (
        np.abs(
            load_encoder(study.encoder_folder(0, "continued-"))[0].get_weights()[0] - given[0]
        ).max()
        > 0
    )


def test_minutes_are_told_for_every_method(finished):
    study = finished[0]
    minutes = {method: minutes_of(study, method, 20) for method in METHODS}
    assert minutes["chance"]["pretraining"] is minutes["supervised"]["pretraining"] is None
    assert minutes["supervised"]["total"] >= minutes["supervised"]["fitting"] > 0
    record = study.encoder_folder(0) / "encoder.json"
    kept, made = record.read_bytes(), load_json(record)
    save_json(record, {**made, "minutes": 5.0})
    before = {method: minutes_of(study, method, 20)["pretraining"] for method in METHODS}
    record.write_bytes(kept)
    assert before["linear_probe"] == 5
    patches = stored_record(study.folder / "features" / "kmeans_patches.npz")["minutes"]
    assert before["simclr_and_kmeans"] == 5 + patches
    assert (before["distilled"] or 0) < 5


def test_features_are_computed_once(finished, dataset, monkeypatch):
    study = Study(dataset, finished[0].config, finished[0].folder, "tiny", 1)
    monkeypatch.setattr("simclr_utils.study.study.open_encoder", interrupt)
    monkeypatch.setattr("simclr_utils.study.starts.patches.fit_kmeans_patches", interrupt)
    features = study.features("encoder_file")
    assert {name: len(part) for name, part in features.items()} == {"train": 90, "test": 50}
    both = study.features("pretrained_and_kmeans", 0)
    assert both["test"].shape[1] == 64 + study.features("kmeans_patches")["test"].shape[1]
    assert encoder_tasks.teacher_targets(study).shape == (124, 6)


def test_kept_features_are_made_anew_if_they_are_of_something_else(tmp_path):
    path, calls = tmp_path / "some.npz", []

    def compute():
        calls.append(1)
        return {"train": np.full(3, len(calls))}

    for made_with, expected in (({"a": 1}, 1), ({"a": 1}, 1), ({"a": (2,)}, 2), ({"a": [2]}, 2)):
        assert keep(path, made_with, compute)["train"][0] == expected
    assert stored_record(path)["made_with"] == {"a": [2]} and stored_record(path)["minutes"] >= 0
    path.write_bytes(path.read_bytes()[:40])
    assert stored_record(path) is None and keep(path, {"a": 1}, compute)["train"][0] == 3


def test_a_study_keeps_to_one_given_encoder(finished, dataset, tmp_path):
    study = finished[0]
    other = settings(save_encoder(tmp_path / "other.keras", seed=5))
    with pytest.raises(StudyError, match="results of another given encoder: .*content is"):
        Study(dataset, other, study.folder, "tiny", 1)
    with pytest.raises(StudyError, match="input_size is 32 there and 48 here"):
        Study(dataset, settings(study.config.encoder_file, input_size=48), study.folder, "tiny", 1)
    # Without the encoder, the study goes on with the other methods.
    assert Study(dataset, settings(None), study.folder, "tiny", 1).tasks() == []
    # As long as nothing was made with it, it can be exchanged, or added.
    for config in (settings(None), other, settings(study.config.encoder_file)):
        new = Study(dataset, config, tmp_path / "new", "tiny", 1)
    assert new.given == study.given == load_json(tmp_path / "new" / "given_encoder.json")
    with pytest.raises(StudyError, match="There is no encoder file 'nowhere.keras'"):
        Study(dataset, settings("nowhere.keras"), tmp_path / "new", "tiny", 1)


def test_what_is_measured_by_default():
    assert choose_methods(None, encoder_given=False) == DEFAULT
    assert {"kmeans", "simclr_and_kmeans", "fine_tuned", "supervised"} < set(DEFAULT)
    slow = {"fixmatch", "supervised_long"}
    assert not slow & set(DEFAULT)
    with_encoder = choose_methods(None, encoder_given=True)
    assert set(with_encoder) - set(DEFAULT) == {"frozen_file", "distilled", "distilled_fine_tuned"}
    assert set(choose_methods(["default", "fixmatch"], False)) == {*DEFAULT, "fixmatch"}
    assert choose_methods(["all"], True) == list(METHODS)
    assert not any(METHODS[name].needs_encoder for name in choose_methods(["all"], False))
    # Its settings are those of the baseline, which is therefore measured too.
    assert choose_methods(["supervised_long"], False) == ["supervised", "supervised_long"]
    with pytest.raises(ValueError, match="'frozen_file' needs an encoder .* --encoder"):
        choose_methods(["frozen_file"], False)
    with pytest.raises(ValueError, match="Unknown method 'fix'. Choose from linear_probe, .*, all"):
        choose_methods(["fix"], False)


def test_options_become_settings():
    options = ["study", "--encoder", "own.keras", "--methods", "default, fixmatch"]
    settings = own_options(build_parser().parse_args(options))
    assert settings == {"encoder_file": "own.keras", "methods": ["default", "fixmatch"]}
    assert own_options(build_parser().parse_args(["study"])) == {}
    assert own_options(build_parser().parse_args(["run"])) == {}


def test_fixmatch_flips_only_if_the_views_do(dataset, tmp_path):
    for operations, flips in (({"crop": 0.8}, False), ({"crop": 0.8, "flip": 1}, True)):
        config = get_config("tiny", **{**SETTINGS, "operations": operations})
        study = Study(dataset, config, tmp_path / str(flips), "tiny", 1)
        weak, strong = training_tasks.build_both_views(study)
        assert any(type(layer).__name__ == "RandomFlip" for layer in weak.layers) == flips
        views = np.asarray(strong(dataset.train[0][:4]))
        assert views.shape == (4, 32, 32, 3) and views.min() >= 0 and views.max() <= 1
