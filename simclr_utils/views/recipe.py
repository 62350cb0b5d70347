"""The recipe of a view: random operations by name, composed into one layer."""

import zlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from simclr_utils.keras_settings import warn_of_overridden
from simclr_utils.views.color import RandomColorJitter, RandomGrayscale
from simclr_utils.views.layers import (
    RandomFlip,
    RandomGaussianBlur,
    RandomGaussianNoise,
    RandomOperation,
    RandomResizedCrop,
)

warn_of_overridden()

# The meaning of strength s for each operation, in the order in which the operations are applied.
# Strength 1 is the paper's recipe for ImageNet, which has no Gaussian noise. A flip has no
# strength.
OPERATIONS = {
    "crop": lambda s, size, seed: RandomResizedCrop(size, (1 - 0.92 * min(s, 1), 1), seed=seed),
    "flip": lambda s, size, seed: RandomFlip(0.5, seed),
    "color_jitter": lambda s, size, seed: RandomColorJitter(
        0.8 * s, 0.8 * s, 0.8 * s, min(0.2 * s, 0.5), probability=0.8, seed=seed
    ),
    "grayscale": lambda s, size, seed: RandomGrayscale(min(s, 1), probability=0.2, seed=seed),
    "blur": lambda s, size, seed: RandomGaussianBlur((0.1, max(2 * s, 0.1)), 0.5, seed),
    "noise": lambda s, size, seed: RandomGaussianNoise(0.1 * s, 0.5, seed),
}
DEFAULT_OPERATIONS = ("crop", "flip", "color_jitter", "grayscale")


def build_augmenter(
    image_size: int,
    strength: float = 1.0,
    operations: Sequence[str] | Mapping[str, float | Sequence[float]] = DEFAULT_OPERATIONS,
    channels: int = 3,
    seed: int | None = None,
) -> keras.Sequential:
    """Builds the layer that turns a batch of images into one random view of each image.

    Call the layer twice for two views. The operations run in a fixed order: crop, flip,
    color_jitter, grayscale, blur, noise. Each draws new random numbers for every image and every
    call, even inside a `tf.function`, and in both training and inference mode.

    Args:
        image_size: Integer, the height and width of the views.
        strength: Float, at least 0. It multiplies the strength of every operation. 1 is the
            paper's recipe for ImageNet; 0 leaves only the flips, which have no strength.
        operations: Sequence of names, or mapping from names to strengths or to pairs
            `(strength, probability)`, such as `{"crop": 1.0, "color_jitter": (0.5, 0.8)}`. The
            names are `"crop"`, `"flip"`, `"color_jitter"`, `"grayscale"`, `"blur"` and `"noise"`.
            The probability is in [0, 1]; by default it is the paper's.
        channels: Integer, 3 for color images or 1 for gray images. For gray images, `"grayscale"`
            is left out and `"color_jitter"` changes brightness and contrast only; a printed line
            says so.
        seed: Integer, at least 0, that makes the sequence of views repeatable, or `None`. Each
            operation has a random stream of its own that depends on the seed and on its name.

    Returns:
        A `keras.Sequential`: uint8 `[N, height, width, channels]` -> float32
        `[N, image_size, image_size, channels]` in [0, 1].

    Raises:
        ValueError: If a name is unknown, a strength is negative, a probability is not in [0, 1],
            or `channels` is neither 1 nor 3.

    Example:

    >>> augmenter = build_augmenter(32, operations={"crop": 0.87, "flip": 1, "color_jitter": 0.5})
    >>> images = np.zeros([256, 32, 32, 3], dtype="uint8")
    >>> views_1, views_2 = augmenter(images), augmenter(images)

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", section 3 and appendix A.
    """
    if not isinstance(operations, Mapping):
        operations = dict.fromkeys(operations, 1.0)
    if channels == 1 and {"color_jitter", "grayscale"} & set(operations):
        print("One-channel images: no grayscale, and color_jitter without saturation and hue.")
    layers = build_operations(image_size, operations, strength, channels, seed)
    first = keras.layers.Rescaling(1 / 255, dtype="float32")
    return keras.Sequential([first, *layers], name="augmenter")


def build_operations(image_size, operations, strength=1.0, channels=3, seed=None):
    """Builds the layers of a recipe, in the order in which they are applied.

    Args:
        image_size: Integer, as in `build_augmenter`.
        operations: Mapping, as in `build_augmenter`.
        strength: Float, as in `build_augmenter`.
        channels: Integer, as in `build_augmenter`.
        seed: Integer or `None`, as in `build_augmenter`.

    Returns:
        A list of layers that take and return float32 images in [0, 1].

    Raises:
        ValueError: As in `build_augmenter`.
    """
    unknown = [name for name in operations if name not in OPERATIONS]
    if unknown:
        raise ValueError(f"Unknown operations {unknown}. Choose from {list(OPERATIONS)}.")
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels}")
    layers = []
    for name, build in OPERATIONS.items():
        if name not in operations or (name == "grayscale" and channels == 1):
            continue
        value = operations[name]
        own_strength, *probability = value if isinstance(value, Sequence) else (value,)
        own_strength *= strength
        if own_strength < 0:
            raise ValueError(f"Strengths must not be negative. Received: {name} {own_strength}")
        layer = build(own_strength, image_size, operation_seed(seed, name))
        for given in probability:
            if not 0 <= given <= 1:
                raise ValueError(f"Probabilities must be in 0 to 1. Received: {name} {given}")
            layer.probability = given
        layers.append(layer)
    return layers


def operation_seed(seed, name):
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


def on_every_image(augmenter: keras.Sequential) -> keras.Sequential:
    """Makes each operation of an augmenter change every image, not just a random share.

    Flips stay at one half: if all images were mirrored, nothing about a flip would be random.

    Args:
        augmenter: Result of `build_augmenter`. It is changed in place, so call this function
            before the augmenter is first used.

    Returns:
        The same augmenter.
    """
    for layer in augmenter.layers:
        if isinstance(layer, RandomOperation) and not isinstance(layer, RandomFlip):
            layer.probability = 1.0
    return augmenter
