"""Checks an exported encoder against Keras, and times it."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simclr_utils.deploy.formats import FORMATS, ExportError, Format, Run

# The largest difference of a feature, in units of the largest feature, in float32.
TOLERANCE = 1e-4
# The smallest mean cosine similarity to Keras' features with integers of 8 bits.
SMALLEST_COSINE = 0.95
BATCHES = (1, 32)
SECONDS = 1.0  # of timing, for each size of batch


class Exported(NamedTuple):
    """An encoder in one format, as it was checked.

    Attributes:
        format: String, a key of `FORMATS`, or `"keras"` for the model in Keras.
        file: String, the name of the file or folder.
        bytes: Integer, its size.
        difference: Float, the largest absolute difference of a feature from that of Keras, in
            units of the largest feature.
        cosine: Float, the mean cosine similarity of the features of an image to those of Keras.
        ms_1: Float, milliseconds for a batch of one image.
        ms_32: Float, milliseconds for a batch of 32 images.
    """

    format: str
    file: str
    bytes: int
    difference: float
    cosine: float
    ms_1: float
    ms_32: float


def check_export(name: str, path: Path, images: np.ndarray, expected: np.ndarray) -> Exported:
    """Compares an exported encoder with the features of Keras, and times it.

    Args:
        name: String, a key of `FORMATS`.
        path: `Path` of what was written.
        images: Uint8 array `[N, H, W, C]`.
        expected: Float array `[N, D]`, the features of Keras.

    Returns:
        An `Exported`.

    Raises:
        ExportError: If the features differ by more than the format allows.
    """
    run = FORMATS[name].open(path)
    found = np.concatenate([run(part) for part in _parts(images)])
    if found.shape != expected.shape or not np.isfinite(found).all():
        raise ExportError(f"{name}: the features have shape {found.shape}, or are no numbers.")
    difference = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
    cosine = float(cosines(found, expected).mean())
    refuse_wrong(name, FORMATS[name], difference, cosine)
    size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    times = latencies(run, images.shape[1:])
    return Exported(name, path.name, size, difference, cosine, *times)


def refuse_wrong(name: str, kind: Format, difference: float, cosine: float) -> None:
    """Raises an error if an exported encoder does not give the features of Keras.

    Args:
        name: String, the name of the format.
        kind: `Format`.
        difference: Float, as in `Exported`.
        cosine: Float, as in `Exported`.

    Raises:
        ExportError: With both numbers.
    """
    if kind.exact and difference > TOLERANCE:
        raise ExportError(
            f"{name}: features differ from those of Keras by {difference:.1e} of the largest "
            f"feature; at most {TOLERANCE:.0e} is rounding. Nothing was "
            "written. Try another format."
        )
    if not kind.exact and cosine < SMALLEST_COSINE:
        raise ExportError(
            f"{name}: the cosine similarity to the features of Keras is {cosine:.3f}, less than "
            f"{SMALLEST_COSINE}. Nothing was written. Give --source with images like those that "
            "the encoder will see, or use litert."
        )


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the cosine similarity of each row of two arrays; 1 for two rows of zeros.

    Args:
        first: Float array `[N, D]`.
        second: Float array `[N, D]`.
    """
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    equal = (first == second).all(axis=1)
    return np.where(equal, 1.0, products / np.maximum(lengths, 1e-12))


def latencies(run: Run, image_shape: Sequence[int]) -> list[float]:
    """Measures how long batches of 1 and of 32 images take.

    Args:
        run: Function from uint8 images to features.
        image_shape: Tuple `(height, width, channels)`.

    Returns:
        A list of two floats, medians in milliseconds.
    """
    found, random = [], np.random.default_rng(0)
    for size in BATCHES:
        batch = random.integers(0, 256, (size, *image_shape), dtype=np.uint8)
        run(batch)  # prepares for this size
        times, end = [], time.perf_counter() + SECONDS
        while len(times) < 3 or time.perf_counter() < end:
            started = time.perf_counter()
            run(batch)
            times.append(1000 * (time.perf_counter() - started))
        found.append(statistics.median(times))
    return found


def _parts(images, size=32):
    return [images[start : start + size] for start in range(0, len(images), size)]
