"""The predictions behind the rows of results: their form, and the one file that holds them."""

import contextlib
import io
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simclr_utils.data.group_folds import has_groups
from simclr_utils.evaluation.groups import renumber
from simclr_utils.places import user_path

# What names the predictions of one row, and its type in the file.
KEY = {
    "preset": str,
    "fingerprint": str,
    "method": str,
    "labels": int,
    "subset_seed": int,
    "pretraining_seed": int,
}
TABLES = (
    "CREATE TABLE IF NOT EXISTS truth (fingerprint TEXT PRIMARY KEY, arrays BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS predictions (preset TEXT, fingerprint TEXT, method TEXT, "
    "labels INTEGER, subset_seed INTEGER, pretraining_seed INTEGER, arrays BLOB NOT NULL)",
)
# IS, unlike =, holds for two missing values too.
SAME_KEY = " AND ".join(f"{name} IS :{name}" for name in KEY)


@dataclass(frozen=True)
class StoredPredictions:
    """What was predicted for the test images, and what is true of them.

    Attributes:
        truth: Integer array `[N]`, the true classes.
        classes: Integer array `[N]`, the predicted classes.
        probabilities: Float16 array `[N, C]`, or `None` if only classes were stored.
        groups: Integer array `[N]`, the number of each image's group, from 0 on, or `None` if the
            images have no groups.
    """

    truth: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray | None
    groups: np.ndarray | None = None

    @property
    def correct(self) -> np.ndarray:
        """Boolean array `[N]`, whether each prediction is right."""
        return self.classes == self.truth


class Predictions:
    """Stores all predictions of a folder in one file, a SQLite database.

    Each `store` is one transaction: if the process is killed, the file still holds everything
    that was stored before. The true classes are stored once, so that any metric can be computed
    later, and so are the groups of the images, for the intervals. Groups are numbered anew: no
    identifier is stored. The file is open only during a call.

    Args:
        path: String or path of the file, which need not exist yet.

    Example:

    >>> predictions = Predictions("runs/mine/predictions.sqlite")
    >>> key = {"preset": "quick", "fingerprint": "1f2e", "method": "knn", "labels": 100}
    >>> predictions.store([0, 1, 1], [0, 1, 0], subset_seed=0, **key)
    >>> predictions.load(subset_seed=0, **key).correct
    array([ True,  True, False])
    """

    def __init__(self, path: str | Path):
        self.path = user_path(path)

    def store(
        self,
        truth: np.ndarray,
        classes: np.ndarray,
        probabilities: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        **key: str | int | None,
    ) -> None:
        """Stores the predictions of a row, in place of those with the same key.

        Args:
            truth: Integer array `[N]`, the true classes of the test images.
            classes: Integer array `[N]`, the predicted classes.
            probabilities: Float array `[N, C]`, stored as float16, or `None`.
            groups: Integer array `[N]`, the number of each image's group, or `None`.
            **key: A value for each name in `KEY`; `pretraining_seed` may be left out.

        Raises:
            ValueError: If the file holds other true classes, or other groups, for the same
                fingerprint.
        """
        key, arrays = _as_key(key), {"classes": _smallest(classes)}
        given = {"truth": _smallest(truth)}
        if has_groups(groups):
            given["groups"] = _smallest(renumber(groups))
        if probabilities is not None:
            arrays["probabilities"] = np.asarray(probabilities, np.float16)
        with self._open() as connection:
            for table in TABLES:
                connection.execute(table)
            known = self._truth(connection, key)
            if known is None:
                row = (key["fingerprint"], _pack(**given))
                connection.execute("INSERT INTO truth VALUES (?, ?)", row)
            for name, what in (("truth", "test labels"), ("groups", "groups of test images")):
                if known and not np.array_equal(known.get(name, ()), given.get(name, ())):
                    raise ValueError(
                        f"{self.path} holds other {what} for the images "
                        f"{key['fingerprint']!r} than those given now. Choose another folder."
                    )
            connection.execute(f"DELETE FROM predictions WHERE {SAME_KEY}", key)
            columns, values = ", ".join(KEY), ", ".join(f":{name}" for name in KEY)
            connection.execute(
                f"INSERT INTO predictions ({columns}, arrays) VALUES ({values}, :arrays)",
                {**key, "arrays": _pack(**arrays)},
            )

    def load(self, **key: str | int | None) -> StoredPredictions | None:
        """Returns the `StoredPredictions` of a row, or `None` if there are none.

        Args:
            **key: A value for each name in `KEY`; `pretraining_seed` may be left out.
        """
        key = _as_key(key)
        if not self.path.exists():
            return None
        with self._open() as connection:
            found = connection.execute(f"SELECT arrays FROM predictions WHERE {SAME_KEY}", key)
            row = found.fetchone()
            if row is None:
                return None
            arrays, true = _unpack(row[0]), self._truth(connection, key)
        made = arrays["classes"], arrays.get("probabilities")
        return StoredPredictions(true["truth"], *made, true.get("groups"))

    def keys(self) -> list[dict]:
        """Returns the keys of everything that is stored, a list of dicts."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(f"SELECT {', '.join(KEY)} FROM predictions").fetchall()
        return [dict(zip(KEY, row, strict=True)) for row in rows]

    @staticmethod
    def _truth(connection, key):
        """Returns the true classes and the groups, a dict of arrays, or `None`."""
        found = connection.execute("SELECT arrays FROM truth WHERE fingerprint = :fingerprint", key)
        row = found.fetchone()
        return None if row is None else _unpack(row[0])

    @contextlib.contextmanager
    def _open(self):
        """Opens the file for one transaction, which is committed if no error occurs."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise OSError(
                f"{self.path} cannot be used as a file of predictions: {error}. Move it away, or "
                "choose another folder."
            ) from error


