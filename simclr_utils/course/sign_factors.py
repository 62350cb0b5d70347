"""The known factors of rendered images: drawn one at a time, and read from vectors."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV

from simclr_utils.data.glyphs import render_glyphs

# Values of all factors that show in a picture of a sign, for `render_glyphs`: dark ink on sand.
PLAIN_SIGN = {
    **{"x": 0.0, "y": 0.0, "scale": 0.8, "angle": 0.0, "slant": 0.0, "stroke_width": 0.1},
    **{"wobble": 0.0, "noise": 0.0, "distractors": 0},
    **{"hue": 0.6, "saturation": 0.5, "lightness": 0.25, "texture": "plain"},
    **{"background_hue": 0.1, "background_saturation": 0.3, "background_lightness": 0.85},
    "background_texture": "plain",
}
PENALTIES = np.logspace(-2, 4, 13)


def vary_sign(
    kind: int, free: Sequence[str], num_images: int = 9, seed: int = 1, image_size: int = 32
) -> np.ndarray:
    """Draws a sign several times, with all factors fixed except a few.

    Args:
        kind: Integer from 0 to 63, the sign.
        free: Sequence of names in `PLAIN_SIGN`, the factors that differ between the pictures.
        num_images: Integer, the number of pictures.
        seed: Integer, the seed of the free factors.
        image_size: Integer, height and width in pixels.

    Returns:
        A uint8 array `[num_images, image_size, image_size, 3]`.

    Raises:
        ValueError: If a name is unknown.

    Example:

    >>> pictures = vary_sign(27, ["hue", "background_hue"])
    """
    unknown = [name for name in free if name not in PLAIN_SIGN]
    if unknown:
        raise ValueError(f"Unknown factors {unknown}. Choose from {list(PLAIN_SIGN)}.")
    fixed = {name: value for name, value in PLAIN_SIGN.items() if name not in free}
    kinds = np.full(num_images, kind)
    return render_glyphs(num_images, seed, image_size, kinds=kinds, fixed=fixed).images


def read_factors(
    vectors: dict[str, np.ndarray], factors: dict[str, np.ndarray], test_share: float = 1 / 3
) -> pd.DataFrame:
    """Measures how well a linear regression reads each factor from each kind of vectors.

    The ridge regression is fitted on the first rows and scored on the last ones.

    Args:
        vectors: Dict from a name to a float array `[N, D]`, such as features and projections of
            the same images.
        factors: Dict from a name to an array of one value (or row of values) for each image.
            Integers are classes; floats are quantities.
        test_share: Float between 0 and 1, the share of rows that the score is computed on.

    Returns:
        A DataFrame of R² with a row for each factor and a column for each kind of vectors: 1 if
        the factor is predicted without error, 0 if the prediction is no better than the mean.

    Raises:
        ValueError: If a factor has another number of rows than the vectors, or if there are too few
            rows to fit and to score.

    Example:

    >>> read_factors({"features": features}, {"hue": hue, "kind": kinds})
    """
    rows = {len(values) for values in [*vectors.values(), *factors.values()]}
    num_test = round(test_share * max(rows))
    if len(rows) != 1 or not 2 <= num_test <= max(rows) - 2:
        raise ValueError(
            f"Vectors and factors have {sorted(rows)} rows, of which {test_share:.0%} are for the "
            "score. Expected one number of rows, with at least two to fit and two to score."
        )
    targets = {name: as_columns(values) for name, values in factors.items()}
    table = {
        name: [_score(_standardized(rows), columns, num_test) for columns in targets.values()]
        for name, rows in vectors.items()
    }
    return pd.DataFrame(table, index=pd.Index(targets, name="factor"))


def as_columns(values: np.ndarray) -> np.ndarray:
    """Returns a factor as float columns `[N, K]`: a class becomes one column for each class."""
    values = np.asarray(values)
    if values.dtype.kind in "iub":
        return np.float64(values[:, None] == np.unique(values))
    return np.float64(values).reshape(len(values), -1)


def _standardized(vectors):
    vectors = np.float64(vectors)
    return (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-6)


def _score(vectors, columns, num_test):
    fit = RidgeCV(PENALTIES).fit(vectors[:-num_test], columns[:-num_test])
    return max(0.0, fit.score(vectors[-num_test:], columns[-num_test:]))
