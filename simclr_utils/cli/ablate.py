"""The command `ablate`: runs a grid of variants on validation images, or the rest of it."""

import re
from pathlib import Path

from simclr_utils.ablation.plan import AblationError, Plan
from simclr_utils.ablation.rows import summarize_cells
from simclr_utils.cli.arguments import resolve_source
from simclr_utils.cli.run_folder import RunError
from simclr_utils.cli.study import parse_label_counts, read_settings
from simclr_utils.data.dataset import load_dataset
from simclr_utils.evaluation.published import read_ablation
from simclr_utils.places import user_path
from simclr_utils.session import start
from simclr_utils.system.folder_lock import hold

ACCURACIES = ("accuracy", "projections_accuracy", "contrastive_accuracy")


def run(
    grid: str,
    source: str = "glyphs",
    preset: str = "quick",
    settings: dict | None = None,
    num_seeds: int = 3,
    cells: str | None = None,
    labels: str | None = None,
    out: str | Path | None = None,
) -> None:
    """Runs a grid, or the rest of it, and prints its summary.

    Args:
        grid: String, a name in `GRIDS`.
        source: String, the name of a data set or the path of a folder of images.
        preset: String, the name of a preset.
        settings: Dict from a field of `Config`, or from `image_size`, `reading` or `cache_dir`, to
            a value, for all cells.
        num_seeds: Integer, the number of seeds.
        cells: String, keys of cells with commas between them, or `None` for all.
        labels: String, numbers of labels with commas between them, or `None` for those of the grid.
        out: Path of the folder to write or continue, by default `runs/<source>-<grid>`.

    Raises:
        RunError: If an argument is not allowed. Nothing has been trained then.
    """
    if num_seeds < 1:
        raise RunError(f"--seeds {num_seeds}: expected at least one seed.")
    source, settings = resolve_source(source), dict(settings or {})
    _, of_data = read_settings(preset, source, settings)
    own = {name: value for name, value in settings.items() if name not in of_data}
    counts = parse_label_counts(labels)
    if counts:
        own["label_counts"] = counts
    keys = None if cells is None else [key.strip() for key in cells.split(",")]
    folder = (default_folder(source, grid) if out is None else user_path(out)).resolve()
    made = (preset, source, own, num_seeds, keys)
    try:
        limits = Plan(grid, None, folder, *made).limits  # before images are loaded
        folder.mkdir(parents=True, exist_ok=True)
        with hold(folder):
            print(start(0))
            print(f"Writing {folder}", flush=True)
            size, cache = of_data.get("image_size"), of_data.get("cache_dir")
            reading = of_data.get("reading", {})
            cache = cache or folder.parent / "cache"
            dataset = load_dataset(source, size, cache, limits=limits, **reading)
            print(dataset.summary(), flush=True)
            run_plan(Plan(grid, dataset, folder, *made))
    except (ValueError, ImportError) as error:
        raise error if isinstance(error, RunError) else RunError(str(error)) from error


def run_plan(plan: Plan) -> None:
    """Runs what is left of a plan, and prints the summary of its rows.

    Args:
        plan: A `Plan`.

    Raises:
        AblationError: If the folder has no row afterwards.
    """
    try:
        plan.run(report=lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        print("\nStopped. Repeat the command to continue.", flush=True)
        raise
    if not plan.path.exists():
        raise AblationError("No cell is left: the pool has too few images for each of them.")
    summary = summarize_cells(read_ablation(plan.path), ACCURACIES)
    summary[["mean", "half"]] *= 100
    shown = summary.drop(columns=["dataset", "line", "at", "steps"]).round(1)
    print(f"\nMean and half the 95 % interval, in percent:\n{shown.to_string(index=False)}")
    print(f"\nRows: {plan.path}")


def default_folder(source: str, grid: str) -> Path:
    """Returns `runs/<source>-<grid>`, with the last part of a source that is a folder."""
    name = re.sub(r"[^\w-]+", "-", Path(source).name)[:60].strip("-") or "images"
    return Path("runs") / f"{name}-{grid}"
