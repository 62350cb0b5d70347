"""The plan of an ablation: which trainings are left, about how long they take, and their rows."""

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from simclr_utils import files
from simclr_utils.ablation.cells import SUBSETS, configure, run_cell
from simclr_utils.ablation.grids import GRIDS, Cell
from simclr_utils.ablation.rows import add_rows
from simclr_utils.config import Config, get_config
from simclr_utils.data.dataset import Dataset
from simclr_utils.evaluation.published import read_ablation
from simclr_utils.evaluation.supervised import BATCH_SIZE, supervised_steps
from simclr_utils.study.costs import StepClock
from simclr_utils.study.training_tasks import FINE_TUNING_SHARE
from simclr_utils.system import provenance

ROWS, RECORD = "rows.csv", "ablation.json"
TIMED_STEPS = 8  # of the trial that estimates use; `StepClock` leaves out the first


class AblationError(ValueError):
    """An ablation cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Task:
    """One training that is left: a cell and a seed.

    Attributes:
        key: String, the key of the cell.
        cell: A `Cell`.
        config: Its `Config`.
        seed: Integer.
    """

    key: str
    cell: Cell
    config: Config
    seed: int

    def work(self) -> float:
        """Returns the work of its steps: images in the encoder, wider ones counted more."""
        config = self.config
        images = 2 * config.batch_size * config.pretraining_steps
        classifier = SUBSETS * sum(
            min(count, BATCH_SIZE) * supervised_steps(count, config.supervised_steps_factor)
            for count in config.label_counts
        )
        if self.cell.classifier == "supervised":
            images = classifier
        if self.cell.classifier == "fine_tuned":
            images += FINE_TUNING_SHARE * classifier
        # Between the memory that a layer reads, which grows with its width, and its products.
        return images * (config.width or 32) ** 1.5


class Plan:
    """The trainings of a grid on a dataset, in a folder that can be continued.

    Seeds come one after the other, so that every cell has a row before any has two. A training
    whose rows exist is not repeated, and the rows of a training are written together.

    Args:
        grid: String, a name in `GRIDS`.
        dataset: `Dataset` with labels, or `None` to check the arguments before it is loaded.
        folder: Path, where `rows.csv` and `ablation.json` are written.
        preset: String, the name of the preset.
        source: String, the source of the images, as in `get_config`.
        settings: Dict from fields of `Config` to values, for all cells, or `None`.
        num_seeds: Integer, the number of seeds, from 0 on.
        keys: Strings, the cells to measure, or `None` for all.

    Attributes:
        left_out: List of the keys of cells that need more images than the pool has.

    Raises:
        AblationError: If there is no such grid or cell, or the folder has rows of another one.
        ValueError: If a setting is unknown, or its value is not allowed.

    Example:

    >>> plan = Plan("temperature", dataset, "runs/warm", "tiny", "shapes", num_seeds=1)
    >>> plan.run()
    """

    def __init__(
        self,
        grid: str,
        dataset: Dataset | None,
        folder: str | Path,
        preset: str = "quick",
        source: str | None = None,
        settings: dict | None = None,
        num_seeds: int = 3,
        keys: Sequence[str] | None = None,
    ):
        if grid not in GRIDS:
            raise AblationError(f"There is no grid {grid!r}. Choose from {', '.join(GRIDS)}.")
        cells = GRIDS[grid].cells
        unknown = [key for key in keys or () if key not in cells]
        if unknown:
            raise AblationError(
                f"The grid {grid} has no cell {unknown[0]!r}. Choose from {', '.join(cells)}."
            )
        self.grid, self.dataset, self.preset, self.num_seeds = grid, dataset, preset, num_seeds
        self.source, self.settings = source, settings or {}
        self.path, self.record_path = Path(folder) / ROWS, Path(folder) / RECORD
        chosen = [key for key in cells if keys is None or key in keys]
        make = (preset, source, settings)
        self.configs = {key: configure(GRIDS[grid], cells[key], *make) for key in chosen}
        self.left_out = []
        if dataset is not None:
            pool = len(dataset.require_labels().unlabeled)
            self.left_out = [key for key in chosen if (cells[key].pool or 0) > pool]
            self._refuse_other_rows()

    @property
    def limits(self) -> dict | None:
        """The limits of images, which all cells share, as in `load_dataset`."""
        return next(iter(self.configs.values())).limits

    def tasks(self) -> list[Task]:
        """Returns the trainings whose rows do not exist yet."""
        done = set()
        if self.path.exists():
            rows = read_ablation(self.path)
            done = set(zip(rows["cell"], rows["seed"], strict=True))
        return [
            Task(key, GRIDS[self.grid].cells[key], config, seed)
            for seed in range(self.num_seeds)
            for key, config in self.configs.items()
            if key not in self.left_out and (key, seed) not in done
        ]

    def run(self, report: Callable = print) -> None:
        """Runs what is left, and adds its rows to `rows.csv` after each training.

        Args:
            report: Function that is called with lines about the progress.
        """
        tasks = self.tasks()
        if self.left_out:
            have = f"the pool has {len(self.dataset.unlabeled):,} images"
            report(f"Left out, because {have}: {', '.join(self.left_out)}")
        if not tasks:
            report("Nothing is left to do.")
            return
        self._write_record()
        # Each cell has functions of its own, of which TensorFlow would warn as retracing.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        speed, fixed = self._measure_speed(tasks[0].config)
        seconds = [fixed + speed * task.work() for task in tasks]
        report(
            f"{len(tasks)} trainings are left: about {minutes_in_words(sum(seconds))} on this "
            "machine."
        )
        spent = 0.0
        for place, task in enumerate(tasks):
            started = time.monotonic()
            rows = run_cell(task.cell, task.config, self.dataset, task.seed)
            add_rows(self.path, [{**self._columns(task), **row} for row in rows])
            spent += time.monotonic() - started
            # The trainings so far tell how far off the estimate is.
            rest = sum(seconds[place + 1 :]) * spent / sum(seconds[: place + 1])
            report(f"{describe_rows(task, rows)}; {minutes_in_words(rest)} left")

    def _measure_speed(self, config):
        """Returns the seconds for a unit of work, and those that a training takes besides."""
        clock, started = StepClock(), time.monotonic()
        short = replace(config, pretraining_steps=TIMED_STEPS)
        trial = Task("", Cell(""), short, 0)
        run_cell(trial.cell, short, self.dataset, 0, callbacks=[clock])
        seconds = clock.seconds_per_step() * TIMED_STEPS
        return seconds / trial.work(), max(0.0, time.monotonic() - started - seconds)

    def _columns(self, task):
        """Returns the columns that tell what a row is and what made it."""
        made = {"versions": provenance.versions_string(), "hardware": provenance.hardware_string()}
        made |= {"precision": provenance.precision(), "commit": provenance.commit()}
        return {
            **{"grid": self.grid, "cell": task.key, "line": task.cell.line, "at": task.cell.at},
            **{"dataset": self.dataset.name, "preset": self.preset},
            "fingerprint": self.dataset.fingerprint,
            "settings": json.dumps(changed_settings(task.config, self.preset, self.source)),
            **made,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }

    def _identity(self):
        """Returns what all rows of a folder have in common."""
        shared = {"grid": self.grid, "preset": self.preset, "settings": self.settings}
        return files.as_stored({**shared, "fingerprint": self.dataset.fingerprint})

    def _refuse_other_rows(self):
        if not self.path.exists():
            return
        there = files.load_json(self.record_path) if self.record_path.exists() else {}
        differing = files.describe_differences(there, self._identity())
        if differing:
            raise AblationError(
                f"{self.path.parent} has rows of another ablation: {'; '.join(differing)}. Choose "
                "another folder with --out, or repeat the options of that ablation to continue it."
            )

    def _write_record(self):
        made = provenance.provenance(self.preset, None, self.dataset.fingerprint)
        record = {**self._identity(), "source": self.dataset.name}
        # Only the name of a folder is kept, because the folder may move.
        record["from_folder"] = bool(self.source) and Path(self.source).is_dir()
        files.save_json(self.record_path, {**record, "provenance": made})


def changed_settings(config: Config, preset: str, source: str | None) -> dict:
    """Returns the settings in which a cell differs from its preset, without label counts.

    Args:
        config: The `Config` of the cell.
        preset: String, the name of the preset.
        source: String, as in `get_config`.

    Returns:
        A dict from fields of `Config` to values.
    """
    base = asdict(get_config(preset, source))
    here = asdict(config)
    return {k: v for k, v in here.items() if k != "label_counts" and v != base[k]}


def describe_rows(task: Task, rows: Sequence[dict]) -> str:
    """Returns what the rows of a training say, as one line."""
    parts = [f"{task.key}, seed {task.seed}"]
    for row in rows:
        accuracy = row.get("accuracy", math.nan)
        parts.append(f"{100 * accuracy:.1f} % at {row['labels']} labels")
    if rows[0].get("contrastive_accuracy") is not None:
        parts.append(f"contrastive accuracy {100 * rows[0]['contrastive_accuracy']:.1f} %")
    if rows[0].get("findings"):
        parts.append(rows[0]["findings"])
    return ", ".join([*parts, f"{60 * rows[0]['minutes']:.0f} s"])


def minutes_in_words(seconds: float) -> str:
    """Returns a duration in minutes, with a decimal below ten."""
    minutes = seconds / 60
    return f"{minutes:.{int(minutes < 10)}f} minutes"
