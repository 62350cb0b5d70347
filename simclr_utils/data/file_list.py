"""What listing a folder finds, whether folders or a table say where a file belongs."""

from typing import NamedTuple

import numpy as np


class FileList(NamedTuple):
    """The files of a folder, sorted by name within each split.

    Attributes:
        names: List of N paths relative to the folder, with forward slashes.
        stamps: List of N triples: the size in bytes, and the times in nanoseconds when the
            content and the file's entry last changed (on Windows, its creation).
        codes: Integer array `[N]`, the index into `SPLITS`.
        labels: Int64 array `[N]`, -1 for files without a label.
        class_names: List of strings, empty if nothing is labeled.
        strays: List of `[name, reason]` for files that are not read.
        notes: List of sentences.
        groups: List of N strings, the groups of the files, empty for a file without one; or `None`
            if no groups are stated.
        fixed: Bool array `[N]`, whether the split of a file is stated; `None` if folders state it.
        digest: String, a hash of `labels.csv`, empty without one.
        findings: Dict from the names of findings to lists of 1, 0 or -1 for each class, which is a
            combination of findings. Empty if a class is a class.
    """

    names: list
    stamps: list
    codes: np.ndarray
    labels: np.ndarray
    class_names: list
    strays: list
    notes: list
    groups: list | None = None
    fixed: np.ndarray | None = None
    digest: str = ""
    findings: dict = {}


def few(names, most=8):
    """Returns a list of names as text, at most `most` of them."""
    more = f", and {len(names) - most:,} more" if len(names) > most else ""
    return f"[{', '.join(map(repr, names[:most]))}{more}]"


def describe_names(ignored, left_out, read, linked):
    """Returns sentences on files that are treated by their names, and on links.

    Args:
        ignored: `Counter` of ignored files by kind.
        left_out: Integer, the number of masks that are left out.
        read: Integer, the number of files with names of masks that are read.
        linked: Integer, the number of files that lie outside the folder.

    Returns:
        A list of sentences.
    """
    notes = []
    if +ignored:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted((+ignored).items()))
        notes.append(f"Files ignored because of their names: {kinds}.")
    if left_out:
        notes.append(
            f"{left_out:,} files are masks of the images beside them, judged by their names, and "
            "were left out. Rename them if they are images of their own."
        )
    if read:
        notes.append(
            f"{read:,} files have names like masks of the images beside them, but most files in "
            "their folders have no mask, so they are read as images. Move them away if they are "
            "masks."
        )
    if linked:
        notes.append(f"{linked} files lie outside the folder and are reached by links.")
    return notes
