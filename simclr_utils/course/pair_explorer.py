"""An explorer of the map of pairs of operations: each square, and the views behind it."""

import numpy as np
import pandas as pd

from simclr_utils.ablation.grids import GRIDS, OPERATIONS
from simclr_utils.course.augmentation_lab import AugmentationLab
from simclr_utils.course.measured_cells import accuracies, at_labels, gap, gap_in_words
from simclr_utils.course.sketch import Sketch
from simclr_utils.plotting.style import COLORS, heat_colors, letters_on

GRID = "augmentation-pairs"


class PairExplorer:
    """Shows the views of a pair of operations, and its place among all pairs.

    Args:
        images: Uint8 array `[N, H, W, C]`. The first ones are drawn.
        rows: DataFrame of the grid of pairs, as `evaluation.published_ablation` returns it.
        labels: Integer, the number of labels of the probes, or `None` for the largest.
        num_shown: Integer, images to draw.
        seed: Integer, the seed of the views.

    Attributes:
        names: List of the operations, for the controls.

    Raises:
        ValueError: If the rows are of another grid, or none of them has an accuracy.

    Example:

    >>> rows = evaluation.published_ablation("shapes_augmentation-pairs")
    >>> explorer = PairExplorer(dataset.unlabeled, rows)
    >>> course.show_picture(*explorer.draw("crop", "color"))
    """

    WIDTH, HEIGHT, LEFT, TOP = 50, 32, 66, 26  # screen pixels: of a square, and where squares begin
    LEGEND = "accuracy in percent; red: the pair; white: its operations alone"
    SIDE, STEP = 64, 70  # of a picture, and from picture to picture

    def __init__(
        self,
        images: np.ndarray,
        rows: pd.DataFrame,
        labels: int | None = None,
        num_shown: int = 5,
        seed: int = 0,
    ):
        self.names = list(OPERATIONS)
        self.rows = at_labels(rows, labels)
        self.labels = int(self.rows["labels"].iloc[0])
        others = sorted(set(self.rows["grid"]) - {GRID})
        if others:
            raise ValueError(f"Expected rows of the grid {GRID!r}. Received rows of {others[0]!r}.")
        self.found = accuracies(self.rows)
        if not self.found:
            raise ValueError("No pair has an accuracy: its training failed, or a probe did.")
        self.lab = AugmentationLab(images[:num_shown])
        self.seed, self.views = seed, {}

    def key(self, first: str, second: str) -> str:
        """Returns the key of the cell with two operations, in either order.

        Args:
            first: String, a name in `names`.
            second: String, a name in `names`. The same name twice is that operation alone.

        Returns:
            A string.

        Raises:
            ValueError: If there is no such operation.
        """
        unknown = [name for name in (first, second) if name not in self.names]
        if unknown:
            raise ValueError(f"No operation {unknown[0]!r}. Choose from {', '.join(self.names)}.")
        both = sorted({first, second}, key=self.names.index)
        return "+".join(both)

    def view(self, key: str) -> np.ndarray:
        """Returns a view of each image after the operations of a cell.

        Args:
            key: String, the key of the cell.

        Returns:
            A float32 array `[N, H, W, C]` in 0..1.
        """
        if key not in self.views:
            recipe = GRIDS[GRID].cells[key].settings["operations"]
            self.views[key] = self.lab.views(recipe, self.seed)[0]
        return self.views[key]

    def draw(self, first: str, second: str) -> tuple[bytes, str]:
        """Draws the map on the left, and on the right images, the other view, above their views.

        Args:
            first: String, a name in `names`.
            second: String, a name in `names`. The same name twice is that operation alone.

        Returns:
            A pair: PNG bytes, and a sentence with the accuracy of the pair, its place, and the
            accuracy of its operations alone.

        Raises:
            ValueError: If there is no such operation, or the pair has no accuracy.
        """
        key = self.key(first, second)
        if key not in self.found:
            raise ValueError(
                f"{key} has no accuracy in these rows. Measure it with `python -m simclr_utils "
                f"ablate --grid {GRID} --cells {key}`, unless its training failed."
            )
        right = self.LEFT + self.WIDTH * len(self.names)
        width = right + 126 + self.STEP * len(self.lab.images)
        sketch = Sketch(width, self.TOP + self.HEIGHT * len(self.names) + 24)
        self._map(sketch, key)
        rows = {"the other view": self.lab.images, "one view": self.view(key)}
        for row, (name, pictures) in enumerate(rows.items()):
            top = self.TOP + 36 + row * (self.SIDE + 24)
            sketch.words(name, right + 110, top + self.SIDE // 2, anchor="rm")
            for column, picture in enumerate(pictures):
                sketch.picture(picture, right + 120 + column * self.STEP, top, self.SIDE)
        return sketch.png(), self._describe(key)

    def _map(self, sketch, key):
        """Draws a square for each pair, with frames around the chosen one and its operations."""
        found = {name: each.mean for name, each in self.found.items()}
        table = [[found.get(self.key(a, b), np.nan) for b in self.names] for a in self.names]
        for row, (values, colors) in enumerate(zip(table, heat_colors(table), strict=True)):
            place = self._corner(row, row)
            sketch.words(self.names[row], self.LEFT - 8, place[1] + self.HEIGHT / 2, anchor="rm")
            above = (place[0] + self.WIDTH / 2, self.TOP / 2)
            sketch.words(self.names[row], *above, size=11, anchor="mm")
            for column, (value, color) in enumerate(zip(values, colors, strict=True)):
                self._square(sketch, self._corner(row, column), value, color)
        floor = self.TOP + self.HEIGHT * len(self.names) + 12
        sketch.words(self.LEGEND, self.LEFT, floor, size=11, anchor="lm")
        chosen = [self.names.index(name) for name in key.split("+")]
        for index in chosen:
            self._frame(sketch, index, index, "white")
        for row, column in {(chosen[0], chosen[-1]), (chosen[-1], chosen[0])}:
            self._frame(sketch, row, column, COLORS["red"])

    def _corner(self, row, column):
        return self.LEFT + column * self.WIDTH, self.TOP + row * self.HEIGHT

    def _square(self, sketch, corner, value, color):
        left, top = corner
        fill = "#{:02x}{:02x}{:02x}".format(*(round(255 * part) for part in color[:3]))
        sketch.bar(left, top, left + self.WIDTH - 1, top + self.HEIGHT - 1, fill)
        if not np.isnan(value):
            middle = (left + self.WIDTH / 2, top + self.HEIGHT / 2)
            sketch.words(f"{100 * value:.1f}", *middle, letters_on(color), anchor="mm")

    def _frame(self, sketch, row, column, color):
        left, top = self._corner(row, column)
        box = (left + 2, top + 2, left + self.WIDTH - 3, top + self.HEIGHT - 3)
        sketch.frame(*box, color)

    def _describe(self, key):
        """Returns what the rows say about a cell: its accuracy, its place, and what it gains."""
        here = self.found[key]
        place = 1 + sum(other.mean > here.mean for other in self.found.values())
        names = key.split("+")
        words = " and ".join(names) if len(names) > 1 else f"{names[0]} alone"
        seeds = "one seed" if here.n == 1 else f"{here.n} seeds"
        text = (
            f"{words}: {here}, place {place} of {len(self.found)} "
            f"(probe with {self.labels} labels, {seeds})."
        )
        alone = {name: self.found[name] for name in names if name in self.found}
        if len(names) == 1 or len(alone) < 2:
            return text
        better = max(alone, key=lambda name: alone[name].mean)
        parts = ", ".join(f"{name} {each}" for name, each in alone.items())
        ahead = gap_in_words(gap(self.rows, key, better), f"{better} alone")
        return f"{text} Alone: {parts}. Seed by seed, the pair is {ahead}."
