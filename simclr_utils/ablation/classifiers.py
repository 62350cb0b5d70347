"""The classifiers of an ablation: networks that are trained with labels, with default settings."""

import contextlib

import keras
import numpy as np

from simclr_utils.ablation.grids import Cell
from simclr_utils.config import Config
from simclr_utils.data.dataset import Dataset
from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.mixing import MIXING
from simclr_utils.evaluation.supervised import (
    SupervisedBaseline,
    build_supervised,
    supervised_steps,
)
from simclr_utils.evaluation.tuning import default_settings
from simclr_utils.study.training_tasks import FINE_TUNING_SHARE
from simclr_utils.training.networks import build_encoder
from simclr_utils.views.recipe import build_augmenter


def train_classifiers(
    cell: Cell,
    config: Config,
    dataset: Dataset,
    subset_rows: dict[int, list[np.ndarray]],
    seed: int,
    encoder: keras.Model | None = None,
) -> list[dict]:
    """Trains a classifier on each label subset, and scores it on validation images.

    Args:
        cell: A `Cell`, which says how images are mixed.
        config: Its `Config`.
        dataset: `Dataset` with labels.
        subset_rows: Dict from the numbers of labels to the label subsets: arrays of indices of
            `dataset.train`.
        seed: Integer, at least 0. It determines weights, views and the order of the images.
        encoder: Pretrained `keras.Model` to fine-tune, or `None` for the baseline from scratch.

    Returns:
        A list of dicts, one for each number of labels: `labels`, `accuracy`, a mean over the label
        subsets, `steps` and `batch_size`.
    """
    trainer = _trainer(config, dataset, seed, encoder)
    settings = {**default_settings(trainer.axes), MIXING: cell.mixing}
    share = 1 if encoder is None else FINE_TUNING_SHARE
    (images, labels), (held_out, answers) = dataset.train, dataset.validation
    groups = dataset.groups.get("train")
    found = []
    for count, rows_of_subsets in subset_rows.items():
        steps, scores = supervised_steps(count, share * config.supervised_steps_factor), []
        for rows in rows_of_subsets:
            known = () if groups is None else (groups[rows],)  # a head is fitted by whole groups
            run = trainer.train((images[rows], labels[rows], *known), None, steps, settings, seed)
            classes = trainer.predict_probabilities(run, held_out).argmax(axis=1)
            scores.append(np.mean(classes == answers))
        row = {"labels": count, "accuracy": round(float(np.mean(scores)), 4)}
        batch_size = min(trainer.batch_size, count)
        found.append({**row, "steps": run.num_steps, "batch_size": batch_size})
    return found


def _trainer(config, dataset, seed, encoder):
    """Returns the trainer of the baseline, or of fine-tuning if there is an encoder."""

    def build_model(strength):
        height, _, channels = dataset.image_shape
        with contextlib.redirect_stdout(None):  # a line about one-channel images, each time
            augmenter = build_augmenter(height, strength, dict(config.operations), channels, seed)
        network = build_encoder(dataset.image_shape, config.encoder, config.width)
        return build_supervised(augmenter, network, dataset.num_classes)

    options = {"class_weight": config.class_weight}
    if encoder is None:
        return SupervisedBaseline(build_model, **options)
    return FineTuning(build_model, encoder, **options)
