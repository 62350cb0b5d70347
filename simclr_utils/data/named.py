"""Datasets that have a name: CIFAR-10, Fashion-MNIST, STL-10 and the MedMNIST collection.

Plain arrays are read out of the official files; nothing is unpickled or unpacked to disk.
"""

import gzip
import importlib.util
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from simclr_utils.data.downloads import MEDMNIST_FILES, MEDMNIST_URL, fetch, file_md5, require
from simclr_utils.places import user_path

CIFAR10_FILES = {
    "cifar-10-binary.tar.gz": (
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
    )
}
CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_FASHION_MNIST_URL = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
)
FASHION_MNIST_FILES = {
    f"fashion-mnist/{name}-ubyte.gz": (f"{_FASHION_MNIST_URL}{name}-ubyte.gz", md5)
    for name, md5 in (
        ("train-images-idx3", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
}
FASHION_MNIST_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load_cifar10():
    """CIFAR-10: `(parts, class_names, notes)`, 50,000 train and 10,000 test images of 32 pixels.

    Returns:
        parts, a dictionary from "train", "test" and, where the source has them, "validation" and
        "unlabeled" to `(uint8 [N, height, width, channels], integer [N])`; the tuple of class
        names; a list of sentences.

    Raises:
        ConnectionError: if the dataset is neither here nor within reach.
        ValueError: if a file has not the official checksum.
    """
    (path,) = fetch("cifar10", CIFAR10_FILES)
    batches = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
    parts = {}
    with tarfile.open(path) as archive:
        for split, names in batches.items():
            members = [archive.extractfile(f"cifar-10-batches-bin/{name}.bin") for name in names]
            # A byte for the label, then 32x32 pixels of each colour.
            rows = np.frombuffer(b"".join(member.read() for member in members), np.uint8)
            rows = rows.reshape(-1, 1 + 3 * 32 * 32)
            images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            parts[split] = (np.ascontiguousarray(images), rows[:, 0])
    return parts, CIFAR10_CLASSES, []


def load_fashion_mnist():
    """Fashion-MNIST: as `load_cifar10`, 60,000 train and 10,000 test images of 28 pixels, gray."""
    arrays = [_read_idx(path) for path in fetch("fashion_mnist", FASHION_MNIST_FILES)]
    parts = {"train": (with_channel(arrays[0]), arrays[1])}
    parts["test"] = (with_channel(arrays[2]), arrays[3])
    return parts, FASHION_MNIST_CLASSES, []


def _read_idx(path):
    """The bytes of an IDX file: 3 numbers of a byte, the rank, the lengths, then the values."""
    content = gzip.decompress(path.read_bytes())
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def with_channel(images):
    """Adds the channel to gray images `[N, height, width]`."""
    return images[..., np.newaxis] if images.ndim == 3 else images


def load_medmnist(name):
    """A MedMNIST dataset with one label an image: as `load_cifar10`, with the official splits.

    Args:
        name: a name such as "pneumoniamnist", for the official file of 28 pixels, whose MD5 is
            checked; or the path of an `.npz` file with the same keys.

    Raises:
        ConnectionError: if the file is neither here nor within reach.
        ValueError: if the name is unknown, the checksum is wrong, or the file holds something
            else than flat images with one label each.
    """
    if name.endswith(".npz"):
        path = user_path(name)
        if not path.is_file():
            raise ValueError(f"There is no file {name!r}; expected the path of a MedMNIST .npz.")
        md5, class_names = MEDMNIST_FILES.get(path.stem.split("_")[0], (None, None))
        official = md5 is not None and file_md5(path) == md5
        notes = [] if official else [f"{path.name} is not the official file of 28 pixels."]
    else:
        if name not in MEDMNIST_FILES:
            raise ValueError(
                f"Unknown dataset 'medmnist:{name}'. Those with flat images and one label each "
                f"are {', '.join(MEDMNIST_FILES)}; or give the path of an .npz file."
            )
        path, notes = _official_file(name), []
        class_names = MEDMNIST_FILES[name][1]
    parts = _read_npz(path)
    num_classes = 1 + max(int(labels.max()) for _, labels in parts.values())
    if class_names is None or num_classes > len(class_names):
        class_names = tuple(str(label) for label in range(num_classes))
    return parts, class_names, notes


def _official_file(name):
    files = {f"{name}.npz": (MEDMNIST_URL.format(name=name), MEDMNIST_FILES[name][0])}
    hint = f"; to use it as it is, ask for 'medmnist:<path of {name}.npz>'"
    return fetch(f"medmnist:{name}", files, hint)[0]


def _read_npz(path):
    parts = {}
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            for split, key in (("train", "train"), ("validation", "val"), ("test", "test")):
                parts[split] = (arrays[f"{key}_images"], arrays[f"{key}_labels"])
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path.name} is not a MedMNIST file: expected plain arrays train_images, "
            f"train_labels, val_images and so on ({error})."
        ) from error
    for split, (images, labels) in parts.items():
        if images.dtype != np.uint8 or not (images.ndim == 3 or images.shape[3:] in ((1,), (3,))):
            raise ValueError(
                f"The {split} images of {path.name} are {images.dtype} {images.shape}; expected "
                "uint8 [N, height, width] or [N, height, width, 3]. Volumes are not supported."
            )
        if labels.size != len(images) or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"The {split} labels of {path.name} are {labels.dtype} {labels.shape}; expected "
                "one integer an image. Tasks with several labels an image are not supported."
            )
        parts[split] = (with_channel(images), labels.reshape(-1))
    shapes = {images.shape[1:] for images, _ in parts.values()}
    height, width, _ = next(iter(shapes))
    if len(shapes) > 1 or height != width:
        raise ValueError(
            f"The images of {path.name} have the shapes {sorted(shapes)}; expected square ones, "
            "of one shape in all parts."
        )
    return parts


def open_stl10():
    """STL-10 through tensorflow-datasets, one image after the other.

    Returns:
        A function that gives an iterator over the images, uint8 `[96, 96, 3]`, first the
        unlabeled, then the train, then the test ones; the three numbers of images; int64 labels
        `[N]` of all, -1 for the unlabeled; and the tuple of class names.

    Raises:
        ImportError: if tensorflow-datasets is not installed.
        ConnectionError: if the dataset is neither here nor within reach.
    """
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise ImportError(
            "The dataset 'stl10' needs tensorflow-datasets: pip install -e '.[stl10]'."
        )
    folder = os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets"
    prepared = user_path(folder) / "stl10"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    how = "copy from another machine what `tfds build stl10` makes of"
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
