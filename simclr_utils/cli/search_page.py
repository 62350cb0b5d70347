"""What the page of the command `search` shows."""

from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from simclr_utils.cli.search_query import Query
from simclr_utils.deploy.browsing import MOST_OF_A_GROUP, Shown, thumbnail
from simclr_utils.reading import Reading

NOTE = (
    "The nearest images come first. The number below an image is the cosine similarity of its "
    "features and those of the large image: 1 for equal features. How large it is for images that "
    "look alike depends on the encoder. Click an image to see its own neighbors. An image with a "
    "dashed border is not on this page: run search with its name."
)


def describe(
    query: Query, names: Sequence[str], shown: Shown, groups: Sequence[Sequence[int]]
) -> dict:
    """Returns what the template of the page needs, without the pictures.

    Args:
        query: `Query`.
        names: Strings, the names of all images.
        shown: `Shown`.
        groups: Lists of row numbers, all near-duplicates, the groups of `shown` first.
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
        "set": f"The features of {len(names):,} images were compared.",
        "note": NOTE,
        "asked": asked,
        "views": [view(row, names[row], shown.neighbors[row]) for row in shown.rows],
        "groups": [
            {"title": f"{len(group):,} images", "tiles": [tile(row) for row in some]}
            for group, some in zip(groups, shown.groups, strict=False)
        ],
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
        "Two images of the set are near-duplicates if their features have a cosine similarity of "
        f"{smallest} or more. {num_images:,} images have a near-duplicate. They form "
        f"{num_groups:,} groups. The largest are below, with {MOST_OF_A_GROUP} images at most; "
        f"{listed} lists all."
    )
