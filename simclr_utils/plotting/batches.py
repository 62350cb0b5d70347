"""A figure of which images a loss compares when a batch is cut into parts."""

from collections.abc import Sequence

import numpy as np

from simclr_utils.plotting.style import DescribedFigure, figure


def plot_parts(similarity: np.ndarray, sizes: Sequence[int]) -> DescribedFigure:
    """Draws the pairs that NT-Xent compares in a batch, and in the parts of that batch.

    Args:
        similarity: Float array `[2N, 2N]`, the cosine similarities of the first views of N
            images, followed by their second views.
        sizes: Sequence of integers from 1 to N, the images of a part, one panel each. `N` is the
            batch in one piece.

    Returns:
        A closed `Figure`. Pairs that are never compared are gray. A dot marks each positive pair.

    Raises:
        ValueError: If the matrix has no two rows for each image, or a size is impossible.
    """
    num_images = len(similarity) // 2
    if similarity.shape != (2 * num_images, 2 * num_images):
        raise ValueError(f"Expected a matrix [2N, 2N]. Received: shape {similarity.shape}.")
    wrong = [size for size in sizes if not 1 <= size <= num_images]
    if wrong:
        raise ValueError(f"A part has 1 to {num_images} images. Received: {wrong[0]}.")
    rows = np.arange(2 * num_images)
    width = 4.5 * max(1, min(2, len(sizes)))
    with figure(1, len(sizes), (width, 4.6), squeeze=False) as (drawing, axes):
        for axis, size in zip(axes[0], sizes, strict=True):
            part = rows % num_images // size
            unseen = (part[:, None] != part) | np.eye(len(rows), dtype=bool)
            axis.set_facecolor("#dddddd")
            shown = axis.imshow(np.ma.masked_where(unseen, similarity), "PuOr_r", vmin=-1, vmax=1)
            axis.plot((rows + num_images) % len(rows), rows, "k.", markersize=4)
            whole = "the batch in one piece" if size == num_images else f"parts of {size}"
            axis.set_title(f"{whole}: {2 * size - 1} candidates")
            axis.set(xlabel="candidate", ylabel="anchor", xticks=[], yticks=[])
            axis.grid(False)
        drawing.colorbar(shown, ax=axes[0, -1], shrink=0.8, label="cosine similarity")
    return drawing
