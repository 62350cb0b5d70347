"""The starting points of methods: one function for each value of `Method.start`.

A function takes the study and the pretraining seed, which is `None` for methods that use no
pretrained encoder. It returns an encoder, or a function that turns images into features. To add a
start, such as an encoder from a file, write a function here and decorate it with `start`.
"""

from typing import TYPE_CHECKING

import keras

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


# A network that is trained from here gets new random weights in each run.
FROM_SCRATCH = random_encoder.__name__


def check_starts():
    """Raises a `ValueError` that names the first method whose start has no function."""
    for name, method in METHODS.items():
        if method.start is not None and method.start not in STARTS:
            raise ValueError(
                f"The method {name!r} starts from {method.start!r}, which study/starts.py does not "
                f"have. It has {', '.join(STARTS)}."
            )
