"""The starting points of methods: one function for each value of `Method.start`.

A function takes the study and the pretraining seed, which is `None` for methods that use no
pretrained encoder. It returns an encoder, a function that turns images into features, or the
features themselves. To add a start, write a function here and decorate it with `start`. To keep its
features in the folder of the study, add it to `KEPT`; if the study trains its encoder, add the
encoder to `study/encoder_tasks.py`.
"""

from typing import TYPE_CHECKING

import keras
import numpy as np

from simclr_utils.evaluation import kmeans_patches as patches
from simclr_utils.evaluation.features import pixel_features
from simclr_utils.methods import METHODS
from simclr_utils.training import networks
from simclr_utils.training.pretraining import load_encoder

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

STARTS = {}


def start(function):
    """Adds a function to the table `STARTS`, under its own name."""
    STARTS[function.__name__] = function
    return function


@start
def pixels(study: "Study", seed: int | None):
    """Returns the function that flattens images into features."""
    return pixel_features


@start
def random_encoder(study: "Study", seed: int | None):
    """Returns an encoder with random weights, the same in every study."""
    keras.utils.set_random_seed(0)
    return networks.as_float32(study.build_encoder())


@start
def pretrained_encoder(study: "Study", seed: int | None):
    """Returns the encoder that the study pretrained from a seed."""
    return load_encoder(study.encoder_folder(seed), study.dataset)[0]


@start
def encoder_file(study: "Study", seed: int | None):
    """Returns the encoder from elsewhere that was given to the study."""
    return study.given_encoder


@start
def encoder_to_train(study: "Study", seed: int | None):
    """Returns the encoder from elsewhere, at the size at which it is trained further."""
    return study.trainable_encoder


@start
def continued_encoder(study: "Study", seed: int | None):
    """Returns the given encoder after continued pretraining from a seed."""
    return load_encoder(study.encoder_folder(seed, "continued-"), study.dataset)[0]


@start
def distilled_encoder(study: "Study", seed: int | None):
    """Returns the encoder that the study distilled from the given encoder, from a seed."""
    return load_encoder(study.encoder_folder(seed, "distilled-"), study.dataset)[0]


@start
def kmeans_patches(study: "Study", seed: int | None):
    """Returns the function that turns images into k-means features, fitted to the pool."""
    return patches.fit_kmeans_patches(study.dataset.unlabeled)


@start
def pretrained_and_kmeans(study: "Study", seed: int | None):
    """Returns the features of the pretrained encoder and those of k-means side by side."""
    both = study.features("pretrained_encoder", seed), study.features("kmeans_patches", None)
    return {name: np.concatenate([each[name] for each in both], axis=1) for name in both[0]}


# A network that is trained from here gets new random weights in each run.
FROM_SCRATCH = random_encoder.__name__
# Starts of networks that are built like the given encoder, and not like the study's own.
LIKE_GIVEN = (encoder_to_train.__name__, continued_encoder.__name__)
# Features that take long and do not depend on a seed are kept on disk. What they were made with,
# besides the images and the code.
KEPT = {
    encoder_file.__name__: lambda study: study.given,
    kmeans_patches.__name__: lambda study: {"centroids": patches.NUM_CENTROIDS},
}


def check_starts():
    """Raises a `ValueError` that names the first method whose start has no function."""
    for name, method in METHODS.items():
        if method.start is not None and method.start not in STARTS:
            raise ValueError(
                f"The method {name!r} starts from {method.start!r}, which study/starts.py does not "
                f"have. It has {', '.join(STARTS)}."
            )
