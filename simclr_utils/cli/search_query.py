"""The image that the command `search` starts from: one of the set, or one from elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from simclr_utils.cli.run_folder import RunError
from simclr_utils.deploy.browsing import find_row
from simclr_utils.deploy.image_files import as_channels, read_image_files
from simclr_utils.deploy.neighbors import NeighborIndex
from simclr_utils.deploy.ready import open_ready
from simclr_utils.evaluation.features import extract_features
from simclr_utils.places import user_path
from simclr_utils.session import start


class Query(NamedTuple):
    """The image that is searched for.

    Attributes:
        name: String, its name.
        path: `Path` of its file.
        rows: List of row numbers to start the page from: the image itself, or its neighbors if it
            is not in the set.
        row: Integer, its row number, or -1 if it is not in the set.
        neighbors: List of pairs `(row, cosine)`, the nearest first, or `None` for those of `row`.
    """

    name: str
    path: Path
    rows: list[int]
    row: int
    neighbors: list[tuple[int, float]] | None


def find_query(
    image: str,
    folder: Path,
    names: Sequence[str],
    index: NeighborIndex,
    asked: tuple[str | None, int | None, int],
) -> Query:
    """Finds the image in the set, or computes its features.

    Args:
        image: String, as in `run`.
        folder: `Path` of the folder.
        names: Strings, the names of the images in the set.
        index: `NeighborIndex` of the set.
        asked: Triple: the encoder, a string or `None`; the size of its images, or `None`; and the
            number of neighbors.

    Returns:
        A `Query`.

    Raises:
        RunError: If it is not in the set and there is no encoder, or there is no such file.
        ValueError: If the encoder cannot be opened, or the image cannot be read.
    """
    row = find_row(image, folder, names)
    if row is not None:
        return Query(names[row], folder / names[row], [row], row, None)
    path, (encoder, size, count) = user_path(image), asked
    if not path.is_file():
        raise RunError(
            f"{image} is neither a file nor the name of an image of the set, such as {names[0]}."
        )
    if encoder is None:
        raise RunError(
            f"{path.name} is not one of the images whose features are stored. Add --encoder with "
            "the encoder that made them."
        )
    near = index.of_features(embed_one(path, encoder, index.unit.shape[1], size), count)
    neighbors = list(zip(near.rows[0].tolist(), near.cosines[0].tolist(), strict=True))
    return Query(path.name, path, [each for each, _ in neighbors], -1, neighbors)


def embed_one(
    path: Path, encoder: str, feature_dim: int, image_size: int | None = None
) -> np.ndarray:
    """Returns the features of one image file of any shape, read as `embed` reads the others.

    Args:
        path: `Path` of the file.
        encoder: String, as `open_ready` takes it.
        feature_dim: Integer, how many features the others have.
        image_size: Integer, the height and width that the others were scaled to, or `None`.

    Returns:
        A float32 array `[1, D]`.

    Raises:
        RunError: If the encoder returns another number of features.
        ValueError: If the encoder cannot be opened, or the image cannot be read.
    """
    start(0, "float32")
    ready = open_ready(encoder, image_size)
    if ready.encoder.output_shape[-1] != feature_dim:
        raise RunError(
            f"{ready.name} returns {ready.encoder.output_shape[-1]} features, and the stored ones "
            f"have {feature_dim}. Give the encoder that made them."
        )
    with TemporaryDirectory() as temporary:
        found = read_image_files(path.parent, [path.name], ready, Path(temporary) / "images.bin")
        images = as_channels(np.array(found.images), ready.image_shape[-1])
        del found  # Windows does not remove a file that is mapped
    return extract_features(ready.encoder, images)
