"""The official files of named datasets: downloaded once, and only with the right checksum.

They go where Keras keeps its own downloads: `datasets/` in the folder that the environment variable
KERAS_HOME names, or in `~/.keras`. A file that is there already is used without the network.
"""

import contextlib
import hashlib
import os
import threading
import urllib.request
from pathlib import Path

SECONDS_TO_ANSWER = 4

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


def datasets_folder():
    """Returns the folder in which Keras keeps its downloads, a `Path`."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def fetch(source, files, hint=""):
    """Returns the paths of files, and downloads the files that are missing.

    Args:
        source: String, the name that the user gave.
        files: Dict from a path below `datasets_folder()` to a pair of URL and MD5.
        hint: String to add to the error about a wrong checksum.

    Returns:
        A list of paths, in the order of `files`. Each file has the right MD5.

    Raises:
        ConnectionError: If a file is missing and cannot be downloaded.
        ValueError: If a file has another checksum.
    """
    require(source, {datasets_folder() / name: url for name, (url, _) in files.items()})
    paths = []
    for name, (url, md5) in files.items():
        path = datasets_folder() / name
        if not path.exists():
            path = download(path, url, md5)
        found = file_md5(path)
        if found != md5:
            raise ValueError(
                f"{path} has the MD5 {found}, but the official file has {md5}. Remove the file to "
                f"download it again{hint}."
            )
        paths.append(path)
    return paths


def download(path, url, md5):
    """Downloads a file with Keras.

    Args:
        path: `Path` to download to, below `datasets_folder()`.
        url: String.
        md5: String, the checksum that the file must have.

    Returns:
        The `Path` of the file. Keras chooses another folder if it cannot write to this one.

    Raises:
        ConnectionError: If the download fails.
        ValueError: If the file has another checksum.
    """
    import keras

    try:
        return Path(
            keras.utils.get_file(
                path.name,
                url,
                cache_dir=str(datasets_folder().parent),
                cache_subdir=str(path.parent.relative_to(datasets_folder().parent)),
                file_hash=md5,
            )
        )
    except (ValueError, OSError):
        raise
    except Exception as error:  # Keras raises a bare Exception
        raise ConnectionError(f"{url} could not be downloaded as {path}: {error}") from error


def require(source, urls, how="download on another machine and save here"):
    """Checks that every file exists or that its source answers.

    Args:
        source: String, the name that the user gave.
        urls: Dict from a path to the URL to download it from.
        how: String, what to do. In the message, "URL as path" follows it.

    Raises:
        ConnectionError: If a file is missing and its source does not answer.
    """
    missing = {path: url for path, url in urls.items() if not Path(path).exists()}
    if missing and not is_reachable(next(iter(missing.values()))):
        wanted = " and ".join(f"{url} as {path}" for path, url in missing.items())
        raise ConnectionError(
            f"The dataset {source!r} is not on this machine and its source does not answer: "
            f"{how} {wanted}."
        )


def is_reachable(url, seconds=SECONDS_TO_ANSWER):
    """Returns whether a URL answers within some seconds.

    The request runs in a separate thread, because looking up a host name has no time limit.

    Args:
        url: String.
        seconds: Float, the time limit.

    Returns:
        A boolean.
    """
    answers = []

    def ask():
        with contextlib.suppress(Exception), urllib.request.urlopen(url, timeout=seconds):
            answers.append(url)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)


def file_md5(path):
    """Computes the MD5 of a file, 32 hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
