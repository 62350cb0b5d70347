"""The run doctor: catches every historical bug by name, and says nothing of healthy runs."""

import json

import keras
import numpy as np
import pytest
import sabotage

from simclr_utils.evaluation.features import frozen
from simclr_utils.training import doctor, examinations, losses


@pytest.mark.parametrize(
    "name, inject",
    [row[1:] for row in sabotage.SABOTAGES],
    ids=[row[0] for row in sabotage.SABOTAGES],
)
def test_a_sabotaged_run_is_caught_by_name(name, inject):
    said = inject()
    assert any(line.startswith(f"{name}:") for line in said), said


@pytest.mark.parametrize("seed", sabotage.HEALTHY_SEEDS)
def test_the_doctor_is_silent_about_a_healthy_run(seed):
    assert sabotage.train(seed) == []


def test_a_training_is_the_same_with_a_doctor():
    """Looking must not draw from the generators that make the views."""

    def weights(watched):
        keras.utils.set_random_seed(0)
        images = sabotage.render_shapes(64, seed=0, image_size=16).images
        encoder = sabotage.build_encoder((16, 16, 3), width=4)
        head = sabotage.build_projection_head(encoder.output_shape[-1], 8, 4)
        model = sabotage.simclr.SimCLR(sabotage.build_augmenter(16, seed=0), encoder, head)
        model.compile(sabotage.build_optimizer("adamw", 1e-3))
        said = []
        model.fit(
            sabotage.image_batches(images, 32),
            steps_per_epoch=2,
            epochs=2,
            callbacks=[doctor.RunDoctor(images, 32, said.append)] if watched else [],
            verbose=0,
            shuffle=False,
        )
        assert said == []
        return [value.tobytes() for value in model.get_weights()]

    assert weights(watched=True) == weights(watched=False)


@pytest.mark.parametrize("steps_before, expected", [(0, ["learning rate too low"]), (5, [])])
def test_a_resumed_training_may_stand_still(steps_before, expected):
    """Near its end, when the learning rate is 0."""
    images = sabotage.render_shapes(64, seed=0, image_size=16).images
    encoder = sabotage.build_encoder((16, 16, 3), width=4)
    head = sabotage.build_projection_head(encoder.output_shape[-1], 8, 4)
    model = sabotage.simclr.SimCLR(sabotage.build_augmenter(16, seed=0), encoder, head)
    model.compile(sabotage.build_optimizer("adamw", 0.0))
    model.optimizer.iterations.assign(steps_before)
    watcher = doctor.RunDoctor(images, 32, lambda text: None)
    watcher.set_model(model)
    watcher.on_train_begin()
    for batch in range(examinations.FIRST_STEPS):
        watcher.on_train_batch_end(batch, {"loss": 3.0})
    watcher.on_epoch_end(0, {"loss": 3.0})
    assert [finding.name for finding in watcher.findings] == expected


def test_it_looks_at_images_from_all_of_the_pool():
    """Files in the order of their names begin with one class, or one scene."""
    pool = np.repeat(np.arange(5, dtype="uint8"), 256)[:, None, None, None]
    watcher = doctor.RunDoctor(pool, 32, lambda text: None)
    assert len(watcher.images) == 256
    counts = np.bincount(watcher.images.ravel())
    assert counts.min() >= 51 and counts.max() <= 52
    small = doctor.RunDoctor(np.arange(400)[:, None, None, None], 32, lambda text: None).images
    assert len(small) == 256 and small.min() == 0 and small.max() == 399
    assert len(doctor.RunDoctor(pool[:3], 32, lambda text: None).images) == 3


def test_an_even_picture_at_the_front_does_not_look_like_an_augmenter_that_is_off():
    images = sabotage.render_shapes(8, seed=0, image_size=16).images
    images[0] = 0
    assert examinations.examine_views(sabotage.build_augmenter(16, seed=0), images) == []


def test_weights_that_are_no_numbers_end_the_training_before_a_checkpoint():
    images = sabotage.render_shapes(64, seed=0, image_size=16).images
    encoder = sabotage.build_encoder((16, 16, 3), width=4)
    head = sabotage.build_projection_head(encoder.output_shape[-1], 8, 4)
    watcher = doctor.RunDoctor(images, 32, lambda text: None)
    watcher.set_model(sabotage.simclr.SimCLR(sabotage.build_augmenter(16, seed=0), encoder, head))
    watcher.start, watcher.resumed = examinations.kernels(watcher.model), False
    watcher.on_epoch_end(0, {"loss": 3.0})
    encoder.trainable_variables[0].assign(np.nan * encoder.trainable_variables[0])
    with pytest.raises(doctor.TrainingFailedError, match="not a number: The largest weight is nan"):
        watcher.on_epoch_end(1, {"loss": 3.0})
    assert [finding.name for finding in watcher.findings][-1] == "not a number"


