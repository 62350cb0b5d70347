"""Occlusion: which parts of an image a classifier needs for its answer."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

FILLS = ("mean", "blur")


def occlusion_map(
    predict: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    size: int,
    stride: int = 1,
    fill: str = "mean",
    label: int | None = None,
    batch_size: int = 256,
) -> np.ndarray:
    """Measures how far the probability of a class falls if a square of an image is covered.

    The square moves over the whole image. A pixel gets the mean over the squares that cover it.

    The map says what the classifier reacts to, and not what is true of the image. An image with a
    covered square looks like none that the network has learned from, so that part of a fall may
    come from the square itself. A large square moves the probability further than a small one. Two
    places with the same evidence hide each other: while one is covered, the other still speaks.
    And a map that looks sensible proves little. Compare it with that of a classifier that learned
    from shuffled labels (Adebayo et al.): if the two look alike, the map shows the image.

    Args:
        predict: Function of uint8 images `[N, H, W, C]` that returns their class probabilities, a
            float array `[N, K]`.
        image: Uint8 array `[H, W, C]` with one or three channels.
        size: Integer, the side of the square in pixels, at most that of the image.
        stride: Integer, the step of the square in pixels, from 1 to `size`.
        fill: String, what the square shows: `"mean"`, the mean color of the image, or `"blur"`, a
            copy of the image in which details smaller than the square are smoothed away.
        label: Integer, the class. `None` takes the most probable one.
        batch_size: Integer, how many covered images exist at a time.

    Returns:
        A float32 array `[H, W]` in -1..1. Where it is above 0, covering takes probability from the
        class; below 0, it adds some.

    Raises:
        ValueError: If the image is not uint8 with one or three channels, if `size`, `stride` or
            `fill` do not fit, or if `predict` does not return a row for each image.

    Example:

    >>> def predict(images):
    ...     return probe.predict_probabilities(extract_features(encoder, images), 2)
    >>> falls = occlusion_map(predict, dataset.validation[0][0], size=7)

    References:
        Zeiler, Fergus 2014, "Visualizing and understanding convolutional networks".
        Adebayo et al. 2018, "Sanity checks for saliency maps".
    """
    _check(image, size, stride, fill)
    whole = _probabilities(predict, image[None])[0]
    label = int(whole.argmax()) if label is None else label
    cover = _cover(image, size, fill)
    places = [
        (slice(top, top + size), slice(left, left + size))
        for top in _steps(image.shape[0], size, stride)
        for left in _steps(image.shape[1], size, stride)
    ]
    falls, times = np.zeros((2, *image.shape[:2]), np.float32)
    for start in range(0, len(places), batch_size):
        part = places[start : start + batch_size]
        covered = np.repeat(image[None], len(part), axis=0)
        for each, place in zip(covered, part, strict=True):
            each[place] = cover[place]
        left_over = _probabilities(predict, covered)[:, label]
        for place, probability in zip(part, left_over, strict=True):
            falls[place] += whole[label] - probability
            times[place] += 1
    return falls / times


def _steps(side, size, stride):
    """Returns where squares begin; the last one ends at the edge."""
    return sorted({*range(0, side - size, stride), side - size})


def _cover(image, size, fill):
    """Returns a uint8 image `[H, W, C]`, out of which the squares are cut."""
    pixels = image.astype(np.float32)
    if fill == "blur":
        hidden = ndimage.gaussian_filter(pixels, (size / 2, size / 2, 0))
    else:
        hidden = np.broadcast_to(pixels.mean(axis=(0, 1)), image.shape)
    return np.rint(hidden).astype(np.uint8)


def _probabilities(predict, images):
    """Returns the class probabilities of images, after a look at their shape."""
    found = np.asarray(predict(images), np.float32)
    if found.ndim != 2 or len(found) != len(images):
        raise ValueError(
            f"`predict` returned an array of shape {found.shape} for {len(images)} images. "
            f"Expected ({len(images)}, classes): a row of class probabilities for each image."
        )
    return found


def _check(image, size, stride, fill):
    """Raises an error for arguments that do not fit."""
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or image.dtype != np.uint8:
        raise ValueError(
            f"Received an image of shape {image.shape} and dtype {image.dtype}. Expected one uint8 "
            "image [H, W, C] with one or three channels, such as dataset.validation[0][0]."
        )
    side = min(image.shape[:2])
    if not 1 <= size <= side:
        raise ValueError(f"Received size={size}. Pass 1 to {side}, the side of the image.")
    if not 1 <= stride <= size:
        raise ValueError(
            f"Received stride={stride}. Pass 1 to {size}, the side of the square: a longer step "
            "leaves pixels that no square covers."
        )
    if fill not in FILLS:
        raise ValueError(f"Received fill={fill!r}. Choose one of {', '.join(map(repr, FILLS))}.")
