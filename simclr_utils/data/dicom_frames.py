"""Every frame of a DICOM file is an image, and the patients of the files are groups."""

import os
from collections import Counter

import numpy as np

from simclr_utils.data.dicom import Frame, has_reader, is_dicom, may_be_dicom, read_patient
from simclr_utils.data.opening import HEAD_BYTES, quiet
from simclr_utils.data.table import TABLE_NAME


def expand_frames(folder, files):
    """Replaces the DICOM files of a folder by their frames, and groups them by patient.

    The frames of `scan.dcm` are named `scan.dcm#1`, `scan.dcm#2` and so on. A table with a column
    of groups decides alone which images belong together; even so, the frames of a file do.

    Args:
        folder: `Path` of the folder.
        files: A `FileList`.

    Returns:
        A pair: a `FileList`, and the list of what to open for each of its names.
    """
    paths = [str(folder / name) for name in files.names]
    read = _read_patients(paths)
    if not read:
        return files, paths
    counts = np.array([read.get(row, (1, b""))[0] for row in range(len(paths))])
    rows = np.repeat(np.arange(len(paths)), counts)
    numbers = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    names, opened = [], []
    for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
        several = counts[row] > 1
        names.append(f"{files.names[row]}#{number + 1}" if several else files.names[row])
        opened.append(Frame(paths[row], number) if several else paths[row])
    groups, notes = _group(files, read)
    several = counts[counts > 1]
    if len(several):
        notes.append(
            f"{len(several):,} DICOM files have more than one frame; each of their "
            f"{several.sum():,} frames is an image."
        )
    files = files._replace(
        names=names,
        stamps=[files.stamps[row] for row in rows],
        codes=files.codes[rows],
        labels=files.labels[rows],
        groups=[groups[row] for row in rows],
        fixed=None if files.fixed is None else files.fixed[rows],
        notes=files.notes + notes,
    )
    return files, opened


def _read_patients(paths):
    """Returns a dict from the rows of DICOM files to what `read_patient` finds in them."""
    found, salt = {}, os.urandom(16)
    if not has_reader():
        return found  # the decoder refuses the files, and says what to install
    with quiet():
        for row, path in enumerate(paths):
            if not may_be_dicom(path):
                continue
            try:
                with open(path, "rb") as file:
                    head = file.read(HEAD_BYTES)
            except OSError:  # the decoder refuses the file with its reason
                continue
            if is_dicom(head):
                found[row] = read_patient(path, salt)
    return found


def _group(files, read):
    """Returns what stands for the group of each file, and sentences on it."""
    stated = files.groups or [""] * len(files.names)
    own = {row: f"\0{row}".encode() for row, (count, _) in read.items() if count > 1}
    if any(stated):
        return [stated[row] or own.get(row, "") for row in range(len(stated))], []
    patients = Counter(patient for _, patient in read.values() if patient)
    if files.groups is not None or not patients:
        return [own.get(row, "") for row in range(len(stated))], []
    if len(patients) == 1 and len(read) > 1:
        notes = [
            "All DICOM files that name a patient name the same one, so patients are not used as "
            f"groups. State groups in the column group of {TABLE_NAME}."
        ]
        return [own.get(row, "") for row in range(len(stated))], notes
    groups = [read.get(row, (1, b""))[1] or own.get(row, "") for row in range(len(stated))]
    return groups, [
        f"The {len(patients):,} patients that {patients.total():,} DICOM files state are the "
        "groups of their images. Only numbers of the groups are kept."
    ]
