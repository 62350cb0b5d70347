"""RandAugment: a few operations for each image, chosen at random."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from simclr_utils.views.enhance import (
    RandomBrightness,
    RandomContrast,
    RandomSaturation,
    RandomSharpness,
)
from simclr_utils.views.geometry import build_tilt
from simclr_utils.views.layers import KerasOperation, RandomOperation, operation_seed
from simclr_utils.views.replica_draws import own_seeds
from simclr_utils.views.tones import (
    RandomAutoContrast,
    RandomEqualization,
    RandomSolarization,
    build_posterization,
)


def move(kind: Callable, first: float, second: float, seed: int | None) -> KerasOperation:
    """Builds an operation from one of Keras' layers that move pixels along two axes."""
    own = operation_seed(seed, "move")
    layer = kind(min(first, 1.0), min(second, 1.0), seed=own, dtype="float32")
    return KerasOperation(layer, 1.0, seed)


# The 14 operations of the paper. Each is built from a strength and a seed; at strength 1 the
# largest change is about that of the paper's magnitude 10, and at strength 0 there is none.
CHANGES = {
    "identity": lambda s, seed: KerasOperation(keras.layers.Identity(dtype="float32"), 1.0, seed),
    "auto_contrast": lambda s, seed: RandomAutoContrast(min(s, 1), 1.0, seed),
    "equalize": lambda s, seed: RandomEqualization(min(s, 1), 1.0, seed),
    "tilt": lambda s, seed: build_tilt(min(30 * s, 180), 1.0, seed),
    "solarize": lambda s, seed: RandomSolarization(1 - min(s, 2) / 2, 1.0, seed),
    "posterize": lambda s, seed: build_posterization(s, 1.0, seed),
    "brightness": lambda s, seed: RandomBrightness(0.9 * min(s, 1), 1.0, seed),
    "contrast": lambda s, seed: RandomContrast(0.9 * min(s, 1), 1.0, seed),
    "saturation": lambda s, seed: RandomSaturation(0.9 * min(s, 1), 1.0, seed),
    "sharpness": lambda s, seed: RandomSharpness(0.9 * min(s, 1), 1.0, seed),
    "shear_x": lambda s, seed: move(keras.layers.RandomShear, 0.3 * s, 0.0, seed),
    "shear_y": lambda s, seed: move(keras.layers.RandomShear, 0.0, 0.3 * s, seed),
    "shift_x": lambda s, seed: move(keras.layers.RandomTranslation, 0.0, 0.3 * s, seed),
    "shift_y": lambda s, seed: move(keras.layers.RandomTranslation, 0.3 * s, 0.0, seed),
}


@keras.saving.register_keras_serializable("simclr_utils")
class RandAugment(RandomOperation):
    """Changes each image by a few operations, which are chosen anew for each image.

    `keras.layers.RandAugment` chooses once for the whole batch, so all images of a batch would be
    changed alike. The paper uses one magnitude for all images. Here it is drawn as each operation
    draws it: up to the largest one.

    Args:
        strength: Float, at least 0. At 1, the largest changes are those of the paper's magnitude
            10. At 0, nothing changes.
        num_changes: Integer, the number of operations for each image.
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
        **kwargs: Arguments of `keras.Layer`.

    Raises:
        ValueError: If `strength` is negative.

    References:
        Cubuk et al. 2020, "RandAugment: practical automated data augmentation with a reduced
        search space".
    """

    def __init__(
        self,
        strength: float = 1.0,
        num_changes: int = 2,
        probability: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(probability, seed, **kwargs)
        if strength < 0:
            raise ValueError(f"`strength` must not be negative. Received: {strength}")
        self.strength, self.num_changes = strength, num_changes
        self.changes = [
            build(strength, operation_seed(seed, name)) for name, build in CHANGES.items()
        ]

    def build(self, input_shape):
        for change in self.changes:
            change.build(input_shape)

    def transform(self, images):
        draws = self.per_image(images, 0.0, len(self.changes), count=self.num_changes)[:, :, 0, 0]
        choices = tf.minimum(tf.cast(draws, tf.int32), len(self.changes) - 1)
        places = tf.range(tf.shape(images)[0])
        shape = images.shape
        for number in range(self.num_changes):
            # Each operation gets the images that chose it, which takes as long as one operation.
            groups = tf.dynamic_partition(images, choices[:, number], len(self.changes))
            owners = tf.dynamic_partition(places, choices[:, number], len(self.changes))
            with own_seeds(self):  # replicas have groups of other sizes
                changed = [
                    each.transform(part) for each, part in zip(self.changes, groups, strict=True)
                ]
            images = tf.ensure_shape(tf.dynamic_stitch(owners, changed), shape)
        return images

    def get_config(self):
        own = {"strength": self.strength, "num_changes": self.num_changes}
        return {**super().get_config(), **own}
