"""Walking through a user's folder: every entry that counts, and the number of those that do not."""

import os
import re
from collections import defaultdict
from pathlib import PurePosixPath

from simclr_utils.data.split_names import LABELED


def scan(folder):
    """Returns the entries of a folder.

    Raises:
        ValueError: if it cannot be read.
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
        entries: of `_scan`.
        ignored: `Counter` of files by kind, which grows.
        may_be_class: bool, whether a folder whose name begins with a dot is not hidden.
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
    """Lists what is below a folder's split, sorted by name, as `_walk` yields it."""
    root = os.path.realpath(folder)
    return sorted(_walk(folder / split, split, root, (root,), ignored))


def _walk(folder, prefix, root, above, ignored):
    """Yields what is below a folder.

    Args:
        folder: path.
        prefix: its name relative to the root.
        root: the real path of the root.
        above: the real paths of the folders that we are inside of.
        ignored: `Counter` of the files that are ignored by their names, which grows.

    Yields:
        Tuples: the relative name, what is wrong with it or "", whether a link has led out of the
        root to it, size and times.
    """
    real = os.path.realpath(folder)
    for entry in kept(scan(folder), ignored, may_be_class=prefix in LABELED):
        name = f"{prefix}/{entry.name}" if prefix else entry.name
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:  # a link in a circle, or into a folder that is closed to us
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
    """Returns size and times of a file; zeros if it has just vanished, as decoding will say.

    Times are those of the content and of the file's entry. The second moves also when a file is
    replaced by one that claims the same first one, as unpacking an archive does.
    """
    try:
        status = entry.stat()
    except OSError:
        return 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


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

# Files that lie beside images. A suffix that is not listed may belong to an image, or to a format
# whose name helps its user, such as .npy.
OTHER_SUFFIXES = {
    *(".txt", ".md", ".rst", ".rtf", ".doc", ".docx", ".odt", ".ppt", ".pptx", ".tex"),
    *(".csv", ".tsv", ".xls", ".xlsx", ".ods", ".json", ".jsonl", ".geojson", ".xml", ".yaml"),
    *(".yml", ".toml", ".ini", ".cfg", ".conf", ".log", ".html", ".htm", ".css", ".js", ".url"),
    *(".py", ".pyc", ".ipynb", ".r", ".m", ".sh", ".bat", ".ps1", ".exe", ".dll", ".lnk"),
    *(".db", ".sqlite", ".zip", ".gz", ".bz2", ".xz", ".tar", ".tgz", ".rar", ".7z"),
    *(".md5", ".sha1", ".sha256", ".xmp", ".aae", ".thm", ".tfw", ".jgw", ".pgw", ".wld", ".prj"),
    *(
        ".mp3",
        ".wav",
        ".mp4",
        ".mov",
        ".avi",
        ".mkv",
    ),
    *(".pkl", ".pickle", ".parquet", ".pt", ".pth", ".onnx", ".keras"),
}
OTHER_NAMES = {"readme", "license", "licence", "copying", "notice", "changelog", "makefile"}
OTHER_NAMES |= {"authors", "citation", "checksums", "md5sums", "sha1sums", "sha256sums"}

MASK_WORDS = r"(?:masks?|seg|segm|segmentations?|labels?|gt|ground_?truth|annotations?)"
MASK_ENDING = re.compile(rf"[ _.-]{MASK_WORDS}(?:[ _.-]?\d+)?$", re.IGNORECASE)
MASK_FOLDER = re.compile(rf"{MASK_WORDS}$", re.IGNORECASE)
IMAGE_FOLDER = re.compile(r"(?:images?|imgs?)$", re.IGNORECASE)


def debris_kind(name):
    """Returns what a file or folder is called in the count of debris, or "" if it is none."""
    lowered = name.lower()
    if lowered in DEBRIS:
        return name
    return next((f"{prefix}*" for prefix in DEBRIS_PREFIXES if lowered.startswith(prefix)), "")


def is_no_image(name):
    """Returns whether the name of a file says that it is no image."""
    path = PurePosixPath(name)
    return path.suffix.lower() in OTHER_SUFFIXES or path.name.lower() in OTHER_NAMES


def find_masks(names, depth):
    """Finds masks by their names: files beside an image that has the same name but for "mask".

    A mask is `x_mask.png` or `x-seg.tif` beside `x.jpg`, or `masks/x.png` beside `x.png` or
    `images/x.png`. A name of this kind without a partner belongs to an image.

    Args:
        names: list of paths relative to the folder, with forward slashes.
        depth: function of such a path that returns how many of its folders are split and class,
            which are no mask folders whatever they are called.

    Returns:
        Two dicts from the name of a mask to the name of its image. The first is of folders most of
        whose files are images and their masks; the second, where the names may be chance, of all
        others.
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
