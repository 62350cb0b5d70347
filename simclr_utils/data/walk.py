"""Which entries of a user's folder are read, and as what: splits, debris, links, masks."""

import difflib
import os
import re
from collections import defaultdict
from pathlib import PurePosixPath

from simclr_utils.data.splits import LABELED, SPLITS

# What other tools call a split, in lower case and without digits and punctuation.
NEAR_NAMES = {
    **dict.fromkeys(("training", "trains", "trainset", "trainingset", "trn"), "train"),
    **dict.fromkeys(("trainimages", "imagestrain"), "train"),
    **dict.fromkeys(("testing", "tests", "testset", "testingset", "tst"), "test"),
    **dict.fromkeys(("testimages", "imagestest"), "test"),
    **dict.fromkeys(("val", "vals", "valid", "validate", "valset", "validationset"), "validation"),
    **dict.fromkeys(("dev", "devset", "valimages", "imagesval", "validset"), "validation"),
    **dict.fromkeys(("unlabel", "unlabelledimages", "unlabeledimages", "unlab"), "unlabeled"),
    **dict.fromkeys(("nolabel", "nolabels", "unsupervised", "unsup"), "unlabeled"),
}
# Names that stand for validation images in some projects and for test images in others.
EITHER = ("eval", "evals", "evaluation", "evalset", "holdout", "heldout", "holdoutset")

