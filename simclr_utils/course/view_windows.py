"""Images whose colors tell which part of them a view shows, and the reading of that part."""

from typing import NamedTuple

import numpy as np

NUM_IMAGES, SIDE = 40, 32
DARKEST, RISE = 28, 200  # red rises by this much from top to bottom, blue from left to right


class Windows(NamedTuple):
    """What views show: arrays of one shape. Lengths are shares of the image's side.

    Args:
        x: The middle of the crop, from the left edge.
        y: The middle of the crop, from the top edge.
        width: The width of the crop, negative where the view is mirrored.
        height: The height of the crop, negative where the view is upside down.
        own: True where the view has the image's own colors, and nothing else.
        padded: True where the view shows something outside the image.
        turned: True where the image's rows have become columns.
    """

    x: np.ndarray
    y: np.ndarray
    width: np.ndarray
    height: np.ndarray
    own: np.ndarray
    padded: np.ndarray
    turned: np.ndarray


def sloping_images() -> np.ndarray:
    """Returns images of one slope and different greens.

    Returns:
        A uint8 array `[40, 32, 32, 3]`. Green is constant in an image and identifies it.
    """
    rise = DARKEST + RISE * (np.arange(SIDE) + 0.5) / SIDE
    images = np.zeros((NUM_IMAGES, SIDE, SIDE, 3))
    images[..., 0], images[..., 1] = rise[:, None], greens()[:, None, None]
    images[..., 2] = rise
    return np.uint8(np.round(images))


def greens() -> np.ndarray:
    """Returns the green of each image, 0..255."""
    return 20.0 + 5 * np.arange(NUM_IMAGES)


def read_windows(views: np.ndarray) -> Windows:
    """Returns what views of the sloping images show.

    Args:
        views: Float array `[..., 40, 32, 32, 3]` in 0..1.

    Returns:
        A `Windows` of arrays `[..., 40]`.
    """
    red, green, blue = (255 * views[..., channel] for channel in range(3))
    (x, width), (y, height) = place(np.median(blue, axis=-2)), place(np.median(red, axis=-1))
    # Medians and shares: in rare cases, rounding lets a right crop reach beyond the edge.
    own = np.abs(np.median(green, axis=(-1, -2)) - greens()) < 2
    padded = np.mean(green < 2, axis=(-1, -2)) > 0.06
    across = np.abs(place(np.median(red, axis=-2))[1])  # 0, unless rows became columns
    return Windows(x, y, width, height, own, padded, across > np.abs(height))


def place(profile):
    """Returns the middle and the length of what a row of colors shows, as shares of the side."""
    inner = slice(SIDE // 4, -SIDE // 4)  # the outermost pixels depend on the resizing method
    shares = (profile[..., inner] - DARKEST) / RISE
    steps = np.arange(SIDE)[inner] - (SIDE - 1) / 2
    return shares.mean(axis=-1), SIDE * (shares @ steps) / (steps @ steps)
