"""The check of the exercise in which a learner writes the two views."""

import numpy as np

NUM_DIFFERENT, NUM_COPIES, SIDE = 16, 16, 32


def check_views(function):
    """Tells whether a function makes two views by crop and flip, and if not, what is wrong.

    Args:
        function: `function(images)` of a uint8 array `[N, H, W, C]` -> a pair of float arrays of
            that shape in 0..1: random crops, enlarged to the full size, every other one mirrored.

    Returns:
        A sentence.
    """
    images = colored_slopes()
    try:
        pairs = [[np.asarray(view) for view in function(images.copy())] for _ in range(2)]
    except Exception as error:  # a learner's code may raise anything: tell, do not stop
        return f"Not yet: your function raised {type(error).__name__}: {error}"
    if any(len(pair) != 2 for pair in pairs):
        return f"Not yet: return two views, as in `return view_1, view_2`, not {len(pairs[0])}."
    for view in pairs[0]:
        if view.shape != images.shape:
            return f"Not yet: the shape has to stay {images.shape}; yours is {view.shape}."
    mistake = next((words for found, words in mistakes(images, pairs) if found), None)
    return f"Not yet: {mistake}." if mistake else "Right: these are two views."


def mistakes(images, pairs):
    """Yields for each known mistake whether it was made, and the words for it.

    Args:
        images: what `colored_slopes` returned.
        pairs: the views of two calls.
    """
    views = np.stack(pairs[0])
    yield not np.issubdtype(views.dtype, np.floating), "views are floats: divide by 255"
    yield views.min() < 0 or views.max() > 1 + 1e-3, "values lie in 0..1: divide by 255"
    floats = images / 255
    yield np.allclose(views, floats, atol=1e-3), "the views are the images, nothing was changed"
    yield np.allclose(views[0], views[1]), "the same view stands twice: draw anew for the second"
    yield np.allclose(views, pairs[1]), "every call gives the same views: draw without a seed"
    # Crops and flips leave the colours: red and green tell which image a view is of.
    colors, expected = (
        views[..., :2].mean(axis=(2, 3)),
        floats[:NUM_DIFFERENT, ..., :2].mean((1, 2)),
    )
    distance = np.linalg.norm(colors[:, :NUM_DIFFERENT, None] - expected, axis=-1)
    matched = distance.argmin(axis=-1) == np.arange(NUM_DIFFERENT)
    yield not matched.all(), "row i of each view has to show image i, in its colours"
    copies = views[0, NUM_DIFFERENT:]
    yield np.allclose(copies, copies[0]), "one draw serves the whole batch: draw for each image"
    # Blue rises to the right, and red to the bottom.
    rises = np.diff(views[..., 2].mean(axis=2), axis=-1).mean(axis=-1)
    sinks = np.diff(views[..., 0].mean(axis=3), axis=-1).mean(axis=-1)
    yield (sinks < -1e-4).any(), "some are upside down: mirror left and right only"
    yield (rises > 0).all(), "none is mirrored: flip about half of them"
    yield (rises < 0).all(), "all are mirrored: flip about half of them"
    whole = np.isclose(np.abs(rises), np.abs(np.diff(floats[0, 0, :, 2]).mean()), rtol=0.02)
    yield whole.all(), "none is cropped: cut out a part and enlarge it"


def colored_slopes():
    """Images whose red and green tell them apart and whose slopes tell what was done to them.

    Returns:
        A uint8 array `[32, 32, 32, 3]`; the second half are copies of one image.
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