# What file managers, cloud drives, network drives and version control leave behind, in lower case.
DEBRIS = {
    *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", ".@__thumb"),
    *("__macosx", ".ds_store", ".apdisk", ".appledouble", ".lsoverride", ".spotlight-v100"),
    *(".fseventsd", ".documentrevisions-v100", ".temporaryitems", "network trash folder"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *("lost+found", ".directory", ".thumbnails", ".cache", ".picasaoriginals", ".picasa.ini"),
    *("picasa.ini", ".xvpics", ".dropbox", ".dropbox.cache", ".stfolder", ".stversions", ".sync"),
    *(".git", ".gitattributes", ".gitignore", ".gitkeep", ".svn", ".hg", ".dvc", ".idea"),
    *(".vscode", ".ipynb_checkpoints", "__pycache__"),
}
DEBRIS_PREFIXES = ("._", ".trash", ".nfs")

# Files that often lie beside images. A suffix that is missing here may belong to an image, or to
# a format such as .npy, for which the decoder names the cure.
OTHER_SUFFIXES = {
    *(".txt", ".md", ".rst", ".rtf", ".doc", ".docx", ".odt", ".ppt", ".pptx", ".tex"),
    *(".csv", ".tsv", ".xls", ".xlsx", ".ods", ".json", ".jsonl", ".geojson", ".xml", ".yaml"),
    *(".yml", ".toml", ".ini", ".cfg", ".conf", ".log", ".html", ".htm", ".css", ".js", ".url"),
    *(".py", ".pyc", ".ipynb", ".r", ".m", ".sh", ".bat", ".ps1", ".exe", ".dll", ".lnk"),
    *(".db", ".sqlite", ".zip", ".gz", ".bz2", ".xz", ".tar", ".tgz", ".rar", ".7z"),
    *(".md5", ".sha1", ".sha256", ".xmp", ".aae", ".thm", ".tfw", ".jgw", ".pgw", ".wld", ".prj"),
    *(".mp3", ".wav", ".mp4", ".mov", ".avi", ".mkv", ".pkl", ".pickle", ".parquet", ".pt"),
    *(".pth", ".onnx", ".keras"),
}
OTHER_NAMES = {"readme", "license", "licence", "copying", "notice", "changelog", "makefile"}
OTHER_NAMES |= {"authors", "citation", "checksums", "dicomdir", "md5sums", "sha1sums", "sha256sums"}

MASK_WORDS = r"(?:masks?|seg|segm|segmentations?|labels?|gt|ground_?truth|annotations?)"
MASK_ENDING = re.compile(rf"[ _.-]{MASK_WORDS}(?:[ _.-]?\d+)?$", re.IGNORECASE)
MASK_FOLDER = re.compile(rf"{MASK_WORDS}$", re.IGNORECASE)
IMAGE_FOLDER = re.compile(r"(?:images?|imgs?)$", re.IGNORECASE)


def check_split_names(folders):
    """Refuses folders with names that are nearly, but not quite, the name of a split.

    Such a folder would be ignored, and a missing test split would be taken from train although
    the user has one.

    Args:
        folders: List of strings, the names of the folders beside train/.

    Raises:
        ValueError: For the first such name; the message says how to rename it.
    """
    for name in folders:
        if plain_name(name) in EITHER:
            raise ValueError(
                f"The folder {name}/ may hold validation or test images, and would not be read. "
                "Rename it to validation/ (for choices) or to test/ (scored once), or move it out "
                "of the folder if it is something else."
            )
        split = meant_split(name)
        if split in (None, name):
            continue
        cure = f"Rename it to {split}/"
        if split in folders:
            cure = f"There is also a folder {split}/: merge the two"
        raise ValueError(
            f"The folder {name}/ would not be read, because its name only resembles {split}/. "
            f"{cure}, or move it out of the folder if it is something else. The names that are "
            f"read are {', '.join(f'{each}/' for each in SPLITS)}, in lower case."
        )


def plain_name(name):
    """Returns a name in lower case, without digits and punctuation."""
    return re.sub(r"[\W\d_]+", "", name.lower())


def meant_split(name):
    """Returns the split that a folder's name stands for, or `None`."""
    plain = plain_name(name)
    if plain in SPLITS:
        return plain
    if plain in NEAR_NAMES:
        return NEAR_NAMES[plain]
    # Typos, in words that are long enough to be sure.
    return next(iter(difflib.get_close_matches(plain, ("unlabeled", "validation"), 1, 0.9)), None)


def debris_kind(name):
    """Returns the label under which a name of debris is counted, or "" for other names."""
    lowered = name.lower()
    if lowered in DEBRIS:
        return name
    return next((f"{prefix}*" for prefix in DEBRIS_PREFIXES if lowered.startswith(prefix)), "")


def is_no_image(name):
    """Returns whether a file is certainly not an image, judged by its name."""
    path = PurePosixPath(name)
    return path.suffix.lower() in OTHER_SUFFIXES or path.name.lower() in OTHER_NAMES


def scan(folder):
    """Returns the entries of a folder as a list of `os.DirEntry`.

    Raises:
        ValueError: If the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise ValueError(
            f"The folder {str(folder)!r} cannot be read ({error.strerror}); make it readable, or "
            "move it away."
        ) from error


def kept(entries, ignored, may_be_class=False):
    """Yields the entries that are neither debris nor hidden, and counts the files of the others.

    Args:
        entries: List from `scan`.
        ignored: `Counter` of ignored files by kind. It is updated in place.
        may_be_class: Boolean, whether a folder may have a name that begins with a dot.

    Yields:
        Entries of `os.scandir`.
    """
    for entry in entries:
        kind = debris_kind(entry.name)
        if not kind and entry.name.startswith(".") and not (may_be_class and os.path.isdir(entry)):
            kind = "hidden"
        if not kind:
            yield entry
        elif not os.path.isdir(entry):
            ignored[kind] += 1
        else:
            ignored[kind] += sum(len(files) for *_, files in os.walk(entry))


def list_below(folder, split, ignored):
    """Lists what a split of a folder holds, sorted by name.

    Args:
        folder: `Path` of the folder.
        split: String, the name of the split, or "" for the folder itself.
        ignored: `Counter` of ignored files by kind. It is updated in place.

    Returns:
        A list of tuples: the relative name; the problem with it, or ""; whether it lies outside
        the folder and is reached by a link; its size; the two times of `_stamp`.
    """
    root = os.path.realpath(folder)
    return sorted(_walk(folder / split, split, root, (root,), ignored))


def _walk(folder, prefix, root, above, ignored):
    """Yields the tuples of `list_below`; `above` holds the real paths of the folders above."""
    real = os.path.realpath(folder)
    for entry in kept(scan(folder), ignored, may_be_class=prefix in LABELED):
        name = f"{prefix}/{entry.name}" if prefix else entry.name
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:  # a link to itself, or into a folder without permission
            yield name, f"it cannot be followed ({error.strerror})", False, 0, 0, 0
            continue
        if is_folder:
            if entry.is_symlink() and os.path.realpath(entry.path) in (*above, real):
                yield name, "a link to a folder that it lies in", False, 0, 0, 0
            else:
                yield from _walk(entry.path, name, root, (*above, real), ignored)
        elif is_file:
            outside = not os.path.realpath(entry.path).startswith(root + os.sep)
            yield name, "", outside, *_stamp(entry)
        else:
            missing = entry.is_symlink() and not os.path.exists(entry.path)
            yield name, "a link to nothing" if missing else "not a regular file", False, 0, 0, 0


def _stamp(entry):
    """Returns a file's size and the times when its content and its entry changed.

    The second time also changes when a file is replaced by one with the same first time, as
    unpacking an archive does. All values are 0 for a file that has just vanished;
    decoding will refuse it.
    """
    try:
        status = entry.stat()
    except OSError:
        return 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def find_masks(names, depth):
    """Finds masks by their names.

    A mask is `x_mask.png` or `x-seg.tif` beside `x.jpg`, or `masks/x.png` beside `x.png` or
    `images/x.png`. A name of this kind without such a partner belongs to an image.

    Args:
        names: List of paths relative to the folder, with forward slashes.
        depth: Function that returns how many folders at the front of a path are those of split
            and class. Their names never mark a mask.

    Returns:
        A pair of dicts from the name of a mask to the name of its image. The first holds the
        masks in folders where most files are images with masks. The second holds the others,
        whose names may be a coincidence.
    """
    images, masks = defaultdict(dict), defaultdict(dict)
    for name in names:
        *folders, file = name.split("/")
        outer, inner = folders[: depth(name)], folders[depth(name) :]
        stem = PurePosixPath(file).stem
        bare = MASK_ENDING.sub("", stem)
        is_mask = bare != stem or any(MASK_FOLDER.match(part) for part in inner)
        plain = [p for p in inner if not (MASK_FOLDER.match(p) or IMAGE_FOLDER.match(p))]
        (masks if is_mask else images)["/".join(outer + plain)][name] = bare
    sure, unsure = {}, {}
    for place, members in masks.items():
        stems = {stem: name for name, stem in images[place].items()}
        pairs = {name: stems[stem] for name, stem in members.items() if stem in stems}
        paired = len(pairs) + len(set(pairs.values()))
        most = 2 * paired > len(members) + len(images[place])
        (sure if most else unsure).update(pairs)
    return sure, unsure
