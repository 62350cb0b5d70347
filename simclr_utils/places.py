"""Where things lie: the course's own folders, and the paths that a user names."""

import os
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent


def course_path(name):
    """Returns the path of something that belongs to the course, wherever a program was started.

    Args:
        name: str, such as `"data/pretrained"`, relative to the folder that holds the notebooks'
            folder and this package.
    """
    return COURSE / name


def user_path(path):
    """Returns a `Path` that a user named, with `~` replaced by the home folder.

    A relative path stays relative to the working directory.

    Args:
        path: str or `Path`.
    """
    return Path(os.path.expanduser(path))  # unlike Path.expanduser it lets "~nobody" be
