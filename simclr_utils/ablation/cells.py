"""One cell of an ablation: its configuration, its training, and its probes on validation images."""

import contextlib
import dataclasses
import gc
import time
from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from simclr_utils.ablation.classifiers import train_classifiers
from simclr_utils.ablation.grids import EPOCHS_AT, Cell, Grid
from simclr_utils.config import Config, get_config
from simclr_utils.data.dataset import Dataset
from simclr_utils.data.splits import label_subset
from simclr_utils.evaluation.comparison import usable_label_counts
from simclr_utils.evaluation.features import extract_features
from simclr_utils.evaluation.probes import fit_linear_probe
from simclr_utils.training.doctor import TrainingFailedError
from simclr_utils.training.pretraining import plan_epochs, pretrain

SUBSETS = 3  # label subsets at each number of labels, the same ones for every cell and seed
LABELS = (100, 500)
POOL_STREAM = 0x9001  # part of the seed that chooses the images of a smaller pool


def configure(
    grid: Grid, cell: Cell, preset: str, source: str | None = None, settings: dict | None = None
) -> Config:
    """Returns the configuration of a cell.

    Args:
        grid: The `Grid` of the cell.
        cell: A `Cell`.
        preset: String, the name of the preset.
        source: String, as in `get_config`.
        settings: Dict from fields of `Config` to values that replace those of the preset and of the
            grid. What the cell varies is the cell's.

    Returns:
        A `Config`.

    Raises:
        ValueError: If a setting is unknown, or its value is not allowed.
    """
    shared = {"label_counts": LABELS, **grid.settings, **(settings or {})}
    base = get_config(preset, source, **shared)
    config = get_config(preset, source, **{**shared, **cell.settings})
    steps = base.pretraining_steps * cell.times
    if cell.equal == "images":
        steps *= base.batch_size / config.batch_size
    if cell.equal == "epochs":
        steps *= cell.pool / EPOCHS_AT
    changes = {"pretraining_steps": max(1, round(steps))}
    if cell.strengths:
        changes["operations"] = {**dict(config.operations), **cell.strengths}
    if grid.whole_pool and config.limits:
        changes["limits"] = {**config.limits, "unlabeled": None}
    return replace(config, **changes)


def run_cell(
    cell: Cell,
    config: Config,
    dataset: Dataset,
    seed: int,
    subsets: int = SUBSETS,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> list[dict]:
    """Trains one cell and measures it on validation images. No test image is used.

    The networks of the cell are dropped from memory, and those of Keras' session with them.

    Args:
        cell: A `Cell`.
        config: Its `Config`, as `configure` returns it.
        dataset: `Dataset` with labels.
        seed: Integer, at least 0. It determines weights, views and the order of the images.
        subsets: Integer, the number of label subsets at each number of labels.
        callbacks: Keras callbacks for the pretraining.

    Returns:
        A list of dicts, one for each number of labels, with the columns that are measured, such as
        `accuracy`, a mean over the label subsets. It is missing if the training failed or a probe
        did not converge.
    """
    started = time.monotonic()
    labels, groups = dataset.train[1], dataset.groups.get("train")
    subset_rows = {
        count: [label_subset(labels, count, subset, groups) for subset in range(subsets)]
        for count in usable_label_counts(config.label_counts, len(labels), dataset.num_classes)
    }
    try:
        if cell.classifier == "supervised":
            found = train_classifiers(cell, config, dataset, subset_rows, seed)
        else:
            found = _train_simclr(cell, config, dataset, subset_rows, seed, callbacks)
    finally:
        _forget_networks()
    minutes = round((time.monotonic() - started) / 60, 3)
    return [{"seed": seed, "subsets": subsets, **row, "minutes": minutes} for row in found]


def _forget_networks():
    """Frees the memory of the networks that nothing refers to, and keeps the precision."""
    policy = keras.config.dtype_policy()
    keras.backend.clear_session()  # it also resets the policy
    keras.config.set_dtype_policy(policy)
    gc.collect()


def _train_simclr(cell, config, dataset, subset_rows, seed, callbacks):
    """Pretrains, and probes features and projections or fine-tunes; returns as `run_cell`."""
    pool = dataset
    if cell.pool:
        random = np.random.default_rng([seed, POOL_STREAM])
        chosen = np.sort(random.permutation(len(dataset.unlabeled))[: cell.pool])
        pool = dataclasses.replace(dataset, unlabeled=dataset.unlabeled[chosen])
    batch_size, per_epoch, epochs = plan_epochs(len(pool.unlabeled), config)
    shared = {"steps": per_epoch * epochs, "batch_size": batch_size}
    try:
        with contextlib.redirect_stdout(None):  # the findings of the run doctor are in the row
            done = pretrain(pool, config, seed, callbacks=callbacks)
    except TrainingFailedError:
        failed = {**shared, "findings": "training failed"}
        return [{"labels": count, **failed} for count in subset_rows]
    shared["contrastive_accuracy"] = round(done.history["contrastive_accuracy"][-1], 4)
    shared["loss"] = round(done.history["loss"][-1], 4)
    shared["findings"] = "; ".join(text.split(":")[0] for text in done.details["findings"])
    if cell.classifier == "fine_tuned":
        tuned = train_classifiers(cell, config, dataset, subset_rows, seed, done.encoder)
        return [{**shared, **row} for row in tuned]
    features = [extract_features(done.encoder, part[0]) for part in _labeled(dataset)]
    both = {"accuracy": features}
    if config.projection_dims:
        head = done.projection_head
        projections = [np.asarray(head(part, training=False), "float32") for part in features]
        both["projections_accuracy"] = projections
    return [
        {"labels": count, **_probe(both, dataset, rows, config.class_weight), **shared}
        for count, rows in subset_rows.items()
    ]


def _labeled(dataset):
    return dataset.train, dataset.validation


def _probe(outputs, dataset, rows_of_subsets, class_weight="none"):
    """Returns the mean validation accuracy of linear probes, for each output of an encoder.

    The penalty of a probe is chosen within its labels.
    """
    labels, answers = (part[1] for part in _labeled(dataset))
    groups = dataset.groups.get("train", np.arange(len(labels)))  # by default, one for each image
    found = {}

    def fit(known, rows):
        options = {"groups": groups[rows], "class_weight": class_weight}
        return fit_linear_probe(known[rows], labels[rows], **options)

    for name, (known, held_out) in outputs.items():
        with contextlib.suppress(RuntimeError):  # a probe did not converge
            fits = [fit(known, rows) for rows in rows_of_subsets]
            scores = [np.mean(probe.predict(held_out) == answers) for probe in fits]
            found[name] = round(float(np.mean(scores)), 4)
    return found
