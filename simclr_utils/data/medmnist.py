"""MedMNIST: medical images of one size with official splits, in plain arrays."""

import math
import zipfile

import numpy as np

from simclr_utils.data.downloads import fetch, file_md5
from simclr_utils.data.medmnist_files import (
    MEDMNIST_FILES,
    MEDMNIST_URL,
    SEVERAL_FINDINGS,
    SIZES,
    file_name,
)
from simclr_utils.places import user_path

KEYS = (("train", "train"), ("validation", "val"), ("test", "test"))
KINDS = ("images", "labels")


def load_medmnist(name, image_size=None):
    """Loads a MedMNIST dataset of 2D images, with its official splits.

    Args:
        name: String, a name such as "pneumoniamnist" for an official file, whose MD5 is checked;
            or the path of an `.npz` file with the same keys.
        image_size: Integer, the height and width that are wanted. Of the official files of 28, 64,
            128 and 224 pixels, the smallest that is large enough is used, or the largest. `None`
            means 28.

    Returns:
        A triple as of `load_cifar10`. If each image has L findings, the labels are `[N, L]`, 0 or
        1, and the names are those of the findings.

    Raises:
        ConnectionError: If the file is not on this machine and cannot be downloaded.
        ValueError: If the name is unknown, the checksum is wrong, or the file does not hold 2D
            images with labels.
    """
    if name.endswith(".npz"):
        path = user_path(name)
        if not path.is_file():
            raise ValueError(f"There is no file {name!r}; expected the path of a MedMNIST .npz.")
        known = path.stem.split("_")[0]
        sums, class_names = MEDMNIST_FILES.get(known, ((), None))
        official = sums and file_md5(path) in sums
        notes = [] if official else [f"{path.name} is not an official file of MedMNIST."]
    else:
        path, known, notes = _official_file(name, image_size), name, []
        class_names = MEDMNIST_FILES[name][1]
    parts = _read_npz(path)
    labels = [labels for _, labels in parts.values()]
    several = labels[0].ndim == 2
    num_classes = labels[0].shape[1] if several else 1 + max(int(part.max()) for part in labels)
    known_kind = class_names is not None and several == (known in SEVERAL_FINDINGS)
    if not known_kind or num_classes > len(class_names):
        class_names = tuple(str(label) for label in range(num_classes))
    return parts, class_names, notes


def _official_file(name, image_size):
    """Returns the path of the official file of the size that serves best."""
    if name not in MEDMNIST_FILES:
        raise ValueError(
            f"Unknown dataset 'medmnist:{name}'. The datasets of 2D images "
            f"are {', '.join(MEDMNIST_FILES)}; or give the path of an .npz file."
        )
    size = next((size for size in SIZES if size >= (image_size or 0)), SIZES[-1])
    file = file_name(name, size)
    md5 = MEDMNIST_FILES[name][0][SIZES.index(size)]
    hint = f"; to use it as it is, give its path as the source: --source <path of {file}>"
    return fetch(f"medmnist:{name}", {file: (MEDMNIST_URL.format(file=file), md5)}, hint)[0]


def _read_npz(path):
    """Returns the dict of splits in a file. Labels are `[N]`, or `[N, L]` for L findings."""
    parts = {}
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            _check_sizes(arrays.zip, [f"{key}_{kind}" for _, key in KEYS for kind in KINDS])
            for split, key in KEYS:
                parts[split] = tuple(arrays[f"{key}_{kind}"] for kind in KINDS)
    except (MemoryError, KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
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
        parts[split] = (with_channel(images), _check_labels(labels, len(images), split, path.name))
    widths = {labels.shape[1:] for _, labels in parts.values()}
    if len(widths) > 1:
        raise ValueError(
            f"The splits of {path.name} have different numbers of labels for each image: "
            f"{sorted(width or (1,) for width in widths)}."
        )
    shapes = {images.shape[1:] for images, _ in parts.values()}
    height, width, _ = next(iter(shapes))
    if len(shapes) > 1 or height != width:
        raise ValueError(
            f"The images of {path.name} have the shapes {sorted(shapes)}; expected square images "
            "of one shape in all splits."
        )
    return parts


def _check_sizes(archive, names):
    """Checks that arrays are as large as the archive says, before memory is taken for them.

    Raises:
        KeyError: If one is missing.
        ValueError: If its header is damaged, or claims more.
    """
    for name in names:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0
            read = read if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
        if math.prod(shape) * dtype.itemsize > info.file_size:
            raise ValueError(f"{name} claims the shape {shape}, more than the file holds")


def _check_labels(labels, count, split, name):
    """Returns labels as `[N]`, or as `[N, L]` with 0 and 1 for each of several findings.

    Raises:
        ValueError: If they are of another kind.
    """
    several = labels.ndim == 2 and labels.shape[1] > 1 and len(labels) == count
    if not np.issubdtype(labels.dtype, np.integer) or not (several or labels.size == count):
        raise ValueError(
            f"The {split} labels of {name} are {labels.dtype} {labels.shape}; expected "
            "one integer for each image, [N] or [N, 1], or 0 and 1 for each of L findings, [N, L]."
        )
    if several and not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"The {split} labels of {name} are {labels.shape}, so each image has several "
            f"findings, but they have values up to {labels.max()}; expected 0 (absent) and 1 "
            "(present)."
        )
    return labels if several else labels.reshape(-1)


def with_channel(images):
    """Returns images with a channel axis, which gray images `[N, height, width]` lack."""
    return images[..., np.newaxis] if images.ndim == 3 else images