def watched(steps=0, temperature=0.1, batch_size=256, **options):
    """A doctor of a model that has made some steps, and what it says."""
    images, said = sabotage.render_shapes(64, seed=0, image_size=16).images, []
    encoder = sabotage.build_encoder((16, 16, 3), width=4)
    head = sabotage.build_projection_head(encoder.output_shape[-1], 8, 4)
    model = sabotage.simclr.SimCLR(
        sabotage.build_augmenter(16, seed=0), encoder, head, temperature, **options
    )
    model.compile(sabotage.build_optimizer("adamw", 1e-3))
    model.optimizer.iterations.assign(steps)
    watcher = doctor.RunDoctor(images, batch_size, said.append)
    watcher.set_model(model)
    watcher.resumed = False
    return watcher, said


CHANCE = np.log(2 * 256 - 1)


@pytest.mark.parametrize(
    ("loss", "temperature", "steps", "name", "words"),
    [
        (0.5 * CHANCE, 0.1, 200, None, "ok: the loss is below its chance level"),
        (0.995 * CHANCE, 0.1, 200, "nothing learned", "views that share nothing"),
        (CHANCE - 0.01, 100.0, 200, "nothing learned", "the temperature, 100, which"),
        (833.0, 1e-4, 200, "loss far above chance", "the temperature, 0.0001, which"),
        (40.0, 0.1, 200, "loss far above chance", "learning rate that is too high"),
        (0.995 * CHANCE, 0.1, 24, None, "24 steps are too few to judge the loss"),
    ],
)
def test_one_rule_says_whether_anything_was_learned(loss, temperature, steps, name, words):
    watcher, said = watched(steps, temperature)
    sentence = watcher.conclude(loss)
    assert sentence.startswith("ok") == (name is None and steps >= examinations.FIRST_STEPS)
    assert words in "\n".join([sentence, *said])
    assert [finding.name for finding in watcher.findings] == ([name] if name else [])
    assert name is None or name in sentence
    assert "longer" not in sentence + "".join(said)
    if "temperature" in words:
        assert "--set temperature=0.1" in said[0]


def plain_loss(projections_1, projections_2, temperature):
    """A loss of a user's own, of which the doctor knows nothing."""
    units = [keras.ops.normalize(part, axis=1) for part in (projections_1, projections_2)]
    return -keras.ops.mean(keras.ops.sum(units[0] * units[1], axis=1)) / temperature


def test_nothing_is_said_of_the_level_of_a_loss_that_does_not_tell_it():
    watcher, said = watched(200, loss=plain_loss)
    assert watcher.conclude(1000.0) == "ok: the run doctor found nothing" and said == []
    assert examinations.examine_model(watcher.model, watcher.images, plain_loss) == []


@pytest.mark.parametrize(
    ("loss", "name"), [(2.0, None), (2.98, "nothing learned"), (5.0, "loss far above chance")]
)
def test_the_chance_level_is_that_of_the_loss(loss, name):
    known = losses.annotate_loss(chance_level=lambda num_images: num_images / 10)(
        lambda *parts: plain_loss(*parts)
    )
    watcher, said = watched(200, batch_size=30, loss=known)
    watcher.conclude(loss)
    assert [finding.name for finding in watcher.findings] == ([name] if name else [])
    assert not said or "its chance level is 3.000" in said[0]


@pytest.mark.parametrize(
    "loss, name", [(-3.5, None), (-2.98, "nothing learned"), (0.0, "loss far")]
)
def test_a_chance_level_may_be_negative(loss, name):
    finding = examinations.examine_loss_level(loss, -3.0, 100, 0.1)
    assert (finding is None) if name is None else finding.name.startswith(name)


def test_the_check_is_that_of_the_loss():
    asked = []

    def check(function):
        asked.append(float(function(np.eye(2), np.eye(2), 0.5)))
        return "It is upside down."

    known = losses.annotate_loss(find_mistake=check)(lambda *parts: plain_loss(*parts))
    watcher, _ = watched(loss=known)
    (finding,) = examinations.examine_model(watcher.model, watcher.images, known)
    assert finding.name == "wrong loss" and finding.seen.endswith("It is upside down.")
    assert asked == [pytest.approx(-2.0)] and watcher.model.temperature == 0.1


