"""Transformations of images with known choices, which a probe may be asked to recognize."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import ndimage

from simclr_utils.views.color import luma

NOISE = 0.05 * 255  # standard deviation
BLUR = 1.0  # standard deviation, in pixels
BRIGHTNESS = (0.6, 1.0, 1.4)
QUARTER_TURNS = ("0°", "90°", "180°", "270°")


class Transformation(NamedTuple):
    """A change of an image, in one of several ways.

    Attributes:
        choices: Tuple of strings, one for each way.
        apply: Function of float images `[N, H, W, C]` in 0..255, a choice (integer) and a
            `numpy.random.Generator`, that returns images of the same shape. Values may lie beyond
            0..255; they are clipped.
        operations: Tuple of names in `views.OPERATIONS`: the random operations that change an
            image in this way.
        needs_color: Boolean, whether the change can be seen in images with three channels only.
    """

    choices: tuple[str, ...]
    apply: Callable
    operations: tuple[str, ...]
    needs_color: bool = False


def rotate(images, choice, rng):
    """Turns images counter-clockwise by quarter turns, exactly."""
    return np.rot90(images, choice, axes=(1, 2))


def flip(images, choice, rng):
    """Mirrors images left to right."""
    return images[:, :, ::-1] if choice else images


def crop(images, choice, rng):
    """Enlarges the middle of images to twice its size."""
    if not choice:
        return images
    height, width = images.shape[1:3]
    middle = images[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    return np.asarray(tf.image.resize(middle, (height, width)))


def cut_out(images, choice, rng):
    """Covers a quarter of each image's area with gray, somewhere inside it."""
    if not choice:
        return images
    covered = images.copy()
    height, width = images.shape[1] // 2, images.shape[2] // 2
    tops = rng.integers(images.shape[1] - height + 1, size=len(images))
    lefts = rng.integers(images.shape[2] - width + 1, size=len(images))
    for image, top, left in zip(covered, tops, lefts, strict=True):
        image[top : top + height, left : left + width] = 127.5
    return covered


def brighten(images, choice, rng):
    """Multiplies images by a factor below 1, by 1, or by a factor above 1."""
    return BRIGHTNESS[choice] * images


def to_gray(images, choice, rng):
    """Replaces the channels of images by their luma."""
    return np.broadcast_to(luma(images), images.shape) if choice else images


def filter_edges(images, choice, rng):
    """Replaces images by the lengths of their Sobel gradients, for each channel."""
    if not choice:
        return images
    gradients = np.asarray(tf.image.sobel_edges(tf.constant(images)))  # [N, H, W, C, 2]
    return np.linalg.norm(gradients, axis=-1) / 4  # the edge of a step is as high as the step


def add_noise(images, choice, rng):
    """Adds Gaussian noise to images."""
    if not choice:
        return images
    return images + NOISE * rng.standard_normal(images.shape, np.float32)


def blur(images, choice, rng):
    """Blurs images with a Gaussian."""
    return ndimage.gaussian_filter(images, (0, BLUR, BLUR, 0)) if choice else images


# To add a transformation, write a function and an entry.
TRANSFORMATIONS = {
    "rotation": Transformation(QUARTER_TURNS, rotate, ("rotation",)),
    "flip": Transformation(("as it is", "mirrored"), flip, ("flip",)),
    "crop": Transformation(("as it is", "the middle, enlarged"), crop, ("crop",)),
    "cutout": Transformation(("as it is", "partly covered"), cut_out, ("cutout",)),
    "brightness": Transformation(("darker", "as it is", "brighter"), brighten, ("color_jitter",)),
    "grayscale": Transformation(("color", "gray"), to_gray, ("grayscale",), needs_color=True),
    "Sobel": Transformation(("as it is", "edges"), filter_edges, ("sobel",)),
    "noise": Transformation(("as it is", "noisy"), add_noise, ("noise",)),
    "blur": Transformation(("as it is", "blurred"), blur, ("blur",)),
}


def transform(
    images: np.ndarray,
    transformation: Transformation,
    choices: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Changes each image in the way that was chosen for it.

    Args:
        images: Uint8 array `[N, H, W, C]`. Rotation needs H = W.
        transformation: `Transformation`.
        choices: Integer array `[N]`, places in `transformation.choices`.
        rng: `numpy.random.Generator`, for transformations that draw random numbers.

    Returns:
        A uint8 array `[N, H, W, C]`.

    Raises:
        ValueError: If the transformation changes the shape of images.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> turned = transform(images, TRANSFORMATIONS["rotation"], np.full(len(images), 1), rng)
    """
    changed = np.empty_like(images)
    for choice in np.unique(choices):
        rows = choices == choice
        pixels = transformation.apply(images[rows].astype(np.float32), choice, rng)
        if pixels.shape[1:] != images.shape[1:]:
            raise ValueError(
                f"{transformation.choices[choice]!r} turns images of shape {images.shape[1:]} into "
                f"{pixels.shape[1:]}. Use square images, or leave this transformation out."
            )
        changed[rows] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return changed
