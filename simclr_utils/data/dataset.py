"""Datasets for the course, all of one form: `load_dataset` and what it returns."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from simclr_utils.data import named, shapes
from simclr_utils.data.cache import new_entry, read_entry, settle_images, write_entry
from simclr_utils.data.decoding import create_map
from simclr_utils.data.folder import load_image_folder
from simclr_utils.data.pictures import fit_image
from simclr_utils.data.splits import SPLITS, assign_splits, check_limits
from simclr_utils.files import save_json, write_text
from simclr_utils.parameters import is_named
from simclr_utils.places import CACHE, user_path
from simclr_utils.reading import READING_NAMES, Reading

SHAPES_SIZES = {"unlabeled": 20_000, "train": 5_000, "validation": 1_000, "test": 5_000}
SOURCES = ("shapes", "cifar10", "fashion_mnist", "stl10", "medmnist:<name>", "<folder>")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels, ready to use; printing it shows its sizes.

    Images are uint8 `[N, height, width, channels]` with 1 or 3 channels, arrays or read-only
    memory maps. No image of `test` occurs in another split, none of `validation` in `unlabeled`
    or `train`, by decoded content.

    Attributes:
        name: what the source is called.
        unlabeled: images for pretraining: those without labels and those of `train`.
        train: tuple of images and int64 labels `[N]`.
        validation: the same, for every choice that is made.
        test: the same, to be scored once.
        class_names: tuple of names, one a label.
        fingerprint: 12 hexadecimal digits, equal for equal content.
        notes: list of sentences that say what was done to the data.
        refused: list of `(relative name, reason)` for the files left out.
        overlaps: dictionary that counts the images removed, such as `{"train_in_test": 3, ...}`.
        conflicts: list of `(relative name, class, picture)` for the images that occur under two
            labels; equal pictures have equal numbers.
        decoding: dictionary that says how the files of a folder became arrays: `resize`,
            `background` and `value_range`, as in `Reading`; empty for other sources.
    """

    name: str
    unlabeled: np.ndarray
    train: tuple
    validation: tuple
    test: tuple
    class_names: tuple
    fingerprint: str
    notes: list
    refused: list
    overlaps: dict
    conflicts: list = field(default_factory=list)
    decoding: dict = field(default_factory=dict)

    @property
    def image_shape(self):
        """`(height, width, channels)`."""
        return tuple(self.unlabeled.shape[1:])

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def is_labeled(self):
        """Whether there are classes; without them train, validation and test are empty."""
        return bool(self.class_names)

    @property
    def examples(self):
        """Images to look at: those of validation, or the pool where nothing is labeled."""
        return self.validation[0] if self.is_labeled else self.unlabeled

    def require_labels(self):
        """Returns the dataset itself; raises a `ValueError` where nothing is labeled."""
        if not self.is_labeled:
            raise ValueError(
                f"{self.name} has no labels, and what follows compares predictions with labels: "
                "add train/<class>/ with labeled images of two classes or more. Without labels, "
                "notebooks 01 to 03 and 08 show how to pretrain, and 09 what the encoder finds."
            )
        return self

    def summary(self):
        """A small table of the sizes, and the notes."""
        height, width, channels = self.image_shape
        lines = [f"{self.name}: {height}x{width} pixels, {channels} channel(s)"]
        included = "those of train included" if self.is_labeled else "and none with a label"
        lines.append(f"  {'unlabeled':<12}{len(self.unlabeled):>9,} images, {included}")
        for name in SPLITS[1:] if self.is_labeled else ():
            count = len(getattr(self, name)[1])
            lines.append(f"  {name:<12}{count:>9,} images in {self.num_classes} classes")
        return "\n".join(lines + [f"  - {note}" for note in self.notes])

    __repr__ = summary


