"""Factors that are drawn one at a time, and read from vectors."""

import numpy as np
import pytest

from simclr_utils.course.sign_factors import PLAIN_SIGN, read_factors, vary_sign

RNG = np.random.default_rng(0)
KNOWN, UNKNOWN = RNG.random(600), RNG.random(600)
KINDS = RNG.integers(0, 4, 600)


@pytest.fixture
def table():
    mixed = np.column_stack([KNOWN, KINDS == 0, KINDS == 1, KINDS == 2]) @ RNG.random((4, 9))
    vectors = {"mixed": mixed, "noise": RNG.standard_normal((600, 9))}
    return read_factors(vectors, {"known": KNOWN, "unknown": UNKNOWN, "kind": KINDS})


def test_a_factor_is_read_where_it_is(table):
    assert table.loc["known", "mixed"] > 0.99 and table.loc["kind", "mixed"] > 0.99
    assert table.loc["unknown", "mixed"] < 0.05


def test_nothing_is_read_from_noise(table):
    assert (table["noise"] >= 0).all() and (table["noise"] < 0.05).all()


def test_a_class_is_not_a_quantity():
    distances = {"number": KINDS[:, None].astype(float)}
    table = read_factors(distances, {"class": KINDS, "quantity": KINDS.astype(float)})
    assert table.loc["quantity", "number"] > 0.99 > 0.7 > table.loc["class", "number"]


def test_a_factor_may_have_several_columns():
    table = read_factors({"x": KNOWN[:, None]}, {"pair": np.column_stack([KNOWN, UNKNOWN])})
    assert 0.45 < table.loc["pair", "x"] < 0.55


def test_the_scale_of_a_vector_does_not_matter():
    both = {"small": 1e-3 * KNOWN[:, None], "large": 1e3 * KNOWN[:, None] + 7}
    scores = read_factors(both, {"known": KNOWN}).loc["known"]
    assert scores["small"] > 0.99 and scores["large"] > 0.99


@pytest.mark.parametrize(("count", "share"), [(599, 1 / 3), (600, 0), (600, 1)])
def test_impossible_numbers_of_rows_are_refused(count, share):
    with pytest.raises(ValueError, match="one number of rows"):
        read_factors({"x": KNOWN[:, None]}, {"known": KNOWN[:count]}, share)


def test_without_free_factors_all_pictures_are_the_same():
    first, *others = vary_sign(3, [], num_images=4)
    assert all(np.array_equal(first, other) for other in others)
    assert not np.array_equal(first, vary_sign(4, [], num_images=1)[0])


@pytest.mark.parametrize("name", PLAIN_SIGN)
def test_a_free_factor_changes_the_picture(name):
    pictures = vary_sign(3, [name], num_images=9)
    assert len(np.unique(pictures.reshape(9, -1), axis=0)) > 1


def test_unknown_factors_are_refused():
    with pytest.raises(ValueError, match=r"\['place'\]"):
        vary_sign(3, ["place"])
