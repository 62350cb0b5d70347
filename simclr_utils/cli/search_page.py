"""What the page of the command `search` shows."""

from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from simclr_utils.cli.search_query import Query
from simclr_utils.deploy.browsing import Shown, thumbnail
from simclr_utils.reading import Reading

NOTE = (
    "The number is the cosine similarity of the features, 1 for equal features. Click an image to "
    "see its own neighbors. An image with a dashed border is not on this page: search for it by "
    "its name."
)


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
