"""How well the transformation of an image is told from its features and from its projections."""

import zlib
from collections.abc import Callable, Mapping

import keras
import numpy as np
import pandas as pd
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from simclr_utils.evaluation.metrics import accuracy_interval
from simclr_utils.evaluation.outputs import extract_outputs, split_in_halves
from simclr_utils.evaluation.probes import fit_linear_probe
from simclr_utils.evaluation.transformations import TRANSFORMATIONS, Transformation, transform

LEAST = 5  # images of each choice, in each half


def predict_transformations(
    encoder: keras.Model,
    head: keras.Model,
    images: np.ndarray,
    transformations: Mapping[str, Transformation] = TRANSFORMATIONS,
    fit: Callable = fit_linear_probe,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Measures how well the transformation of an image is predicted from features and projections.

    Each image is changed in one way, chosen at random, and all ways are equally frequent. A probe
    learns from one half of the images which way was chosen. It is scored on the other half, so
    that no image is on both sides.

    The experiment follows table 3 of the paper, with three differences. There, a small network
    makes the prediction; pass `fit=fit_mlp` for one. There, the transformation is one of the
    random operations of the pretraining; here, that depends on the encoder. And here, nothing but
    the transformation changes an image.

    Args:
        encoder: `keras.Model`, float images in 0..1 -> features.
        head: `keras.Model`, features -> projections.
        images: Uint8 array `[N, H, W, C]`, best of images that the encoder was not trained on.
        transformations: Mapping from names to `Transformation` tuples. Those that need color are
            left out for images with one channel.
        fit: Function of vectors `[M, D]` and integer labels `[M]` that returns an object with a
            method `predict`.
        seed: Integer, at least 0. It determines the halves and the choices.
        groups: Integer array `[N]`, the number of each image's group, or `None`. With groups, the
            halves have no group in common, and the intervals cover other groups.

    Returns:
        A DataFrame with a row for each `transformation` and `output` ("features" or
        "projections"): the `accuracy` in 0..1, the ends `low` and `high` of its 95 % Wilson
        interval, and `chance`, the accuracy of a guess.

    Raises:
        ValueError: If there are fewer than five images for each choice in a half, or if the
            images do not fit the encoder.

    Example:

    >>> table = predict_transformations(encoder, head, dataset.test[0])
    >>> table.pivot(index="transformation", columns="output", values="accuracy")

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", section 4.2.
    """
    kept = {
        name: each
        for name, each in transformations.items()
        if images.shape[-1] == 3 or not each.needs_color
    }
    needed = 2 * LEAST * max(len(each.choices) for each in kept.values())
    if len(images) < needed:
        raise ValueError(f"Received {len(images)} images. Pass {needed} or more.")
    halves = split_in_halves(len(images), seed, groups)
    rows = []
    for name, transformation in kept.items():
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        choices = _balanced_choices(halves, len(transformation.choices), rng)
        outputs = extract_outputs(encoder, head, transform(images, transformation, choices, rng))
        for output, vectors in outputs.items():
            score = _score(vectors, choices, halves, fit, groups)
            chance = 1 / len(transformation.choices)
            rows.append({"transformation": name, "output": output, **score, "chance": chance})
    return pd.DataFrame(rows)


def fit_mlp(vectors: np.ndarray, labels: np.ndarray, hidden: int = 256, seed: int = 0) -> Pipeline:
    """Fits a classifier with one hidden layer, after standardization.

    A tenth of the vectors decides when the training stops.

    Args:
        vectors: Float array `[N, D]`.
        labels: Integer array `[N]`.
        hidden: Integer, the number of hidden units.
        seed: Integer, the seed of weights and batches.

    Returns:
        A fitted scikit-learn `Pipeline`.
    """
    network = MLPClassifier((hidden,), early_stopping=True, max_iter=1000, random_state=seed)
    with threadpool_limits(1, user_api="blas"):  # threads cost more than they save at this size
        return make_pipeline(StandardScaler(), network).fit(vectors, labels)


def _balanced_choices(halves, num_choices, rng):
    """Returns a choice for each image, `[N]`: in each half, all are equally frequent."""
    choices = np.empty(sum(map(len, halves)), int)
    for rows in halves:
        choices[rows] = rng.permutation(len(rows)) % num_choices
    return choices


def _score(vectors, choices, halves, fit, groups):
    """Returns the accuracy on the second half of a probe of the first, with its interval."""
    fitted_on, scored_on = halves
    probe = fit(vectors[fitted_on], choices[fitted_on])
    own = None if groups is None else groups[scored_on]
    score = accuracy_interval(probe.predict(vectors[scored_on]), choices[scored_on], groups=own)
    return {"accuracy": score["value"], "low": score["low"], "high": score["high"]}
