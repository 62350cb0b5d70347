"""Rows of ablations with chosen numbers, as `evaluation.published_ablation` returns them."""

import pandas as pd

from simclr_utils.ablation.grids import GRIDS

# Seeds go up and down together, so paired differences vary much less than the cells.
SEEDS = (-0.02, 0.0, 0.02)
UNEVEN = (0.0, 0.004, -0.004)  # added to every other cell, so that their differences vary a bit


def fake_rows(grid, means, seeds=SEEDS, labels=(100,), **columns):
    """Returns rows of a grid.

    Args:
        grid: String, a name in `GRIDS`.
        means: Dict from keys of cells to accuracies; `None` is a training that failed.
        seeds: Floats, what each seed adds.
        labels: Integers. With each further number of labels, accuracies are higher by 0.1.
        **columns: Values of other columns, the same for all rows.
    """
    rows = []
    for place, (key, mean) in enumerate(means.items()):
        cell = GRIDS[grid].cells[key]
        for seed, more in enumerate(seeds):
            for step, count in enumerate(labels):
                made = {"grid": grid, "cell": key, "line": cell.line, "at": str(cell.at)}
                made |= {"dataset": "shapes", "preset": "quick", "seed": seed, "labels": count}
                made |= {"projections_accuracy": None, "contrastive_accuracy": None}
                made |= {
                    "steps": int(2000 * cell.times),
                    "minutes": 1.0,
                    "findings": None,
                    **columns,
                }
                value = None
                if mean is not None:
                    value = mean + more + 0.1 * step + UNEVEN[seed] * (place % 2)
                rows.append({**made, "accuracy": value})
    frame = pd.DataFrame(rows)
    measures = ["accuracy", "projections_accuracy", "contrastive_accuracy"]
    return frame.astype(dict.fromkeys(measures, float))
