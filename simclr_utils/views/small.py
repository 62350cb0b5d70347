"""Small views that show a small part of an image, for multi-crop."""

from collections.abc import Mapping, Sequence

import keras

from simclr_utils.views.crop import RandomResizedCrop
from simclr_utils.views.recipe import build_operations, compose


def build_small_augmenter(
    image_size: int,
    operations: Mapping,
    area: Sequence[float] = (0.08, 0.5),
    channels: int = 3,
    seed: int | None = None,
) -> keras.Sequential:
    """Builds the layer that draws one small view of each image of a batch.

    A small view has all operations of a recipe, but its crop is a smaller part of the image. It is
    resized from the image to its size directly.

    Args:
        image_size: Integer, the height and width of the small views.
        operations: Mapping from names to strengths, as in `build_augmenter`. It has a `"crop"`,
            whose strength is not used.
        area: Pair of floats in (0, 1], the range of the area of a crop as a share of the image.
        channels: Integer, as in `build_augmenter`.
        seed: Integer or `None`, as in `build_augmenter`.

    Returns:
        A `keras.Sequential`: uint8 `[N, height, width, channels]` -> float32
        `[N, image_size, image_size, channels]` in [0, 1].

    Raises:
        ValueError: If the operations have no crop, or `area` is not a range within (0, 1].

    Example:

    >>> augmenter = build_small_augmenter(16, {"crop": 1.0, "flip": 1.0}, area=(0.08, 0.5))
    >>> augmenter(np.zeros([8, 32, 32, 3], dtype="uint8")).shape
    TensorShape([8, 16, 16, 3])

    References:
        Caron et al. 2020, "Unsupervised learning of visual features by contrasting cluster
        assignments", section 3.3.
    """
    if "crop" not in operations:
        raise ValueError(
            f"Small views are crops, and the operations {list(operations)} have none. Add "
            '"crop" to them.'
        )
    if not (len(area) == 2 and 0 < area[0] <= area[1] <= 1):
        raise ValueError(f"`area` must be a range within 0 to 1. Received: {area}")
    layers = build_operations(image_size, operations, channels=channels, seed=seed)
    for layer in layers:
        if isinstance(layer, RandomResizedCrop):
            layer.scale = tuple(area)
    return compose(layers)
