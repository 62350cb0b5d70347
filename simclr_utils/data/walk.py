"""Walking through a user's folder: every entry that counts, and the number of those that do not."""

import os

from simclr_utils.data.file_names import debris_kind
from simclr_utils.data.split_names import LABELED


def scan(folder):
    """Returns the entries of a folder.

    Raises:
        ValueError: if it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise ValueError(
            f"The folder {str(folder)!r} cannot be read ({error.strerror}); make it readable, or "
            "move it away."
        ) from error


def kept(entries, ignored, may_be_class=False):
    """Yields the entries that are neither debris nor hidden, and counts the files of the others.

    Args:
        entries: of `_scan`.
        ignored: `Counter` of files by kind, which grows.
        may_be_class: bool, whether a folder whose name begins with a dot is not hidden.
    """
    for entry in entries:
        kind = debris_kind(entry.name)
        if not kind and entry.name.startswith(".") and not (may_be_class and os.path.isdir(entry)):
            kind = "hidden"
        if not kind:
            yield entry
        elif not os.path.isdir(entry):
            ignored[kind] += 1
        else:
            ignored[kind] += sum(len(files) for *_, files in os.walk(entry))


def list_below(folder, split, ignored):
    """Lists what is below a folder's split, sorted by name, as `_walk` yields it."""
    root = os.path.realpath(folder)
    return sorted(_walk(folder / split, split, root, (root,), ignored))


def _walk(folder, prefix, root, above, ignored):
    """Yields what is below a folder.

    Args:
        folder: path.
        prefix: its name relative to the root.
        root: the real path of the root.
        above: the real paths of the folders that we are inside of.
        ignored: `Counter` of the files that are ignored by their names, which grows.

    Yields:
        Tuples: the relative name, what is wrong with it or "", whether a link has led out of the
        root to it, size and times.
    """
    real = os.path.realpath(folder)
    for entry in kept(scan(folder), ignored, may_be_class=prefix in LABELED):
        name = f"{prefix}/{entry.name}" if prefix else entry.name
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:  # a link in a circle, or into a folder that is closed to us
            yield name, f"it cannot be followed ({error.strerror})", False, 0, 0, 0
            continue
        if is_folder:
            if entry.is_symlink() and os.path.realpath(entry.path) in (*above, real):
                yield name, "a link to a folder that it lies in", False, 0, 0, 0
            else:
                yield from _walk(entry.path, name, root, (*above, real), ignored)
        elif is_file:
            outside = not os.path.realpath(entry.path).startswith(root + os.sep)
            yield name, "", outside, *_stamp(entry)
        else:
            missing = entry.is_symlink() and not os.path.exists(entry.path)
            yield name, "a link to nothing" if missing else "not a regular file", False, 0, 0, 0


def _stamp(entry):
    """Returns size and times of a file; zeros if it has just vanished, as decoding will say.

    Times are those of the content and of the file's entry. The second moves also when a file is
    replaced by one that claims the same first one, as unpacking an archive does.
    """
    try:
        status = entry.stat()
    except OSError:
        return 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
