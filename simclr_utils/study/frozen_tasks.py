"""The tasks of methods on frozen features, and of those that look at no image."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from simclr_utils import files
from simclr_utils.evaluation.features import extract_features, frozen
from simclr_utils.evaluation.readouts import NoMapsError
from simclr_utils.methods import METHODS
from simclr_utils.study.encoder_tasks import kind_of
from simclr_utils.study.kept_features import file_of, keep
from simclr_utils.study.progress import Progress, Task
from simclr_utils.study.starts import KEPT, STARTS

if TYPE_CHECKING:
    from simclr_utils.study.study import Study


def frozen_task(
    study: "Study", start: str | None, methods: Sequence[str], seed: int | None = None
) -> Task | None:
    """Returns the task of the methods on the same features, `None` if it is done.

    Args:
        study: A `Study`.
        start: String, a key of `STARTS`, or `None` for methods that look at no image.
        methods: Strings, names in `METHODS`, of one start and one readout.
        seed: Integer, the pretraining seed, or `None`.

    Returns:
        A `Task`.
    """
    rows = {each: sum(len(study.missing(each, n, seed)) for n in study.counts) for each in methods}
    if not any(rows.values()):
        return None
    readout = METHODS[methods[0]].readout
    cost = 0 if start is None else study.rates.features(start) * num_images(study)
    cost *= 1 if readout == "pooled" else 2  # an image and its mirror image
    cost += study.rates.probe * sum(
        rows[each] for each in methods if METHODS[each].fitted == "probe"
    )
    name = " and ".join(methods) + ("" if seed is None else f", encoder {seed}")
    return Task(name, cost, functools.partial(score_frozen, study, start, methods, seed))


def num_images(study):
    """Returns the number of images whose features a probe needs."""
    return sum(len(part) for part in study.images().values())


def score_frozen(
    study: "Study",
    start: str | None,
    methods: Sequence[str],
    seed: int | None,
    progress: Progress | None = None,
) -> None:
    """Computes the features of a start and scores the methods on them.

    Args:
        study: A `Study`.
        start: String, as in `frozen_task`.
        methods: Strings, names in `METHODS`.
        seed: Integer, the pretraining seed, or `None`.
        progress: Not used.
    """
    readout, details = METHODS[methods[0]].readout, {}
    try:
        features = None if start is None else compute_features(study, start, seed, readout)
    except NoMapsError as error:  # an encoder from elsewhere; the other methods go on
        print(f"{' and '.join(methods)}: left out. {error}")
        return
    if seed is not None:
        made = files.load_json(study.encoder_folder(seed, kind_of(start).prefix) / "encoder.json")
        details = {"pretraining_seed": seed, "steps": made["steps"]}
    for method in methods:
        fitted = METHODS[method].fitted
        if fitted == "constant":
            study.comparison.score_chance(study.counts)
            continue
        study.comparison.score_frozen(
            method, features, study.counts, knn=fitted == "knn", **details
        )


def compute_features(
    study: "Study", start: str, seed: int | None, readout: str = "pooled"
) -> dict[str, np.ndarray]:
    """Computes the features of all labeled images, or reads them if they are kept on disk.

    Args:
        study: A `Study`.
        start: String, a key of `STARTS`.
        seed: Integer, the pretraining seed, or `None`.
        readout: String, as in `extract_features`. Starts without an encoder have only `"pooled"`.

    Returns:
        A dict from the name of a part of the images to a float array `[N, D]`.
    """

    def compute():
        source = STARTS[start](study, seed)
        return source if isinstance(source, dict) else apply(source, study.images(), readout)

    if start not in KEPT:
        return compute()
    made_with = {"fingerprint": study.dataset.fingerprint, **KEPT[start](study)}
    return keep(study.folder / "features" / file_of(start, readout), made_with, compute)


def apply(source, images, readout="pooled"):
    """Applies an encoder, or a function of images, to each array of a dict."""
    if not isinstance(source, keras.Model):
        return {name: source(part) for name, part in images.items()}
    with frozen(source):
        return {
            name: extract_features(source, part, readout=readout) for name, part in images.items()
        }
