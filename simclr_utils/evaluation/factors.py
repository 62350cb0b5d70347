"""Which of the known factors of rendered images can be read from vectors, such as features."""

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV

PENALTIES = np.logspace(-2, 4, 13)


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
