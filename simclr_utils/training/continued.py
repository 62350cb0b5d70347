"""Continued pretraining: SimCLR on a pool of images, from an encoder that was trained elsewhere."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras

from simclr_utils.config import Config
from simclr_utils.data.dataset import Dataset
from simclr_utils.training.networks import copied
from simclr_utils.training.pretraining import Pretraining, pretrain

# Encoders from elsewhere are large and take larger images: a step has fewer of them, and there are
# fewer steps. They know much already, which a high learning rate would erase.
LARGEST_BATCH = 64
STEPS_SHARE = 1 / 5
RATE_SHARE = 1 / 10


def continued_config(config: Config) -> Config:
    """Returns the settings of continued pretraining for a config.

    It makes a fifth of the steps, in batches of at most 64 images, at a tenth of the learning
    rate. All views have the size of the images: the encoder brings them to its own size, so
    smaller ones would save nothing.

    Args:
        config: A `Config`.

    Returns:
        A `Config`.
    """
    return replace(
        config,
        batch_size=min(config.batch_size, LARGEST_BATCH),
        micro_batch_size=None,
        view_sizes=None,
        small_views=None,
        pretraining_steps=max(1, round(STEPS_SHARE * config.pretraining_steps)),
        base_learning_rate=RATE_SHARE * config.base_learning_rate,
    )


def continue_pretraining(
    encoder: keras.Model,
    dataset: Dataset,
    config: Config,
    seed: int = 0,
    preset: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint_folder: str | Path | None = None,
) -> Pretraining:
    """Trains a given encoder further with SimCLR on the images of a dataset, without labels.

    The views have the size of the dataset's images; the encoder resizes them. The settings are
    those of `continued_config`.

    Args:
        encoder: Functional `keras.Model`, as `open_encoder` returns it. It is not changed.
        dataset: `Dataset` whose `unlabeled` images are the pool.
        config: `Config` of the study.
        seed: Integer, at least 0, as in `pretrain`.
        preset: String, the name of the preset for the record, or `None`.
        callbacks: Keras callbacks for `fit`.
        checkpoint_folder: Path, as in `pretrain`. The same call resumes a run that was stopped.

    Returns:
        A `Pretraining`.

    References:
        Azizi et al. 2021, "Big self-supervised models advance medical image classification".
    """
    copy = copied(encoder)
    shorter = continued_config(config)
    return pretrain(dataset, shorter, seed, preset, callbacks, checkpoint_folder, encoder=copy)
