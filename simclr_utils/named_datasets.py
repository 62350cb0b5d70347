"""Datasets that have a name: CIFAR-10, Fashion-MNIST, STL-10 and the MedMNIST collection.

Downloads go where Keras keeps them: `datasets/` in the folder named by the environment variable
KERAS_HOME, `~/.keras` if there is none. A file already there is used without a look at the network.
"""

import contextlib
import importlib.util
import os
import threading
import urllib.request
import zipfile
from pathlib import Path

import numpy as np

from simclr_utils.medmnist_files import MEDMNIST_FILES, MEDMNIST_URL, file_md5

SECONDS_TO_ANSWER = 4
CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
FASHION_MNIST_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
FASHION_MNIST_FILES = (
    *("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    *("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
)


def keras_datasets_folder():
    """The folder in which Keras keeps what it downloads."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def is_reachable(url, seconds=SECONDS_TO_ANSWER):
    """Whether `url` answers within some seconds.

    In a thread of its own, because looking up a host name knows no time limit.
    """
    answers = []

    def ask():
        with contextlib.suppress(Exception), urllib.request.urlopen(url, timeout=seconds):
            answers.append(url)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)


def require(name, paths, url, how):
    """Returns if all of `paths` exist or `url` can be reached; says in one sentence what to do.

    Args:
        name: what the user asked for.
        paths: list of paths that Keras would otherwise download.
        url: where the download comes from.
        how: the rest of the sentence "download ... and ...".

    Raises:
        ConnectionError: if a path is missing and the source does not answer.
    """
    if not all(Path(path).exists() for path in paths) and not is_reachable(url):
        raise ConnectionError(
            f"The dataset {name!r} is not on this machine and its source does not answer: "
            f"download {url} on another machine and {how}."
        )


def load_cifar10():
    """CIFAR-10: `(parts, class_names, notes)`, 50,000 train and 10,000 test images of 32 pixels.

    Returns:
        parts, a dictionary from "train", "test" and, where the source has them, "validation" and
        "unlabeled" to `(uint8 [N, height, width, channels], integer [N])`; the tuple of class
        names; a list of sentences.

    Raises:
        ConnectionError: if the dataset is neither here nor within reach.
    """
    # The name under which Keras stores the archive; it checks the checksum itself.
    archive = keras_datasets_folder() / "cifar-10-batches-py-target_archive"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    require("cifar10", [archive], url, f"save it as {archive}")
    from keras.datasets import cifar10

    return _from_keras(cifar10), CIFAR10_CLASSES, []


def load_fashion_mnist():
    """Fashion-MNIST: as `load_cifar10`, 60,000 train and 10,000 test images of 28 pixels, gray."""
    folder = keras_datasets_folder() / "fashion-mnist"
    base = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
    require(
        "fashion_mnist",
        [folder / name for name in FASHION_MNIST_FILES],
        base + FASHION_MNIST_FILES[0],
        f"the three beside it, {', '.join(FASHION_MNIST_FILES[1:])}, and save all in {folder}",
    )
    from keras.datasets import fashion_mnist

    return _from_keras(fashion_mnist), FASHION_MNIST_CLASSES, []


def _from_keras(module):
    train, test = module.load_data()
    return {
        "train": (with_channel(train[0]), train[1].reshape(-1)),
        "test": (with_channel(test[0]), test[1].reshape(-1)),
    }


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
        path = Path(name).expanduser()
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
    path, md5 = keras_datasets_folder() / f"{name}.npz", MEDMNIST_FILES[name][0]
    url = MEDMNIST_URL.format(name=name)
    require(f"medmnist:{name}", [path], url, f"save it as {path}")
    if not path.exists():
        import keras

        home = str(keras_datasets_folder().parent)
        path = Path(keras.utils.get_file(path.name, url, cache_dir=home, file_hash=md5))
    found = file_md5(path)
    if found != md5:
        raise ValueError(
            f"{path} has the MD5 {found}, but the official file has {md5}. Remove it to download "
            f"it again; to use it as it is, ask for 'medmnist:{path}'."
        )
    return path


def _read_npz(path):
    parts = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
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
    prepared = Path(folder).expanduser() / "stl10"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    require(
        "stl10", [prepared], url, f"put what `tfds build stl10` makes of it there in {prepared}"
    )
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
