"""Explorers of classes: the neighbors of an image, and the mistakes of each method."""

from collections.abc import Sequence

import numpy as np

from simclr_utils.course.sketch import Sketch, width_of
from simclr_utils.plotting.classes import CLASS_COLORS
from simclr_utils.plotting.fonts import LONGEST_NAME, readable
from simclr_utils.plotting.images import CROSS, TICK
from simclr_utils.plotting.style import COLORS


class RetrievalExplorer:
    """Shows an image's nearest neighbors in several representations, and its place in a map.

    Args:
        queries: Pair of images `[Q, H, W, C]` and integer labels `[Q]`.
        gallery: Pair of images `[N, H, W, C]` and integer labels `[N]`, which holds the neighbors.
        neighbors: Dict from a representation's name to an integer array `[Q, K]` of indices
            into the gallery.
        points: Float array `[Q, 2]`, places of the queries in a map.
        class_names: Sequence of strings.
    """

    SIDE, MAP_WIDTH, MAP_HEIGHT = 64, 310, 310  # screen pixels

    def __init__(
        self,
        queries: tuple[np.ndarray, np.ndarray],
        gallery: tuple[np.ndarray, np.ndarray],
        neighbors: dict[str, np.ndarray],
        points: np.ndarray,
        class_names: Sequence[str],
    ):
        self.queries, self.gallery, self.neighbors = queries, gallery, neighbors
        self.class_names = class_names
        low, high = points.min(axis=0), points.max(axis=0)
        self.places = 10 + 270 * (points - low) / np.maximum(high - low, 1e-12) * (1, -1)
        self.places[:, 1] += 270
        self.background = Sketch(290, self.MAP_HEIGHT)
        for place, label in zip(self.places, queries[1], strict=True):
            self.background.dot(*place, CLASS_COLORS[label % len(CLASS_COLORS)], radius=4)
        self.background.words("map of the features, colored by class", 10, 292, size=11)

    def draw(self, image: int) -> tuple[bytes, str]:
        """Draws a row of neighbors for each representation, and the map with the query's point.

        Args:
            image: Integer, number of the query.

        Returns:
            A pair: PNG bytes, and a sentence.
        """
        step, margin = self.SIDE + 10, max(130, 28 + width_of(self.neighbors))
        num_columns = 1 + max(rows.shape[1] for rows in self.neighbors.values())
        left = margin + num_columns * step
        height = max(self.MAP_HEIGHT, len(self.neighbors) * (self.SIDE + 36))
        sketch = Sketch(left + self.MAP_WIDTH, height)
        label, found = self.queries[1][image], []
        for row, (name, numbers) in enumerate(self.neighbors.items()):
            images, same = (part[numbers[image]] for part in self.gallery)
            same = same == label
            top = 8 + row * (self.SIDE + 36)
            sketch.words(name, margin - 14, top + self.SIDE // 2, anchor="rm")
            sketch.picture(self.queries[0][image], margin, top, self.SIDE)
            for column, (picture, right) in enumerate(zip(images, same, strict=True), 1):
                self._neighbor(sketch, picture, margin + column * step, top, right)
            found.append(f"{name} {same.sum()} of {len(same)}")
        sketch.sheet.paste(self.background.sheet, (left + 10, 0))
        x, y = self.places[image] + (left + 10, 0)
        sketch.dot(x, y, "black", radius=9)
        name = self.class_names[label]
        sketch.words(readable(name, LONGEST_NAME), x, y - 18, anchor="mm")
        return sketch.png(), f"Class {name}. Neighbors of its class: {', '.join(found)}."

    def _neighbor(self, sketch, picture, left, top, right):
        """Places a neighbor, framed and marked by whether it is of the query's class."""
        color = COLORS["blue"] if right else COLORS["orange"]
        sketch.picture(picture, left, top, self.SIDE, color)
        mark, below = TICK if right else CROSS, top + self.SIDE + 12
        sketch.words(mark, left + self.SIDE // 2, below, anchor="mm")


class MistakesExplorer:
    """Shows what each method predicts for test images at a number of labels.

    Args:
        images: Array `[N, H, W, C]`, test images.
        truth: Integer array `[N]`, the images' classes.
        predictions: Dict from a label count to a dict from a method's name to a pair of arrays
            `[N]`: the predicted classes, and booleans that say whether they are right.
        class_names: Sequence of strings.
        num_shown: Integer, images in a row.
    """

    SIDE, STEP, LINE = 80, 92, 22  # screen pixels

    def __init__(
        self,
        images: np.ndarray,
        truth: np.ndarray,
        predictions: dict[int, dict[str, tuple[np.ndarray, np.ndarray]]],
        class_names: Sequence[str],
        num_shown: int = 8,
    ):
        self.images, self.truth, self.predictions = images, truth, predictions
        self.class_names, self.num_shown = class_names, num_shown

    def draw(self, labels: int, first: int = 0) -> tuple[bytes, str]:
        """Draws test images in a row, and below each its class and what the methods predict.

        Args:
            labels: Integer, a label count.
            first: Integer, number of the first image.

        Returns:
            A pair: PNG bytes, and a sentence.
        """
        methods, below = self.predictions[labels], self.SIDE + 14
        margin = max(190, 24 + width_of(methods))
        size = (margin + self.num_shown * self.STEP, below + 2 + self.LINE * (len(methods) + 1))
        sketch, shares = Sketch(*size), []
        sketch.words("class", margin - 12, below, anchor="rm")
        shown = range(first, min(first + self.num_shown, len(self.images)))
        for column, index in enumerate(shown):
            left = margin + column * self.STEP
            sketch.picture(self.images[index], left, 0, self.SIDE)
            name = readable(self.class_names[self.truth[index]], 11)
            sketch.words(name, left + self.SIDE // 2, below, anchor="mm")
        for row, (method, (classes, correct)) in enumerate(methods.items(), 1):
            y = below + row * self.LINE
            sketch.words(method, margin - 12, y, anchor="rm")
            for column, index in enumerate(shown):
                name = readable(self.class_names[classes[index]], 9)
                text = f"{TICK if correct[index] else CROSS} {name}"
                color = COLORS["blue"] if correct[index] else COLORS["red"]
                x = margin + column * self.STEP + self.SIDE // 2
                sketch.words(text, x, y, color, size=12, anchor="mm")
            shares.append(f"{method} {correct.mean():.1%}")
        return (
            sketch.png(),
            f"Accuracy on all test images at {labels:,} labels: {', '.join(shares)}.",
        )
