"""A user's folder of images: listed, split, decoded once, and then served from the cache.

    folder/unlabeled/**           optional, any depth
    folder/train/<class>/**       one folder for each class
    folder/validation/<class>/**  optional
    folder/test/<class>/**        optional

Without train/, the folder holds only unlabeled/, or only images, and the dataset is for pretraining
only. A table `labels.csv` may state labels, splits and groups instead, or groups beside the folders
above: see `data/table.py`. Nothing is ever written to the folder.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from simclr_utils.data.cache import new_entry, read_entry, write_entry, write_list
from simclr_utils.data.decoding import decode_files
from simclr_utils.data.dicom import has_reader, may_be_dicom
from simclr_utils.data.dicom_frames import expand_frames
from simclr_utils.data.findings import strata
from simclr_utils.data.groups import follow_groups, number_groups
from simclr_utils.data.listing import list_images
from simclr_utils.data.notes import describe, name_refused, too_many_refused
from simclr_utils.data.one_finding import count_findings, find_name
from simclr_utils.data.opening import open_image, quiet
from simclr_utils.data.pictures import DEFAULT_READING, Trait
from simclr_utils.data.repeats import Origins, settle_images
from simclr_utils.data.splits import SPLITS, assign_splits
from simclr_utils.data.table import TABLE_NAME
from simclr_utils.places import user_path
from simclr_utils.reading import ALL_FINDINGS, how_to_set

# Increase it when entries written by an older version must not be used any more.
CACHE_VERSION = 3
SMALLEST_CHOSEN_SIZE = 16  # the smallest image that the encoders take
LARGEST_CHOSEN_SIZE = 96  # keeps a training run within hours
FILES_TO_MEASURE = 200
FEW_REFUSED = 9  # this many unreadable files are accepted, however small the folder is


def load_image_folder(
    folder, image_size=None, cache_dir="runs/cache", seed=0, limits=None, reading=DEFAULT_READING
):
    """Loads a folder of images, from the cache if nothing has changed since the last time.

    Args:
        folder: Path of a folder with the layout above.
        image_size: Integer, height and width of the images in pixels. `None` chooses the median
            of the shorter sides, within 16 to 96.
        cache_dir: Path of a folder for the decoded images, outside `folder`.
        seed: Integer seed of the splits and samples.
        limits: Dict with the largest number of images of each split, as in `assign_splits`.
        reading: A `Reading`.

    Returns:
        A pair: a read-only uint8 memory map `[N, image_size, image_size, channels]` in the order
        unlabeled, train, validation, test, and the dict of `settle_images` with entries added:
        `refused`, a list of `[relative name, reason]`, `own_validation`, whether the folder
        has validation/, and `findings`, if the classes are combinations of findings.

    Raises:
        ValueError: If the folder has another layout, too many of its files cannot be read, or an
            argument is not valid.
        OSError: If the cache cannot be written, or the disk is full.
        RuntimeError: If a process that decodes images dies, perhaps for lack of memory.
    """
    folder, cache_dir = Path(folder).resolve(), user_path(cache_dir).resolve()
    if cache_dir == folder or folder in cache_dir.parents:
        raise ValueError(
            f"cache_dir {str(cache_dir)!r} lies inside the image folder {str(folder)!r}, which is "
            f"never written to; choose one outside it: {how_to_set('cache_dir', '/path')}."
        )
    files = list_images(folder, reading.finding)
    if files.findings and reading.finding != ALL_FINDINGS:  # before images are decoded
        find_name(reading.finding, count_findings(files.labels, files.findings), folder.name)
    # One entry serves all findings.
    rules = {name: value for name, value in asdict(reading).items() if name != "finding"}
    settings = [CACHE_VERSION, str(folder), image_size, seed, limits, rules]
    settings += ["findings"] if files.findings else []
    settings += [files.digest] if files.digest else []
    if has_reader() and any(map(may_be_dicom, files.names)):
        settings.append("pydicom")  # without it, other files are refused
    entry = cache_dir / f"{folder.name}-{_cache_key(files, settings)}"
    if read_entry(entry) is None:
        with new_entry(entry) as temporary:
            _fill_entry(temporary, folder, files, image_size, (limits, seed), reading)
    images, metadata = read_entry(entry)
    own = bool(np.any(files.codes == SPLITS.index("validation")))
    return images, {**metadata, "own_validation": own}


def _cache_key(files, settings):
    key = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8)
    for name, stamp in zip(files.names, files.stamps, strict=True):
        key.update(f"{name}\t{stamp}\n".encode("utf-8", "surrogateescape"))
    key.update(repr(files.strays).encode())  # an entry lists them as refused
    return key.hexdigest()


def _fill_entry(temporary, folder, files, image_size, sampling, reading):
    """Decodes the files of a folder into a new cache entry."""
    files, every_path = expand_frames(folder, files)
    codes, groups, fixed = settle_groups(files)
    by = strata(files.labels, files.findings, groups)
    parts, split_notes = assign_splits(codes, by, *sampling, groups, fixed)
    order = np.concatenate([parts[name] for name in SPLITS])
    names = [files.names[index] for index in order]
    paths = [every_path[index] for index in order]
    notes = files.notes + split_notes
    if image_size is None:
        image_size, size_note = choose_image_size(paths, reading)
        notes.append(size_note)
    map_path = str(temporary / "images.bin")
    num_pool = len(parts["unlabeled"]) + len(parts["train"])
    decoded = decode_files(paths, image_size, map_path, reading, num_pool)
    refused = [[printable(names[index]), reason] for index, reason in decoded.refused]
    # The list goes beside the entry, because no entry is made if this raises.
    _check_refused(refused, len(names), reading, temporary.parent / f"{folder.name}-refused.csv")
    channels = 1 if np.all(decoded.traits[decoded.traits > 0] & Trait.GRAY) else 3
    try:
        images, metadata = settle_images(
            np.memmap(map_path, np.uint8, "r+", shape=(len(names), image_size, image_size, 3)),
            {name: len(parts[name]) for name in SPLITS},
            files.labels[order],
            [printable(name) for name in files.class_names],
            keep=decoded.traits > 0,
            channels=channels,
            origins=Origins(
                [printable(name) for name in names],
                None if groups is None else groups[order],
                bool(files.findings),
            ),
        )
    except ValueError as error:
        raise ValueError(f"{error}{_why_missing(decoded, refused)}") from error
    notes += describe(decoded, image_size, channels, reading) + metadata["notes"]
    metadata["refused"] = [[printable(name), why] for name, why in refused + files.strays]
    if metadata["refused"]:
        notes.append(f"Left out: {len(metadata['refused'])} files, see refused.csv.")
    metadata |= {"notes": notes, **_describe_decoding(decoded, reading)}
    metadata["findings"] = files.findings
    if files.fixed is not None:
        stated = {printable(files.names[row]) for row in np.flatnonzero(files.labels >= 0)}
        metadata["labeled_files"] = [name for name in metadata["files"] if name in stated]
    write_entry(temporary, images, metadata)


def settle_groups(files):
    """Numbers the groups of a folder's files, and puts files without a split beside their group.

    Args:
        files: A `FileList`.

    Returns:
        A triple: the codes of the splits; the groups, int64 `[N]` or `None`; and `fixed`, all as
        `assign_splits` takes them.

    Raises:
        ValueError: If two splits are stated for the files of one group.
    """
    groups = None if files.groups is None else number_groups(files.groups)
    if groups is None:
        return files.codes, None, files.fixed
    fixed = files.codes > 0 if files.fixed is None else files.fixed

    def describe(row, other):
        key, places = (
            files.groups[row],
            [
                f"{SPLITS[files.codes[each]]} ({printable(files.names[each])})"
                for each in (row, other)
            ],
        )
        named = f"The group {key!r}" if isinstance(key, str) else "One patient, by the DICOM files,"
        return (
            f"{named} is in two splits: {' and '.join(places)}. Put all of its images into one "
            f"split, or correct the column group of {TABLE_NAME}."
        )

    codes, followed = follow_groups(files.codes, groups, fixed, describe)
    return codes, groups, None if files.fixed is None else followed


def _why_missing(decoded, refused):
    """Returns sentences that may explain why a split or class has no images."""
    reasons = f" Not read: {name_refused(refused)}." if refused else ""
    num_blank = int(np.sum(decoded.traits & Trait.BLANK > 0))
    if num_blank:
        reasons += f" {num_blank} images are blank: all of their pixels have the same value."
    return reasons


def _describe_decoding(decoded, reading):
    """Returns what a `Dataset` and the entry record about decoding, a dict."""
    used = [(found.low, found.high) for found in decoded.ranges]
    decoding = {"resize": reading.resize, "background": reading.background}
    decoding["value_range"] = used[0] if used else None
    return {"value_ranges": [found._asdict() for found in decoded.ranges], "decoding": decoding}


def most_refused(number, share):
    """Returns how many files may be unreadable: a share, but at least a few.

    Args:
        number: Integer, the number of files.
        share: Float in 0 to 1, the share that may be unreadable. 0 allows none.

    Returns:
        A number.
    """
    return max(FEW_REFUSED if share else 0, share * number)


def _check_refused(refused, num_files, reading, list_path):
    """Writes the list and raises a `ValueError` if too many files, or all, cannot be read."""
    if len(refused) > most_refused(num_files, reading.max_refused) or len(refused) == num_files:
        write_list(list_path, ("file", "reason"), refused)
        raise ValueError(too_many_refused(refused, num_files, reading.max_refused, list_path))


def printable(name):
    """Returns a file's name as text, in which bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def choose_image_size(paths, reading=DEFAULT_READING):
    """Chooses the image size from the headers of about 200 files, spread over the list.

    Args:
        paths: List of paths.
        reading: A `Reading`.

    Returns:
        A pair: the size in pixels, and a sentence about it.
    """
    sides = []
    with quiet():
        for path in paths[:: max(1, len(paths) // FILES_TO_MEASURE)]:
            try:
                with open_image(path, reading.max_pixels) as image:
                    sides.append(min(image.size))
            except Exception:  # decode_files reports it with its reason
                continue
    # If none can be opened, decode_files will refuse every file with its reason.
    median = round(float(np.median(sides))) if sides else SMALLEST_CHOSEN_SIZE
    size = max(SMALLEST_CHOSEN_SIZE, min(median, LARGEST_CHOSEN_SIZE))
    return size, (
        f"image_size was not given: {size} was chosen. The shorter sides of {len(sides)} images "
        f"have a median of {median} (allowed: {SMALLEST_CHOSEN_SIZE} to {LARGEST_CHOSEN_SIZE})."
    )
