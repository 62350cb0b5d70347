"""The user's folder of images: listed, split, decoded once, and then served from the cache.

    folder/unlabeled/**           optional, any depth
    folder/train/<class>/**       one folder a class
    folder/test/<class>/**        optional

The folder itself is only read.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from simclr_utils.folder_listing import list_images
from simclr_utils.image_cache import (
    new_entry,
    read_entry,
    settle_images,
    write_entry,
    write_refused,
)
from simclr_utils.image_decoding import Trait, decode_files, open_image
from simclr_utils.reading import Reading, how_to_set
from simclr_utils.splits import SPLITS, assign_splits

DEFAULT_READING = Reading()
# Raise it when entries written by an older version must not be used any more.
CACHE_VERSION = 1
SMALLEST_CHOSEN_SIZE, LARGEST_CHOSEN_SIZE = 16, 96  # what an encoder takes; what trains in hours
FILES_TO_MEASURE = 200


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
    folder, cache_dir = Path(folder).resolve(), Path(cache_dir).expanduser().resolve()
    if cache_dir == folder or folder in cache_dir.parents:
        raise ValueError(
            f"cache_dir {str(cache_dir)!r} lies inside the image folder {str(folder)!r}, which is "
            "never written to; choose a cache_dir outside it."
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
    for name, (size, modified) in zip(files.names, files.stamps, strict=True):
        key.update(f"{name}\t{size}\t{modified}\n".encode("utf-8", "surrogateescape"))
    return key.hexdigest()


def _fill_entry(temporary, folder, files, image_size, sampling, reading):
    """Decodes the files of a folder into a new cache entry."""
    groups, split_notes = assign_splits(files.codes, files.labels, *sampling)
    order = np.concatenate([groups[name] for name in SPLITS])
    names = [files.names[index] for index in order]
    paths = [str(folder / name) for name in names]
    notes = files.notes + split_notes
    if image_size is None:
        image_size, size_note = choose_image_size(paths)
        notes.append(size_note)
    map_path = str(temporary / "images.bin")
    traits, errors = decode_files(paths, image_size, map_path)
    refused = [[names[index], reason] for index, reason in errors]
    if len(refused) > reading.max_refused * len(names):
        # The entry will not come to be; its list is what the user needs.
        list_path = temporary.parent / f"{folder.name}-refused.csv"
        write_refused(list_path, refused)
        first = "; ".join(f"{printable(name)}: {reason}" for name, reason in refused[:5])
        raise ValueError(
            f"{len(refused)} of {len(names)} files cannot be read, more than max_refused="
            f"{reading.max_refused:.0%}. The first: {first}. Mend or remove them ({list_path} "
            f"names all), or allow more: {how_to_set('max_refused', 0.5)}."
        )
    channels = 1 if np.all(traits[traits > 0] & Trait.GRAY) else 3
    images, metadata = settle_images(
        np.memmap(map_path, np.uint8, "r+", shape=(len(names), image_size, image_size, 3)),
        {name: len(groups[name]) for name in SPLITS},
        files.labels[order],
        [printable(name) for name in files.class_names],
        keep=traits > 0,
        channels=channels,
    )
    metadata["refused"] = [[printable(name), why] for name, why in refused + files.strays]
    metadata["notes"] = notes + _describe(traits, image_size, channels) + metadata["notes"]
    if metadata["refused"]:
        metadata["notes"].append(f"Left out: {len(metadata['refused'])} files, see refused.csv.")
    write_entry(temporary, images, metadata)


def printable(name):
    """A file's name as text: bytes that are no UTF-8 are written as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def choose_image_size(paths):
    """Chooses the image size from the headers of 200 files or more, spread over the list."""
    sides = []
    for path in paths[:: max(1, len(paths) // FILES_TO_MEASURE)]:
        try:
            with open_image(path) as image:
                sides.append(min(image.size))
        except Exception:  # decode_files reports it with its reason
            continue
    if not sides:
        raise ValueError(f"None of the files looked at is an image, among them {paths[:3]}.")
    median = round(float(np.median(sides)))
    size = max(SMALLEST_CHOSEN_SIZE, min(median, LARGEST_CHOSEN_SIZE))
    return size, (
        f"image_size was not given: {size} was chosen, the median of the shorter sides of "
        f"{len(sides)} images ({median}), within {SMALLEST_CHOSEN_SIZE} to {LARGEST_CHOSEN_SIZE}."
    )


def _describe(traits, image_size, channels):
    """Says what the decoder did to the images."""
    gray, sixteen_bit, dim, transparent = (
        int(np.sum(traits & trait > 0))
        for trait in (Trait.GRAY, Trait.SIXTEEN_BIT, Trait.DIM, Trait.TRANSPARENT)
    )
    notes = [
        f"Shorter side scaled to {image_size} pixels (bicubic), longer side cropped at the centre."
    ]
    if channels == 1:
        notes.append("Every image has a single channel, and keeps it.")
    elif gray:
        notes.append(f"{gray} images with a single channel were repeated to three channels.")
    if transparent:
        notes.append(f"{transparent} images with transparency were laid on a white background.")
    if sixteen_bit:
        notes.append(f"{sixteen_bit} images with 16 bits were scaled to 8 (65535 becomes 255).")
    if dim and dim == sixteen_bit:
        notes[-1] += " None of them uses more than 12 bits, so they are dark: rescale the files."
    return notes
