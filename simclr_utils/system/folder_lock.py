"""One process for each run folder: a second one is refused while the first is alive."""

import errno
import os
import time
from contextlib import contextmanager
from pathlib import Path

if os.name == "nt":
    import msvcrt
else:
    import fcntl


# The errors that mean "another process holds the lock". Any other error means that the file system
# does not support locks.
TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


class FolderInUseError(RuntimeError):
    """Another process writes into the folder."""


def hold(folder):
    """Locks a folder for this process.

    The lock ends with the process, even if the process is killed, so nothing needs cleaning up.

    Args:
        folder: String or `Path` of a folder that exists.

    Returns:
        The open file that holds the lock. Closing or deleting it releases the folder. On a file
        system without locks, a warning is printed and the file holds no lock.

    Raises:
        FolderInUseError: If another process holds the lock.
    """
    path = Path(folder) / ".lock"
    file = open(path, "a+")  # noqa: SIM115 it stays open
    try:
        if os.name == "nt":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in TAKEN:
            print(
                f"The file system of {folder} does not support locks ({error.strerror}). Make "
                "sure that no other run writes there."
            )
            return file
        file.close()
        raise FolderInUseError(
            f"Another run is writing into {folder}. Wait for it to end, or name another folder "
            "with --out."
        ) from error
    return file


@contextmanager
def hold_when_free(folder):
    """Waits until no other process holds a folder, and locks it for a `with` block.

    Args:
        folder: String or `Path` of a folder that exists.
    """
    file = None
    while file is None:
        try:
            file = hold(folder)
        except FolderInUseError:
            time.sleep(1)
    with file:
        yield
