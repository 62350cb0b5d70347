"""Exports an encoder: written in other formats, and each checked against Keras.

An exported encoder takes uint8 images `[N, H, W, C]` of the encoder's own size, for any N, and
returns float32 features `[N, D]`. Scaling the values is inside. Bringing a picture to that size is
not: runtimes resize in different ways, and features should be those of the study.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from simclr_utils.deploy.formats import FORMATS, ExportError, Format, Run, require
from simclr_utils.deploy.ready import ReadyEncoder
from simclr_utils.evaluation.features import extract_features
from simclr_utils.places import user_path
from simclr_utils.training.networks import as_float32
from simclr_utils.training.portable import without_range_step

# The largest difference of a feature, in units of the largest feature, in float32.
TOLERANCE = 1e-4
# The smallest mean cosine similarity to Keras' features with integers of 8 bits.
SMALLEST_COSINE = 0.95
MOST_IMAGES = 256  # for the check and for the ranges of integers
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


def export_encoder(
    ready: ReadyEncoder,
    formats: Sequence[str],
    out: str | Path,
    images: np.ndarray,
    overwrite: bool = False,
) -> list[Exported]:
    """Writes an encoder in some formats, and checks each before it gets its place.

    Args:
        ready: `ReadyEncoder`.
        formats: Strings, keys of `FORMATS`.
        out: Path of the folder to write to.
        images: Uint8 array `[N, H, W, C]` of the encoder's size. The check uses up to 256 of them,
            and so does the choice of the ranges of integers: they should be typical.
        overwrite: Boolean, whether files of the same names are replaced.

    Returns:
        A list of `Exported`, that of Keras first.

    Raises:
        ExportError: If a format is unknown, a library is missing, a file exists, or an exported
            encoder does not give the features of Keras.

    Example:

    >>> ready = open_ready("data/pretrained")
    >>> export_encoder(ready, ["onnx"], "taken", load_dataset("glyphs").examples)
    """
    out, images = user_path(out), images[:: max(1, -(-len(images) // MOST_IMAGES))]
    check_request(formats, out, overwrite)
    expected = extract_features(as_float32(ready.encoder), images)
    model = image_model(ready.encoder)
    done = [time_keras(ready, model)]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".writing-") as folder:
        for name in dict.fromkeys(formats):
            path = Path(folder) / FORMATS[name].file
            FORMATS[name].write(model, path, images)
            done.append(check_export(name, path, images, expected))
        for each in done[1:]:
            put_in_place(Path(folder) / each.file, out / each.file)
    return done


def check_request(formats: Sequence[str], out: Path, overwrite: bool) -> None:
    """Checks what can be checked before anything is written.

    Args:
        formats: Strings, as in `export_encoder`.
        out: `Path` of the folder to write to.
        overwrite: Boolean, as in `export_encoder`.

    Raises:
        ExportError: As in `export_encoder`.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ExportError(
            f"Unknown format {', '.join(map(repr, unknown)) or 'without a name'}. Choose from "
            f"{', '.join(FORMATS)}."
        )
    require(dict.fromkeys(module for name in formats for module in FORMATS[name].modules))
    there = [FORMATS[name].file for name in formats if (out / FORMATS[name].file).exists()]
    if there and not overwrite:
        raise ExportError(
            f"{out} already has {', '.join(there)}. Choose another folder, or add --overwrite."
        )


def image_model(encoder: keras.Model) -> keras.Model:
    """Returns an encoder of uint8 images, in float32.

    Args:
        encoder: `keras.Model`, float images `[N, H, W, C]` in 0..1 -> features `[N, D]`.

    Returns:
        A `keras.Model`: uint8 images `[N, H, W, C]` -> float32 features.
    """
    images = keras.Input(encoder.input_shape[1:], dtype="uint8", name="images")
    scaled = layers.Rescaling(1 / 255, dtype="float32")(images)
    features = as_float32(without_range_step(encoder))(scaled)
    return keras.Model(images, features, name="encoder")


def time_keras(ready: ReadyEncoder, model: keras.Model) -> Exported:
    """Returns the size and the times of an encoder in Keras, compiled, to compare with.

    Args:
        ready: `ReadyEncoder`.
        model: `keras.Model`, as `image_model` returns it.
    """
    size = ready.path.stat().st_size if ready.path else 0
    times = latencies(model.predict_on_batch, ready.image_shape)
    return Exported("keras", "encoder.keras", size, 0.0, 1.0, *times)


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


def put_in_place(source: Path, target: Path) -> None:
    """Moves a file or folder to its place, and removes what was there.

    Args:
        source: `Path` of what was written.
        target: `Path` of its place, in the same file system.
    """
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)


def _parts(images, size=32):
    return [images[start : start + size] for start in range(0, len(images), size)]
