"""Images of more than 8 bits: one range of values for the whole set, which becomes 0 to 255."""

import os
from typing import NamedTuple

import numpy as np
from PIL import ImageColor

from simclr_utils.data.pictures import Trait, hidden_by
from simclr_utils.reading import how_to_set

# The share of the images whose span may reach beyond the range, at either end.
OUTERMOST_SHARE = 0.02
CLIPPED_SHARE = 0.1  # of an image's pixels, beyond which it counts as clipped


class ValueRange(NamedTuple):
    """The range of values that became 0 to 255.

    Attributes:
        kind: `"integer"` or `"floating-point"`.
        low, high: Floats, the values that became 0 and 255.
        count: Integer, the number of images.
        typical: Pair of floats, the medians of the ends of the images' spans.
        from_pool: Whether only images for pretraining were looked at, as it should be.
    """

    kind: str
    low: float
    high: float
    count: int
    typical: tuple
    from_pool: bool


class DeepRows:
    """A sparse file of float32 images: three planes of values, one of what is not covered.

    Args:
        path: Path of the file, which need not exist.
        image_size: Height and width of the images.
    """

    def __init__(self, path, image_size):
        self.path, self.shape = path, (4, image_size, image_size)
        self.row_bytes = 4 * 4 * image_size**2

    def write(self, index, picture):
        """Writes a `Picture`. Several processes may write at once.

        Raises:
            OSError: If the disk is full.
        """
        planes = [*np.moveaxis(picture.pixels, -1, 0)]
        if Trait.GRAY in picture.traits:
            planes = planes[:1]
        try:
            self._write_at(index * self.row_bytes, np.array(planes, "<f4"))
            if picture.coverage is not None:
                place = index * self.row_bytes + self.row_bytes // 4 * 3
                self._write_at(place, np.array(1 - picture.coverage, "<f4"))
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: images of more than 8 bits take up to {self.row_bytes:,} bytes "
                "each until all are decoded; free some space, or use another disk: "
                f"{how_to_set('cache_dir', '/path')}",
                str(self.path),
            ) from error

    def _write_at(self, place, values):
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(self.path, flags, 0o600), "r+b") as file:
            file.seek(place)
            file.write(values.tobytes())

    def read(self, index, channels):
        """Reads an image: values `[size, size, channels]` and coverage `[size, size]`."""
        with open(self.path, "rb") as file:
            file.seek(index * self.row_bytes)
            content = file.read(self.row_bytes).ljust(self.row_bytes, b"\0")
        planes = np.frombuffer(content, "<f4").reshape(self.shape)
        return np.moveaxis(planes[:channels], 0, -1), 1 - planes[3]


def rescale(rows, images, traits, spans, num_pool, reading):
    """Turns the images of more than 8 bits into bytes.

    Every image is scaled alike, so that brightness stays comparable between them. Integers and
    floating-point numbers have a range each.

    Args:
        rows: `DeepRows`.
        images: Uint8 array `[N, size, size, 3]`, into which they are written.
        traits: Integer array `[N]` of `Trait` flags. Flags are added, and 0 is written for an
            image that turns out not to be visible.
        spans: Float array `[N, 2]`.
        num_pool: Integer; the range is found from the images before it.
        reading: A `Reading`.

    Returns:
        A list of `ValueRange`, and a list of `(index, reason)` for refused images.
    """
    ranges, refused = [], []
    background = np.float32(ImageColor.getrgb(reading.background))
    is_deep, is_float = traits & Trait.DEEP > 0, traits & Trait.FLOAT > 0
    for kind, of_kind in (("integer", ~is_float), ("floating-point", is_float)):
        members = np.flatnonzero(is_deep & of_kind)
        if len(members) == 0:
            continue
        pool = members[members < num_pool]
        basis = spans[pool if len(pool) else members]
        low, high = reading.value_range or find_range(basis)
        typical = tuple(np.median(basis, axis=0).tolist())
        ranges.append(ValueRange(kind, low, high, len(members), typical, len(pool) > 0))
        for index in members.tolist():
            pixels, found = _rescale_image(rows, index, int(traits[index]), (low, high), background)
            images[index] = pixels
            traits[index] |= found
            if Trait.TRANSPARENT & traits[index] and found & Trait.BLANK:
                images[index], traits[index] = 0, 0
                refused.append((index, hidden_by(reading.background)))
    return ranges, refused


def find_range(spans):
    """Finds the range that a set of images uses.

    The images that reach furthest, 2 % and at least one at either end, do not count: a single
    bright image must not make all others dark.

    Args:
        spans: Float array `[N, 2]`, the values between which nearly all of an image lies.

    Returns:
        A pair of floats.
    """
    left_out = min(max(1, int(OUTERMOST_SHARE * len(spans))), (len(spans) - 1) // 2)
    lows, highs = np.sort(spans, axis=0).T
    return float(lows[left_out]), float(highs[len(spans) - 1 - left_out])


def _rescale_image(rows, index, traits, value_range, background):
    """Returns an image as bytes, and `Trait` flags that say what came of it."""
    low, high = value_range
    values, coverage = rows.read(index, 1 if traits & Trait.GRAY else 3)
    width = high - low
    scaled = (values.astype(np.float64) - low) * (255 / width if width > 0 else 0.0)
    covered = coverage > 0.5
    beyond = ((scaled < 0) | (scaled > 255)).any(axis=-1) & covered
    clipped = beyond.sum() > CLIPPED_SHARE * covered.sum()
    shares = coverage[..., np.newaxis]
    back = background[:1] if traits & Trait.GRAY else background
    pixels = np.rint(scaled.clip(0, 255) * shares + back * (1 - shares)).astype(np.uint8)
    blank = pixels.min() == pixels.max()
    return pixels, (Trait.CLIPPED if clipped else 0) | (Trait.BLANK if blank else 0)
