"""What the name of a file tells: debris of other programs, no image at all, a mask of an image."""

import re
from collections import defaultdict
from pathlib import PurePosixPath

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
