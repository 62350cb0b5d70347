"""Photographs that come with scikit-learn and Matplotlib, so that nothing is downloaded."""

import numpy as np
from matplotlib.cbook import get_sample_data
from PIL import Image
from sklearn.datasets import load_sample_image

SAMPLES = {"temple": "china.jpg", "flower": "flower.jpg", "portrait": "grace_hopper.jpg"}


def load_photographs(size: int = 160) -> dict[str, np.ndarray]:
    """Loads three photographs as squares, cut from their middle.

    "temple" and "flower" come with scikit-learn, "portrait" (Grace Hopper) with Matplotlib.

    Args:
        size: Integer >= 1, the side in pixels.

    Returns:
        Dict from a name to a uint8 array `[size, size, 3]`.

    Example:
        >>> photographs = load_photographs(96)
        >>> photographs["flower"].shape
        (96, 96, 3)
    """
    squares = {}
    for name, file in SAMPLES.items():
        if name == "portrait":
            with get_sample_data(file) as stream:
                picture = Image.open(stream).convert("RGB")
        else:
            picture = Image.fromarray(load_sample_image(file))
        side = min(picture.size)
        left, top = ((length - side) // 2 for length in picture.size)
        square = picture.crop((left, top, left + side, top + side))
        squares[name] = np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
    return squares
