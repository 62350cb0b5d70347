"""Features of images: those of an encoder, and the pixels themselves."""

import contextlib

import keras
import numpy as np
import tensorflow as tf
from sklearn.manifold import TSNE

from simclr_utils.evaluation.readouts import build_readout
from simclr_utils.training.activations import images_at_once


def extract_features(
    encoder: keras.Model,
    images: np.ndarray,
    batch_size: int | None = None,
    readout: str = "pooled",
) -> np.ndarray:
    """Computes the features of images with a frozen encoder.

    It runs in inference mode: weights and batch statistics do not change.

    Args:
        encoder: `keras.Model`, float images in 0..1 -> features `[N, D]`.
        images: Uint8 array `[N, H, W, C]`, in memory or memory-mapped.
        batch_size: Integer, how many images pass through the encoder at a time, or `None` for as
            many as need half a gigabyte, but at most 512.
        readout: String, what is read: `"pooled"`, the output of the encoder; `"mirror"`, its mean
            over an image and its mirror image; or `"pyramid"`, the last map in four quarters beside
            the mean of the map before, mirrored too. `build_readout` says more.

    Returns:
        A float32 array `[N, D]`. `"pyramid"` has more features than the encoder.

    Raises:
        ValueError: If the images are not uint8, or do not fit the encoder's input, or the encoder
            has no maps for `"pyramid"`.

    Example:

    >>> features = extract_features(encoder, images)
    >>> more = extract_features(encoder, images, readout="pyramid")
    """
    check_images(images, encoder.input_shape[1:])
    read = build_readout(encoder, readout)
    batch_size, parts = batch_size or images_at_once(encoder), []
    for start in range(0, len(images), batch_size):
        pixels = images[start : start + batch_size].astype("float32") / 255
        parts.append(read(pixels))
    return np.concatenate(parts)


def pixel_features(images: np.ndarray, largest: int = 32, batch_size: int = 1024) -> np.ndarray:
    """Flattens images into features, the input of a probe without an encoder.

    Args:
        images: Uint8 array `[N, H, W, C]`.
        largest: Integer; larger images are first scaled down to this size.
        batch_size: Integer, how many images are held in memory at full size.

    Returns:
        A float32 array `[N, D]` in 0..1.
    """
    parts = []
    for start in range(0, len(images), batch_size):
        pixels = images[start : start + batch_size].astype("float32") / 255
        if max(images.shape[1:3]) > largest:
            pixels = np.asarray(tf.image.resize(pixels, (largest, largest), method="area"))
        parts.append(pixels.reshape(len(pixels), -1))
    return np.concatenate(parts)


def map_features(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """Lays images out in the plane by t-SNE, so that neighbors stay neighbors.

    Args:
        features: Float array `[N, D]`, compared by cosine distance.
        seed: Integer, the seed of the optimization.

    Returns:
        A float32 array `[N, 2]`.

    References:
        van der Maaten, Hinton 2008, *Visualizing data using t-SNE*.
    """
    perplexity = min(30, (len(features) - 1) / 3)
    tsne = TSNE(metric="cosine", init="pca", perplexity=perplexity, max_iter=500, random_state=seed)
    return tsne.fit_transform(features)


def check_images(images, expected):
    """Raises an error for images that an encoder cannot take.

    Args:
        images: Uint8 array `[N, height, width, channels]`, or whatever was given in its place.
        expected: Tuple `(height, width, channels)`, the encoder's.

    Raises:
        ValueError: With what was given, what was expected, and the line that fixes it.
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


class EncoderChangedError(RuntimeError):
    """A frozen encoder has changed."""


@contextlib.contextmanager
def frozen(encoder: keras.Model):
    """Checks that the weights and batch statistics of an encoder do not change in a `with` block.

    Args:
        encoder: `keras.Model`, images -> features.

    Raises:
        EncoderChangedError: At the end of the block, with the first variable that changed.
    """
    before = [np.array(variable) for variable in encoder.variables]
    yield
    for variable, value in zip(encoder.variables, before, strict=True):
        if not np.array_equal(np.asarray(variable), value):
            raise EncoderChangedError(
                f"encoder changed: {variable.path} has new values, but the encoder should be "
                "frozen. Likely cause: training=True, which updates batch statistics. "
                "Cure: call it with training=False, as `extract_features` does."
            )
