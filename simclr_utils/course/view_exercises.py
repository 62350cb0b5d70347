"""The check of the exercise on views: two random crops of each image, half of them mirrored."""

from collections.abc import Callable, Iterator

import numpy as np

from simclr_utils.course.checks import attempt
from simclr_utils.course.view_windows import Windows, read_windows, sloping_images

NUM_CALLS = 22  # one coin for a whole call then shows both sides, but in one of a million checks
LARGEST = 0.64  # of the image's area: at least a tenth of the crops have to be smaller
SMALLEST = 0.02  # of the image's area: at least half of the crops have to be larger


def check_views(function: Callable) -> str:
    """Tells whether a function makes two views by crop and flip, and if not, what is wrong.

    Args:
        function: Function of a uint8 array `[N, H, W, C]`. It returns a pair of float arrays of
            the same shape in 0..1: random crops, enlarged to the full size, about half of them
            mirrored.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    images, pairs = sloping_images(), []
    for _ in range(NUM_CALLS):
        pair, complaint = attempt(function, images.copy())
        if pair is None:
            return f"Not yet: {complaint or 'your function returns nothing; end it in `return`.'}"
        complaint = malformed(pair, images.shape)
        if complaint:
            return f"Not yet: {complaint}."
        pairs.append([as_array(view) for view in pair])
    views = np.stack(pairs).astype(np.float32)
    mistake = next((words for found, words in mistakes_in(views) if found), None)
    return f"Not yet: {mistake}." if mistake else "Right: these are two views."


def as_array(view) -> np.ndarray:
    """Returns a view as an array; bfloat16, which NumPy does not count as a float, as float32."""
    view = np.asarray(view)
    return view.astype(np.float32) if view.dtype.name == "bfloat16" else view


def malformed(pair, shape) -> str | None:
    """Returns what is wrong with the form and the values of two views, or `None`."""
    if not hasattr(pair, "__len__") or len(pair) != 2:
        return "return two views, as in `return view_1, view_2`"
    for view in map(as_array, pair):
        if view.shape != shape:
            return f"the shape has to stay {shape}; yours is {view.shape}"
        if not np.issubdtype(view.dtype, np.floating):
            return "the views have to be floats: divide by 255"
        if not np.isfinite(view).all() or view.min() < -1e-3 or view.max() > 1 + 1e-3:
            return "the values have to lie between 0 and 1: divide by 255"
        if view.max() < 0.01:
            return "the views are nearly black: divide by 255 only once"
    return None


def mistakes_in(views: np.ndarray) -> Iterator[tuple[bool, str]]:
    """Yields for each usual mistake whether the views show it, and the words that name it.

    Args:
        views: Float array `[calls, 2, N, H, W, C]` of the sloping images.
    """
    shown = read_windows(views)
    yield shown.padded.mean() > 0.01, "some crops reach beyond the edge of the image"
    yield not shown.own.all(), "row i of each view has to show image i, in its own colors"
    yield shown.turned.any(), "some views are turned: crop and mirror only"
    yield (shown.height < 0).any(), "some views are upside down: flip left and right only"
    whole = np.abs(shown.width * shown.height) > 0.94
    if whole.all() and (shown.width > 0).all():
        yield True, "the views are the images, unchanged"
    yield whole.all(), "no view is cropped: cut out a part and enlarge it"
    yield whole.all(axis=(0, 2)).any(), "one of the two views is never cropped: crop both"
    same = np.allclose(views[:, 0], views[:, 1], atol=1e-3)
    yield same, "both views are the same: draw anew for the second"
    yield from shared_crops(shown)
    yield from crop_sizes(shown)
    yield from crop_places(shown)
    yield from flips(shown.width < 0)


def shared_crops(shown: Windows) -> Iterator[tuple[bool, str]]:
    """Yields the mistakes of crops that are not drawn for each image, view and call."""
    x, y = shown.x, shown.y
    corners = np.stack([x, y, np.abs(shown.width), np.abs(shown.height)])
    if np.ptp(corners, axis=(1, 3)).max(axis=0).min() < 0.02:  # in at least one of the views
        central = np.abs(corners[:2] - 0.5).max() < 0.03
        place = "the middle" if central else "the same place"
        yield True, f"every crop is from {place}: draw its corner at random"
    repeated = alike(corners[:, 0], corners[:, 1]) and alike(corners[:, 0], corners[:, 2])
    yield repeated, "every call returns the same crops: do not fix the seed"
    shared = np.ptp(corners, axis=-1).max(axis=(0, 1)).min() < 0.02
    yield shared, "all images share one random crop: draw a corner for each image"
    pairs = alike(corners[:, :, 0], corners[:, :, 1])
    yield pairs, "both views show the same crop: draw another corner for the second view"


def alike(first, second):
    """Returns whether two sets of crops agree for each image, up to small shifts."""
    strangers = np.abs(first - np.roll(second, 1, axis=-1)).mean()
    return np.abs(first - second).mean() < max(0.004, 0.3 * strangers)


def crop_sizes(shown: Windows) -> Iterator[tuple[bool, str]]:
    """Yields whether the crops are too large or too small."""
    areas = np.abs(shown.width * shown.height)
    large = np.quantile(areas, 0.1, axis=(0, 2)).max() > LARGEST
    yield large, f"the crops are too large: yours keep {areas.mean():.0%} of the image on average"
    yield np.median(areas) < SMALLEST, "the crops are too small: nothing can be recognized in them"


def crop_places(shown: Windows) -> Iterator[tuple[bool, str]]:
    """Yields whether some places that a crop can have are never drawn."""
    small = (np.abs(shown.width) < 0.9) & (np.abs(shown.height) < 0.9)
    if small.sum() < 100:
        return
    # From -0.5, at the left or top edge, to 0.5, whatever the size of the crop.
    across = ((shown.x - 0.5) / (1 - np.abs(shown.width)))[small]
    down = ((shown.y - 0.5) / (1 - np.abs(shown.height)))[small]
    ranges = np.ptp(across), np.ptp(down)
    yield max(ranges) < 0.2, "the crops differ in size only: draw the place of the corner, too"
    yield ranges[0] < 0.2, "the crops move up and down only: draw the left edge, too"
    yield ranges[1] < 0.2, "the crops move sideways only: draw the top edge, too"
    diagonal = abs(np.corrcoef(across, down)[0, 1]) > 0.9
    yield diagonal, "left and top are one random number: draw two"
    centered = max(abs(np.median(across)), abs(np.median(down))) < 0.1
    narrow = "stay near the middle" if centered else "never reach one side of the image"
    yield min(ranges) < 0.7, f"the crops {narrow}: let them lie wherever they fit"


def flips(mirrored: np.ndarray) -> Iterator[tuple[bool, str]]:
    """Yields the mistakes of flips, from booleans `[calls, 2, N]`."""
    yield not mirrored.any(), "no view is mirrored: flip about half of them"
    yield mirrored.all(), "all views are mirrored: flip about half of them"
    one_coin = (mirrored == mirrored[..., :1]).all()
    if one_coin and (mirrored == mirrored[:1]).all():
        yield True, "one of the two views is always mirrored: draw a coin for each image and view"
    yield one_coin, "one coin decides for the whole batch: draw one for each image"
    fixed = (mirrored == mirrored[:1]).all()
    yield fixed, "the same images are mirrored in every call: draw a coin for each"
    together = (mirrored[:, 0] == mirrored[:, 1]).all()
    yield together, "both views of an image are mirrored together: draw a coin for each view"
    opposite = (mirrored[:, 0] != mirrored[:, 1]).all()
    yield opposite, "always exactly one view of an image is mirrored: draw a coin for each view"
    share = mirrored.mean()
    yield abs(share - 0.5) > 0.15, f"{share:.0%} of the views are mirrored: flip about half of them"