def load_dataset(
    source="shapes", image_size=None, cache_dir="runs/cache", seed=0, limits=None, **reading
):
    """Loads a dataset by its name, or a folder of images by its path.

    Splits that the source lacks are taken from train, stratified by class: 20 % for test, 10 %
    for validation. A folder without train/ gives a dataset for pretraining only: it has no
    classes, and train, validation and test are empty. Repeated images are removed as `Dataset`
    says. A folder, and "stl10", is decoded once into a memory-mapped cache; later calls open that.

    Args:
        source: "shapes", "cifar10", "fashion_mnist", "stl10", "medmnist:<name>", "medmnist:" and
            the path of an `.npz` file, or the path of a folder with `train/<class>/` and, if there
            are any, `unlabeled/`, `validation/<class>/` and `test/<class>/`; or with `unlabeled/`
            or images alone. A `Path`, and a string with a slash such as "./shapes", is always a
            folder.
        image_size: height and width of the images. `None` means 32 for shapes, the native size of
            a named dataset, and a size chosen from the files of a folder.
        cache_dir: folder for decoded images; `None` means `runs/cache` in the course's folder.
        seed: integer >= 0, seed of rendering, splits and samples.
        limits: dictionary from "unlabeled", "train", "validation", "test" to the number of images
            (for "shapes") or the largest number of images (for all others). "unlabeled" does not
            count those of train, which are added. Train images beyond their limit go, without
            their labels, to the unlabeled ones; a limit below the number of classes is raised to
            two images for each.
        **reading: fields of `Reading`, which say how the files of a folder become arrays.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: for an unknown source, a name that is also that of a folder here, or an
            argument or folder that makes no sense.
        ConnectionError: if a named dataset is neither on this machine nor within reach.
        ImportError: if "stl10" is asked for without tensorflow-datasets.
        OSError: if there is no room for the cache, or it cannot be written.
        RuntimeError: if a process that decodes images dies, for want of memory for instance.

    Example:
        >>> dataset = load_dataset("shapes", limits={"unlabeled": 512, "train": 256})
        >>> images, labels = dataset.train
    """
    image_size, seed = _check_arguments(image_size, seed)
    unknown = sorted(set(reading) - set(READING_NAMES))
    if unknown:
        raise TypeError(f"load_dataset has no argument {unknown[0]!r}; try {READING_NAMES}.")
    reading = Reading(**reading)
    source = os.path.abspath(user_path(source)) if isinstance(source, Path) else str(source)
    limits, cache_dir = check_limits(limits), cache_dir or CACHE
    is_named(source)  # raises where a folder here has the name of a data set
    collection, _, name = source.partition(":")
    if source == "shapes":
        images, metadata = _render(image_size or 32, seed, limits)
    elif source == "stl10":
        images, metadata = _load_stl10(image_size or 96, cache_dir, seed, limits)
    elif source == "cifar10":
        images, metadata = _gather(named.load_cifar10(), image_size, seed, limits)
    elif source == "fashion_mnist":
        images, metadata = _gather(named.load_fashion_mnist(), image_size, seed, limits)
    elif collection == "medmnist" and name:
        images, metadata = _gather(named.load_medmnist(name), image_size, seed, limits)
    elif user_path(source).is_dir():
        folder = user_path(source).resolve()
        images, metadata = load_image_folder(folder, image_size, cache_dir, seed, limits, reading)
        source = folder.name
    else:
        raise ValueError(
            f"source={source!r} is neither a folder here ({Path.cwd()}) nor a known name; "
            f"expected one of {', '.join(SOURCES)}."
        )
    return _to_dataset(Path(source).stem if source.endswith(".npz") else source, images, metadata)


def _check_arguments(image_size, seed):
    for name, value, smallest in (("image_size", image_size, 8), ("seed", seed, 0)):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not (whole and value >= smallest) and not (name == "image_size" and value is None):
            raise ValueError(f"{name}={value!r}; expected a whole number of at least {smallest}.")
    return None if image_size is None else int(image_size), int(seed)


def _to_dataset(name, images, metadata):
    """Cuts the images, which lie in the order of `SPLITS`, into the parts of a `Dataset`."""
    sizes, parts = metadata["sizes"], {}
    pool = sizes["unlabeled"] + sizes["train"]
    start = sizes["unlabeled"]
    for split in SPLITS[1:]:
        labels = np.array(metadata["labels"][split], np.int64)
        parts[split] = (images[start : start + sizes[split]], labels)
        start += sizes[split]
    return Dataset(
        name=name,
        unlabeled=images[:pool],
        **parts,
        class_names=tuple(metadata["class_names"]),
        fingerprint=metadata["fingerprint"],
        notes=list(metadata["notes"]),
        refused=[tuple(row) for row in metadata.get("refused", ())],
        overlaps=dict(metadata["overlaps"]),
        conflicts=[tuple(row) for row in metadata.get("conflicts", ())],
        decoding=dict(metadata.get("decoding", {})),
    )


