"""Where things lie: the course's own folders, and the paths that a user names."""

import os
from pathlib import Path


def find_course():
    """Returns the folder of the course, wherever a program was started.

    That is the folder around this package, or, where the package was installed without the rest,
    the working directory or a folder above it; the working directory if none holds the course.
    """
    here = Path.cwd()
    around = (Path(__file__).resolve().parent.parent, here, *here.parents)
    return next((place for place in around if (place / "data" / "pretrained").is_dir()), here)


COURSE = find_course()
PRETRAINED = COURSE / "data" / "pretrained"  # an encoder and a head, trained on shapes
RESULTS = COURSE / "results"
CACHE = COURSE / "runs" / "cache"  # of decoded images


def user_path(path):
    """Returns a `Path` that a user named, with `~` replaced by the home folder.

    A relative path stays relative to the working directory.

    Args:
        path: str or `Path`.
    """
    return Path(os.path.expanduser(path))  # unlike Path.expanduser it lets "~nobody" be
