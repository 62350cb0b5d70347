"""A training that was stopped and goes on ends in the same bits as one that was not."""

import contextlib
import functools
import shutil
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.config import get_config, identity
from simclr_utils.data.dataset import Dataset
from simclr_utils.training import pretraining
from simclr_utils.training.batches import image_batches
from simclr_utils.training.checkpoints import CheckpointError, Checkpoints, variables_of
from simclr_utils.training.networks import build_encoder, build_projection_head
from simclr_utils.training.optimizers import build_optimizer, warmup_cosine
from simclr_utils.training.simclr import SimCLR
from simclr_utils.views.recipe import build_augmenter

pytestmark = pytest.mark.numbers

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype="uint8")
STEPS, EPOCHS = 4, 5
IDENTITY = {"seed": 0, "sizes": (1, 2)}


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    tf.config.experimental.enable_op_determinism()


def every_epoch(folder, identity=IDENTITY, **options):
    return Checkpoints(folder, identity, min_seconds=0, **options)


def build():
    keras.utils.set_random_seed(0)
    encoder = build_encoder((16, 16, 3), width=4)
    head = build_projection_head(encoder.output_shape[-1], 8, 4)
    model = SimCLR(build_augmenter(16, operations=("crop", "flip"), seed=0), encoder, head)
    model.compile(build_optimizer("adamw", warmup_cosine(1e-2, STEPS * EPOCHS)))
    return model


def train(model, checkpoints, epochs=EPOCHS, stop_after=None, callbacks=()):
    """Goes on from the newest checkpoint; `stop_after` epochs it is broken off."""
    first = checkpoints.restore(model)

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == stop_after:
                raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        model.fit(
            image_batches(IMAGES, 10, 0, first_step=first * STEPS),
            steps_per_epoch=STEPS,
            epochs=epochs,
            initial_epoch=first,
            validation_data=image_batches(IMAGES, 10, 1).take(2),
            callbacks=[checkpoints, Stop(), *callbacks],
            verbose=0,
            shuffle=False,
        )
    return first


