"""`build_augmenter`: the recipe of a view, composed from named operations."""

from collections.abc import Mapping, Sequence

import keras

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

# What strength s means for each operation, in the order in which they are applied; strength 1 is
# the paper's ImageNet recipe (Gaussian noise is not part of it). A flip has no strength.
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


def build_augmenter(image_size, strength=1.0, operations=DEFAULT_OPERATIONS, channels=3, seed=None):
    """Builds the layer that turns a batch of images into one random view of each.

    Call it twice for two views. Operations run in a fixed order (crop, flip, color_jitter,
    grayscale, blur, noise), batched, with independent draws for each image and each call.

    Args:
        image_size: int, height and width of the views.
        strength: float >= 0, multiplies the strength of every operation; 0 leaves only the
            flips, which have none, and 1 is the paper's recipe for ImageNet.
        operations: sequence of names, or a mapping from name to strength or to a pair of strength
            and probability, for instance `{"crop": 1.0, "color_jitter": (0.5, 0.8)}`. Names:
            crop, flip, color_jitter, grayscale, blur, noise. Without a probability it is the
            paper's.
        channels: 1 or 3. With 1, `grayscale` is dropped and `color_jitter` changes brightness
            and contrast only; a printed line says so.
        seed: int or `None`, makes the sequence of views repeatable.

    Returns:
        A `keras.Sequential`: uint8 `[N, height, width, channels]` -> float32
        `[N, image_size, image_size, channels]` in 0..1.

    Raises:
        ValueError: if a name is unknown, a strength negative, a probability not in 0..1, or
            `channels` neither 1 nor 3.

    References:
        SimCLR (Chen et al. 2020), section 3 and appendix A.
    """
    if not isinstance(operations, Mapping):
        operations = dict.fromkeys(operations, 1.0)
    if channels == 1 and {"color_jitter", "grayscale"} & set(operations):
        print("One-channel images: no grayscale, and color_jitter without saturation and hue.")
    layers = build_operations(image_size, operations, strength, channels, seed)
    first = keras.layers.Rescaling(1 / 255, dtype="float32")
    return keras.Sequential([first, *layers], name="augmenter")


def build_operations(image_size, operations, strength=1.0, channels=3, seed=None):
    """The layers of a recipe, in their order.

    Args:
        image_size, strength, channels, seed: as of `build_augmenter`.
        operations: mapping as of `build_augmenter`.

    Returns:
        A list of layers, float32 images in 0..1 -> the same.

    Raises:
        ValueError: as `build_augmenter`.
    """
    unknown = [name for name in operations if name not in OPERATIONS]
    if unknown:
        raise ValueError(f"Unknown operations {unknown}. Choose from {list(OPERATIONS)}.")
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels}")
    layers = []
    for index, name in enumerate(OPERATIONS):  # an operation's seed does not hang on the others
        if name not in operations or (name == "grayscale" and channels == 1):
            continue
        value = operations[name]
        own_strength, *probability = value if isinstance(value, Sequence) else (value,)
        own_strength *= strength
        if own_strength < 0:
            raise ValueError(f"Strengths must not be negative. Received: {name} {own_strength}")
        layer = OPERATIONS[name](own_strength, image_size, None if seed is None else seed + index)
        for given in probability:
            if not 0 <= given <= 1:
                raise ValueError(f"Probabilities lie in 0 to 1. Received: {name} {given}")
            layer.probability = given
        layers.append(layer)
    return layers


def on_every_image(augmenter):
    """Makes each operation of an augmenter change every image, where it changes a share of them.

    Flips stay at one half: with all images mirrored, nothing is random any more.

    Args:
        augmenter: what `build_augmenter` returned; it is changed, so do this before its first use.

    Returns:
        The augmenter.
    """
    for layer in augmenter.layers:
        if isinstance(layer, RandomOperation) and not isinstance(layer, RandomFlip):
            layer.probability = 1.0
    return augmenter
