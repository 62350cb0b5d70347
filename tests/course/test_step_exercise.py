"""The check of the training step tells each usual mistake, and takes what is right."""

import keras
import pytest
import tensorflow as tf

from simclr_utils.course.code_exercises import ANSWERS, check_training_step, reference_step
from simclr_utils.training.losses import nt_xent_loss

pytestmark = pytest.mark.numbers


@pytest.fixture(autouse=True, params=["float32", "mixed_bfloat16"])
def precision(request):
    """What the notebook around the exercise trains in must not matter."""
    keras.config.set_dtype_policy(request.param)


def by_hand(images, augmenter, encoder, head, optimizer, temperature):
    views = tf.concat([augmenter(images), augmenter(images)], axis=0)
    with tf.GradientTape() as tape:
        projections = head(encoder(views, training=True), training=True)
        loss = nt_xent_loss(*tf.split(projections, 2), temperature)
    weights = encoder.trainable_variables + head.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return loss


def test_a_step_written_by_hand_is_right():
    assert check_training_step(by_hand) == "Right: this is the training step of SimCLR."
    assert check_training_step(tf.function(by_hand)).startswith("Right")


@pytest.mark.parametrize("message", ANSWERS)
def test_each_mistake_is_told_by_name(message):
    def with_mistake(*parts):
        return reference_step(*parts[:-1], **ANSWERS[message])

    assert check_training_step(with_mistake) == message


def test_what_is_not_returned_or_raised_is_told():
    def silent(*parts):
        by_hand(*parts)

    assert check_training_step(silent).startswith("Nearly: the weights are right; return the loss")
    assert "raised ZeroDivisionError" in check_training_step(lambda *parts: 1 / 0)

    def larger_rate(images, augmenter, encoder, head, optimizer, temperature):
        optimizer.learning_rate = 1.0
        return by_hand(images, augmenter, encoder, head, optimizer, temperature)

    assert "none of the usual mistakes" in check_training_step(larger_rate)
