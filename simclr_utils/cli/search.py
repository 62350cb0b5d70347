"""The command `search`: the nearest images to one, as a page that one can click through."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from simclr_utils import files
from simclr_utils.cli.frame import as_run_error, keep_existing
from simclr_utils.cli.pages import render
from simclr_utils.cli.run_folder import RunError
from simclr_utils.cli.search_page import describe, pictures, say_duplicates
from simclr_utils.cli.search_query import find_query
from simclr_utils.deploy.browsing import choose_shown
from simclr_utils.deploy.feature_files import read_features, record_path
from simclr_utils.deploy.neighbors import NeighborIndex, bytes_needed, near_duplicates
from simclr_utils.places import user_path
from simclr_utils.reading import Reading


class Sizes(NamedTuple):
    """What a page of neighbors shows.

    Attributes:
        count: Integer, how many neighbors of each image are shown.
        images: Integer, how many images the page holds.
        duplicates: Float, the cosine similarity from which on images are near-duplicates.
    """

    count: int = 12
    images: int = 300
    duplicates: float = 0.98


DEFAULT_SIZES = Sizes()


def run(
    features: str | Path,
    image: str,
    folder: str | Path,
    out: str | Path | None = None,
    encoder: str | None = None,
    sizes: Sizes = DEFAULT_SIZES,
    overwrite: bool = False,
) -> Path:
    """Writes a page of neighbors and near-duplicates, and a list of all near-duplicates.

    Args:
        features: Path of a file that `embed` wrote.
        image: String, the name of an image of the folder, or the path of any image.
        folder: Path of the folder of images.
        out: Path of the page. By default `<features>_search.html` beside the features.
        encoder: String, as `open_ready` takes it, for an image that is not in the folder.
        sizes: `Sizes`, what the page shows.
        overwrite: Boolean, whether the page may exist.

    Returns:
        The path of the page.

    Raises:
        RunError: If something cannot be read, or the page exists.
    """
    features, folder = user_path(features), user_path(folder)
    page = user_path(out) if out else features.with_name(f"{features.stem}_search.html")
    listed = page.with_name(f"{page.stem}_duplicates.csv")
    check(page, listed, folder, overwrite, sizes)
    with as_run_error():
        names, values = read_features(features)
        print(f"{len(names):,} images; {bytes_needed(*values.shape) / 1e9:.2f} GB of memory")
        index = NeighborIndex(values)
        reading, size = stored_reading(features)
        query = find_query(image, folder, names, index, (encoder, size, sizes.count))
        groups = near_duplicates(index.unit, sizes.duplicates)
    shown = choose_shown(index, query.rows, groups, sizes.count, sizes.images)
    content = describe(query, names, shown, groups)
    content["pictures"] = pictures(query, names, shown, folder, reading)
    found = sum(len(group) for group in groups)
    content["duplicates"] = say_duplicates(len(groups), found, sizes.duplicates, listed.name)
    files.write_text(page, render("search.html", **content))
    rows = [(number, names[row]) for number, group in enumerate(groups, 1) for row in group]
    table = pd.DataFrame(rows, columns=["group", "file"])
    files.write_text(listed, table.to_csv(index=False))
    print(f"{len(groups):,} groups of near-duplicates with {found:,} images: {listed}")
    print(f"Open this page in a browser: {page}")
    return page


def check(page: Path, listed: Path, folder: Path, overwrite: bool, sizes: Sizes) -> None:
    """Checks the arguments of the command before anything is read.

    Args:
        page: `Path` of the page.
        listed: `Path` of the list of near-duplicates.
        folder: `Path` of the folder of images.
        overwrite: Boolean, as in `run`.
        sizes: `Sizes`.

    Raises:
        RunError: For the first that is wrong.
    """
    keep_existing(page, listed, overwrite=overwrite, choose="another --out")
    if not folder.is_dir():
        raise RunError(f"There is no folder {folder}. Give the folder whose images were embedded.")
    if sizes.count < 1 or sizes.images < 1:
        raise RunError(
            f"--count {sizes.count}, --images {sizes.images}: expected numbers of at least 1."
        )


def stored_reading(features: Path) -> tuple[Reading, int | None]:
    """Returns how files were read when their features were computed.

    Args:
        features: `Path` of the file of features, with its record beside it.

    Returns:
        A pair: a `Reading`, and the height and width of the images, or `None` without a record.
    """
    path = record_path(features)
    record = files.load_json(path) if path.is_file() else {}
    stored = {name: value for name, value in record.get("reading", {}).items() if value}
    return Reading(**stored), record.get("image_shape", [None])[0]
