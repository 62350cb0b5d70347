"""The command `export`: an encoder in formats that run without this course."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from simclr_utils import files
from simclr_utils.cli.frame import as_run_error
from simclr_utils.cli.run_folder import RunError
from simclr_utils.deploy.check import Exported
from simclr_utils.deploy.export import MOST_IMAGES, check_request, export_encoder
from simclr_utils.deploy.formats import FORMATS
from simclr_utils.deploy.image_files import sample_images
from simclr_utils.deploy.ready import ReadyEncoder, open_ready
from simclr_utils.parameters import NAMED_SOURCES
from simclr_utils.places import user_path
from simclr_utils.session import start
from simclr_utils.system.provenance import hardware_string, versions
from simclr_utils.training.portable import describe_use

RANDOM_IMAGES = 32
HEADS = {
    "format": "format",
    "file": "file",
    "bytes": "bytes",
    "difference": "difference",
    "cosine": "cosine",
    "ms_1": "ms for 1 image",
    "ms_32": "ms for 32 images",
}


def run(
    encoder: str,
    formats: Sequence[str],
    out: str | Path,
    source: str | None = None,
    image_size: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Exports an encoder, prints a table of the formats, and writes `export.json`.

    Args:
        encoder: String, as `open_ready` takes it.
        formats: Strings, keys of `FORMATS`.
        out: Path of the folder to write to.
        source: String, a folder of images or the name of a dataset, for the check and for the
            ranges of integers. By default the dataset of the encoder, if it has a name, or random
            images, which do not suffice for integers.
        image_size: Integer, as in `open_ready`.
        overwrite: Boolean, whether files of the same names are replaced.

    Returns:
        The path of `export.json`.

    Raises:
        RunError: If the encoder cannot be opened or exported.
    """
    start(0, "float32")
    with as_run_error():
        check_request(formats, user_path(out), overwrite)
        ready = open_ready(encoder, image_size)
        images = choose_images(ready, formats, source)
        done = export_encoder(ready, formats, out, images, overwrite)
    path = user_path(out) / "export.json"
    files.save_json(path, describe(ready, done))
    print(as_table(done).to_string(index=False))
    print(f"Each format was checked on {min(len(images), MOST_IMAGES)} images: {path}")
    return path


def choose_images(ready: ReadyEncoder, formats: Sequence[str], source: str | None) -> np.ndarray:
    """Returns the images for the check, and for the ranges of integers.

    Args:
        ready: `ReadyEncoder`.
        formats: Strings, keys of `FORMATS`.
        source: String or `None`, as in `run`.

    Returns:
        A uint8 array `[N, H, W, C]`.

    Raises:
        RunError: If a format needs typical images, and there are none.
    """
    trained_on = ready.record.get("dataset")
    source = source or (trained_on if trained_on in NAMED_SOURCES[:2] else None)
    if source is not None:
        return sample_images(source, ready, MOST_IMAGES)
    inexact = [name for name in formats if not FORMATS[name].exact]
    if inexact:
        raise RunError(
            f"{inexact[0]} finds the range of its integers on images like those that the encoder "
            "will see. Add --source FOLDER with a few hundred of them."
        )
    shape = (RANDOM_IMAGES, *ready.image_shape)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def describe(ready: ReadyEncoder, done: Sequence[Exported]) -> dict:
    """Returns what `export.json` holds: the input, the formats, and what measured them.

    Args:
        ready: `ReadyEncoder`.
        done: `Exported` objects.
    """
    decoding = ready.record.get("decoding", {})
    use = describe_use(ready.encoder, **decoding)
    return {
        "encoder": ready.name,
        "input": {
            "values": "uint8, 0..255",
            "axes": use["axes"],
            "channels": use["channels"],
            "resize": use["resize"],
            "picture_to_pixels": ["import numpy, PIL.Image, PIL.ImageOps", *use["use"][1:-1]],
        },
        "output": f"float32 features [N, {use['feature_dim']}]",
        "formats": [each._asdict() for each in done],
        "versions": versions(),
        "hardware": hardware_string(),
    }


def as_table(done: Sequence[Exported]) -> pd.DataFrame:
    """Returns what was exported as a table to print.

    Args:
        done: `Exported` objects.
    """
    table = pd.DataFrame([each._asdict() for each in done])
    table["bytes"] = table["bytes"].map("{:,}".format)
    table["difference"] = table["difference"].map("{:.0e}".format)
    table["cosine"] = table["cosine"].map("{:.4f}".format)
    for name in ("ms_1", "ms_32"):
        table[name] = table[name].map("{:.2f}".format)
    return table.rename(columns=HEADS)
