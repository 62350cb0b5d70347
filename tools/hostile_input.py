"""Damaged and hostile folders, files and archives, and the result of loading each.

A case is a name, a function that damages a good folder and loads it, and words that the result has
to contain. `outcome` tries one case. Tests and `make soak` try all of them.
"""

import errno
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import odd_files as odd
from PIL import Image

from simclr_utils.data import decoding, named
from simclr_utils.data.dataset import load_dataset
from simclr_utils.system import folder_lock

WRONG_LABEL = "WRONG LABEL"


def load(root, labels, **options):
    """Loads a folder, checks every label, and returns what was refused and noted."""
    cache = root.parent / "cache"
    options = {"image_size": odd.SIZE, "max_refused": 0.2, **options}
    dataset = load_dataset(str(root), cache_dir=str(cache), **options)
    for images, found in (dataset.train, dataset.validation, dataset.test):
        for image, label in zip(images, found, strict=True):
            if labels.get(np.asarray(image).tobytes(), label) != label:
                return WRONG_LABEL
    said = [f"refused {name!r}: {reason}" for name, reason in dataset.refused]
    usual = ("Shorter side", "No image of one split", "Left out", "The source has no")
    said += [note for note in dataset.notes if not note.startswith(usual)]
    return "; ".join(said) or f"{len(dataset.unlabeled)} images read"


def with_file(name, content):
    """Makes a case: one more file in the folder, with the given bytes."""

    def case(root, labels):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return load(root, labels)

    return case


def changed(change, **options):
    """Makes a case: the folder after `change(root)`."""

    def case(root, labels):
        change(root)
        return load(root, labels, **options)

    return case


def with_name(name):
    def change(root):
        odd.picture().save(root / "unlabeled" / "x.png")
        os.rename(root / "unlabeled" / "x.png", os.fsencode(root / "unlabeled") + b"/" + name)

    return changed(change)


def with_class_name(name):
    def change(root):
        for part in ("train", "test"):
            os.rename(root / part / "dog", os.fsencode(root / part) + b"/" + name)

    return changed(change)


def without(*parts):
    def change(root):
        for part in parts:
            for path in sorted((root / part).rglob("*"), reverse=True):
                path.unlink()
            (root / part).rmdir()

    return changed(change)


def file_for_folder(root):
    (root / "unlabeled").rename(root.parent / "moved")
    (root / "unlabeled").touch()


def empty_test_class(root):
    for path in (root / "test/dog").iterdir():
        path.unlink()


def one_left(root):
    for path in sorted((root / "train/dog").iterdir())[1:]:
        path.unlink()


def link_out(root):
    (root.parent / "elsewhere").mkdir()
    odd.picture().save(root.parent / "elsewhere" / "far.png")
    (root / "unlabeled/out").symlink_to(root.parent / "elsewhere")


def vanishing(root, labels):
    """Loads a folder of which one file vanishes after it has been listed."""
    decode = decoding.decode_image

    def gone(path, *rest):
        if path.endswith(os.path.join("cat", "0.png")) and os.path.exists(path):
            os.unlink(path)
        return decode(path, *rest)

    with mock.patch.object(decoding, "decode_image", gone):
        return load(root, labels)


def unreadable(name, owner, opener):
    """Makes a case: a file or folder without permission, simulated because root may open all.

    Args:
        name: String, the end of its path.
        owner: Object with the function that opens it.
        opener: String, the name of that function.
    """
    real = getattr(owner, opener)

    def case(root, labels):
        def refuse(path, *rest):
            if str(path).endswith(name):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return real(path, *rest)

        with mock.patch.object(owner, opener, refuse):
            return load(root, labels)

    return case


def full_disk(root, labels):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with mock.patch.object(decoding.os, "posix_fallocate", refuse):
        return load(root, labels)


def cache_inside(root, labels):
    return load_dataset(str(root), cache_dir=str(root / "cache"))


def read_only(root, labels):
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    for path in (*root.rglob("*"), root):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        said = load(root, labels)
    finally:
        for path in (root, *root.rglob("*")):
            path.chmod(0o755)
    same = before == sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    return f"{said}, nothing in it has changed" if same else "CHANGED"


def two_runs(root, labels):
    with folder_lock.hold(root):
        folder_lock.hold(root)


def npz(**arrays):
    def case(root, labels):
        np.savez(root.parent / "own.npz", **arrays)
        return load_dataset(f"medmnist:{root.parent / 'own.npz'}").summary()

    return case


def npz_climbs(root, labels):
    path, climbed = root.parent / "own.npz", root.parent.parent / "climbs.npy"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../climbs.npy", b"x")
    try:
        load_dataset(f"medmnist:{path}")
    except ValueError as error:
        return f"WRITTEN: {climbed}" if climbed.exists() else f"ValueError: {error}"


def npz_truncated(root, labels):
    path = root.parent / "own.npz"
    np.savez(path, train_images=odd.noise(0))
    path.write_bytes(path.read_bytes()[:-40])
    return load_dataset(f"medmnist:{path}").summary()


def tar_climbs(root, labels):
    """Loads a false archive of CIFAR-10, of which a member has a path out of the folder."""
    folder = root.parent / "keras" / "datasets"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../climbs.bin"))
    with mock.patch.dict(os.environ, {"KERAS_HOME": str(root.parent / "keras")}):
        named.load_cifar10()


OBJECTS = np.array([{"a": 1}], dtype=object)
VOLUME = np.zeros((1, 28, 28, 28), np.uint8)
JPEG = odd.image_bytes(odd.picture(), "JPEG")
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n"

