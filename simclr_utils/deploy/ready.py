"""An encoder that is ready for use elsewhere: with the size of its images and how they are read."""

from pathlib import Path
from typing import Any, NamedTuple

import keras

from simclr_utils.places import user_path
from simclr_utils.reading import Reading
from simclr_utils.training.encoder_file import (
    APPLICATIONS,
    HUB,
    USUAL_SIZE,
    EncoderFileError,
    load_file,
    open_encoder,
)
from simclr_utils.training.portable import read_record


class ReadyEncoder(NamedTuple):
    """An encoder, and how its images are read.

    Attributes:
        name: String, the name of the encoder without a path.
        encoder: `keras.Model`, float images `[N, H, W, C]` in 0..1 -> float32 features `[N, D]`.
        image_shape: Tuple `(height, width, channels)` of its images.
        reading: `Reading`, how the study of the encoder read image files.
        record: Dict, how the encoder was made. Empty for an encoder without a record.
        path: `Path` of the `.keras` file, or `None` for weights that Keras downloads.
    """

    name: str
    encoder: keras.Model
    image_shape: tuple[int, int, int]
    reading: Reading
    record: dict[str, Any]
    path: Path | None


def open_ready(name: str | Path, image_size: int | None = None) -> ReadyEncoder:
    """Opens an encoder with the size of its images and the rules by which its study read files.

    Args:
        name: String or `Path`: a `.keras` file; a folder with `encoder.keras`; the folder of a
            study, whose first encoder is used; or a name that `open_encoder` takes.
        image_size: Integer, height and width of the images, for an encoder that takes any size.
            The default is 96. An encoder that has a size of its own keeps it.

    Returns:
        A `ReadyEncoder`.

    Raises:
        EncoderFileError: If there is no such encoder, or it was built for another size.

    Example:

    >>> ready = open_ready("data/pretrained")
    >>> ready.image_shape
    (32, 32, 3)
    """
    path = find_file(name)
    record, shape = ({}, (None, None, 3)) if path is None else (record_of(path), None)
    shape = shape or record.get("image_shape") or load_file(path).input_shape[1:]
    size, own = image_size or USUAL_SIZE, tuple(shape[:2])
    if image_size not in (None, *own) and None not in own:
        raise EncoderFileError(
            f"{name} takes images of {own[0]}x{own[1]} pixels, and image_size is {image_size}. "
            "Leave it out."
        )
    shape = (*(side or size for side in own), shape[-1] or 3)
    encoder = open_encoder(str(path or name), shape, size if None in own else None)
    decoding = {key: value for key, value in record.get("decoding", {}).items() if value}
    return ReadyEncoder(short_name(name), encoder, shape, Reading(**decoding), record, path)


def find_file(name: str | Path) -> Path | None:
    """Finds the file of an encoder.

    Args:
        name: String or `Path`, as in `open_ready`.

    Returns:
        The `Path` of a `.keras` file, or `None` for the name of weights that Keras downloads.

    Raises:
        EncoderFileError: If there is no such file.
    """
    if str(name).startswith((APPLICATIONS, HUB)):
        return None
    path = user_path(name)
    inside = [path / "encoder.keras", *sorted(path.glob("encoders/*/encoder.keras"))]
    found = [path] if path.suffix == ".keras" else inside
    for each in found:
        if each.is_file():
            return each
    raise EncoderFileError(
        f"There is no encoder {str(name)!r}. Give a .keras file, a folder that holds "
        "encoder.keras, or the folder of a study that has finished a pretraining."
    )


def record_of(path: Path) -> dict:
    """Returns the record inside an encoder's file, or an empty dict if it has none.

    Args:
        path: `Path` of a `.keras` file.

    Raises:
        EncoderFileError: If the file is not one that Keras wrote.
    """
    try:
        return read_record(path)
    except ValueError:
        return {}
    except Exception as error:  # not an archive, or cut off
        raise EncoderFileError(
            f"{path.name} is not a file that Keras wrote, or it is damaged ({error}). Copy it "
            "again."
        ) from error


def short_name(name: str | Path) -> str:
    """Returns the last part of an encoder's name: that of a file, a folder or a network.

    Args:
        name: String or `Path`, as in `open_ready`.
    """
    if find_file(name) is None:
        return str(name).split(":")[-1]
    path = user_path(name).resolve()
    return path.stem if path.stem != "encoder" else path.parent.name
