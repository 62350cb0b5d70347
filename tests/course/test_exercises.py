"""The exercises' checks: each is fed the right answer and the usual wrong ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simclr_utils.course import (
    check_carrier,
    check_crossing,
    check_folded_layer,
    check_probe,
    check_training_step,
    check_verdict,
    check_views,
)
from simclr_utils.course.training_exercises import STEP_ANSWERS, reference_step
from simclr_utils.training.loss_checks import check_nt_xent, reference_nt_xent
from simclr_utils.training.losses import nt_xent_loss

pytestmark = pytest.mark.numbers


def learner(**mistake):
    return lambda view_1, view_2, temperature: reference_nt_xent(
        view_1, view_2, temperature, **mistake
    )


def test_nt_xent_check_knows_the_right_answer():
    assert check_nt_xent(learner()).startswith("Right")
    assert check_nt_xent(nt_xent_loss).startswith("Right")


@pytest.mark.parametrize(
    "function, said",
    [
        (learner(normalize=False), "not normalized"),
        (learner(power=1), "divisor"),
        (learner(power=0), "temperature is missing"),
        (learner(mask=False), "Mask the diagonal"),
        (learner(axis=0), "each row"),
        (learner(same=True), "same view stands twice"),
        (learner(cross_only=True), "own view are missing"),
        (learner(sign=-1), "wrong sign"),
        (lambda *a: 10 * learner()(*a), "not the sum"),
        (lambda *a: 2 * learner()(*a), "twice the loss"),
        (lambda *a: -learner()(*a), "sign"),
        (lambda a, b, t: np.log(2 * len(a) - 1), "chance level"),
        (lambda *a: 0.123, "none of the usual"),
        (lambda *a: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_nt_xent_check_names_the_mistake(function, said):
    assert said in check_nt_xent(function)


def crossing(scale=np.log, back=np.exp, never=None):
    def function(labels, first, second):
        gaps, places = np.subtract(first, second), scale(np.array(labels, float))
        for i in range(len(gaps) - 1):
            if gaps[i] > 0 >= gaps[i + 1]:
                share = gaps[i] / (gaps[i] - gaps[i + 1])
                return back(places[i] + share * (places[i + 1] - places[i]))
        return never

    return function


@pytest.mark.parametrize(
    "function, said",
    [
        (crossing(), "Right"),
        (crossing(never=10_000), "Nearly"),
        (crossing(lambda x: x, lambda x: x), "logarithm"),
        (lambda labels, first, second: labels[-1], "returns 10,000; the lines cross at 3,162"),
        (lambda labels, first, second: None, "returns None; the lines cross"),
        (lambda labels: 0, "TypeError"),
    ],
)
def test_crossing_check_names_the_mistake(function, said):
    assert said in check_crossing(function)


def probe(standardize=True, statistics="train", floor=1e-6, intercept=True, fit=True):
    def function(features, labels, new_features):
        parts = [features, new_features]
        sources = [features, features if statistics == "train" else new_features]
        if standardize:
            with np.errstate(all="ignore"):
                parts = [
                    (part - source.mean(axis=0)) / (source.std(axis=0) + floor)
                    for part, source in zip(parts, sources, strict=True)
                ]
        classifier = LogisticRegression(fit_intercept=intercept, max_iter=1000)
        return classifier.fit(parts[0], labels).predict(parts[1])

    return function


@pytest.mark.parametrize(
    "function, said",
    [
        (probe(), "Right"),
        (
            lambda *data: (
                make_pipeline(StandardScaler(), LogisticRegression())
                .fit(*data[:2])
                .predict(data[2])
            ),
            "Right",
        ),
        (probe(standardize=False), "not standardized"),
        (probe(statistics="new"), "not with their own"),
        (probe(floor=0.0), "spread 0"),
        (probe(intercept=False), "with a bias"),
        (lambda features, labels, new: np.zeros(len(new)), "well separated"),
        (lambda features, labels, new: labels[:3], "return one label for each"),
        (lambda features, labels, new: np.eye(3)[labels], "return one label for each"),
        (lambda features: features, "TypeError"),
    ],
)
def test_probe_check_names_the_mistake(function, said):
    assert said in check_probe(function)


def views(crop=True, flip="half", each=True, shared=False, seed=None, scale=255, order=1, up=False):
    """The right answer, and one for each mistake."""

    def function(images):
        random = np.random.default_rng(seed)

        def view():
            rows = []
            for index, image in enumerate(images[::order]):
                draw = np.random.default_rng(7) if not each else random
                top, left = draw.integers(0, 17, 2)
                part = image[top : top + 16, left : left + 16] if crop else image
                part = np.asarray(Image.fromarray(part).resize((32, 32), Image.Resampling.BILINEAR))
                mirrored = {"half": index % 2, "never": 0, "always": 1}[flip]
                part = part[:, ::-1] if mirrored else part
                rows.append(part[::-1] if up else part)
            return np.array(rows) / scale if scale else np.array(rows)

        first = view()
        return first, first if shared else view()

    return function


@pytest.mark.parametrize(
    "function, said",
    [
        (views(), "Right"),
        (views(shared=True), "both views are the same"),
        (views(each=False, flip="never"), "both views are the same"),
        (views(seed=0), "every call returns the same"),
        (views(scale=1.0), "between 0 and 1"),
        (views(scale=None), "have to be floats"),
        (views(order=-1), "show image i"),
        (views(crop=False), "both views are the same"),
        (views(flip="never"), "no view is mirrored"),
        (views(flip="always"), "all views are mirrored"),
        (views(up=True), "upside down"),
        (lambda images: [part[:, 8:24, 8:24] for part in views()(images)], "the shape has to stay"),
        (lambda images: views()(images)[:1], "return two views"),
        (lambda images: (images / 255, images / 255), "the images, unchanged"),
        (lambda images: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_view_check_names_the_mistake(function, said):
    assert said in check_views(function)


def test_view_check_sees_one_draw_for_the_batch_and_missing_crops():
    random = np.random.default_rng(0)

    def shared_draw(images):
        pair = []
        for _ in range(2):
            top, left = random.integers(0, 17, 2)
            view = images[:, top : top + 16, left : left + 16].repeat(2, axis=1).repeat(2, axis=2)
            pair.append(view / 255)
        return pair

    def mirrored_only(images):
        return [
            np.where(random.uniform(size=(len(images), 1, 1, 1)) < 0.5, images[:, :, ::-1], images)
            / 255
            for _ in range(2)
        ]

    assert "share one random draw" in check_views(shared_draw)
    assert "no view is cropped" in check_views(mirrored_only)


@pytest.mark.parametrize(
    "function, said",
    [
        (
            lambda low, high: "gains" if low > 0 else "hurts" if high < 0 else "no difference",
            "Right",
        ),
        (lambda low, high: "gains" if low + high > 0 else "hurts", "even if its center is above 0"),
        (lambda low, high: "gains" if low > 0 else "hurts", "contains 0"),
        (lambda low, high: "no difference", "above 0 is a gain"),
        (lambda low, high: "gains" if low > 0 else "no difference", "below 0 is a loss"),
        (lambda low: "gains", "TypeError"),
    ],
)
def test_verdict_check_names_the_mistake(function, said):
    assert said in check_verdict(function)


def folded(sign=-1, mean_through="kernel", power=-1):
    def function(weights, intercept, mean, spread):
        kernel = weights * spread[:, None] ** power
        return kernel, intercept + sign * mean @ (kernel if mean_through == "kernel" else weights)

    return function


@pytest.mark.parametrize(
    "function, said",
    [
        (folded(), "Right"),
        (
            lambda weights, intercept, mean, spread: (weights, intercept),
            "standardization is missing",
        ),
        (folded(sign=0), "mean is missing"),
        (folded(mean_through="weights"), "through the folded kernel"),
        (folded(sign=1), "you add it"),
        (folded(power=1), "you multiply"),
        (lambda weights, intercept, mean, spread: (weights * 7, intercept), "none of the usual"),
        (lambda weights, intercept, mean, spread: (weights[:2], intercept), "ValueError"),
        (lambda weights: weights, "TypeError"),
    ],
)
def test_folded_layer_check_names_the_mistake(function, said):
    assert said in check_folded_layer(function)


@pytest.mark.parametrize(
    "function, said",
    [
        (lambda z, cached: tf.reduce_sum(z * cached), "Right"),
        (lambda z, cached: tf.tensordot(z, cached, 2), "Right"),
        (lambda z, cached: tf.reduce_sum(z), "the cached gradient is not used"),
        (lambda z, cached: tf.reduce_mean(z * cached), "not the mean"),
        (lambda z, cached: tf.reduce_mean(tf.reduce_sum(z * cached, 1)), "over the rows too"),
        (lambda z, cached: -tf.reduce_sum(z * cached), "the sign is wrong"),
        (lambda z, cached: tf.reduce_sum(z * z * cached), "by the projections once"),
        (lambda z, cached: tf.reduce_sum((z - cached) ** 2), "squared distance"),
        (lambda z, cached: tf.reduce_sum(tf.stop_gradient(z) * cached), "no gradient reaches"),
        (lambda z, cached: tf.reduce_sum(z * z), "none of the usual"),
        (lambda z: z, "TypeError"),
    ],
)
def test_carrier_check_names_the_mistake(function, said):
    assert said in check_carrier(function)


@pytest.fixture(params=["float32", "mixed_bfloat16"])
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


def test_a_step_written_by_hand_is_right(precision):
    assert check_training_step(by_hand) == "Right: this is the training step of SimCLR."
    assert check_training_step(tf.function(by_hand)).startswith("Right")


@pytest.mark.parametrize("message", STEP_ANSWERS)
def test_each_mistake_of_a_step_is_named(message, precision):
    def with_mistake(*parts):
        return reference_step(*parts[:-1], **STEP_ANSWERS[message])

    assert check_training_step(with_mistake) == message


def test_a_step_that_returns_nothing_or_raises_is_told(precision):
    def silent(*parts):
        by_hand(*parts)

    assert check_training_step(silent).startswith("Nearly: the weights are right; return the loss")
    assert "raised ZeroDivisionError" in check_training_step(lambda *parts: 1 / 0)

    def larger_rate(images, augmenter, encoder, head, optimizer, temperature):
        optimizer.learning_rate = 1.0
        return by_hand(images, augmenter, encoder, head, optimizer, temperature)

    assert "none of the usual mistakes" in check_training_step(larger_rate)
