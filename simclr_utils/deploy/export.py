"""Exports an encoder: written in other formats, and each checked against Keras.

An exported encoder takes uint8 images `[N, H, W, C]` of the encoder's own size, for any N, and
returns float32 features `[N, D]`. Scaling the values is inside. Bringing a picture to that size is
not: runtimes resize in different ways, and features should be those of the study.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers

from simclr_utils.deploy.check import Exported, check_export, latencies
from simclr_utils.deploy.formats import FORMATS, ExportError, require
from simclr_utils.deploy.ready import ReadyEncoder
from simclr_utils.evaluation.features import extract_features
from simclr_utils.places import user_path
from simclr_utils.training.networks import as_float32
from simclr_utils.training.portable import without_range_step

MOST_IMAGES = 256  # for the check and for the ranges of integers


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


def put_in_place(source: Path, target: Path) -> None:
    """Moves a file or folder to its place, and removes what was there.

    Args:
        source: `Path` of what was written.
        target: `Path` of its place, in the same file system.
    """
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)
