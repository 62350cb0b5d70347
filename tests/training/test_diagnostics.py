"""Alignment, uniformity, rank and spread against what is known of simple clouds of points."""

import numpy as np
import pytest

from simclr_utils.training import diagnostics

pytestmark = pytest.mark.numbers

RANDOM = np.random.default_rng(0)
SPHERE = RANDOM.normal(size=(2000, 16))


def test_alignment_is_the_squared_distance_of_unit_vectors():
    left, right = np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[0.5, 0.0], [0.0, -7.0]])
    assert diagnostics.alignment(left, left * 5) == pytest.approx(0)
    assert diagnostics.alignment(left, right) == pytest.approx((0 + 4) / 2)
    others = diagnostics.alignment(SPHERE[:1000], SPHERE[1000:])
    assert others == pytest.approx(2, abs=0.05)  # chance


def test_uniformity_by_hand_and_at_its_ends():
    points = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]])
    potentials = [np.exp(-2 * 2), np.exp(-2 * 4), np.exp(-2 * 2)]
    assert diagnostics.uniformity(points) == pytest.approx(np.log(np.mean(potentials)))
    assert diagnostics.uniformity(np.ones((50, 8))) == pytest.approx(0, abs=1e-9)
    narrow = SPHERE + 5
    assert diagnostics.uniformity(SPHERE) < diagnostics.uniformity(narrow) < 0


def test_effective_rank_counts_directions():
    line = np.outer(RANDOM.normal(size=100), np.ones(8))
    assert diagnostics.effective_rank(line) == pytest.approx(1)
    assert diagnostics.effective_rank(np.eye(8)) == pytest.approx(8)
    assert diagnostics.effective_rank(np.zeros((5, 3))) == 0
    flat = np.diag([1.0, 1.0, 1.0, 0.0])
    assert diagnostics.effective_rank(flat) == pytest.approx(3)
    # Singular values 3 and 1: entropy of (3/4, 1/4).
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert diagnostics.effective_rank(np.diag([3.0, 1.0])) == pytest.approx(np.exp(entropy))


def test_spread_tells_a_sphere_from_a_point():
    np.testing.assert_allclose(diagnostics.spread(SPHERE), 1, atol=0.1)
    np.testing.assert_allclose(diagnostics.spread(np.ones((10, 4))), 0, atol=1e-12)


def test_a_collapse_shows_in_every_number():
    healthy = diagnostics.describe(SPHERE, SPHERE + 0.1 * RANDOM.normal(size=SPHERE.shape))
    point = np.ones((2000, 16)) + 1e-3 * RANDOM.normal(size=(2000, 16))
    collapsed = diagnostics.describe(point, point)
    assert healthy["dimensions"] == collapsed["dimensions"] == 16
    assert healthy["effective rank"] > 15 and collapsed["effective rank"] < 1.5
    assert healthy["uniformity"] < -3 and collapsed["uniformity"] > -0.01
    assert healthy["smallest spread"] > 0.8 and collapsed["median spread"] < 0.01
    assert healthy["alignment"] < 0.1


def test_cosines_of_pairs_that_belong_together_and_of_others():
    vectors = np.array([[1.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [0.0, 5.0]])
    same, others = diagnostics.pair_cosines(vectors)  # 0 with 2, and 1 with 3
    np.testing.assert_allclose(same, [-1, 1], atol=1e-12)
    np.testing.assert_allclose(others, [0, 0, 0, 0], atol=1e-12)
    same, others = diagnostics.pair_cosines(vectors, [7, 2, 2, 2])
    np.testing.assert_allclose(same, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(others, [0, -1, 0], atol=1e-12)
