"""The views that a configuration asks for: their sizes, their augmenters and what they cost."""

from typing import TYPE_CHECKING

import keras

from simclr_utils.training.view_sizes import Stage, ViewSizes
from simclr_utils.views import recipe
from simclr_utils.views.small import build_small_augmenter

if TYPE_CHECKING:
    from simclr_utils.config import Config


def build_views(
    image_shape: tuple[int, int, int], config: "Config", seed: int, num_steps: int
) -> tuple[keras.Layer, keras.Layer | None, ViewSizes | None]:
    """Builds the augmenters of a configuration.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        config: `Config` with the operations and the sizes of the views.
        seed: Integer, at least 0.
        num_steps: Integer, the number of steps of the whole run.

    Returns:
        A tuple of three, as `SimCLR` takes them: the augmenter, the second augmenter or `None`,
        and a `ViewSizes`, or `None` if all views have the size of the images.

    Raises:
        ValueError: As in `check_views` and `build_augmenter`.
    """
    height, _, channels = image_shape
    check_views(config, height)
    *stages, (size, _) = config.view_sizes or ((height, 1.0),)
    pair = _pair(size, config, channels, seed, recipe.build_augmenter)
    if config.view_sizes is None and config.small_views is None:
        return *pair, None
    early, share = [], 0.0
    for number, (early_size, part) in enumerate(stages):
        share += part
        end = round(share * num_steps)
        if end <= (early[-1].end if early else 0):
            continue  # a run of few steps has none of this size
        own = recipe.operation_seed(seed, f"stage {number}")
        early.append(Stage(end, *_pair(early_size, config, channels, own, _build_silently)))
    if config.small_views is None:
        return *pair, ViewSizes(tuple(early))
    (number, small_size), operations = config.small_views, dict(config.operations)
    own = recipe.operation_seed(seed, "small views")
    small = build_small_augmenter(small_size, operations, channels=channels, seed=own)
    return *pair, ViewSizes(tuple(early), small, number)


def _pair(size, config, channels, seed, build):
    """Returns the augmenters of the first and the second views; the second may be `None`."""
    first = build(size, operations=dict(config.operations), channels=channels, seed=seed)
    if config.second_operations is None:
        return first, None
    # A seed of its own: with that of the first, equal operations would draw equal views.
    other = recipe.operation_seed(seed, "second view")
    operations = dict(config.second_operations)
    return first, build(size, operations=operations, channels=channels, seed=other)


def _build_silently(size, operations, channels, seed):
    """Builds an augmenter; what is said about one-channel images has been said already."""
    return recipe.compose(recipe.build_operations(size, operations, channels=channels, seed=seed))


def sizes_in_use(config: "Config", image_size: int) -> list[int]:
    """Returns the sizes of all views of a run, in pixels.

    Args:
        config: A `Config`.
        image_size: Integer, the height of the images.
    """
    sizes = [size for size, _ in config.view_sizes or ((image_size, 1.0),)]
    return [*sizes, config.small_views[1]] if config.small_views else sizes


def check_views(config: "Config", image_size: int) -> None:
    """Refuses settings of the views that do not go together.

    Args:
        config: A `Config`.
        image_size: Integer, the height of the images.

    Raises:
        ValueError: If views have another size than the images and no crop that resizes them, or if
            there are small views of mixtures.
    """
    first, second = dict(config.operations), config.second_operations
    if config.small_views and config.mix_alpha:
        raise ValueError(
            f"small_views={config.small_views} and mix_alpha={config.mix_alpha} do not go "
            "together: a small view shows one image, and a mixture two. Leave one of them out."
        )
    needed = [first] if config.small_views else []
    if any(size != image_size for size, _ in config.view_sizes or ()):
        needed = [first] if second is None else [first, dict(second)]
    for operations in needed:
        if "crop" not in operations:
            raise ValueError(
                f"Views of another size than the images ({image_size} pixels) are crops that are "
                f"resized, and the operations {list(operations)} have no crop. Add "
                '"crop" to operations and second_operations, or leave out view_sizes and '
                "small_views."
            )


def views_per_image(config: "Config", image_size: int) -> float:
    """Returns the pixels in the encoder for each image of a step, in views of the image's size.

    Two views of the size of the image are 2. Of half the height and width, they are 0.5: a
    convolution takes as long as there are pixels.

    Args:
        config: A `Config`.
        image_size: Integer, the height of the images.

    Returns:
        A float, the mean over the steps of a run.
    """
    large = sum(
        share * (size / image_size) ** 2 for size, share in config.view_sizes or ((image_size, 1),)
    )
    number, small_size = config.small_views or (0, 0)
    return 2 * large + number * (small_size / image_size) ** 2
