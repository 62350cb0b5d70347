"""Small folders of pictures in the forms that image software and cameras write."""

import io
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import tifffile
from odd_files import image_bytes, png_bytes
from PIL import Image

CLASSES = ("left", "right")
TRAIN, TEST, UNLABELED = 30, 10, 20  # pictures: of a class, of a class, in all
FILES = len(CLASSES) * (TRAIN + TEST) + UNLABELED
MANY_PIXELS = (12_000, 9_000)  # more than Pillow opens by default


def ramp(label, num_classes, seed, size=(32, 32), channels=3):
    """Draws a picture that gets brighter in one direction, which is its class.

    Any scaling keeps the class, and a linear model can recognize it.

    Args:
        label: Integer from 0 to `num_classes - 1`.
        num_classes: Integer, the number of classes, whose directions are spread over the circle.
        seed: Integer, the seed of noise and brightness.
        size: Pair of integers, height and width in pixels.
        channels: Integer, 1 or 3.

    Returns:
        A uint8 array `[height, width]` or `[height, width, 3]` of values around 30 to 180.
    """
    random = np.random.default_rng(seed)
    down, across = np.meshgrid(*(np.linspace(-1, 1, side) for side in size), indexing="ij")
    angle = 2 * np.pi * label / num_classes
    light = 105 + random.uniform(-8, 8) + 40 * (np.sin(angle) * down + np.cos(angle) * across)
    pixels = light[..., np.newaxis] + random.normal(0, 10, (*size, channels))
    pixels = np.rint(pixels.clip(0, 255)).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def png(pixels):
    """Returns the bytes of a PNG of 8 bits."""
    return image_bytes(Image.fromarray(pixels), "PNG")


def bmp(pixels):
    """Returns the bytes of a BMP, whose size does not depend on its content."""
    return image_bytes(Image.fromarray(pixels), "BMP")


def png16(offset, factor):
    """Returns a writer of PNG files of 16 bits that hold `offset + factor * pixels`."""

    def encode(pixels):
        values = (offset + factor * pixels.astype(np.int64)).astype(">u2")
        color = 0 if pixels.ndim == 2 else 2
        return png_bytes(pixels.shape[1], pixels.shape[0], 16, color, values.tobytes())

    return encode


def tiff(values, photometric="minisblack", extra="unspecified", **options):
    """Returns the bytes of a TIFF that keeps every band of an array.

    Args:
        values: Array `[height, width]` or `[height, width, bands]`.
        photometric: String, `"miniswhite"`, `"minisblack"` or `"rgb"`.
        extra: String, the meaning of further bands; `"unassalpha"` is transparency.
        **options: Options of `tifffile.imwrite`.
    """
    file, known = io.BytesIO(), 3 if photometric == "rgb" else 1
    if values.ndim == 3:
        options |= {"planarconfig": "contig", "extrasamples": [extra] * (values.shape[-1] - known)}
    tifffile.imwrite(file, values, photometric=photometric, metadata=None, **options)
    return file.getvalue()


def pages(pictures):
    """Returns the bytes of a TIFF of several pages."""
    first, *others = map(Image.fromarray, pictures)
    return image_bytes(first, "TIFF", save_all=True, append_images=others)


def stack(pixels):
    """Returns a stack whose first page, a bright field, is the same for every class."""
    field = np.random.default_rng(pixels.sum()).normal(105, 3, pixels.shape[:2]).astype(np.uint8)
    return pages([field, *np.moveaxis(pixels, -1, 0)])


def thumbnail_first(pixels):
    """Returns a file as cameras write it, with a small preview before the picture."""
    preview = np.full((8, 8, 3), int(pixels.mean()), np.uint8)
    return pages([preview, pixels])


def holed(pixels):
    """Returns a floating-point TIFF of heights in meters, some of which were not measured."""
    values = 1500 + pixels.astype(np.float32) / 10
    values[:2, :2] = np.nan
    return tiff(values)


def infrared(extra):
    """Returns a writer of TIFF files with near infrared as a fourth band, `extra` as in `tiff`."""

    def encode(pixels):
        band = np.random.default_rng(pixels.sum()).integers(0, 120, pixels.shape[:2], np.uint8)
        return tiff(np.dstack([pixels, band]), photometric="rgb", extra=extra)

    return encode


def icon(pixels):
    """Returns a white picture whose shape is in its transparency alone."""
    drawn = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    drawn[..., 3] = np.where(pixels.mean(axis=-1) > pixels.mean(), 255, 0)
    return png(drawn)


