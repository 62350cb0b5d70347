"""The user's folder of images: listed, split, decoded once, and then served from the cache.

    folder/unlabeled/**           optional, any depth
    folder/train/<class>/**       one folder a class
    folder/validation/<class>/**  optional
    folder/test/<class>/**        optional

Without train/ there is unlabeled/ alone, or a folder of images: they serve pretraining only. The
folder itself is only read.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from simclr_utils.data.cache import new_entry, read_entry, settle_images, write_entry, write_list
from simclr_utils.data.decoding import decode_files
from simclr_utils.data.decoding_notes import describe, name_refused, too_many_refused
from simclr_utils.data.listing import list_images
from simclr_utils.data.opening import open_image, quiet
from simclr_utils.data.pictures import Trait
from simclr_utils.data.splits import SPLITS, assign_splits
from simclr_utils.places import user_path
from simclr_utils.reading import Reading, how_to_set

DEFAULT_READING = Reading()
# Raise it when entries written by an older version must not be used any more.
CACHE_VERSION = 2
SMALLEST_CHOSEN_SIZE, LARGEST_CHOSEN_SIZE = 16, 96  # what an encoder takes; what trains in hours
FILES_TO_MEASURE = 200
FEW_REFUSED = 9  # unreadable files that stop no run, however small the folder is


def load_image_folder(
    folder, image_size=None, cache_dir="runs/cache", seed=0, limits=None, reading=DEFAULT_READING
):
    """Loads a folder of images, from the cache if nothing has changed since the last time.

    Args:
        folder: path of the folder; see the top of this module for what it holds.
        image_size: height and width of the images, or `None` to choose it from the files: the
            median of the shorter sides, within 16 to 96.
        cache_dir: folder for the decoded images; not inside `folder`.
        seed: seed of the splits and samples.
        limits: largest number of images of each split, as in `assign_splits`.
        reading: a `Reading`.

    Returns:
        A read-only uint8 memory map `[N, image_size, image_size, channels]` in the order
        unlabeled, train, validation, test, and the dictionary of `settle_images` with `refused`,
        a list of `[relative name, reason]`, added.

    Raises:
        ValueError: if the folder is not laid out as described, too many of its files cannot be
            read, or an argument makes no sense.
        OSError: if there is no room for the cache, or it cannot be written.
        RuntimeError: if a process that decodes images dies, for want of memory for instance.
    """
    folder, cache_dir = Path(folder).resolve(), user_path(cache_dir).resolve()
    if cache_dir == folder or folder in cache_dir.parents:
        raise ValueError(
            f"cache_dir {str(cache_dir)!r} lies inside the image folder {str(folder)!r}, which is "
            f"never written to; choose one outside it: {how_to_set('cache_dir', '/path')}."
        )
    files = list_images(folder)
    settings = [CACHE_VERSION, str(folder), image_size, seed, limits, asdict(reading)]
    entry = cache_dir / f"{folder.name}-{_cache_key(files, settings)}"
    if read_entry(entry) is None:
        with new_entry(entry) as temporary:
            _fill_entry(temporary, folder, files, image_size, (limits, seed), reading)
    return read_entry(entry)


def _cache_key(files, settings):
    key = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8)
    for name, stamp in zip(files.names, files.stamps, strict=True):
        key.update(f"{name}\t{stamp}\n".encode("utf-8", "surrogateescape"))
    key.update(repr(files.strays).encode())  # they are part of what an entry lists as refused
    return key.hexdigest()


def _fill_entry(temporary, folder, files, image_size, sampling, reading):
    """Decodes the files of a folder into a new cache entry."""
    groups, split_notes = assign_splits(files.codes, files.labels, *sampling)
    order = np.concatenate([groups[name] for name in SPLITS])
    names = [files.names[index] for index in order]
    paths = [str(folder / name) for name in names]
    notes = files.notes + split_notes
    if image_size is None:
        image_size, size_note = choose_image_size(paths, reading)
        notes.append(size_note)
    map_path = str(temporary / "images.bin")
    num_pool = len(groups["unlabeled"]) + len(groups["train"])
    decoded = decode_files(paths, image_size, map_path, reading, num_pool)
    traits = decoded.traits
    refused = [[printable(names[index]), reason] for index, reason in decoded.refused]
    # If the entry does not come to be, the list is what the user needs.
    _check_refused(refused, len(names), reading, temporary.parent / f"{folder.name}-refused.csv")
    channels = 1 if np.all(traits[traits > 0] & Trait.GRAY) else 3
    try:
        images, metadata = settle_images(
            np.memmap(map_path, np.uint8, "r+", shape=(len(names), image_size, image_size, 3)),
            {name: len(groups[name]) for name in SPLITS},
            files.labels[order],
            [printable(name) for name in files.class_names],
            keep=traits > 0,
            channels=channels,
            names=[printable(name) for name in names],
        )
    except ValueError as error:
        reasons = f" Not read: {name_refused(refused)}." if refused else ""
        num_blank = int(np.sum(traits & Trait.BLANK > 0))
        if num_blank:
            reasons += f" {num_blank} images are blank: all of their pixels have the same value."
        raise ValueError(f"{error}{reasons}") from error
    metadata["refused"] = [[printable(name), why] for name, why in refused + files.strays]
    metadata["notes"] = notes + describe(decoded, image_size, channels, reading) + metadata["notes"]
    metadata["value_ranges"] = [found._asdict() for found in decoded.ranges]
    used = [(found.low, found.high) for found in decoded.ranges]
    metadata["decoding"] = {
        "resize": reading.resize,
        "background": reading.background,
        "value_range": used[0] if used else None,
    }
    if metadata["refused"]:
        metadata["notes"].append(f"Left out: {len(metadata['refused'])} files, see refused.csv.")
    write_entry(temporary, images, metadata)


def most_refused(number, share):
    """Returns how many of a number of files may be unreadable: a share, or a few if it is small.

    A share of 0 allows none.
    """
    return max(FEW_REFUSED if share else 0, share * number)


def _check_refused(refused, num_files, reading, list_path):
    """Raises a `ValueError`, and writes the list, if too many files cannot be read, or all."""
    if len(refused) > most_refused(num_files, reading.max_refused) or len(refused) == num_files:
        write_list(list_path, ("file", "reason"), refused)
        raise ValueError(too_many_refused(refused, num_files, reading.max_refused, list_path))


def printable(name):
    """A file's name as text: bytes that are no UTF-8 are written as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def choose_image_size(paths, reading=DEFAULT_READING):
    """Chooses the image size from the headers of 200 files or more, spread over the list."""
    sides = []
    with quiet():
        for path in paths[:: max(1, len(paths) // FILES_TO_MEASURE)]:
            try:
                with open_image(path, reading.max_pixels) as image:
                    sides.append(min(image.size))
            except Exception:  # decode_files reports it with its reason
                continue
    # Without one, every file looked at will be refused with its reason.
    median = round(float(np.median(sides))) if sides else SMALLEST_CHOSEN_SIZE
    size = max(SMALLEST_CHOSEN_SIZE, min(median, LARGEST_CHOSEN_SIZE))
    return size, (
        f"image_size was not given: {size} was chosen, the median of the shorter sides of "
        f"{len(sides)} images ({median}), within {SMALLEST_CHOSEN_SIZE} to {LARGEST_CHOSEN_SIZE}."
    )
