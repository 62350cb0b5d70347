"""What commands have in common: their errors, and files that exist already."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from simclr_utils.cli.run_folder import RunError


@contextlib.contextmanager
def as_run_error(*kinds: type[Exception]) -> Iterator[None]:
    """Turns errors whose messages are meant for users into those of the command line.

    Args:
        *kinds: Classes of errors. Without one, `ValueError`.

    Raises:
        RunError: If one of them was raised inside, with its message.

    Example:

    >>> with as_run_error():
    ...     ready = open_ready(encoder)
    """
    kinds = kinds or (ValueError,)
    try:
        yield
    except kinds as error:
        raise RunError(str(error)) from error


def keep_existing(*paths: Path, overwrite: bool, choose: str) -> None:
    """Checks that a command replaces no file unless it may.

    Args:
        *paths: `Path` objects, the files to write.
        overwrite: Boolean, whether they may exist.
        choose: String, what to choose instead, such as `"another folder"`.

    Raises:
        RunError: If one exists and may not be replaced.
    """
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        raise RunError(f"{there[0]} exists. Choose {choose}, or add --overwrite.")
