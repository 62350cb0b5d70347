"""The check of the exercise on views: two random crops of each image, half of them mirrored."""

from collections.abc import Callable, Iterator

import numpy as np

from simclr_utils.course.checks import attempt

NUM_DIFFERENT, NUM_COPIES, SIDE = 16, 16, 32


def check_views(function: Callable) -> str:
    """Tells whether a function makes two views by crop and flip, and if not, what is wrong.

    Args:
        function: Function of a uint8 array `[N, H, W, C]`. It returns a pair of float arrays of
            the same shape in 0..1: random crops, enlarged to the full size, about half of them
            mirrored.

    Returns:
        A sentence.
    """
    images = colored_slopes()
    pairs, complaint = attempt(
        lambda: [[np.asarray(view) for view in function(images.copy())] for _ in range(2)]
    )
    if complaint:
        return f"Not yet: {complaint}"
    if any(len(pair) != 2 for pair in pairs):
        return f"Not yet: return two views, as in `return view_1, view_2`, not {len(pairs[0])}."
    for view in pairs[0]:
        if view.shape != images.shape:
            return f"Not yet: the shape has to stay {images.shape}; yours is {view.shape}."
    mistake = next((words for found, words in view_mistakes(images, pairs) if found), None)
    return f"Not yet: {mistake}." if mistake else "Right: these are two views."


def view_mistakes(images: np.ndarray, pairs: list) -> Iterator[tuple[bool, str]]:
    """Yields for each usual mistake whether two calls show it, and the words that name it."""
    views, floats = np.stack(pairs[0]), images / 255
    yield not np.issubdtype(views.dtype, np.floating), "the views have to be floats: divide by 255"
    outside = views.min() < 0 or views.max() > 1 + 1e-3
    yield outside, "the values have to lie between 0 and 1: divide by 255"
    yield np.allclose(views, floats, atol=1e-3), "the views are the images, unchanged"
    yield np.allclose(views[0], views[1]), "both views are the same: draw anew for the second"
    yield np.allclose(views, pairs[1]), "every call returns the same views: do not fix the seed"
    # Crops and flips keep the colors: red and green tell which image a view shows.
    colors = views[..., :2].mean(axis=(2, 3))
    expected = floats[:NUM_DIFFERENT, ..., :2].mean((1, 2))
    distance = np.linalg.norm(colors[:, :NUM_DIFFERENT, None] - expected, axis=-1)
    matched = distance.argmin(axis=-1) == np.arange(NUM_DIFFERENT)
    yield not matched.all(), "row i of each view has to show image i, in its own colors"
    copies = views[0, NUM_DIFFERENT:]
    yield np.allclose(copies, copies[0]), "all images share one random draw: draw for each image"
    # Blue rises to the right, and red to the bottom.
    rises = np.diff(views[..., 2].mean(axis=2), axis=-1).mean(axis=-1)
    sinks = np.diff(views[..., 0].mean(axis=3), axis=-1).mean(axis=-1)
    yield (sinks < -1e-4).any(), "some views are upside down: flip left and right only"
    yield (rises > 0).all(), "no view is mirrored: flip about half of them"
    yield (rises < 0).all(), "all views are mirrored: flip about half of them"
    whole = np.isclose(np.abs(rises), np.abs(np.diff(floats[0, 0, :, 2]).mean()), rtol=0.02)
    yield whole.all(), "no view is cropped: cut out a part and enlarge it"


def colored_slopes() -> np.ndarray:
    """Returns images whose colors show how a view was made.

    The mean of red and green identifies the image. The slopes of red and blue show crops and flips.

    Returns:
        A uint8 array `[32, 32, 32, 3]`. The second half are copies of one image.
    """
    levels = np.array([50, 100, 150, 200])
    red, green = (part.ravel() for part in np.meshgrid(levels, levels))
    slope = np.linspace(-1, 1, SIDE)
    images = np.zeros((NUM_DIFFERENT, SIDE, SIDE, 3))
    images[..., 0] = red[:, None, None] + 15 * slope[:, None]
    images[..., 1] = green[:, None, None]
    images[..., 2] = 128 + 100 * slope
    copies = np.repeat(images[5:6], NUM_COPIES, axis=0)
    return np.uint8(np.concatenate([images, copies]))
