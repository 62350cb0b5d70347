"""Known factors that vectors keep or drop by construction."""

import keras
import numpy as np
import pytest

from simclr_utils.data.known_factors import FACTORS
from simclr_utils.evaluation import changed_factors, factor_table, score_factors
from simclr_utils.evaluation.factor_scores import CHANGED_BY
from simclr_utils.views import OPERATIONS

RNG = np.random.default_rng(0)
N = 300
SIZE, ANGLE = RNG.uniform(1, 2, N), RNG.uniform(0, 2 * np.pi, N)
KIND = np.array(["oak", "elm", "fir", "ash"])[RNG.integers(4, size=N)]
LOST = {"lost": RNG.normal(size=N), "lost class": RNG.integers(5, size=N)}
ONE_HOT = (KIND[:, None] == np.unique(KIND)).astype(float)
NOISE = RNG.normal(size=(N, 3))
VECTORS = np.column_stack([ONE_HOT, SIZE, np.cos(ANGLE), np.sin(ANGLE)]) @ RNG.normal(size=(7, 9))


def skills(vectors, factors, periods=None):
    return score_factors(vectors, factors, periods).set_index("factor")


def test_a_factor_is_read_where_it_is_and_only_there():
    table = skills(VECTORS, {"size": SIZE, "kind": KIND, **LOST})
    assert (table.loc[["size", "kind"], "skill"] > 0.98).all()
    assert (table.loc[list(LOST), "skill"] < 0.1).all()
    assert table["measure"].to_dict()["size"] == "R²" != table["measure"].to_dict()["kind"]
    assert table.loc["size", "chance"] == 0 and 0.15 < table.loc["kind", "chance"] < 0.35
    assert (skills(NOISE, {"size": SIZE, "kind": KIND})["skill"] < 0.1).all()


def test_a_circular_factor_has_no_edge():
    table = skills(VECTORS, {"angle": ANGLE, "straight": ANGLE}, {"angle": 2 * np.pi})
    assert table.loc["angle", "skill"] > 0.98 > 0.8 > table.loc["straight", "skill"]
    turned = (ANGLE / (2 * np.pi) + 0.5) % 1  # another zero and another period
    assert skills(VECTORS, {"hue": turned}, {"hue": 1.0}).loc["hue", "skill"] > 0.98


def test_images_that_do_not_show_a_factor_are_left_out():
    seen = np.arange(N) % 3 == 0
    vectors = np.where(seen[:, None], VECTORS, NOISE[:, :1])
    table = skills(vectors, {"size": np.where(seen, SIZE, np.nan), "everywhere": SIZE})
    assert table.loc["size", "skill"] > 0.95 > 0.7 > table.loc["everywhere", "skill"]


def test_the_score_of_always_the_same_class_is_chance():
    rare = (np.arange(N) % 10 == 0).astype(int)
    row = skills(NOISE, {"rare": rare}).loc["rare"]
    assert row["score"] == pytest.approx(0.9, abs=0.05) == row["chance"]
    assert row["skill"] < 0.1


def test_a_table_has_encoders_outputs_and_pixels():
    images = RNG.integers(0, 256, (N, 8, 8, 3)).astype(np.uint8)
    images[:] = images[:, :1, :1]  # one color
    inputs, features = keras.Input((8, 8, 3)), keras.Input((3,))
    encoder = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    head = keras.Model(features, keras.layers.Lambda(lambda x: x[:, :2])(features))
    factors = {name: images[:, 0, 0, i] / 255 for i, name in enumerate(("red", "green", "blue"))}
    table = factor_table([("colors", encoder, head)], images, factors)
    wide = table.pivot(index="factor", columns=["encoder", "output"], values="skill")
    assert (wide["raw pixels", "features"] > 0.98).all()
    assert (wide["colors", "features"] > 0.98).all()
    assert (wide["colors", "projections"].loc[["red", "green"]] > 0.98).all()
    assert wide["colors", "projections"]["blue"] < 0.1
    assert set(factor_table([("a", encoder, head)], images, factors, pixels=False)["encoder"]) == {
        "a"
    }


def test_operations_and_factors_have_the_names_that_others_use():
    known = {*FACTORS["shapes"], *FACTORS["glyphs"]}
    assert {factor for factors in CHANGED_BY.values() for factor in factors} <= known
    assert {"crop", "flip", "color_jitter", "grayscale", "noise", "blur"} <= {*CHANGED_BY} & {
        *OPERATIONS
    }
    assert changed_factors(["noise", "solarize"]) == {"noise"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (SIZE[:-1], r"shape \(299,\); expected \(300,\)"),
        (np.full(N, np.nan), "'f' shows in 0 images"),
        (np.zeros(N, int), "'f' has one class"),
    ],
)
def test_a_factor_that_cannot_be_scored(values, message):
    with pytest.raises(ValueError, match=message):
        score_factors(VECTORS, {"f": values})
