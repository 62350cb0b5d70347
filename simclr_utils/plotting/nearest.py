"""Figures of an image and the images nearest to it, one for each query."""

from collections.abc import Sequence

import numpy as np

from simclr_utils.plotting.images import plot_neighbors
from simclr_utils.plotting.style import DescribedFigure


class NearestImages:
    """Shows which images an encoder finds similar.

    Args:
        queries: Array of images `[Q, H, W, C]`.
        gallery: Array `[N, H, W, C]`, the images that were searched.
        nearest: Integer array `[Q, K]`, the rows of the gallery that are nearest to each query,
            as `study.nearest_images` returns them.
        labels: Pair of integer arrays `[Q]` and `[N]`, or `None` if nothing is labeled.
        class_names: Sequence of strings, one for each label.
    """

    def __init__(
        self,
        queries: np.ndarray,
        gallery: np.ndarray,
        nearest: np.ndarray,
        labels: tuple | None = None,
        class_names: Sequence[str] = (),
    ):
        self.queries, self.gallery = queries, gallery
        self.nearest, self.labels, self.class_names = nearest, labels, class_names

    def __len__(self):
        return len(self.nearest)

    def draw(self, place: int) -> DescribedFigure:
        """Draws a query and the images nearest to it.

        Args:
            place: Integer, the number of the query.

        Returns:
            A closed `Figure`.
        """
        found, same, title = self.nearest[place], None, "nearest to an image"
        if self.labels is not None:
            label, others = self.labels[0][place], self.labels[1]
            same = others[found] == label
            title += f" of class '{self.class_names[label]}'"
        shown = {"SimCLR": (self.gallery[found], same)}
        return plot_neighbors(self.queries[place], shown, title)
