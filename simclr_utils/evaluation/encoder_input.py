"""What is wrong with images that are given to an encoder, and how to mend it."""

import numpy as np


def check_images(images, expected):
    """Stops at images that an encoder cannot take.

    Args:
        images: what was given; should be a uint8 array `[N, height, width, channels]`.
        expected: tuple `(height, width, channels)`, the encoder's.

    Raises:
        ValueError: naming what was given, what was expected, and the line that mends it.
    """
    if not hasattr(images, "dtype"):
        height, width, channels = expected
        mode = "L" if channels == 1 else "RGB"
        raise ValueError(
            f"Images must be a uint8 array [N, {height}, {width}, {channels}]. Received: "
            f"{type(images).__name__}. For a PIL image: np.asarray(image.convert({mode!r})"
            f".resize(({width}, {height}))).reshape(1, {height}, {width}, {channels})."
        )
    if images.dtype != np.uint8:
        raise ValueError(
            f"Images must be uint8, 0 to 255. Received: {images.dtype}. {_cure_of_values(images)}"
        )
    if tuple(images.shape[1:]) != tuple(expected):
        raise ValueError(
            f"The encoder was built for images {tuple(expected)}. Received an array "
            f"{tuple(images.shape)}. {_cure_of_shape(tuple(images.shape), tuple(expected))}"
        )


def _cure_of_values(images):
    if np.size(images) and np.max(images) > 255:
        return "Their values exceed 255: rescale them to 0 to 255 first."
    if np.size(images) and np.max(images) > 2:
        return "Their values are in 0 to 255 already: use images.astype('uint8')."
    return "From values in 0 to 1: (255 * images).round().astype('uint8')."


def _cure_of_shape(shape, expected):
    if shape == expected:
        return "One image needs a batch axis: images[None]."
    if shape[1:-1] == expected[:-1] and (shape[-1], expected[-1]) == (1, 3):
        return "Repeat the gray channel: np.repeat(images, 3, axis=-1)."
    if shape[1:] == expected[:-1]:
        return "The channel axis is missing: images[..., None]" + (
            "." if expected[-1] == 1 else ", repeated to three."
        )
    if shape[1:] == (expected[-1], *expected[:-1]):
        return "Put the channels last: np.moveaxis(images, 1, -1)."
    return "Load the images in that size, or pretrain an encoder on yours."