# The input, the case, and words that the result has to contain.
CASES = [
    ("JPEG cut in half", with_file("unlabeled/x.jpg", JPEG[: len(JPEG) // 2]), "truncated"),
    ("file of no bytes", with_file("unlabeled/x.png", b""), "empty file"),
    ("text called .png", with_file("train/cat/x.png", b"no image"), "not an image in any of"),
    ("JPEG called .png", with_file("unlabeled/x.png", JPEG), "images read"),
    ("program called .jpg", with_file("unlabeled/x.jpg", b"\x7fELF" + bytes(99)), "not an image"),
    ("EPS, which would start Ghostscript", with_file("unlabeled/x.eps", EPS), "vector drawing"),
    ("SVG", with_file("unlabeled/x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "drawing"),
    ("zip file with a path that climbs out", with_file("unlabeled/x.zip", odd.zip_bytes()),
     "not an image file"),
    ("PNG that claims 60,000x60,000 pixels",
     with_file("unlabeled/x.png", odd.png_header(60_000, 60_000)), "guard against bombs"),
    ("PNG that claims 12,000x12,000 pixels",
     with_file("train/cat/x.png", odd.png_header(12_000, 12_000)), "guard against bombs"),
    ("animated GIF", with_file("unlabeled/x.gif", odd.image_bytes(
        odd.picture(), "GIF", save_all=True, append_images=[odd.picture(98)])), "only the first"),
    ("CMYK JPEG", with_file("unlabeled/x.jpg", odd.image_bytes(
        odd.picture().convert("CMYK"), "JPEG")), "images read"),
    ("16-bit PNG", with_file("unlabeled/x.png", odd.image_bytes(
        Image.fromarray(odd.noise(97, 16, 1).astype(np.uint16) * 257), "PNG")), "more than 8 bits"),
    ("palette with transparency", with_file("unlabeled/x.png", odd.image_bytes(
        odd.picture().quantize(8), "PNG", transparency=0)), "laid on a white background"),
    ("photograph turned by EXIF", with_file("unlabeled/x.jpg", odd.rotated_jpeg()), "images read"),
    ("floating-point TIFF", with_file("unlabeled/x.tif", odd.image_bytes(
        Image.fromarray(odd.noise(96, 16, 1).astype(np.float32)), "TIFF")), "were rescaled"),
    ("name with spaces, umlauts and Chinese", with_name("ä 学 习.png".encode()), "images read"),
    ("name with a newline", with_name(b"a\nb.png"), "images read"),
    ("name of 255 bytes", with_name(b"n" * 251 + b".png"), "images read"),
    ("name that is no UTF-8", with_name(b"\xff\xfe.png"), "images read"),
    ("class name that is no UTF-8", with_class_name(b"d\xffg"), "images read"),
    ("link to a folder above",
     changed(lambda root: (root / "unlabeled/up").symlink_to(root)), "that it lies in"),
    ("link to itself", changed(lambda root: (root / "unlabeled/x.png").symlink_to("x.png")),
     "it cannot be followed"),
    ("test folder without one of the classes", changed(empty_test_class),
     "test has no image of"),
    ("link to nothing", changed(lambda root: (root / "unlabeled/x.png").symlink_to("nowhere")),
     "a link to nothing"),
    ("link that leaves the folder", changed(link_out), "1 files lie outside the folder"),
    ("pipe called .png", changed(lambda root: os.mkfifo(root / "unlabeled/x.png")),
     "not a regular file"),
    ("file that vanishes meanwhile", vanishing, "No such file"),
    ("file that may not be read",
     unreadable("train/dog/0.png", decoding, "open_image"), "Permission denied"),
    ("folder that may not be read",
     unreadable("train/dog", os, "scandir"), "cannot be read (Permission denied)"),
    ("read-only folder", read_only, "images read, nothing in it has changed"),
    ("full disk", full_disk, "are free; free some space"),
    ("class with one image", changed(one_left), "validation has no image of dog"),
    ("class without an image", changed(lambda root: (root / "train/fox").mkdir()), "is empty"),
    ("class in test alone", changed(lambda root: (root / "test/fox").mkdir()), "occur in test/"),
    ("one class only", without("train/dog", "test/dog"), "at least two classes"),
    ("no unlabeled images", without("unlabeled"), "images read"),
    ("no train/", without("train/dog", "train/cat", "train"), "has no folder train/"),
    ("file where a folder should be",
     changed(file_for_folder), "cannot be read (Not a directory)"),
    ("cache inside the folder", cache_inside, "never written to"),
    ("two runs in one folder", two_runs, "Another run is writing"),
    (".npz with a pickle", npz(train_images=OBJECTS, train_labels=OBJECTS), "plain arrays"),
    (".npz with a path that climbs out", npz_climbs, "not a MedMNIST file"),
    (".npz cut short", npz_truncated, "not a MedMNIST file"),
    (".npz of volumes", npz(**{f"{split}_{kind}": values for split in ("train", "val", "test")
                               for kind, values in (("images", VOLUME),
                                                    ("labels", np.zeros(1, int)))}),
     "Volumes are not supported"),
    ("archive that is not CIFAR-10's", tar_climbs, "but the official file has"),
]  # fmt: skip


def outcome(case):
    """Tries a case and returns the result in one sentence, without the paths of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "images"
        labels = odd.good_folder(root)
        try:
            said = case(root, labels)
        except (ValueError, OSError, folder_lock.FolderInUseError) as error:
            said = f"{type(error).__name__}: {error}"
        return " ".join(str(said).split()).replace(folder, "...")