def bits(model):
    return [np.asarray(variable).tobytes() for variable in variables_of(model)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that was not stopped: the bits after each epoch, its history and its folder."""
    model, after = build(), []
    checkpoints = every_epoch(tmp_path_factory.mktemp("whole"))
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda *given: after.append(bits(model)))
    train(model, checkpoints, callbacks=[note])
    return SimpleNamespace(after=after, history=checkpoints.history, folder=checkpoints.folder)


@pytest.fixture
def kept(whole, tmp_path):
    """A copy of its folder, with the checkpoints of the fourth and the fifth epoch."""
    return shutil.copytree(whole.folder, tmp_path / "kept")


def test_a_resumed_training_ends_in_the_same_bits(tmp_path, whole):
    for stop in (1, 4, None):
        model, checkpoints = build(), every_epoch(tmp_path)
        train(model, checkpoints, stop_after=stop)
    assert bits(model) == whole.after[-1]
    assert checkpoints.history == whole.history
    assert {len(values) for values in checkpoints.history.values()} == {EPOCHS}


def test_the_random_states_are_among_what_is_kept():
    names = [variable.path for variable in variables_of(build())]
    assert sum("seed_generator" in name for name in names) >= 2


def test_the_newest_two_stay_and_a_finished_training_is_not_run_again(kept, whole):
    assert sorted(path.name for path in kept.iterdir()) == ["000004.npz", "000005.npz"]
    again = build()
    assert train(again, Checkpoints(kept, IDENTITY)) == EPOCHS
    assert bits(again) == whole.after[-1]


def test_short_epochs_do_not_save_each_time_but_the_last_does(tmp_path):
    train(build(), Checkpoints(tmp_path, IDENTITY, min_seconds=1000))
    assert [path.stem for path in tmp_path.glob("*.npz")] == ["000005"]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text"])
def test_a_damaged_newest_checkpoint_is_reported_and_the_one_before_used(kept, whole, damage):
    newest = kept / "000005.npz"
    content = bytearray(newest.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    newest.write_bytes({"cut": content[:-100], "empty": b"", "text": b"hello"}.get(damage, content))
    told, model = [], build()
    assert every_epoch(kept, report=told.append).restore(model) == 4
    assert len(told) == 1 and "000005.npz is damaged" in told[0]
    assert bits(model) == whole.after[3]


def test_with_both_damaged_it_begins_anew_and_keeps_what_it_saves(kept, whole):
    for path in kept.glob("*.npz"):
        path.write_bytes(path.read_bytes()[:-50])
    told, model = [], build()
    assert train(model, every_epoch(kept, report=told.append), stop_after=2) == 0
    assert len(told) == 2
    assert train(model := build(), every_epoch(kept)) == 2
    assert bits(model) == whole.after[-1]


def test_what_a_killed_save_leaves_behind_is_no_checkpoint(kept):
    left = kept / ".writing-abc"
    left.mkdir()
    (left / "000009.npz").write_bytes(b"half")
    (kept / "notes.npz").write_bytes(b"someone else's")
    assert Checkpoints(kept, IDENTITY).restore(build()) == EPOCHS


def test_the_run_doctors_findings_are_kept_with_a_checkpoint(tmp_path):
    """In the file of the first epoch's checkpoint, and told again before the second epoch."""
    told = []
    doctor = SimpleNamespace(record=lambda: [{"name": "collapse"}], recall=told.extend)
    train(build(), every_epoch(tmp_path, doctor=doctor), stop_after=1)
    assert told == []
    assert every_epoch(tmp_path, doctor=doctor).restore(build()) == 1
    assert told == [{"name": "collapse"}]


def test_another_training_is_refused_by_name(kept):
    with pytest.raises(CheckpointError, match="seed is 0 there and 1 here"):
        Checkpoints(kept, {**IDENTITY, "seed": 1}).restore(build())


def test_another_model_is_refused(kept):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(CheckpointError, match="do not fit"):
        Checkpoints(kept, IDENTITY).restore(model)


def test_nothing_there_is_a_start_from_the_beginning(tmp_path):
    model = build()
    before = bits(model)
    assert Checkpoints(tmp_path / "new", IDENTITY).restore(model) == 0
    assert bits(model)[: len(model.variables)] == before[: len(model.variables)]


def test_another_precision_is_refused(kept):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with pytest.raises(CheckpointError, match="precision is 'float32' there"):
            every_epoch(kept).restore(build())
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_pretraining_that_was_stopped_ends_in_the_same_encoder(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "Checkpoints", functools.partial(Checkpoints, min_seconds=0))
    none = (IMAGES[:0], np.empty(0, np.int64))
    dataset = Dataset("noise", IMAGES, none, none, none, (), "abc", [], [], {})
    config = get_config("tiny", batch_size=10, pretraining_steps=12, width=4)
    whole = pretraining.pretrain(dataset, config)

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretraining.pretrain(dataset, config, callbacks=[Stop()], checkpoint_folder=tmp_path)
    # More label subsets change nothing about a pretraining.
    config = replace(config, num_subsets=7)
    resumed = pretraining.pretrain(dataset, config, checkpoint_folder=tmp_path)
    for name in ("encoder", "projection_head"):
        expected, found = (getattr(each, name).get_weights() for each in (whole, resumed))
        assert [part.tobytes() for part in found] == [part.tobytes() for part in expected]
    assert resumed.history == whole.history and len(resumed.history["loss"]) == 3
    assert resumed.details["findings"] == whole.details["findings"]
    assert resumed.details["findings"][0].startswith("few negatives: ")
    with pytest.raises(CheckpointError, match="temperature is 0.1 there and 0.5 here"):
        other = replace(config, temperature=0.5)
        pretraining.pretrain(dataset, other, checkpoint_folder=tmp_path)


def dense():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def store(folder, identity):
    """Writes a checkpoint of one epoch of a tiny network."""
    checkpoints = every_epoch(folder, identity)
    dense().fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, shuffle=False, callbacks=[checkpoints])


