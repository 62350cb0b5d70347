"""The exercises' checks: each is fed the right answer and the usual wrong ones."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simclr_utils.course.code_exercises import check_views
from simclr_utils.course.exercises import (
    check_carrier,
    check_crossing,
    check_folded_layer,
    check_probe,
    check_verdict,
)
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
        (lambda labels, first, second: labels[-1], "10000 in place of"),
        (lambda labels, first, second: None, "None in place of"),
        (lambda labels: 0, "TypeError"),
    ],
)
def test_crossing_check_names_the_mistake(function, said):
    assert said in check_crossing(function)


def probe(standardise=True, statistics="train", floor=1e-6, intercept=True, fit=True):
    def function(features, labels, new_features):
        parts = [features, new_features]
        sources = [features, features if statistics == "train" else new_features]
        if standardise:
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
        (probe(standardise=False), "not standardised"),
        (probe(statistics="new"), "not with their own"),
        (probe(floor=0.0), "spread 0"),
        (probe(intercept=False), "with a bias"),
        (lambda features, labels, new: np.zeros(len(new)), "well separated"),
        (lambda features, labels, new: labels[:3], "one label for each"),
        (lambda features, labels, new: np.eye(3)[labels], "one label for each"),
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
        (views(shared=True), "same view stands twice"),
        (views(each=False, flip="never"), "same view stands twice"),
        (views(seed=0), "every call gives the same"),
        (views(scale=1.0), "values lie in 0..1"),
        (views(scale=None), "views are floats"),
        (views(order=-1), "show image i"),
        (views(crop=False), "same view stands twice"),
        (views(flip="never"), "none is mirrored"),
        (views(flip="always"), "all are mirrored"),
        (views(up=True), "upside down"),
        (lambda images: [part[:, 8:24, 8:24] for part in views()(images)], "the shape has to stay"),
        (lambda images: views()(images)[:1], "return two views"),
        (lambda images: (images / 255, images / 255), "nothing was changed"),
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

    assert "one draw serves the whole batch" in check_views(shared_draw)
    assert "none is cropped" in check_views(mirrored_only)


@pytest.mark.parametrize(
    "function, said",
    [
        (
            lambda low, high: "gains" if low > 0 else "hurts" if high < 0 else "no difference",
            "Right",
        ),
        (lambda low, high: "gains" if low + high > 0 else "hurts", "even if its middle is above"),
        (lambda low, high: "gains" if low > 0 else "hurts", "across 0"),
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
        (folded(), "Right."),
        (
            lambda weights, intercept, mean, spread: (weights, intercept),
            "standardisation is missing",
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
        (lambda z, cached: tf.reduce_sum(z), "the cache is not used"),
        (lambda z, cached: tf.reduce_mean(z * cached), "not the mean"),
        (lambda z, cached: tf.reduce_mean(tf.reduce_sum(z * cached, 1)), "over the rows too"),
        (lambda z, cached: -tf.reduce_sum(z * cached), "the sign is turned"),
        (lambda z, cached: tf.reduce_sum(z * z * cached), "the projections as well"),
        (lambda z, cached: tf.reduce_sum((z - cached) ** 2), "pulls the projections"),
        (lambda z, cached: tf.reduce_sum(tf.stop_gradient(z) * cached), "no gradient reaches"),
        (lambda z, cached: tf.reduce_sum(z * z), "none of the usual"),
        (lambda z: z, "TypeError"),
    ],
)
def test_carrier_check_names_the_mistake(function, said):
    assert said in check_carrier(function)
