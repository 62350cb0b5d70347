"""The embedded datasets, drawn from a seed: their splits, classes and groups."""

import numpy as np

from simclr_utils.data import chests, glyphs, shapes
from simclr_utils.data.repeats import Origins, settle_images
from simclr_utils.data.splits import SPLITS

SIZES = {"unlabeled": 20_000, "train": 5_000, "validation": 1_000, "test": 5_000}


def _draw_shapes(split, size, seed, image_size):
    drawn = shapes.render_shapes(size, seed, image_size)
    return drawn.images, drawn.labels, None


def _draw_glyphs(split, size, seed, image_size):
    """Draws all kinds of signs for the pool, and the deciphered ones for the other splits."""
    num_kinds = glyphs.NUM_KINDS if split == "unlabeled" else len(glyphs.CLASS_NAMES)
    drawn = glyphs.render_glyphs(size, seed, image_size, num_kinds)
    return drawn.images, drawn.kinds, None


def _draw_chests(split, size, seed, image_size):
    drawn = chests.render_chests(size, seed, image_size)
    return drawn.images, drawn.labels, drawn.patients


# For each embedded dataset: a function `(split, size, seed, image_size) -> images, labels, groups`,
# the names of its classes, the number of its channels, and a note.
RENDERERS = {
    "glyphs": (
        _draw_glyphs,
        glyphs.CLASS_NAMES,
        3,
        f"The unlabeled images show {glyphs.NUM_KINDS} kinds of signs; "
        f"{len(glyphs.CLASS_NAMES)} kinds are labeled.",
    ),
    "shapes": (_draw_shapes, shapes.CLASS_NAMES, 3, None),
    "chests": (
        _draw_chests,
        chests.CLASS_NAMES,
        1,
        "The images are phantoms, drawn and not X-rayed. Four of them show one patient.",
    ),
}


def render(name, image_size, seed, limits):
    """Draws an embedded dataset, each split from its own seed.

    Args:
        name: String, a key of `RENDERERS`.
        image_size: Integer, height and width of the images in pixels.
        seed: Integer, 0 or more.
        limits: Dict from each name in `SPLITS` to its number of images, or to `None` for that of
            `SIZES`.

    Returns:
        A pair as returned by `settle_images`.
    """
    draw, class_names, channels, note = RENDERERS[name]
    sizes = {each: SIZES[each] if limit is None else limit for each, limit in limits.items()}
    images = np.empty((sum(sizes.values()), image_size, image_size, channels), np.uint8)
    labels, groups, start = np.full(len(images), -1), np.full(len(images), -1), 0
    for code, (split, size) in enumerate(sizes.items()):
        if size:
            part = slice(start, start + size)
            images[part], labels[part], own = draw(split, size, [seed, code], image_size)
            if own is not None:
                groups[part] = own + groups.max() + 1  # each split has groups of its own
            start += size
    labels[: sizes[SPLITS[0]]] = -1
    origins = Origins(groups=groups) if (groups >= 0).any() else None
    images, metadata = settle_images(images, sizes, labels, class_names, origins=origins)
    rendered = f"Rendered from seed {seed}, each split separately."
    metadata["notes"][:0] = [rendered, note] if note else [rendered]
    return images, metadata