def strip(pixels):
    """Returns a picture 16 times as wide as high, whose class shows in the first fifth alone."""
    height = pixels.shape[0]
    wide = np.random.default_rng(pixels.sum()).normal(105, 10, (height, 16 * height, 3))
    wide = wide.clip(0, 255).astype(np.uint8)
    wide[:, : 3 * height] = np.tile(pixels, (1, 3, 1))
    return png(wide)


def heic(pixels):
    """Returns a HEIC file, which is complete only if pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + pixels.tobytes()
    pillow_heif.register_heif_opener()
    return image_bytes(Image.fromarray(pixels), "HEIF")


def write_folder(root, encode=png, suffix="png", classes=CLASSES, **options):
    """Writes the documented layout: train/<class>/, test/<class>/, unlabeled/.

    The same options give the same pictures, whatever they are encoded as.

    Args:
        root: Path of the folder.
        encode: Function of the pixels of `ramp` that returns the bytes of a file.
        suffix: String, the ending of the files.
        classes: Sequence of strings, the names of the class folders.
        **options: `train`, `test` (pictures of a class) and `unlabeled` (pictures in all), and
            the `size` and `channels` of `ramp`.

    Returns:
        The path of the folder.
    """
    train, test = options.pop("train", TRAIN), options.pop("test", TEST)
    parts = [(f"train/{name}", label, train) for label, name in enumerate(classes)]
    parts += [(f"test/{name}", label, test) for label, name in enumerate(classes)]
    parts += [("unlabeled", None, options.pop("unlabeled", UNLABELED))]
    root, seed = Path(root), 0
    for part, label, count in parts:
        for index in range(count):
            seed += 1
            shown = index % len(classes) if label is None else label
            path = root / part / f"{index:03d}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(ramp(shown, len(classes), seed, **options)))
    return root


def pictures(root):
    """Returns the paths of the pictures of a folder, sorted."""
    return sorted(path for path in Path(root).rglob("*") if path.is_file())


def add_thumbnails(root):
    """Adds two thumbnails of each picture where a network drive keeps them."""
    for path in pictures(root):
        below = path.parent / "@eaDir" / path.name
        below.mkdir(parents=True)
        for name, side in (("SYNOPHOTO_THUMB_SM.jpg", 16), ("SYNOPHOTO_THUMB_XL.jpg", 24)):
            Image.open(path).resize((side, side)).save(below / name)


def add_debris(root):
    """Adds files that other programs leave behind; returns how many."""
    left = pictures(root / "train" / CLASSES[0])[:4]
    for path in left:
        for name in ("__MACOSX/._{}", ".ipynb_checkpoints/{}", "@eaDir/{}", ".{}", "._{}"):
            copy = path.parent / name.format(path.name)
            copy.parent.mkdir(exist_ok=True)
            Image.open(path).resize((24, 24)).save(copy)
    return 5 * len(left)


def add_masks(root, paths=None):
    """Adds a mask beside some pictures, by default beside each of train/ and test/."""
    for path in paths or pictures(root / "train") + pictures(root / "test"):
        light = np.asarray(Image.open(path).convert("L"))
        mask = np.where(light > np.median(light), 255, 0).astype(np.uint8)
        Image.fromarray(mask).save(path.with_name(f"{path.stem}_mask.png"))


def add_texts(root):
    """Adds a text and a table of numbers for each of 12 pictures."""
    for path in pictures(root / "train" / CLASSES[0])[:12]:
        path.with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2\n")
        path.with_suffix(".csv").write_text("x,y\n1,2\n")


def share_pictures(root):
    """Copies pictures of the first class into the second: 12 in train/, 5 in test/."""
    first, second = sorted(path.name for path in (root / "train").iterdir())[:2]
    for split, count in (("train", 12), ("test", 5)):
        for path in sorted((root / split / first).iterdir())[:count]:
            shutil.copy(path, root / split / second / f"again_{path.name}")


def add_photographs(root):
    """Adds a photograph of 108 million pixels to each class."""
    wide = Image.fromarray(ramp(0, 2, 0, (90, 120))).resize(MANY_PIXELS, Image.Resampling.NEAREST)
    for name in CLASSES:
        wide.save(root / "train" / name / "phone.jpg", quality=20)
        wide = wide.rotate(180)


def unpack(root, invert):
    """Writes a dataset whose two versions have the same names, sizes and times."""
    write_folder(root, lambda pixels: bmp(255 - pixels if invert else pixels), "bmp", unlabeled=0)
    for path in root.rglob("*.bmp"):
        os.utime(path, (946_684_800, 946_684_800))
