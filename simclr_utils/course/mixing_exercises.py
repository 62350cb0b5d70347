"""Checks of the exercises on mixtures of two images: MixUp and CutMix."""

from collections.abc import Callable

import numpy as np

from simclr_utils.course.checks import PUZZLE, attempt, first_match

SIZE = 32  # of the images into which boxes are pasted
BOXES = ((4, 8, 20, 20), (-6, 10, 10, 26), (20, 24, 40, 36))  # top, left, bottom, right


def check_mixup(function: Callable) -> str:
    """Tells whether a function mixes two images and their targets, as MixUp does.

    Args:
        function: Function `(images, targets, partners, shares)` of a float array `[N, H, W, C]`, a
            float array `[N, K]` of one-hot classes, an integer array `[N]`, the number of each
            image's partner, and a float array `[N]`, the share of the image itself. It returns the
            mixed images and the mixed targets.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    random = np.random.default_rng(0)
    images, targets = random.uniform(size=(4, 3, 3, 2)), np.eye(5)[[0, 2, 3, 1]]
    partners, shares = np.array([2, 3, 1, 0]), np.array([0.9, 0.65, 0.3, 0.8])
    copies = [part.copy() for part in (images, targets, partners, shares)]
    given, complaint = attempt(lambda: [np.asarray(part, float) for part in function(*copies)])
    if complaint:
        return f"Not yet: {complaint}"
    if len(given) != 2:
        return f"Not yet: return two arrays, images and targets; yours are {len(given)}."
    found = []
    for name, values, whole in zip(("images", "targets"), given, (images, targets), strict=True):
        if values.shape != whole.shape:
            return (
                f"Not yet, {name}: the shape is {values.shape}, not {whole.shape}. Do the shares "
                "have as many axes?"
            )
        said = first_match(
            mixtures(whole, partners, shares), lambda value, v=values: np.allclose(v, value), PUZZLE
        )
        found.append((name, said))
    wrong = [f"Not yet, {name}: {said}." for name, said in found if said != "right"]
    return wrong[0] if wrong else "Right: image and target have the same shares."


def mixtures(whole, partners, shares) -> dict[str, np.ndarray]:
    """Returns the mixtures, and what they would be with each usual mistake, by message."""
    own = shares.reshape(-1, *[1] * (whole.ndim - 1))
    other = whole[partners]
    larger = np.maximum(own, 1 - own)
    return {
        "right": own * whole + (1 - own) * other,
        "they are unchanged; they have to be mixed as well": whole,
        "they are the partners', unmixed": other,
        "the shares are exchanged: `shares` is that of the image itself": (
            (1 - own) * whole + own * other
        ),
        "each has a share of its own; you use one share for all": (
            shares[0] * whole + (1 - shares[0]) * other
        ),
        "use the shares as they are; you give the larger one to the image itself": (
            larger * whole + (1 - larger) * other
        ),
        "both parts are added whole; weigh them by their shares": whole + other,
        "half and half: the shares are not used": (whole + other) / 2,
        "the partner's part is missing": own * whole,
        "the partner needs its share, 1 - shares": own * whole + other,
        "the partners are the images in reverse order, not the given ones": (
            own * whole + (1 - own) * whole[::-1]
        ),
    }


def check_cutmix(function: Callable) -> str:
    """Tells whether a function computes the share of an image that a pasted box leaves of it.

    Args:
        function: Function `(box, size)` of four integers, the first and the last edge of a box
            in pixels, as `(top, left, bottom, right)`, and the side of the image. The box may reach
            beyond the image; `bottom` and `right` are not part of it. It returns the share of the
            target that stays with the image's own class.

    Returns:
        A sentence that begins with "Right" or "Not yet".
    """
    given, complaint = attempt(lambda: np.array([float(function(box, SIZE)) for box in BOXES]))
    if complaint:
        return f"Not yet: {complaint}"
    top, left, bottom, right = np.array(BOXES, float).T
    whole = (bottom - top) * (right - left) / SIZE**2
    height, width = (
        np.minimum(end, SIZE) - np.maximum(start, 0)
        for start, end in ((top, bottom), (left, right))
    )
    pasted = height * width / SIZE**2
    answers = {
        "Right: the target has the shares of the pixels.": 1 - pasted,
        "Not yet: this is the share of the pasted image; the own one is asked for.": pasted,
        "Not yet: the part of a box outside of the image covers nothing; cut it off.": 1 - whole,
        "Not yet: this is the share of the pasted image, and boxes reach beyond the edge.": whole,
        "Not yet: divide by the number of pixels, the side squared.": 1 - pasted * SIZE,
        "Not yet: this is the number of pixels that are left; return a share.": (
            (1 - pasted) * SIZE**2
        ),
        "Not yet: this is the number of pasted pixels; return a share.": pasted * SIZE**2,
        "Not yet: `bottom` and `right` are not part of the box; add nothing.": (
            1 - (height + 1) * (width + 1) / SIZE**2
        ),
        "Not yet: the share is one of areas, not of sides: no root.": 1 - np.sqrt(pasted),
        "Not yet: multiply height and width; you add them.": 1 - (height + width) / (2 * SIZE),
        "Not yet: the height alone does not tell the area.": 1 - height / SIZE,
        "Not yet: the width alone does not tell the area.": 1 - width / SIZE,
        "Not yet: this is in per cent; return a share.": 100 * (1 - pasted),
    }
    return first_match(
        answers, lambda value: np.allclose(given, value, rtol=1e-4), f"Not yet: {PUZZLE}."
    )
