"""Makes the pictures that notebooks store a third as large, where nobody sees a difference."""

import base64
import io

import numpy as np
from PIL import Image

COLORS = 256
# Mean change of a pixel's channel, of 255 levels: above the first it is a photograph.
PHOTOGRAPH, LARGEST_CHANGE = 2, 6


def shrink(png):
    """Returns a picture with a palette, or as it was if that would be seen or save nothing.

    Args:
        png: Bytes, a picture as PNG.

    Returns:
        Bytes, a PNG of the same size in pixels.
    """
    picture = Image.open(io.BytesIO(png))
    if picture.mode == "P" or picture.convert("RGBA").getextrema()[3][0] < 255:  # transparent
        return png
    picture = picture.convert("RGB")
    indexed = picture.quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    before, after = (np.asarray(each.convert("RGB"), int) for each in (picture, indexed))
    change = np.abs(before - after).mean()
    if change > LARGEST_CHANGE:
        return png
    plain, mixed = as_png(indexed), as_png(dithered(picture, indexed))
    if change > PHOTOGRAPH and len(mixed) < 2 * len(plain):  # more: large squares of noisy colors
        plain = mixed
    return min(plain, png, key=len)


def as_png(picture):
    """Returns a Pillow image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def dithered(picture, indexed):
    """Returns a picture in the palette of `indexed`, other colors mixed. White stays white."""
    mixed = np.array(picture.quantize(palette=indexed, dither=Image.Dither.FLOYDSTEINBERG))
    white = np.all(np.asarray(picture) == 255, axis=-1)
    mixed[white] = np.asarray(indexed)[white]
    result = Image.fromarray(mixed)
    result.putpalette(indexed.getpalette())
    return result


def shrink_outputs(notebook):
    """Shrinks the stored pictures of a notebook in place.

    Args:
        notebook: A notebook as nbformat reads it.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                png = shrink(base64.b64decode(data["image/png"]))
                data["image/png"] = base64.b64encode(png).decode()