def _render(image_size, seed, limits):
    """Draws the shapes, each split from a seed of its own."""
    sizes = {name: SHAPES_SIZES[name] if limit is None else limit for name, limit in limits.items()}
    images = np.empty((sum(sizes.values()), image_size, image_size, 3), np.uint8)
    labels, start = np.full(len(images), -1), 0
    for code, size in enumerate(sizes.values()):
        if size:
            drawn = shapes.render_shapes(size, seed=[seed, code], image_size=image_size)
            images[start : start + size], labels[start : start + size] = drawn.images, drawn.labels
            start += size
    images, metadata = settle_images(images, sizes, labels, shapes.CLASS_NAMES)
    metadata["notes"].insert(0, f"Rendered from seed {seed}, each split on its own.")
    return images, metadata


def _gather(loaded, image_size, seed, limits):
    """Puts the parts of a named dataset in the order of `SPLITS`."""
    parts, class_names, notes = loaded
    present = [name for name in SPLITS if name in parts]
    codes = np.repeat([SPLITS.index(name) for name in present], [len(parts[n][1]) for n in present])
    images, labels = (np.concatenate([parts[name][i] for name in present]) for i in (0, 1))
    labels = labels.astype(np.int64)
    groups, split_notes = assign_splits(codes, labels, limits, seed)
    order = np.concatenate([groups[name] for name in SPLITS])
    images = images[order]
    if image_size not in (None, images.shape[1]):
        split_notes.append(f"Scaled from {images.shape[1]} to {image_size} pixels (bicubic).")
        images = np.stack([_fit(image, image_size) for image in images])
    sizes = {name: len(groups[name]) for name in SPLITS}
    images, metadata = settle_images(images, sizes, labels[order], class_names)
    metadata["notes"] = list(notes) + split_notes + metadata["notes"]
    return images, metadata


def _fit(pixels, image_size):
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return fit_image(image, image_size)


def _load_stl10(image_size, cache_dir, seed, limits):
    """Streams STL-10 into a cache entry: its 113,000 images of 96 pixels take 3 GB."""
    settings = json.dumps([image_size, seed, limits], sort_keys=True)
    key = hashlib.blake2b(settings.encode(), digest_size=8).hexdigest()
    entry = user_path(cache_dir) / f"stl10-{key}"
    if read_entry(entry) is None:
        with new_entry(entry) as temporary:
            _fill_stl10(temporary, image_size, seed, limits)
    return read_entry(entry)


def _fill_stl10(folder, image_size, seed, limits):
    """Writes the images into a new cache entry; its map is closed when this returns."""
    stream, counts, labels, class_names = named.open_stl10()
    codes = np.repeat([0, 1, 3], counts)
    groups, notes = assign_splits(codes, labels, limits, seed)
    order = np.concatenate([groups[name] for name in SPLITS])
    places = np.full(len(labels), -1)
    places[order] = np.arange(len(order))
    images = create_map(folder / "images.bin", (len(order), image_size, image_size, 3))
    for place, pixels in zip(places, stream(), strict=True):
        if place >= 0:
            images[place] = _fit(pixels, image_size)
    sizes = {name: len(groups[name]) for name in SPLITS}
    images, metadata = settle_images(images, sizes, labels[order], class_names)
    metadata["notes"] = notes + metadata["notes"]
    write_entry(folder, images, metadata | {"refused": []})


def save_dataset_record(run_dir, dataset):
    """Writes what was done to a run's data: `data.json`, `refused.csv` and `conflicts.csv`.

    Args:
        run_dir: Folder of the run.
        dataset: A `datasets.Dataset`.
    """
    record = {
        "summary": dataset.summary(),
        "fingerprint": dataset.fingerprint,
        "classes": list(dataset.class_names),
        "repetitions removed": dataset.overlaps,
    }
    save_json(Path(run_dir) / "data.json", record)
    lists = {"refused.csv": (dataset.refused, ["file", "reason"])}
    lists["conflicts.csv"] = (dataset.conflicts, ["file", "class", "picture"])
    for name, (rows, columns) in lists.items():
        table = pd.DataFrame(rows, columns=columns)
        write_text(Path(run_dir) / name, table.to_csv(index=False))