def split_predictions(
    predictions: np.ndarray, num_images: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns predicted classes and, if they are given, class probabilities.

    Args:
        predictions: Integer array `[N]` of classes, or float array `[N, C]` of class
            probabilities.
        num_images: Integer, N.
        num_classes: Integer, C.

    Returns:
        An integer array `[N]`, and the float array `[N, C]` or `None`. Where the largest
        probability occurs twice, the first class is the predicted one.

    Raises:
        ValueError: If there is not one prediction for each image, or they are neither classes
            nor probabilities.
    """
    predictions = np.asarray(predictions)
    if predictions.ndim not in (1, 2):
        raise ValueError(
            "Predictions are classes [N] or class probabilities [N, C]. Received an array of "
            f"shape {predictions.shape}."
        )
    if len(predictions) != num_images:
        raise ValueError(
            f"Received {len(predictions)} predictions for {num_images} test images. Predict all "
            "of them, in their order."
        )
    if predictions.ndim == 1:
        classes = predictions.astype(np.int64)
        if np.any(classes != predictions) or classes.min() < 0 or classes.max() >= num_classes:
            raise ValueError(
                f"Predicted classes are integers from 0 to {num_classes - 1}. Received: "
                f"{np.unique(predictions)}."
            )
        return classes, None
    if predictions.shape[1] != num_classes:
        raise ValueError(
            f"Received probabilities of {predictions.shape[1]} classes. Expected a column for each "
            f"of the {num_classes} classes."
        )
    if not (predictions.min() >= 0 and np.allclose(predictions.sum(axis=1), 1, atol=1e-3)):
        raise ValueError(
            "Class probabilities are positive or 0, and each row sums to 1. Received values from "
            f"{predictions.min():.3g} to {predictions.max():.3g}. From logits, take the softmax "
            "first."
        )
    return predictions.argmax(axis=1), predictions


def with_argmax(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Returns class probabilities whose argmax is the class that was predicted.

    A softmax or a normalization may round two different values to the same probability, and two
    ways to add votes may break a tie differently. The class that was predicted wins.

    Args:
        probabilities: Float array `[N, C]`.
        classes: Integer array `[N]`, the predicted classes.

    Returns:
        A float64 array `[N, C]`. Where the argmax was another class, the probability of the
        predicted class is raised to the next float above the maximum.
    """
    probabilities, classes = np.array(probabilities, np.float64), np.asarray(classes)
    rows = np.flatnonzero(probabilities.argmax(axis=1) != classes)
    probabilities[rows, classes[rows]] = np.nextafter(probabilities[rows].max(axis=1), 2)
    return probabilities


def _as_key(key):
    """Returns a value for each name in `KEY`, converted to the type of its column."""
    key = {"pretraining_seed": None, **key}
    if set(key) != set(KEY):
        raise TypeError(f"Predictions are named by {list(KEY)}. Received: {list(key)}.")
    return {name: None if pd.isna(key[name]) else kind(key[name]) for name, kind in KEY.items()}


def _smallest(classes):
    """Returns the classes in the smallest unsigned type that holds them."""
    classes = np.asarray(classes)
    return classes.astype(np.min_scalar_type(int(classes.max(initial=0))))


def _pack(**arrays):
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _unpack(content):
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)
