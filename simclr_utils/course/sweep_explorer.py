"""An explorer of sweeps: each cell of a grid beside the default."""

import math
from collections.abc import Mapping

import pandas as pd

from simclr_utils.ablation.cells import configure
from simclr_utils.ablation.grids import GRIDS, Cell
from simclr_utils.course.measured_cells import accuracies, at_labels, gap, gap_in_words
from simclr_utils.course.sketch import Sketch, width_of
from simclr_utils.plotting.style import COLORS

OTHERS = {
    "projections_accuracy": "Probe on projections",
    "contrastive_accuracy": "Contrastive accuracy",
}


class SweepExplorer:
    """Shows the cells of sweeps one by one: the accuracy, and the difference to the default.

    Args:
        rows: Dict from a few words, such as `"temperature"`, to the rows of a grid: a DataFrame as
            `evaluation.published_ablation` returns it. Cells may be missing.
        labels: Integer, the number of labels of the probes, or `None` for the largest.

    Attributes:
        names: List of strings, the cells for the control, such as `"temperature: 0.5"`.

    Raises:
        ValueError: If there is no grid, or a grid has no rows.

    Example:

    >>> rows = {"temperature": evaluation.published_ablation("shapes_temperature")}
    >>> course.show_picture(*SweepExplorer(rows).draw("temperature: 0.5"))
    """

    LEGEND = "accuracy on validation images; the gray line is the default"
    LINE, WIDTH = 26, 360  # screen pixels: the height of a row, and the width of the axis

    def __init__(self, rows: Mapping[str, pd.DataFrame], labels: int | None = None):
        if not rows:
            raise ValueError(
                "There is no sweep to explore. Measure a grid with `python -m simclr_utils "
                "ablate`, and pass its rows, as in {'temperature': read_ablation(path)}."
            )
        self.rows = {name: at_labels(frame, labels) for name, frame in rows.items()}
        self.cells = {name: cells_in_words(frame) for name, frame in self.rows.items()}
        self.defaults = {name: default_cells(frame) for name, frame in self.rows.items()}
        self.places = {
            f"{name}: {words}": (name, key)
            for name, cells in self.cells.items()
            for key, words in cells.items()
        }
        self.names = list(self.places)

    def draw(self, cell: str) -> tuple[bytes, str]:
        """Draws the cells of a grid below each other, the chosen one in another color.

        Args:
            cell: String, one of `names`.

        Returns:
            A pair: PNG bytes, and sentences with the accuracy of the cell and of the default, and
            their difference seed by seed.

        Raises:
            ValueError: If there is no such cell.
        """
        if cell not in self.places:
            raise ValueError(f"No cell {cell!r}. Choose from {', '.join(self.names)}.")
        name, key = self.places[cell]
        found, default = accuracies(self.rows[name]), self._default(name, key)
        return self._picture(name, key, found, default), self._describe(name, key, found, default)

    def _default(self, name, key):
        """Returns the key of the cell that a cell is compared with, or `None`."""
        line = GRIDS[self.rows[name]["grid"].iloc[0]].cells[key].line
        defaults = self.defaults[name]
        return defaults.get(line, next(iter(defaults.values()), None))

    def _picture(self, name, key, found, default):
        cells = self.cells[name]
        left = 24 + width_of(cells.values())
        ends = [m + s * (0 if math.isnan(h) else h) for m, h, _ in found.values() for s in (-1, 1)]
        low, high = min(ends, default=0), max(ends, default=1)
        scale = self.WIDTH / max(high - low, 1e-9)
        sketch = Sketch(left + self.WIDTH + 130, self.LINE * len(cells) + 34)
        sketch.words(self.LEGEND, left, 8, size=12)
        if default in found:
            x = left + round(scale * (found[default].mean - low))
            sketch.bar(x - 1, 30, x + 1, 30 + self.LINE * len(cells), COLORS["gray"])
        for row, (other, words) in enumerate(cells.items()):
            y = 30 + round((row + 0.5) * self.LINE)
            color, ink = (COLORS["red"],) * 2 if other == key else (COLORS["blue"], "black")
            sketch.words(words, left - 14, y, ink, anchor="rm")
            if other not in found:
                sketch.words("no accuracy", left, y, color, anchor="lm")
                continue
            mean, half, _ = found[other]
            x, reach = left + scale * (mean - low), scale * (0 if math.isnan(half) else half)
            sketch.bar(round(x - reach), y - 1, round(x + reach) + 1, y + 2, color)
            sketch.dot(x, y, color)
            sketch.words(str(found[other]), left + self.WIDTH + 14, y, color, anchor="lm")
        return sketch.png()

    def _describe(self, name, key, found, default):
        """Returns what the rows say about a cell."""
        rows, cells = self.rows[name], self.cells[name]
        mine = rows[rows["cell"] == key]
        if key in found:
            here = found[key]
            seeds = "one seed" if here.n == 1 else f"{here.n} seeds"
            parts = [f"{cells[key]}: {here} ({mine['labels'].iloc[0]} labels, {seeds})."]
            parts.append(self._compare(name, key, found, default))
        else:
            parts = [f"{cells[key]}: no accuracy."]
        for column, words in OTHERS.items():
            values = mine[column].dropna() if column in mine else ()
            parts += [f"{words}: {100 * values.mean():.1f} %."] if len(values) else []
        doctor = mine["findings"].dropna() if "findings" in mine else ()
        parts += [f"The run doctor: {'; '.join(dict.fromkeys(doctor))}."] if len(doctor) else []
        missing = [other for other in GRIDS[mine["grid"].iloc[0]].cells if other not in cells]
        parts += [f"Not measured: {', '.join(missing)}."] if missing else []
        return " ".join(part for part in parts if part)

    def _compare(self, name, key, found, default):
        """Returns a sentence about the difference to the default."""
        if key == default:
            return "This is the default."
        if default not in found:
            return "The default is not among the rows: there is nothing to compare with."
        ahead = gap_in_words(gap(self.rows[name], key, default), "it")
        words = self.cells[name][default]
        return f"The default, {words}, has {found[default]}. Seed by seed, this cell is {ahead}."


