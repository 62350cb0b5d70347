"""The base classes of the random operations: drawn anew for every image and every call."""

import inspect
import zlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.views.replica_draws import num_replicas, own_rows, own_seeds


class RandomOperation(keras.layers.Layer):
    """Changes each image of a batch with a probability; the base class of the augmentations.

    A subclass defines `transform(images)` and takes its random numbers from `self.per_image`,
    which draws a number for each image. The numbers come from a `keras.random.SeedGenerator`, so
    they differ from call to call, even inside a `tf.function`. The state of the generator is
    among the layer's `variables`, but Keras' `save` leaves it out: a loaded layer starts from
    its seed again. The operation is random in both training and inference mode.

    Args:
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
        **kwargs: Arguments of `keras.Layer`, such as `name`.

    Input shape:
        Float32 `[N, height, width, channels]` in [0, 1].

    Output shape:
        The same as the input shape, unless a subclass says otherwise.

    Raises:
        ValueError: If `probability` is not in [0, 1].

    Example:

    >>> class RandomInversion(RandomOperation):
    ...     def transform(self, images):
    ...         return 1 - images
    """

    def __init__(self, probability: float = 1.0, seed: int | None = None, **kwargs: Any):
        # Pixels stay float32 under mixed precision: they are cheap, and bfloat16 has 8 bits.
        super().__init__(**{"dtype": "float32", **kwargs})
        if not 0 <= probability <= 1:
            raise ValueError(f"`probability` must be in 0 to 1. Received: {probability}")
        self.probability = probability
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # On a GPU, Keras would compile with XLA, which has no `crop_and_resize`.
        self.supports_jit = False

    def per_image(self, images: tf.Tensor, low: float, high: float, count: int = 1) -> tf.Tensor:
        """Draws uniform numbers in [low, high) for each image, float32 `[N, count, 1, 1]`."""
        # Drawn for the whole batch: an image has the same numbers, however many replicas there are.
        shape = (num_replicas() * tf.shape(images)[0], count, 1, 1)
        return own_rows(keras.random.uniform(shape, low, high, seed=self.seed_generator))

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Changes all images, float32 `[N, H, W, C]`; `call` then chooses the changed ones."""
        raise NotImplementedError(f"{type(self).__name__} must define `transform(images)`.")

    def call(self, images):
        changed = self.transform(images)
        if self.probability == 1:
            return changed
        chosen = self.per_image(images, 0.0, 1.0)[:, 0, 0, 0] < self.probability
        # Copies whole images; `tf.where` would decide pixel by pixel, which takes far longer.
        return tf.raw_ops.Select(condition=chosen, x=changed, y=images)

    def get_config(self):
        return {**super().get_config(), "probability": self.probability, "seed": self.seed}


class RandomMixture(RandomOperation):
    """Mixes each image with another version of it; a base class.

    A subclass defines `other(images)`.

    Args:
        amount: Float in [0, 1], the share of the other version. At 0, nothing changes.
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes the draws repeatable, or `None`.
        **kwargs: Arguments of `keras.Layer`.

    Raises:
        ValueError: If `amount` or `probability` is not in [0, 1].
    """

    def __init__(
        self,
        amount: float = 1.0,
        probability: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(probability, seed, **kwargs)
        if not 0 <= amount <= 1:
            raise ValueError(f"`amount` must be in 0 to 1. Received: {amount}")
        self.amount = amount

    def other(self, images: tf.Tensor) -> tf.Tensor:
        """Computes the other version of images, float32 `[N, H, W, C]` or `[N, H, W, 1]`."""
        raise NotImplementedError(f"{type(self).__name__} must define `other(images)`.")

    def transform(self, images):
        return (1 - self.amount) * images + self.amount * self.other(images)

    def get_config(self):
        return {**super().get_config(), "amount": self.amount}


@keras.saving.register_keras_serializable("simclr_utils")
class KerasOperation(RandomOperation):
    """Changes some images with any Keras layer, in training and inference mode alike.

    The random layers of Keras leave images as they are unless `training` is true, so it is set
    here.

    Args:
        layer: `keras.Layer` from float32 images in [0, 1] to images of the same shape in [0, 1].
            It has a seed of its own.
        probability: Float in [0, 1], the chance of each image to be changed.
        seed: Integer, at least 0, that makes repeatable which images are changed, or `None`.
        **kwargs: Arguments of `keras.Layer`.

    Example:

    >>> zoom = KerasOperation(keras.layers.RandomZoom(0.2), probability=0.5)
    """

    def __init__(
        self,
        layer: keras.Layer,
        probability: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(probability, seed, **kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Changes all images with the layer, float32 `[N, H, W, C]`."""
        takes_training = "training" in inspect.signature(self.layer.call).parameters
        with own_seeds(self.layer):
            changed = self.layer(images, **({"training": True} if takes_training else {}))
        return tf.cast(changed, "float32")

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})


def operation_seed(seed: int | None, name: str) -> int | None:
    """Returns the seed of an operation, a different one for each pair of seed and name.

    A sum, such as `seed + index`, would give the flip of seed 0 and the crop of seed 1 the same
    random stream. Using the name instead of an index keeps all streams the same when an operation
    is added.

    Args:
        seed: Integer, at least 0, the seed of the augmenter, or `None`.
        name: String, a key of `OPERATIONS`.

    Returns:
        An integer, or `None` without a seed.
    """
    if seed is None:
        return None
    sequence = np.random.SeedSequence([seed, zlib.crc32(name.encode())])
    return int(sequence.generate_state(1)[0])
