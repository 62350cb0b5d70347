"""Paths: the folders of the course, and the paths that a user gives."""

import os
from pathlib import Path


def find_course():
    """Returns the folder of the course, whatever the working directory is.

    It is the folder that holds this package. If the package was installed without the course, it
    is the working directory or the nearest folder above it that holds the course, or else the
    working directory.
    """
    here = Path.cwd()
    around = (Path(__file__).resolve().parent.parent, here, *here.parents)
    return next((place for place in around if (place / "data" / "pretrained").is_dir()), here)


COURSE = find_course()
PRETRAINED = COURSE / "data" / "pretrained"  # an encoder and its projection head
RESULTS = COURSE / "results"
CACHE = COURSE / "runs" / "cache"  # decoded images
LESSONS = COURSE / "runs" / "lessons"  # encoders and results that notebooks share


def user_path(path):
    """Converts a path from a user to a `Path`, with `~` replaced by the home folder.

    A relative path stays relative to the working directory.

    Args:
        path: String or `Path`.

    Returns:
        A `Path`.
    """
    return Path(os.path.expanduser(path))  # Path.expanduser raises for "~nobody"