def default_cells(rows: pd.DataFrame) -> dict[str, str]:
    """Returns the cell of each line that has the settings of the preset.

    Args:
        rows: DataFrame of one grid, as `evaluation.published_ablation` returns it.

    Returns:
        A dict from lines to keys of cells. Of several cells, such as pools of any size, it is the
        last one. Lines of which no measured cell has the preset's settings are left out.
    """
    grid, (preset, dataset) = GRIDS[rows["grid"].iloc[0]], rows[["preset", "dataset"]].iloc[0]
    usual = configure(grid, Cell(""), preset, dataset)
    return {
        grid.cells[key].line: key
        for key in cells_in_words(rows)
        if configure(grid, grid.cells[key], preset, dataset) == usual
    }


def cells_in_words(rows: pd.DataFrame) -> dict[str, str]:
    """Returns the cells of a grid that have rows, in the order of the grid.

    Args:
        rows: DataFrame of one grid, as `evaluation.published_ablation` returns it.

    Returns:
        A dict from the key of a cell to its place on the axis, after the name of its line if the
        grid has several.

    Raises:
        ValueError: If the rows belong to several grids, or to none that is known.
    """
    grids = sorted(set(rows["grid"]))
    if len(grids) > 1 or grids[0] not in GRIDS:
        raise ValueError(f"Expected rows of one grid of {list(GRIDS)}. Received: {grids}")
    grid, first = GRIDS[grids[0]], rows.drop_duplicates("cell").set_index("cell")
    several = len({cell.line for cell in grid.cells.values()}) > 1
    found = {}
    for key in [key for key in grid.cells if key in first.index]:
        value = as_number_in_words(first.loc[key, grid.x])
        found[key] = f"{first.loc[key, 'line']}, {value}" if several else value
    return found


def as_number_in_words(value: str | float) -> str:
    """Returns a number with commas, and any other text as it is."""
    try:
        return f"{float(value):,g}"
    except ValueError:
        return str(value)
