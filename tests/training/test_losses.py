"""The loss against equation 1 of the paper, written as loops in NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf

from simclr_utils.training.losses import contrastive_accuracy, nt_xent_loss

pytestmark = pytest.mark.numbers


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def equation_1(projections_1, projections_2, temperature):
    """The mean over anchors i of -log(exp(s_ij / t) / sum over k != i of exp(s_ik / t))."""
    views = [*projections_1, *projections_2]
    num_images, losses = len(projections_1), []
    for i, anchor in enumerate(views):
        j = i + num_images if i < num_images else i - num_images
        denominator = 0.0
        for k, candidate in enumerate(views):
            if k != i:
                denominator += math.exp(cosine(anchor, candidate) / temperature)
        numerator = math.exp(cosine(anchor, views[j]) / temperature)
        losses.append(-math.log(numerator / denominator))
    return sum(losses) / len(losses)


def slope(function, array, step=1e-6):
    """Central differences of a function of `array`, entry by entry."""
    gradient = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        shift = np.zeros_like(array)
        shift[place] = step
        gradient[place] = (function(array + shift) - function(array - shift)) / (2 * step)
    return gradient


def draw(num_images=5, dim=4, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(2, num_images, dim)) * random.uniform(0.1, 9, (2, num_images, 1))


@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("num_images", [1, 2, 7])
def test_value_is_equation_1(temperature, num_images):
    first, second = draw(num_images)
    loss = nt_xent_loss(tf.constant(first), tf.constant(second), temperature)
    assert loss.dtype == tf.float64
    assert abs(loss.numpy() - equation_1(first, second, temperature)) < 1e-6


@pytest.mark.parametrize("temperature", [0.1, 0.7])
def test_gradient_is_that_of_equation_1(temperature):
    first, second = draw()
    tensors = [tf.constant(first), tf.constant(second)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = nt_xent_loss(*tensors, temperature)
    gradients = tape.gradient(loss, tensors)
    expected_1 = slope(lambda z: equation_1(z, second, temperature), first)
    expected_2 = slope(lambda z: equation_1(first, z, temperature), second)
    assert np.abs(expected_1).max() > 1e-3  # there is something to compare
    np.testing.assert_allclose(gradients[0], expected_1, rtol=0, atol=1e-6)
    np.testing.assert_allclose(gradients[1], expected_2, rtol=0, atol=1e-6)


@pytest.mark.parametrize("num_images", [1, 4, 128])
def test_identical_projections_give_log_of_the_candidates(num_images):
    same = tf.fill([num_images, 8], tf.constant(0.3, tf.float64))
    loss = nt_xent_loss(same, same, 0.1).numpy()
    assert loss == pytest.approx(math.log(2 * num_images - 1), abs=1e-9)


def test_swapping_the_views_changes_nothing():
    first, second = draw()
    expected = nt_xent_loss(first, second).numpy()
    assert nt_xent_loss(second, first).numpy() == pytest.approx(expected, abs=1e-12)


def test_the_order_of_the_images_does_not_matter():
    first, second = draw(seed=1)
    order = [3, 0, 4, 1, 2]
    expected = nt_xent_loss(first, second).numpy()
    assert nt_xent_loss(first[order], second[order]).numpy() == pytest.approx(expected, abs=1e-12)
    assert abs(nt_xent_loss(first[order], second).numpy() - expected) > 1e-3  # wrong partners


def test_rows_may_have_any_scale():
    first, second = draw(seed=2)
    scales = np.random.default_rng(0).uniform(0.01, 100, (5, 1))
    expected = nt_xent_loss(first, second).numpy()
    assert nt_xent_loss(first * scales, second).numpy() == pytest.approx(expected, abs=1e-9)
    assert nt_xent_loss(first, second / scales).numpy() == pytest.approx(expected, abs=1e-9)


def test_agreement_is_rewarded():
    """Cosine, not its negative: equal partners among orthogonal others have the least loss."""
    basis = np.eye(4)
    loss = nt_xent_loss(basis, basis, 0.5).numpy()
    assert loss == pytest.approx(math.log(1 + 6 * math.exp(-1 / 0.5)), abs=1e-9)
    assert loss < nt_xent_loss(basis, np.roll(basis, 1, axis=0), 0.5).numpy()
    assert loss < nt_xent_loss(basis, -basis, 0.5).numpy()


def test_views_of_the_same_side_are_candidates():
    """Keras.io's example compares across views only; with close neighbours that is far off."""
    first = np.array([[1.0, 0.0], [1.0, 0.01]])
    second = np.array([[0.0, 1.0], [0.0, -1.0]])
    across = np.array([[cosine(a, b) for b in second] for a in first]) / 0.1
    log_share = [np.diag(s - np.log(np.exp(s).sum(1, keepdims=True))) for s in (across, across.T)]
    loss = nt_xent_loss(first, second, 0.1).numpy()
    assert loss == pytest.approx(equation_1(first, second, 0.1), abs=1e-6)
    assert loss > 2 - np.mean(log_share)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_narrow_inputs_give_a_float32_loss(dtype):
    first, second = (tf.cast(part, dtype) for part in draw())
    loss = nt_xent_loss(first, second, 0.1)
    exact = [np.asarray(tf.cast(part, "float64")) for part in (first, second)]
    assert loss.dtype == tf.float32
    assert loss.numpy() == pytest.approx(equation_1(*exact, 0.1), abs=1e-5)


def test_zero_projections_do_not_break_the_loss():
    zeros = tf.zeros([3, 4])
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        loss = nt_xent_loss(zeros, zeros, 0.1)
    assert loss.numpy() == pytest.approx(math.log(5), abs=1e-6)
    assert np.isfinite(tape.gradient(loss, zeros)).all()


def test_the_number_of_images_may_be_unknown_when_traced():
    traced = tf.function(nt_xent_loss, input_signature=[tf.TensorSpec([None, 4], tf.float64)] * 2)
    for num_images in (2, 6):
        first, second = draw(num_images)
        expected = equation_1(first, second, 0.1)
        assert traced(first, second).numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.0, -0.1, float("nan")])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match=f"above 0. Received: {temperature}"):
        nt_xent_loss(tf.zeros([2, 2]), tf.zeros([2, 2]), temperature)


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_counts_anchors_whose_partner_is_nearest(seed):
    first, second = draw(12, 3, seed)
    second = first / np.linalg.norm(first, axis=1, keepdims=True) + 0.3 * second
    views, hits = np.concatenate([first, second]), 0
    for i, anchor in enumerate(views):
        others = [k for k in range(24) if k != i]
        nearest = max(others, key=lambda k: cosine(anchor, views[k]))  # noqa: B023
        hits += nearest == (i + 12) % 24
    accuracy = contrastive_accuracy(first, second)
    assert 0 < hits < 24
    assert accuracy.dtype == tf.float32 and accuracy.numpy() == pytest.approx(hits / 24)


def test_accuracy_sees_rivals_on_the_same_side():
    first = np.array([[1.0, 0.0, 0.1], [1.0, 0.0, -0.1]])
    second = np.array([[1.0, 1.0, 0.2], [1.0, 1.0, -0.2]])
    # Across views alone each would find its partner; its neighbour is nearer.
    assert cosine(first[0], second[0]) > cosine(first[0], second[1])
    assert contrastive_accuracy(first, second).numpy() == 0
    assert contrastive_accuracy(first, 2 * first).numpy() == 1
