"""Downloads: only what a named dataset needs, only with the right checksum, and only once.

They go where Keras keeps its own: `datasets/` in the folder named by the environment variable
KERAS_HOME, `~/.keras` if there is none. A file already there is used without a look at the network.
"""

import contextlib
import hashlib
import os
import threading
import urllib.request
from pathlib import Path

SECONDS_TO_ANSWER = 4


def datasets_folder():
    """The folder in which Keras keeps what it downloads."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def fetch(source, files, hint=""):
    """Gives the paths of files, after downloading those that are not there.

    Args:
        source: str, what the user asked for.
        files: dict from a path below `datasets_folder()` to a pair: URL and MD5.
        hint: str, added to the error about a wrong checksum.

    Returns:
        A list of paths, in the order of `files`; each file has its MD5.

    Raises:
        ConnectionError: if a file is missing and its source does not answer, or breaks off.
        ValueError: if a file has another checksum.
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
                f"{path} has the MD5 {found}, but the official file has {md5}. Remove it to "
                f"download it again{hint}."
            )
        paths.append(path)
    return paths


def download(path, url, md5):
    """Downloads a file by Keras; returns where it lies, elsewhere if its folder is closed to us.

    Raises:
        ConnectionError: if the transfer breaks.
        ValueError: if what came has another checksum.
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
    except Exception as error:  # Keras raises no narrower one
        raise ConnectionError(f"{url} could not be downloaded as {path}: {error}") from error


def require(source, urls, how="download on another machine, and save,"):
    """Returns if every path exists or its source answers; says in one sentence what to do.

    Args:
        source: str, what the user asked for.
        urls: dict from a path to the URL that it would be downloaded from.
        how: str, the middle of the sentence, before "URL as path".

    Raises:
        ConnectionError: if one is missing and the source of the first such does not answer.
    """
    missing = {path: url for path, url in urls.items() if not Path(path).exists()}
    if missing and not is_reachable(next(iter(missing.values()))):
        wanted = " and ".join(f"{url} as {path}" for path, url in missing.items())
        raise ConnectionError(
            f"The dataset {source!r} is not on this machine and its source does not answer: "
            f"{how} {wanted}."
        )


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


def file_md5(path):
    """MD5 of a file, as 32 hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


MEDMNIST_URL = "https://zenodo.org/records/10519652/files/{name}.npz"
_ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right"),
    *("liver", "lung-left", "lung-right", "pancreas", "spleen"),
)
# name: (MD5, class names in the order of the labels)
MEDMNIST_FILES = {
    "pathmnist": (
        "a8b06965200029087d5bd730944a56c1",
        (
            *("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle"),
            *("normal colon mucosa", "cancer-associated stroma"),
            "colorectal adenocarcinoma epithelium",
        ),
    ),
    "dermamnist": (
        "0744692d530f8e62ec473284d019b0c7",
        (
            "actinic keratoses and intraepithelial carcinoma",
            *("basal cell carcinoma", "benign keratosis-like lesions", "dermatofibroma"),
            *("melanoma", "melanocytic nevi", "vascular lesions"),
        ),
    ),
    "octmnist": (
        "c68d92d5b585d8d81f7112f81e2d0842",
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    ),
    "pneumoniamnist": ("28209eda62fecd6e6a2d98b1501bb15f", ("normal", "pneumonia")),
    "retinamnist": ("bd4c0672f1bba3e3a89f0e4e876791e4", ("0", "1", "2", "3", "4")),
    "breastmnist": ("750601b1f35ba3300ea97c75c52ff8f6", ("malignant", "normal, benign")),
    "bloodmnist": (
        "7053d0359d879ad8a5505303e11de1dc",
        (
            *("basophil", "eosinophil", "erythroblast", "immature granulocytes"),
            *("lymphocyte", "monocyte", "neutrophil", "platelet"),
        ),
    ),
    "tissuemnist": (
        "ebe78ee8b05294063de985d821c1c34b",
        (
            *("Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule"),
            *("Glomerular endothelial cells", "Interstitial endothelial cells", "Leukocytes"),
            *("Podocytes", "Proximal Tubule Segments", "Thick Ascending Limb"),
        ),
    ),
    "organamnist": ("68e3f8846a6bd62f0c9bf841c0d9eacc", _ORGANS),
    "organcmnist": ("b9ceb9546e10131b32923c5bbeaea2b1", _ORGANS),
    "organsmnist": ("9ab87b696fb54e2a387ebe992d6ed5f1", _ORGANS),
}
