"""`load_dataset` and the `Dataset` that it returns, whatever the source of the images."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simclr_utils.data.folder import load_image_folder
from simclr_utils.data.named import load_named
from simclr_utils.data.one_finding import choose_finding
from simclr_utils.data.rendered import RENDERERS, render
from simclr_utils.data.repeats import CONFLICT_COLUMNS
from simclr_utils.data.splits import SPLITS, check_limits
from simclr_utils.files import save_json, write_text
from simclr_utils.parameters import is_named
from simclr_utils.places import CACHE, user_path
from simclr_utils.reading import READING_NAMES, Reading

SOURCES = (*RENDERERS, "cifar10", "fashion_mnist", "stl10", "medmnist:<name>", "<folder>")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels, split and ready to use. Printing a dataset shows its sizes.

    Images are uint8 `[N, height, width, channels]` with 1 or 3 channels, in arrays or read-only
    memory maps. No image of `test` occurs in another split, and no image of `validation` in
    `unlabeled` or `train`; images are compared by their decoded pixels.

    Args:
        name: String, the name of the source.
        unlabeled: Uint8 array, the pretraining pool: images without labels and those of `train`.
        train: Pair of images and int64 labels `[N]`.
        validation: Pair of images and labels, to look at and to choose on while one learns.
        test: Pair of images and labels, to be scored once.
        class_names: Tuple of strings, one for each label.
        fingerprint: String of 12 hexadecimal digits, equal for equal content.
        notes: List of sentences that say what was done to the data.
        refused: List of `(relative name, reason)` for the files that were left out.
        overlaps: Dict that counts the images that were removed because another split has them,
            such as `{"train_in_test": 3, ...}`.
        conflicts: List of `(relative name, class, picture)` for the images that occur under two
            labels. Equal pictures have equal numbers.
        decoding: Dict that says how the files of a folder became arrays: `resize`, `background`
            and `value_range`, as in `Reading`. Empty for other sources.
        own_validation: Boolean, whether the source has a validation split of its own. Studies then
            choose settings on it.
        labeled: Pair of images and labels that a study draws its labels from. They are those of
            train and, unless the source has a validation split of its own, of validation. By
            default the two are joined here.
        files: List of the names of the pool's images, relative to the folder. Empty for other
            sources.
        groups: Dict from "unlabeled", "train", "validation", "test" and "labeled" to int64 arrays
            `[N]`, the number of each image's group: a patient, a slide, a video. All splits share
            one numbering, and no group is in two splits. An image without a group has a number of
            its own. Empty if the source states no groups. By default, "labeled" is joined here.
        labeled_files: List of those of `files` that have a label in the table `labels.csv`, whether
            it is used or not. `None` without such a table: then they lie in train/.
        findings: Dict from the names of findings to lists with a value for each class: 1, 0, or -1
            where it is unknown. Classes are then combinations of findings. Empty if a class is a
            class, as it always is without `finding="*"`.
        finding: String, the finding that was chosen: the second of two classes. `None` without one.

    Example:

    >>> dataset = load_dataset("glyphs")
    >>> print(dataset.summary())
    >>> images, labels = dataset.train
    """

    name: str
    unlabeled: np.ndarray
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    class_names: tuple[str, ...]
    fingerprint: str
    notes: list[str]
    refused: list[tuple[str, str]]
    overlaps: dict[str, int]
    conflicts: list[tuple[str, str, int]] = field(default_factory=list)
    decoding: dict[str, Any] = field(default_factory=dict)
    own_validation: bool = False
    labeled: tuple[np.ndarray, np.ndarray] | None = None
    files: list[str] = field(default_factory=list)
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    labeled_files: list[str] | None = None
    findings: dict[str, list[int]] = field(default_factory=dict)
    finding: str | None = None

    def __post_init__(self):
        if self.labeled is None:
            joined = (self.train,) if self.own_validation else (self.train, self.validation)
            pair = tuple(np.concatenate(parts) for parts in zip(*joined, strict=True))
            object.__setattr__(self, "labeled", pair)
        if self.groups and "labeled" not in self.groups:
            names = ("train",) if self.own_validation else ("train", "validation")
            joined = np.concatenate([self.groups[name] for name in names])
            object.__setattr__(self, "groups", {**self.groups, "labeled": joined})

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Tuple `(height, width, channels)`."""
        return tuple(self.unlabeled.shape[1:])

    @property
    def num_classes(self) -> int:
        """Number of classes, 0 if nothing is labeled."""
        return len(self.class_names)

    @property
    def is_labeled(self) -> bool:
        """Whether there are classes. Without them train, validation and test are empty."""
        return bool(self.class_names)

    @property
    def examples(self) -> np.ndarray:
        """Images to look at: those of validation, or of the pool if nothing is labeled."""
        return self.validation[0] if self.is_labeled else self.unlabeled

    def require_labels(self) -> "Dataset":
        """Checks that the dataset is labeled.

        Returns:
            The dataset itself.

        Raises:
            ValueError: If nothing is labeled.
        """
        if not self.is_labeled:
            raise ValueError(
                f"{self.name} has no labels, but the next step compares predictions with labels: "
                "add train/<class>/ with labeled images of two classes or more, or a table "
                "labels.csv. Without labels, "
                "notebooks 01 to 03 and 08 show how to pretrain, and 09 what the encoder finds."
            )
        return self

    def summary(self) -> str:
        """Returns a table of the sizes, followed by the notes."""
        height, width, channels = self.image_shape
        lines = [f"{self.name}: {height}x{width} pixels, {channels} channel{'s' * (channels > 1)}"]
        included = "including those of train" if self.is_labeled else "none of them labeled"
        lines.append(f"  {'unlabeled':<12}{len(self.unlabeled):>9,} images, {included}")
        for name in SPLITS[1:] if self.is_labeled else ():
            count = len(getattr(self, name)[1])
            lines.append(f"  {name:<12}{count:>9,} images in {self.num_classes} classes")
        return "\n".join(lines + [f"  - {note}" for note in self.notes])

    __repr__ = summary


def load_dataset(
    source: str | Path = "glyphs",
    image_size: int | None = None,
    cache_dir: str | Path | None = "runs/cache",
    seed: int = 0,
    limits: dict[str, int | None] | None = None,
    **reading: Any,
) -> Dataset:
    """Loads a dataset by its name, or a folder of images by its path.

    Splits that the source lacks are taken from train, stratified by class: 20 % for test and 10 %
    for validation. A study counts such validation images among its labeled images. A folder
    without train/ gives a dataset for pretraining only: it has no classes, and train, validation
    and test are empty. Images that occur in more than one split are removed, as `Dataset`
    describes. The images of a folder, and those of "stl10", are decoded once into a memory-mapped
    cache, which later calls open.

    Args:
        source: String or `Path`. A name is "glyphs", "shapes", "chests", "cifar10",
            "fashion_mnist", "stl10", "medmnist:<name>", or the path of an `.npz` file in MedMNIST's
            format. A folder holds `train/<class>/` and, optionally, `unlabeled/`,
            `validation/<class>/` and `test/<class>/`; or `unlabeled/` or images alone; or a table
            `labels.csv` with the columns `file` and `label` and, optionally, `split` and `group`. A
            `Path`, and a string with a slash such as "./shapes", is never a name.
        image_size: Integer, height and width of the images in pixels. `None` means 32 for
            "glyphs", "shapes" and "chests", the native size of a named dataset (28 for
            "medmnist:<name>", whose files of 64, 128 and 224 pixels are used for larger sizes), and
            a size chosen from the files of a folder.
        cache_dir: String or `Path`, folder for decoded images. `None` means `runs/cache` in the
            folder of the course.
        seed: Integer seed of rendering, splits and samples, 0 or more.
        limits: Dict from "unlabeled", "train", "validation" and "test" to the number of images
            (for "glyphs", "shapes" and "chests") or the largest number of images (for all others).
            The limit of "unlabeled" does not count the train images that the pool includes. Train
            images beyond their limit join the unlabeled images without their labels. A limit below
            the number of classes is raised to two images of each class.
        **reading: Fields of `Reading`, such as `resize="pad"`, which say how the files of a folder
            become arrays, and `finding`, which makes a dataset of two classes from any source.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: If the source is unknown, or is also the name of a folder in the working
            directory; if an argument or the layout of the folder is not valid; or if images have
            several findings each and none is chosen.
        TypeError: If an argument is unknown.
        ConnectionError: If a named dataset is not on this machine and cannot be downloaded.
        ImportError: If "stl10" needs tensorflow-datasets, which is not installed.
        OSError: If the cache cannot be written, or the disk is full.
        RuntimeError: If a process that decodes images dies, perhaps for lack of memory.

    Example:

    >>> dataset = load_dataset("glyphs", limits={"unlabeled": 512, "train": 256})
    >>> images, labels = dataset.train
    >>> flowers = load_dataset("~/flowers", image_size=64, resize="pad")
    """
    image_size, seed = _check_arguments(image_size, seed)
    unknown = sorted(set(reading) - set(READING_NAMES))
    if unknown:
        raise TypeError(
            f"load_dataset has no argument {unknown[0]!r}; for a folder of images it also takes "
            f"{', '.join(READING_NAMES)}."
        )
    reading = Reading(**reading)
    source = os.path.abspath(user_path(source)) if isinstance(source, Path) else str(source)
    if source.endswith(".npz") and not source.startswith("medmnist:"):
        source = f"medmnist:{source}"
    limits, cache_dir = check_limits(limits), cache_dir or CACHE
    is_named(source)  # raises if the name of a dataset is also that of a folder here
    if source in RENDERERS:
        loaded = render(source, image_size or 32, seed, limits)
    else:
        loaded = load_named(source, image_size, cache_dir, seed, limits)
    if loaded is None and user_path(source).is_dir():
        folder = user_path(source).resolve()
        loaded = load_image_folder(folder, image_size, cache_dir, seed, limits, reading)
        source = folder.name
    if loaded is None:
        raise ValueError(
            f"source={source!r} is neither a folder here ({Path.cwd()}) nor a known name; "
            f"expected one of {', '.join(SOURCES)}."
        )
    name = Path(source).stem if source.endswith(".npz") else source
    return choose_finding(_to_dataset(name, *loaded), reading.finding)


def _check_arguments(image_size, seed):
    for name, value, smallest in (("image_size", image_size, 8), ("seed", seed, 0)):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not (whole and value >= smallest) and not (name == "image_size" and value is None):
            raise ValueError(f"{name}={value!r}; expected a whole number of at least {smallest}.")
    return None if image_size is None else int(image_size), int(seed)


def _to_dataset(name, images, metadata):
    """Slices images, which are in the order of `SPLITS`, into a `Dataset`."""
    sizes, parts = metadata["sizes"], {}
    pool = sizes["unlabeled"] + sizes["train"]
    start = sizes["unlabeled"]
    for split in SPLITS[1:]:
        labels = np.array(metadata["labels"][split], np.int64)
        parts[split] = (images[start : start + sizes[split]], labels)
        start += sizes[split]
    own = metadata.get("own_validation", False)
    last = SPLITS.index("train" if own else "validation")
    # A slice, as the images may be more than the memory holds.
    labels = np.concatenate([parts[split][1] for split in SPLITS[1 : last + 1]])
    first = sizes["unlabeled"]
    labeled = (images[first : first + len(labels)], labels)
    return Dataset(
        name=name,
        unlabeled=images[:pool],
        **parts,
        own_validation=own,
        labeled=labeled,
        class_names=tuple(metadata["class_names"]),
        fingerprint=metadata["fingerprint"],
        notes=list(metadata["notes"]),
        refused=[tuple(row) for row in metadata.get("refused", ())],
        overlaps=dict(metadata["overlaps"]),
        conflicts=[tuple(row) for row in metadata.get("conflicts", ())],
        decoding=dict(metadata.get("decoding", {})),
        files=list(metadata.get("files", ())),
        groups=_slice_groups(metadata, last),
        labeled_files=metadata.get("labeled_files"),
        findings=dict(metadata.get("findings", {})),
    )


def _slice_groups(metadata, last):
    """Returns `Dataset.groups`. The labeled images end with the split number `last`."""
    groups = np.array(metadata.get("groups", ()), np.int64)
    if not len(groups):
        return {}
    ends = np.cumsum([metadata["sizes"][split] for split in SPLITS])
    sliced = {"unlabeled": groups[: ends[1]], "labeled": groups[ends[0] : ends[last]]}
    for number, split in enumerate(SPLITS[1:], start=1):
        sliced[split] = groups[ends[number - 1] : ends[number]]
    return sliced


def save_dataset_record(run_dir: str | Path, dataset: Dataset) -> None:
    """Records the data of a run in three files: `data.json`, `refused.csv` and `conflicts.csv`.

    Args:
        run_dir: String or `Path`, the folder of the run.
        dataset: A `Dataset`.

    Example:

    >>> save_dataset_record("runs/mine", dataset)
    """
    record = {
        "summary": dataset.summary(),
        "fingerprint": dataset.fingerprint,
        "classes": list(dataset.class_names),
        "repetitions removed": dataset.overlaps,
    }
    save_json(Path(run_dir) / "data.json", record)
    lists = {"refused.csv": (dataset.refused, ["file", "reason"])}
    lists["conflicts.csv"] = (dataset.conflicts, list(CONFLICT_COLUMNS))
    for name, (rows, columns) in lists.items():
        table = pd.DataFrame(rows, columns=columns)
        write_text(Path(run_dir) / name, table.to_csv(index=False))
