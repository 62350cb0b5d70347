"""The command `search`: the nearest images to one, as a page that one can click through."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from simclr_utils import files
from simclr_utils.cli.pages import render
from simclr_utils.cli.run_folder import RunError
from simclr_utils.deploy.browsing import Shown, choose_shown, find_row, thumbnail
from simclr_utils.deploy.feature_files import read_features, record_path
from simclr_utils.deploy.image_files import as_channels, read_image_files
from simclr_utils.deploy.neighbors import NeighborIndex, bytes_needed, near_duplicates
from simclr_utils.places import user_path
from simclr_utils.reading import Reading

NOTE = (
    "The number is the cosine similarity of the features, 1 for equal features. Click an image to "
    "see its own neighbors. An image with a dashed border is not on this page: search for it by "
    "its name."
)


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


def run(
    features: str | Path,
    image: str,
    folder: str | Path,
    out: str | Path | None = None,
    encoder: str | None = None,
    count: int = 12,
    most: int = 300,
    smallest: float = 0.99,
    overwrite: bool = False,
) -> Path:
    """Writes a page of neighbors and near-duplicates, and a list of all near-duplicates.

    Args:
        features: Path of a file that `embed` wrote.
        image: String, the name of an image of the folder, or the path of any image.
        folder: Path of the folder of images.
        out: Path of the page. By default `<features>_search.html` beside the features.
        encoder: String, as `open_ready` takes it, for an image that is not in the folder.
        count: Integer, how many neighbors of each image are shown.
        most: Integer, how many images the page holds.
        smallest: Float, the cosine similarity from which on images are near-duplicates.
        overwrite: Boolean, whether the page may exist.

    Returns:
        The path of the page.

    Raises:
        RunError: If something cannot be read, or the page exists.
    """
    features, folder = user_path(features), user_path(folder)
    page = user_path(out) if out else features.with_name(f"{features.stem}_search.html")
    listed = page.with_name(f"{page.stem}_duplicates.csv")
    check(page, listed, folder, overwrite, count, most)
    try:
        names, values = read_features(features)
        print(f"{len(names):,} images; {bytes_needed(*values.shape) / 1e9:.2f} GB of memory")
        index = NeighborIndex(values)
        reading = stored_reading(features)
        query = find_query(image, folder, names, index, (encoder, count))
        groups = near_duplicates(index.unit, smallest)
    except ValueError as error:
        raise RunError(str(error)) from error
    shown = choose_shown(index, query.rows, groups, count, most)
    content = describe(query, names, shown)
    content["pictures"] = pictures(query, names, shown, folder, reading)
    found = sum(len(group) for group in groups)
    content["duplicates"] = say_duplicates(len(groups), found, smallest, listed.name)
    files.write_text(page, render("search.html", **content))
    rows = [(number, names[row]) for number, group in enumerate(groups, 1) for row in group]
    table = pd.DataFrame(rows, columns=["group", "file"])
    files.write_text(listed, table.to_csv(index=False))
    print(f"{len(groups):,} groups of near-duplicates with {found:,} images: {listed}")
    print(f"Open this page in a browser: {page}")
    return page


def check(page: Path, listed: Path, folder: Path, overwrite: bool, count: int, most: int) -> None:
    """Checks the arguments of the command before anything is read.

    Args:
        page: `Path` of the page.
        listed: `Path` of the list of near-duplicates.
        folder: `Path` of the folder of images.
        overwrite: Boolean, as in `run`.
        count: Integer, as in `run`.
        most: Integer, as in `run`.

    Raises:
        RunError: For the first that is wrong.
    """
    there = [str(path) for path in (page, listed) if path.exists()]
    if there and not overwrite:
        raise RunError(f"{there[0]} exists. Choose another --out, or add --overwrite.")
    if not folder.is_dir():
        raise RunError(f"There is no folder {folder}. Give the folder whose images were embedded.")
    if count < 1 or most < 1:
        raise RunError(f"--count {count}, --images {most}: expected numbers of at least 1.")


def stored_reading(features: Path) -> Reading:
    """Returns how files were read when their features were computed.

    Args:
        features: `Path` of the file of features, with its record beside it.
    """
    record = record_path(features)
    stored = files.load_json(record).get("reading", {}) if record.is_file() else {}
    return Reading(**{name: value for name, value in stored.items() if value})


def find_query(
    image: str,
    folder: Path,
    names: Sequence[str],
    index: NeighborIndex,
    asked: tuple[str | None, int],
) -> Query:
    """Finds the image in the set, or computes its features.

    Args:
        image: String, as in `run`.
        folder: `Path` of the folder.
        names: Strings, the names of the images in the set.
        index: `NeighborIndex` of the set.
        asked: Pair: the encoder, a string or `None`, and the number of neighbors.

    Returns:
        A `Query`.

    Raises:
        RunError: If it is not in the set and there is no encoder, or there is no such file.
        ValueError: If the encoder cannot be opened, or the image cannot be read.
    """
    row = find_row(image, folder, names)
    if row is not None:
        return Query(names[row], folder / names[row], [row], row, None)
    path, (encoder, count) = user_path(image), asked
    if not path.is_file():
        raise RunError(
            f"{image} is neither a file nor the name of an image of the set, such as {names[0]}."
        )
    if encoder is None:
        raise RunError(
            f"{path.name} is not one of the images whose features are stored. Add --encoder with "
            "the encoder that made them."
        )
    near = index.of_features(embed_one(path, encoder, index.unit.shape[1]), count)
    neighbors = list(zip(near.rows[0].tolist(), near.cosines[0].tolist(), strict=True))
    return Query(path.name, path, [each for each, _ in neighbors], -1, neighbors)


def embed_one(path: Path, encoder: str, feature_dim: int) -> np.ndarray:
    """Returns the features of one image file.

    Args:
        path: `Path` of the file.
        encoder: String, as `open_ready` takes it.
        feature_dim: Integer, how many features the others have.

    Returns:
        A float32 array `[1, D]`.

    Raises:
        RunError: If the encoder returns another number of features.
        ValueError: If the encoder cannot be opened, or the image cannot be read.
    """
    from simclr_utils.deploy.ready import open_ready
    from simclr_utils.evaluation.features import extract_features
    from simclr_utils.session import start

    start(0, "float32")
    ready = open_ready(encoder)
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


def describe(query: Query, names: Sequence[str], shown: Shown) -> dict:
    """Returns what the template of the page needs, without the pictures.

    Args:
        query: `Query`.
        names: Strings, the names of all images.
        shown: `Shown`.
    """
    on_page = set(shown.rows)

    def tile(row, cosine=None):
        text = "" if cosine is None else f"{cosine:.3f}"
        return {"row": row, "name": names[row], "shown": row in on_page, "cosine": text}

    def view(row, name, neighbors):
        return {"row": row, "name": name, "tiles": [tile(*each) for each in neighbors]}

    own = shown.neighbors[query.row] if query.neighbors is None else query.neighbors
    asked = view("start" if query.row < 0 else query.row, query.name, own)
    return {
        "title": f"Images like {query.name}",
        "note": NOTE,
        "asked": asked,
        "views": [view(row, names[row], shown.neighbors[row]) for row in shown.rows],
        "groups": [[tile(row) for row in group] for group in shown.groups],
    }


def pictures(
    query: Query, names: Sequence[str], shown: Shown, folder: Path, reading: Reading
) -> list[dict]:
    """Returns the thumbnails of a page, each with its row number.

    Args:
        query: `Query`.
        names: Strings, the names of all images.
        shown: `Shown`.
        folder: `Path` of the folder of images.
        reading: `Reading`.
    """
    paths = {row: folder / names[row] for row in shown.rows}
    if query.row < 0:
        paths["start"] = query.path
    bar = tqdm(paths.items(), desc="Drawing thumbnails", unit=" images", leave=False)
    drawn = [{"row": row, "data": thumbnail(path, reading)} for row, path in bar]
    return [each for each in drawn if each["data"]]


def say_duplicates(num_groups: int, num_images: int, smallest: float, listed: str) -> str:
    """Returns a sentence on the near-duplicates of the whole set.

    Args:
        num_groups: Integer, the number of groups.
        num_images: Integer, the number of images in them.
        smallest: Float, the smallest cosine similarity of a pair.
        listed: String, the name of the list of all groups.
    """
    if not num_groups:
        return f"No two images of the set have a cosine similarity of {smallest} or more."
    return (
        f"{num_images:,} images are in {num_groups:,} groups that pairs with a cosine similarity "
        f"of {smallest} or more link. The largest groups are below; {listed} lists all of them."
    )
