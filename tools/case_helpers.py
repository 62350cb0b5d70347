"""Helpers of the cases: a case, its outcome, and functions that load and inspect a folder."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from case_inputs import pictures
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simclr_utils.data.dataset import load_dataset


@dataclass(frozen=True)
class Outcome:
    """The outcome of a case.

    Attributes:
        said: String, the message of the program, or what was measured.
        expected: Dict from an expectation, in words, to whether it holds.
    """

    said: str
    expected: dict


@dataclass(frozen=True)
class Case:
    """A situation that a user reported.

    Attributes:
        key: String. Its digits number the public report; a letter marks a variant.
        situation: String, the situation in words.
        check: Function from an empty folder to an `Outcome`.
        quick: Boolean, whether it takes about a second.
    """

    key: str
    situation: str
    check: Callable[[Path], Outcome]
    quick: bool = True


def load(root, **reading):
    return load_dataset(str(root), cache_dir=str(root.parent / "cache"), **reading)


def attempt(root, **reading):
    """Loads a folder; returns the dataset and its notes, or `None` and the error."""
    try:
        dataset = load(root, **reading)
    except (ValueError, OSError) as error:
        return None, f"{error}"
    return dataset, " ".join([*dataset.notes, *(f"{n}: {why}." for n, why in dataset.refused)])


def probe(dataset):
    """Returns the test accuracy of a linear model on pixels."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    (known, labels), (asked, answers) = dataset.train, dataset.test
    model.fit(known.reshape(len(known), -1), labels)
    return float(model.score(asked.reshape(len(asked), -1), answers))


def likeness(dataset, twin):
    """Returns the correlation of the test pixels of two datasets, 0 if it is undefined."""
    return correlation(dataset.test[0], twin.test[0])


def correlation(first, second):
    """Returns the correlation of two arrays, 0 if they differ in shape or one is constant."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def has_number(text, number):
    return re.search(rf"(?<![\d.,]){number:,}(?![\d,]*\d)", text) is not None


def find_note(dataset, fact, number=None):
    """Returns the first note that matches a fact and names a number, or an empty string."""
    for note in dataset.notes:
        if re.search(fact, note, re.IGNORECASE) and (number is None or has_number(note, number)):
            return note
    return ""


def wrong_labels(dataset, root):
    """Returns how many test images have another label than the folder that they come from."""
    names = {}
    for path in pictures(root / "test"):
        names[np.asarray(Image.open(path)).tobytes()] = path.parent.name
    images, labels = dataset.test
    known = [names.get(np.asarray(image).tobytes()) for image in images]
    return sum(
        name != dataset.class_names[label] for name, label in zip(known, labels, strict=True)
    )
