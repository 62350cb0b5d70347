"""Datasets that have a name: CIFAR-10, Fashion-MNIST, STL-10 and the MedMNIST collection.

Plain arrays are read from the official files. Nothing is unpickled or unpacked to disk.
"""

import gzip
import hashlib
import importlib.util
import json
import os
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from simclr_utils.data.cache import create_map, new_entry, read_entry, write_entry
from simclr_utils.data.downloads import (
    CIFAR10_CLASSES,
    CIFAR10_FILES,
    FASHION_MNIST_CLASSES,
    FASHION_MNIST_FILES,
    fetch,
    require,
)
from simclr_utils.data.findings import combine, strata
from simclr_utils.data.medmnist import load_medmnist, with_channel
from simclr_utils.data.pictures import fit_image
from simclr_utils.data.repeats import Origins, settle_images
from simclr_utils.data.splits import SPLITS, assign_splits
from simclr_utils.places import user_path


def load_named(source, image_size, cache_dir, seed, limits):
    """Loads a dataset by its name.

    Args:
        source: String, such as "cifar10" or "medmnist:pneumoniamnist".
        image_size: Integer, height and width of the images in pixels, or `None` for the native
            size.
        cache_dir: Path of the folder for the decoded images of "stl10".
        seed: Integer seed of the splits and samples.
        limits: Dict with the largest number of images of each split, as in `assign_splits`.

    Returns:
        A pair as returned by `settle_images`, or `None` if no dataset has this name.

    Raises:
        ConnectionError: If the dataset is not on this machine and cannot be downloaded.
        ImportError: If "stl10" needs tensorflow-datasets, which is not installed.
        ValueError: If a file has the wrong checksum or does not hold what is expected.
    """
    collection, _, name = source.partition(":")
    if source == "stl10":
        return _load_stl10(image_size or 96, cache_dir, seed, limits)
    if source == "cifar10":
        loaded = load_cifar10()
    elif source == "fashion_mnist":
        loaded = load_fashion_mnist()
    elif collection == "medmnist" and name:
        loaded = load_medmnist(name, image_size)
    else:
        return None
    return _gather(loaded, image_size, seed, limits)


def _gather(loaded, image_size, seed, limits):
    """Splits and scales the images of a named dataset, and puts them in the order of `SPLITS`."""
    parts, class_names, notes = loaded
    present = [name for name in SPLITS if name in parts]
    codes = np.repeat([SPLITS.index(name) for name in present], [len(parts[n][1]) for n in present])
    images, labels = (np.concatenate([parts[name][i] for name in present]) for i in (0, 1))
    labels, findings = labels.astype(np.int64), {}
    if labels.ndim == 2:
        labels, class_names, findings = combine(labels, class_names)
    groups, split_notes = assign_splits(codes, strata(labels, findings), limits, seed)
    order = np.concatenate([groups[name] for name in SPLITS])
    images = images[order]
    if image_size not in (None, images.shape[1]):
        split_notes.append(f"Scaled from {images.shape[1]} to {image_size} pixels (bicubic).")
        images = np.stack([_fit(image, image_size) for image in images])
    sizes = {name: len(groups[name]) for name in SPLITS}
    origins = Origins(combined=bool(findings))
    images, metadata = settle_images(images, sizes, labels[order], class_names, origins=origins)
    metadata["notes"] = list(notes) + split_notes + metadata["notes"]
    return images, metadata | {"own_validation": "validation" in parts, "findings": findings}


def _fit(pixels, image_size):
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return fit_image(image, image_size)


def load_cifar10():
    """Loads CIFAR-10: 50,000 train and 10,000 test images of 32 pixels.

    Returns:
        A triple: a dict from "train", "test" and, if the source has them, "validation" and
        "unlabeled" to `(uint8 [N, height, width, channels], integer [N])`; a tuple of class
        names; a list of sentences.

    Raises:
        ConnectionError: If the dataset is not on this machine and cannot be downloaded.
        ValueError: If a file does not have the official checksum.
    """
    (path,) = fetch("cifar10", CIFAR10_FILES)
    batches = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
    parts = {}
    with tarfile.open(path) as archive:
        for split, names in batches.items():
            members = [archive.extractfile(f"cifar-10-batches-bin/{name}.bin") for name in names]
            # One byte for the label, then 32x32 pixels of each color.
            rows = np.frombuffer(b"".join(member.read() for member in members), np.uint8)
            rows = rows.reshape(-1, 1 + 3 * 32 * 32)
            images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            parts[split] = (np.ascontiguousarray(images), rows[:, 0])
    return parts, CIFAR10_CLASSES, []


def load_fashion_mnist():
    """Loads Fashion-MNIST: 60,000 train and 10,000 test images of 28 pixels, gray.

    Returns:
        A triple as of `load_cifar10`.
    """
    arrays = [_read_idx(path) for path in fetch("fashion_mnist", FASHION_MNIST_FILES)]
    parts = {"train": (with_channel(arrays[0]), arrays[1])}
    parts["test"] = (with_channel(arrays[2]), arrays[3])
    return parts, FASHION_MNIST_CLASSES, []


def _read_idx(path):
    """Reads an IDX file: three bytes, the rank, the lengths, then the values."""
    content = gzip.decompress(path.read_bytes())
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


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
    """Writes the images into a new cache entry. Their memory map is closed when this returns."""
    stream, counts, labels, class_names = open_stl10()
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


def open_stl10():
    """Opens STL-10 through tensorflow-datasets, to read one image at a time.

    Returns:
        A tuple of four: a function that returns an iterator over the images, uint8 `[96, 96, 3]`,
        in the order unlabeled, train, test; the list of the three numbers of images; int64 labels
        `[N]` of all, -1 for unlabeled images; the tuple of class names.

    Raises:
        ImportError: If tensorflow-datasets is not installed.
        ConnectionError: If the dataset is not on this machine and cannot be downloaded.
    """
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise ImportError(
            "The dataset 'stl10' needs tensorflow-datasets: pip install -e \".[stl10]\"."
        )
    folder = os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets"
    prepared = user_path(folder) / "stl10"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    how = "build it with `tfds build stl10` on another machine and copy here the result for"
    require("stl10", {prepared: url}, how)
    import tensorflow_datasets

    builder = tensorflow_datasets.builder("stl10", data_dir=str(prepared.parent))
    builder.download_and_prepare()
    splits = ("unlabelled", "train", "test")

    def examples(split):
        return tensorflow_datasets.as_numpy(builder.as_dataset(split=split, shuffle_files=False))

    def images():
        return (example["image"] for split in splits for example in examples(split))

    sizes = [builder.info.splits[split].num_examples for split in splits]
    labels = [np.full(sizes[0], -1)]
    for split in splits[1:]:
        labels.append(np.array([example["label"] for example in examples(split)]))
    return images, sizes, np.concatenate(labels), tuple(builder.info.features["label"].names)
