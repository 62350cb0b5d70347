"""Features of images: an encoder's, and the pixels themselves."""

import numpy as np
import tensorflow as tf

from simclr_utils.evaluation.encoder_input import check_images


def extract_features(encoder, images, batch_size=512):
    """Computes the features of images with a frozen encoder.

    Runs in inference mode: weights and batch statistics stay as they are, to the byte.

    Args:
        encoder: `keras.Model`, float images in 0..1 -> features `[N, D]`.
        images: uint8 array `[N, H, W, C]`, in memory or memory-mapped.
        batch_size: int.

    Returns:
        A float32 array `[N, D]`.

    Raises:
        ValueError: if the images are not uint8, or do not fit the encoder's input.
    """
    check_images(images, encoder.input_shape[1:])
    parts = []
    for start in range(0, len(images), batch_size):
        pixels = images[start : start + batch_size].astype("float32") / 255
        parts.append(np.asarray(encoder(pixels, training=False), dtype="float32"))
    return np.concatenate(parts)


def pixel_features(images, largest=32, batch_size=1024):
    """Flattens images into features: what a probe can do without any encoder.

    Args:
        images: uint8 array `[N, H, W, C]`.
        largest: int; larger images are averaged down to this size first.
        batch_size: int, images in memory at full size at a time.

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