def stored_identity(folder, **changes):
    """Stores a checkpoint with other settings than the default; returns those for the default."""
    settings = identity(get_config("tiny"), ("pretraining",))
    other = {name: value for name, value in {**settings, **changes}.items() if value is not ...}
    store(folder, {"seed": 0, "config": other})
    return Checkpoints(folder, {"seed": 0, "config": settings})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": ...},  # of a version that had no such setting; the default counts
        {"operations": dict(get_config("tiny").operations)},
        {"operations": [list(pair) for pair in get_config("tiny").operations]},
    ],
)
def test_settings_that_mean_the_same_are_the_same_run(tmp_path, changes):
    assert stored_identity(tmp_path, **changes).restore(dense()) == 1


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"temperature": 0.2}, "temperature is 0.2 there and 0.1 here"),
        ({"width": ...}, "width is None there and 8 here"),
        ({"warp": 9}, r"\['warp'\], which this version of the course does not know"),
    ],
)
def test_settings_that_differ_are_named(tmp_path, changes, words):
    checkpoints = stored_identity(tmp_path, **changes)
    with pytest.raises(CheckpointError, match=words):
        checkpoints.restore(dense())
    assert list(tmp_path.glob("*.npz"))  # it is not taken for damaged


def test_a_checkpoint_from_before_the_settings_were_kept_together_is_refused(tmp_path):
    store(tmp_path, {"seed": 0, "temperature": 0.1})
    with pytest.raises(CheckpointError, match="an earlier version of the course wrote it"):
        Checkpoints(tmp_path, {"seed": 0, "config": {}}).restore(dense())


def test_every_setting_of_an_encoder_is_part_of_its_runs_identity():
    dataset = SimpleNamespace(fingerprint="abc")
    found = pretraining.run_identity(dataset, get_config("tiny", loss="nt_xent"), 3, 7)
    assert found == {
        "fingerprint": "abc",
        "seed": 3,
        "epochs": 7,
        "config": identity(get_config("tiny"), ("pretraining",)),
    }
    assert {"loss", "temperature", "operations", "micro_batch_size"} <= set(found["config"])
    assert "label_counts" not in found["config"]


def tiny_network():
    return keras.Sequential([keras.Input((2, 2, 1)), keras.layers.GlobalAveragePooling2D()])


def test_a_killed_save_leaves_no_record_beside_weights_of_another(tmp_path):
    part = tiny_network()

    class Killed:
        def save(self, path):
            raise KeyboardInterrupt

    details = {"config": {}, "seed": 0, "steps": 9, "fingerprint": "abc"}
    whole = pretraining.Pretraining(part, part, {"loss": [1.0]}, details)
    pretraining.save_pretraining(tmp_path, whole)
    assert (tmp_path / "encoder.json").exists()
    cut = pretraining.Pretraining(part, Killed(), {"loss": [1.0]}, {**details, "seed": 1})
    with pytest.raises(KeyboardInterrupt):
        pretraining.save_pretraining(tmp_path, cut)
    with pytest.raises(FileNotFoundError):
        pretraining.load_encoder(tmp_path)


def test_a_full_disk_is_said_and_the_training_can_go_on(tmp_path, whole):
    resource = pytest.importorskip("resource")  # not on Windows
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    class FullAfterTwo(Checkpoints):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:  # from here on, the system lets no file grow beyond a thousand bytes
                resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
            super().on_epoch_end(epoch, logs)

    try:
        with pytest.raises(OSError, match="after epoch 3 could not be written.* free some space"):
            train(build(), FullAfterTwo(tmp_path, IDENTITY, min_seconds=0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.npz", "000002.npz"]
    model, checkpoints = build(), every_epoch(tmp_path)
    assert train(model, checkpoints) == 2
    assert (bits(model), checkpoints.history) == (whole.after[-1], whole.history)