class OwnModel(keras.Model):
    """A learner's model: it has no `loss_function`, and other methods only if they are given."""

    def __init__(self, model, **methods):
        super().__init__()
        self.augmenter, self.encoder = model.augmenter, model.encoder
        self.projection_head, self.temperature = model.projection_head, model.temperature
        for name, method in methods.items():
            setattr(self, name, method)

    def call(self, images, training=False):
        return [self.projection_head(self.encoder(self.augmenter(images))) for _ in range(2)]


@pytest.mark.parametrize("right", [True, False])
def test_the_loss_of_a_learners_model_is_compared_with_the_one_it_is_meant_to_compute(right):
    sign = 1 if right else -1
    own = OwnModel(
        watched()[0].model,
        contrastive_loss=lambda *parts: sign * losses.nt_xent_loss(*parts, own.temperature),
    )
    found = examinations.examine_model(own, watched()[0].images, losses.nt_xent_loss)
    assert [finding.name for finding in found] == ([] if right else ["wrong loss"])


@pytest.mark.parametrize("loss", [None, losses.nt_xent_loss])
def test_a_model_may_tell_nothing_of_its_loss(loss):
    said = []
    watcher = doctor.RunDoctor(watched()[0].images, 256, said.append, loss)
    watcher.set_model(OwnModel(watched()[0].model))
    watcher.model.compile(sabotage.build_optimizer("adamw", 1e-3))
    watcher.on_train_begin()
    watcher.model.optimizer.iterations.assign(200)
    assert said == []
    verdict = watcher.conclude(CHANCE)
    if loss is None:
        assert verdict == "ok: the run doctor found nothing"
    else:
        assert verdict == "not ok: the run doctor found nothing learned"


def test_a_loss_that_is_no_number_at_a_tiny_temperature_names_it():
    watcher, _ = watched(temperature=1e-30)
    with pytest.raises(doctor.TrainingFailedError, match="Likely cause: the temperature, 1e-30"):
        watcher.on_train_batch_end(0, {"loss": float("nan")})
    watcher, _ = watched()
    with pytest.raises(doctor.TrainingFailedError, match="Likely cause: a learning rate"):
        watcher.on_train_batch_end(0, {"loss": float("inf")})


def test_a_finding_that_no_longer_holds_is_withdrawn():
    watcher, said = watched(60)
    watcher.tell(examinations.examine_batch_size(8))
    watcher.confirm([watcher.examine_loss(CHANCE)])
    assert watcher.conclude(CHANCE).startswith(
        "not ok: the run doctor found few negatives, nothing"
    )
    assert watcher.conclude(1.0) == "not ok: the run doctor found few negatives"
    assert said[-1] == "nothing learned: this is no longer the case." and len(watcher.findings) == 1


def test_findings_outlive_a_stop():
    watcher, _ = watched(60)
    watcher.confirm([watcher.examine_loss(CHANCE)])
    record = json.loads(json.dumps(watcher.record()))
    again, said = watched(60)
    again.recall(record)
    assert again.findings == watcher.findings and said == [str(watcher.findings[0])]
    # Weights that hardly moved before the stop are not looked at after it.
    slow = doctor.Finding("learning rate too low", "a", "b", "c")
    again.tell(slow)
    again.resumed = True
    again.confirm([None])
    assert again.findings == [slow]


def test_each_finding_is_told_once_and_in_full():
    said = []
    watcher = doctor.RunDoctor(np.zeros((4, 16, 16, 3), "uint8"), 8, said.append)
    for _ in range(3):
        watcher.tell(examinations.examine_batch_size(8))
    assert len(said) == len(watcher.findings) == 1
    for part in ("few negatives: ", "14 negatives", "Likely cause: ", "Cure: "):
        assert part in said[0]


def test_a_frozen_encoder_may_be_used():
    encoder = sabotage.build_encoder((16, 16, 3), width=4)
    with frozen(encoder):
        encoder(np.ones((2, 16, 16, 3), "float32"), training=False)
    with pytest.raises(ZeroDivisionError), frozen(encoder):
        encoder.set_weights([0 * weight for weight in encoder.get_weights()])
        1 / 0  # noqa: B018 what the block raises is not hidden
