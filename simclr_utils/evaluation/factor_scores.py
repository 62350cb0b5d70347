"""Which known factors of an image can be read linearly from an encoder's outputs."""

from collections.abc import Iterable, Mapping

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simclr_utils.evaluation.features import pixel_features
from simclr_utils.evaluation.outputs import extract_outputs, split_in_halves

PENALTIES = np.logspace(-2, 4, 13)
PIXELS = "raw pixels"
LEAST = 20  # images that show a factor
_COLORS = ("hue", "saturation", "lightness")
# The factors of figure and background that each operation on views changes.
CHANGED_BY = {
    "crop": ("x", "y", "scale", "stroke_width"),
    "flip": ("x", "angle", "slant"),
    "vertical_flip": ("y", "angle", "slant"),
    "rotation": ("x", "y", "angle"),
    "tilt": ("angle",),
    "color_jitter": (*_COLORS, *(f"background_{name}" for name in _COLORS)),
    "grayscale": ("hue", "saturation", "background_hue", "background_saturation"),
    "sobel": (*_COLORS, *(f"background_{name}" for name in _COLORS)),
    "noise": ("noise",),
    "blur": ("noise",),
}


def changed_factors(operations: Iterable[str]) -> set[str]:
    """Returns the names of the factors that random operations on views change.

    Args:
        operations: Names in `views.OPERATIONS`.

    Example:

    >>> sorted(changed_factors(["crop", "noise"]))
    ['noise', 'scale', 'stroke_width', 'x', 'y']
    """
    return {factor for name in operations for factor in CHANGED_BY.get(name, ())}


def factor_table(
    encoders: Iterable[tuple[str, keras.Model, keras.Model]],
    images: np.ndarray,
    factors: Mapping[str, np.ndarray],
    periods: Mapping[str, float] | None = None,
    pixels: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """Measures which factor each encoder and each projection head keeps.

    Args:
        encoders: Triples of a name, an encoder and its projection head. An encoder with random
            weights is a useful reference.
        images: Uint8 array `[N, H, W, C]`.
        factors: Mapping as in `score_factors`.
        periods: Mapping as in `score_factors`.
        pixels: Boolean, whether the raw pixels are measured as well. They have no projections.
        seed: Integer, at least 0, the seed of the halves.

    Returns:
        A DataFrame with the columns `encoder` and `output` ("features" or "projections"), followed
        by those of `score_factors`.

    Raises:
        ValueError: As `score_factors`, or if the images do not fit an encoder.

    Example:

    >>> images, factors, periods = render_known_factors("shapes", 4000)
    >>> table = factor_table([("crop", encoder, head)], images, factors, periods)
    >>> table.pivot(index="factor", columns=["encoder", "output"], values="skill")
    """
    tables = {}
    if pixels:
        tables[PIXELS, "features"] = score_factors(pixel_features(images), factors, periods, seed)
    for name, encoder, head in encoders:
        for output, vectors in extract_outputs(encoder, head, images).items():
            tables[name, output] = score_factors(vectors, factors, periods, seed)
    joined = pd.concat(tables, names=["encoder", "output", None])
    return joined.reset_index(["encoder", "output"]).reset_index(drop=True)


def score_factors(
    vectors: np.ndarray,
    factors: Mapping[str, np.ndarray],
    periods: Mapping[str, float] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Measures how well each factor can be read linearly from vectors.

    A ridge regression is fitted on one half of the images and scored on the other. For a quantity
    the score is R². For a circular quantity, the regression predicts cosine and sine, and R² is
    that of both. For a class, it predicts a number for each class, and the largest decides; the
    score is the accuracy. Leave-one-out errors of the first half choose the penalty.

    Args:
        vectors: Float array `[N, D]`.
        factors: Mapping from a name to an array `[N]`. Integers and strings are classes, floats
            are quantities. Images in which a quantity is NaN are left out for this factor.
        periods: Mapping from the name of a circular quantity to its period, such as
            `{"hue": 1.0}`.
        seed: Integer, at least 0, the seed of the halves.

    Returns:
        A DataFrame with a row for each `factor`: the `measure` ("accuracy" or "R²"); the `score`;
        `chance`, the score without vectors, of the most frequent class or of the mean; and the
        `skill` in 0..1, the share of the way from chance to a perfect score.

    Raises:
        ValueError: If a factor does not have one value for each vector, or shows in fewer than 20
            images.

    Example:

    >>> score_factors(features, {"hue": hue, "shape": labels}, {"hue": 1.0})
    """
    periods, rows = periods or {}, []
    for name, values in factors.items():
        values = np.asarray(values)
        if values.shape != (len(vectors),):
            raise ValueError(
                f"The factor {name!r} has the shape {values.shape}; expected ({len(vectors)},), "
                "one value for each vector."
            )
        is_quantity = values.dtype.kind == "f"
        shown = np.flatnonzero(~np.isnan(values)) if is_quantity else np.arange(len(values))
        if len(shown) < LEAST:
            raise ValueError(
                f"The factor {name!r} shows in {len(shown)} images. Pass images with {LEAST} or "
                "more that show it."
            )
        first, second = (shown[half] for half in split_in_halves(len(shown), seed))
        if is_quantity:
            targets = _columns(values, periods.get(name))
            fitted = _read_quantity(vectors, targets, first, second)
        else:
            fitted = _read_class(vectors, name, values, first, second)
        rows.append({"factor": name, **fitted})
    table = pd.DataFrame(rows)
    table["skill"] = ((table["score"] - table["chance"]) / (1 - table["chance"])).clip(0, 1)
    return table


def _columns(values, period):
    """Returns a quantity as columns: one, or cosine and sine if it is circular."""
    if period is None:
        return values[:, None]
    turns = 2 * np.pi * values / period
    return np.column_stack([np.cos(turns), np.sin(turns)])


def _read_quantity(vectors, targets, first, second):
    ridge = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(vectors[first], targets[first])
    predicted = ridge.predict(vectors[second]).reshape(len(second), -1)
    score = r2_score(targets[second], predicted, multioutput="variance_weighted")
    return {"measure": "R²", "score": score, "chance": 0.0}


def _read_class(vectors, name, values, first, second):
    classes, labels = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"The factor {name!r} has one class, {classes[0]!r}. Pass two or more.")
    ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES))
    probe = ridge.fit(vectors[first], labels[first])
    accuracy = np.mean(probe.predict(vectors[second]) == labels[second])
    guess = np.mean(labels[second] == np.argmax(np.bincount(labels[first])))
    return {"measure": "accuracy", "score": float(accuracy), "chance": float(guess)}
