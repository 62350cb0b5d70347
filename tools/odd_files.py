"""Damaged and odd image files as bytes, and a folder of good images to put them into."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 16


def noise(seed, size=SIZE, channels=3):
    """Draws a uint8 array of random pixels."""
    shape = (size, size, channels) if channels > 1 else (size, size)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def good_folder(root):
    """Writes a folder of 26 different images; returns a dict from pixels to label."""
    labels, seed = {}, 0
    for part, count in (
        *(("unlabeled", 4), ("train/cat", 8), ("train/dog", 8)),
        *(("test/cat", 3), ("test/dog", 3)),
    ):
        (root / part).mkdir(parents=True)
        for index in range(count):
            pixels, seed = noise(seed), seed + 1
            Image.fromarray(pixels).save(root / part / f"{index}.png")
            labels[pixels.tobytes()] = {"cat": 0, "dog": 1}.get(Path(part).name)
    return labels


def image_bytes(image, kind, **options):
    """Returns a Pillow image as a file of the given format."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(seed=99, size=64):
    return Image.fromarray(noise(seed, size))


def png_bytes(width, height, bits=8, color=2, pixels=b""):
    """Returns a PNG of rows without a filter; `color` is 0 for gray and 2 for RGB."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    row = len(pixels) // height
    rows = b"".join(b"\0" + pixels[row * index : row * (index + 1)] for index in range(height))
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(rows), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


def png_header(width, height):
    """Returns a PNG that claims a size and holds no pixels."""
    return png_bytes(width, height)


def rotated_jpeg():
    """Returns a JPEG that EXIF turns by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return image_bytes(picture(), "JPEG", exif=exif)


def zip_bytes():
    """Returns a zip file with a path that leads out of its folder."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../climbs.png", image_bytes(picture(), "PNG"))
    return file.getvalue()
