"""One process a run folder: a second one is refused as long as the first lives."""

import errno
import os
from pathlib import Path

if os.name == "nt":
    import msvcrt
else:
    import fcntl


# What a lock says that somebody else has. Anything else means that there can be no lock.
TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


class FolderInUseError(RuntimeError):
    """Another process writes into the folder."""


def hold(folder):
    """Takes a folder for this process.

    The lock ends with the process, also when that is killed, so that nothing has to be cleared up.

    Args:
        folder: path of a folder that exists.

    Returns:
        The open file that holds the lock; close it, or let it go, to give the folder free. On a
        file system without locks it holds none, which is printed.

    Raises:
        FolderInUseError: if another process holds it.
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
                f"The file system of {folder} gives no locks ({error.strerror}): see to it "
                "yourself that no second run writes there."
            )
            return file
        file.close()
        raise FolderInUseError(
            f"Another run is writing into {folder}. Wait for it to end, or name another folder "
            "with --out."
        ) from error
    return file
