"""What a page of neighbors shows: images around one, near-duplicates, and their thumbnails."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from simclr_utils.data.decoding import decode_image
from simclr_utils.data.opening import quiet
from simclr_utils.data.pictures import Trait
from simclr_utils.deploy.neighbors import NeighborIndex
from simclr_utils.places import user_path
from simclr_utils.reading import Reading

THUMBNAIL = 96  # height and width in pixels
MOST_GROUPS = 20  # groups of near-duplicates that a page shows
MOST_OF_A_GROUP = 8


class Shown(NamedTuple):
    """The images of a page.

    Attributes:
        rows: List of M row numbers, the start first.
        neighbors: Dict from each row number to a list of pairs `(row, cosine)`, the nearest first.
        groups: List of lists of row numbers: groups of near-duplicates, cut to what a page shows.
    """

    rows: list[int]
    neighbors: dict[int, list[tuple[int, float]]]
    groups: list[list[int]]


def choose_shown(
    index: NeighborIndex,
    starts: Sequence[int],
    groups: Sequence[Sequence[int]],
    count: int,
    most: int,
) -> Shown:
    """Chooses the images of a page: near-duplicates, and what lies around some images.

    Args:
        index: `NeighborIndex` of all images.
        starts: Integers, the row numbers of the images to start from.
        groups: Lists of row numbers, as `near_duplicates` returns them.
        count: Integer, how many neighbors of each image are named.
        most: Integer, how many images a page holds. The start and the groups come first; then
            their neighbors, the neighbors of these, and so on.

    Returns:
        A `Shown`.
    """
    groups = [list(group[:MOST_OF_A_GROUP]) for group in groups[:MOST_GROUPS]]
    rows = list(dict.fromkeys([*starts, *(row for group in groups for row in group)]))
    neighbors, done = {}, 0
    while done < len(rows):
        part = rows[done:]
        for row, near in zip(part, pairs(index, part, count), strict=True):
            neighbors[row] = near
            rows += [each for each, _ in near]
        rows, done = list(dict.fromkeys(rows)), done + len(part)
        rows = rows[: max(most, done)]
    return Shown(rows, neighbors, groups)


def pairs(index: NeighborIndex, rows: Sequence[int], count: int) -> list[list[tuple[int, float]]]:
    """Returns the neighbors of some images as pairs `(row, cosine)`.

    Args:
        index: `NeighborIndex`.
        rows: Integers, row numbers.
        count: Integer, how many neighbors.
    """
    found = index.of_rows(rows, count)
    return [
        list(zip(near.tolist(), cosines.tolist(), strict=True))
        for near, cosines in zip(found.rows, found.cosines, strict=True)
    ]


def find_row(image: str | Path, folder: str | Path, names: Sequence[str]) -> int | None:
    """Finds an image among the images of a folder.

    Args:
        image: String or `Path`: a name as in `names`, or the path of a file.
        folder: Path of the folder.
        names: Strings, names relative to the folder, with forward slashes.

    Returns:
        The number of the image in `names`, or `None` if it is not among them.
    """
    numbers = {name: number for number, name in enumerate(names)}
    if str(image) in numbers:
        return numbers[str(image)]
    path, folder = user_path(image).resolve(), user_path(folder).resolve()
    if not path.is_relative_to(folder):
        return None
    return numbers.get(path.relative_to(folder).as_posix())


def thumbnail(path: Path, reading: Reading) -> str | None:
    """Returns a small picture of an image file as a data URI.

    Args:
        path: `Path` of the file.
        reading: `Reading`, by which the features were computed.

    Returns:
        A string, or `None` if the file cannot be read.
    """
    try:
        with quiet():
            picture = decode_image(path, THUMBNAIL, reading)
    except Exception:  # moved, or damaged files that make readers raise nearly anything
        return None
    pixels = picture.pixels
    if Trait.DEEP in picture.traits:
        low, high = reading.value_range or picture.span
        scaled = (pixels - low) * (255 / max(high - low, 1e-12))
        pixels = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
