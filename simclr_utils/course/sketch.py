"""Pictures for explorers, drawn with Pillow: many times faster than a Matplotlib figure."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from simclr_utils.plotting.fonts import FONT_FILE, readable


class Sketch:
    """A white sheet for pictures, bars and words, measured in screen pixels.

    Args:
        width: Integer, in pixels.
        height: Integer, in pixels.
    """

    def __init__(self, width: int, height: int):
        self.sheet = Image.new("RGB", (width, height), "white")
        self.pen = ImageDraw.Draw(self.sheet)

    def picture(self, image: np.ndarray, left: int, top: int, side: int, frame: str | None = None):
        """Places an image, enlarged or reduced to a square.

        Args:
            image: Array `[H, W, C]` or `[H, W]`, uint8 or float in 0..1.
            left: Integer, its left edge.
            top: Integer, its top edge.
            side: Integer, the side of the square.
            frame: String, the color of a frame around it, or `None`.
        """
        if image.dtype != np.uint8:
            image = np.uint8(np.round(np.clip(image, 0, 1) * 255))
        image = image[..., 0] if image.shape[-1] == 1 else image
        small = Image.fromarray(image).convert("RGB")
        # Square pixels for small images, as in the figures; large images are averaged.
        kind = Image.Resampling.NEAREST if side >= image.shape[0] else Image.Resampling.BOX
        self.sheet.paste(small.resize((side, side), kind), (left, top))
        if frame:
            self.frame(left, top, left + side, top + side, frame)

    def stripes(self, colors: np.ndarray, left: int, top: int, width: int, height: int):
        """Fills a box with upright stripes, one for each number of a vector.

        Args:
            colors: Float array `[D, 3]` in 0..1, the colors of the stripes.
            left: Integer, the left edge of the box.
            top: Integer, its top edge.
            width: Integer, its width.
            height: Integer, its height.
        """
        row = Image.fromarray(np.uint8(np.round(colors[None] * 255)))
        self.sheet.paste(row.resize((width, height), Image.Resampling.NEAREST), (left, top))

    def frame(self, left: int, top: int, right: int, bottom: int, color: str):
        """Draws a frame three pixels wide around a box."""
        box = (left - 3, top - 3, right + 2, bottom + 2)
        self.pen.rectangle(box, outline=color, width=3)

    def bar(self, left: int, top: int, right: int, bottom: int, color: str):
        """Fills a box, which may have no height."""
        if bottom > top:
            self.pen.rectangle((left, top, right - 1, bottom - 1), fill=color)

    def dot(self, x: float, y: float, color: str, radius: int = 7):
        """Draws a disc with a white rim."""
        box = (x - radius, y - radius, x + radius, y + radius)
        self.pen.ellipse(box, fill=color, outline="white", width=2)

    def words(
        self, text: str, x: float, y: float, color: str = "black", size: int = 13, anchor="la"
    ):
        """Writes a line; `anchor` is Pillow's, such as `la` (left, top) or `mm` (the middle)."""
        self.pen.text((x, y), readable(text), fill=color, font=font(size), anchor=anchor)

    def png(self) -> bytes:
        """Returns the sheet as the bytes of a PNG file."""
        buffer = io.BytesIO()
        self.sheet.save(buffer, "png", compress_level=1)
        return buffer.getvalue()


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Returns the font of the figures in a size in pixels."""
    return ImageFont.truetype(FONT_FILE, size)


def width_of(texts, size: int = 13) -> int:
    """Returns the width in pixels of the longest of several lines."""
    return max((round(font(size).getlength(readable(text))) for text in texts), default=0)
