"""The command `pretrain`: one encoder for the folder of a study, by one worker or by many."""

import os
import shlex
import shutil
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from simclr_utils import files
from simclr_utils.cli.arguments import parse_settings, resolve_source
from simclr_utils.cli.run_folder import RunError, describe_source, open_run
from simclr_utils.cli.study import read_settings
from simclr_utils.config import Config
from simclr_utils.data.dataset import load_dataset, save_dataset_record
from simclr_utils.distributed.chief import copy_from_chief, is_chief
from simclr_utils.distributed.cluster import (
    VARIABLE,
    ClusterError,
    open_strategy,
    read_cluster,
)
from simclr_utils.distributed.loop import WorkerLostError, pretrain_on_workers
from simclr_utils.distributed.processes import run_processes
from simclr_utils.distributed.ray_train import run_on_ray
from simclr_utils.parameters import OF_DATA
from simclr_utils.places import user_path
from simclr_utils.session import start
from simclr_utils.study.identity import StudyError, claim, planned_steps, stored_study
from simclr_utils.system import provenance
from simclr_utils.system.folder_lock import hold
from simclr_utils.training.callbacks import EpochLine
from simclr_utils.training.checkpoints import CheckpointError
from simclr_utils.training.doctor import TrainingFailedError
from simclr_utils.training.pretraining import plan_epochs, save_pretraining

# The exit code of a worker that lost another one: the same command may succeed (EX_TEMPFAIL).
TRY_AGAIN = 75
REFUSED = 2
NUM_LINES = 50  # of progress


@dataclass(frozen=True)
class Asked:
    """What a run of the command was asked for; the same for all workers.

    Attributes:
        source: String, the name of a data set or the path of a folder of images.
        preset: String, the name of a preset.
        settings: Tuple of strings `name=value`, as in the other commands.
        seed: Integer, the seed of the run.
        out: String, the path of the folder to write or continue.
    """

    source: str
    preset: str
    settings: tuple[str, ...]
    seed: int
    out: str

    def arguments(self) -> list[str]:
        """Returns the arguments of the command line that ask for this."""
        given = ["--source", self.source, "--preset", self.preset, "--seed", str(self.seed)]
        given += ["--out", self.out]
        return ["pretrain", *given, *(word for each in self.settings for word in ("--set", each))]


def run(asked: Asked, processes: int | None = None, ray_workers: int | None = None) -> int:
    """Pretrains an encoder, or the rest of it.

    Args:
        asked: What to do.
        processes: Integer, the number of workers to start on this machine, or `None`.
        ray_workers: Integer, the number of workers that Ray starts, or `None`. Without either, this
            process is the worker that `TF_CONFIG` names, or the only one.

    Returns:
        The exit code, an integer.

    Raises:
        RunError: If an argument is not allowed, or the run cannot be made.
    """
    for option, count in (("--processes", processes), ("--ray", ray_workers)):
        if count is not None and count < 1:
            raise RunError(f"{option} {count}: expected at least one worker.")
    read_request(asked)  # wrong options are refused before any worker starts
    if processes is not None:
        return run_processes([sys.executable, "-m", "simclr_utils", *asked.arguments()], processes)
    if ray_workers is not None:
        out = user_path(asked.out).resolve()
        given = {**asdict(asked), "source": resolve_source(asked.source), "out": str(out)}
        try:
            run_on_ray(work_for_ray, given, ray_workers, out / "ray")
        except (RuntimeError, ImportError) as error:
            raise RunError(str(error)) from error
        return 0
    try:
        work(asked)
    except WorkerLostError as error:
        leave(error, TRY_AGAIN)
    except RunError as error:
        if not os.environ.get(VARIABLE):  # the only worker
            raise
        leave(error, REFUSED)
    return 0


def leave(error, code):
    """Prints an error and ends the process. The usual exit might wait for other workers."""
    print(f"error: {error}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(code)


def work_for_ray(given: dict) -> None:
    """Does the work of one worker that Ray has started.

    Args:
        given: Dict, the fields of an `Asked`.
    """
    work(Asked(**given))


def work(asked: Asked) -> None:
    """Does the work of one worker: connects, opens the images, trains; worker 0 saves.

    Args:
        asked: What to do.

    Raises:
        RunError: If the run cannot be made.
        WorkerLostError: If another worker no longer answers.
    """
    source, config, of_data, record = read_request(asked)
    folder = user_path(asked.out).resolve()
    try:
        cluster = read_cluster()
        if len(cluster.workers) > 1:
            here = f"Worker {cluster.index} of {len(cluster.workers)}"
            print(f"{here} is waiting for the others.", flush=True)
        strategy = open_strategy()
        if is_chief(strategy):
            folder, record = open_run(record, folder, known_settings())
        with hold(folder) if is_chief(strategy) else nullcontext():
            session = start(0, (stored_study(folder) or {}).get("precision", "auto"))
            cache = of_data.get("cache_dir", folder.parent / "cache")
            reading = {"limits": config.limits, **of_data.get("reading", {})}
            dataset = load_dataset(source, of_data.get("image_size"), cache, **reading)
            if is_chief(strategy):
                print(f"{session}\nWriting {folder}\n{dataset.summary()}", flush=True)
                claim(folder, dataset, config, asked.preset)
            train(strategy, dataset, config, asked, (folder, record))
    except (ClusterError, StudyError, CheckpointError, TrainingFailedError) as error:
        raise RunError(str(error)) from error
    except (ValueError, ImportError) as error:  # of the images or the settings
        raise RunError(str(error)) from error


def read_request(asked):
    """Returns the source, the `Config`, the settings of the data, and the record of the run."""
    source, settings = resolve_source(asked.source), parse_settings(asked.settings)
    config, of_data = read_settings(asked.preset, source, settings)
    record = {**describe_source(source), "preset": asked.preset, "settings": settings}
    return source, config, of_data, record


def known_settings():
    """Returns the names of the settings that the command has, a set of strings."""
    return {*OF_DATA, *(each.name for each in fields(Config))}


def train(strategy, dataset, config, asked, run):
    """Trains on all workers, unless it is done; worker 0 writes the result.

    Args:
        strategy: The strategy of all workers.
        dataset: A `Dataset`.
        config: A `Config`.
        asked: An `Asked`.
        run: Pair of the folder and the record, as `open_run` returns it.
    """
    folder, record = run
    target, chief = folder / "encoders" / str(asked.seed), is_chief(strategy)
    planned = planned_steps(len(dataset.unlabeled), config)
    (done,) = copy_from_chief(strategy, [np.int64(chief and is_finished(target, planned))])
    if not done:
        if chief:
            write_record(folder, dataset, record, asked)
        epochs = plan_epochs(len(dataset.unlabeled), config)[2]
        lines = [EpochLine(every=max(1, epochs // NUM_LINES))] if chief else []
        options = (asked.seed, asked.preset, lines, target / "checkpoints")
        pretraining = pretrain_on_workers(strategy, dataset, config, *options)
        if chief:
            save_pretraining(target, pretraining)
    if chief:
        shutil.rmtree(target / "checkpoints", ignore_errors=True)
        print(f"The encoder is in {target}", flush=True)
    # Nobody leaves before the result is written: without the others, worker 0 would be stopped.
    copy_from_chief(strategy, [np.int64(0)])


def is_finished(target: Path, planned: int) -> bool:
    """Returns whether a folder has the encoder of a run of that many steps."""
    path = target / "encoder.json"
    return path.exists() and files.load_json(path)["steps"] == planned


def write_record(folder, dataset, record, asked):
    """Writes `run.json`, and the record of the images."""
    save_dataset_record(folder, dataset)
    made = provenance.provenance(asked.preset, asked.seed, dataset.fingerprint)
    command = "python -m simclr_utils " + shlex.join(asked.arguments())
    record = {**record, "command": command, "provenance": made, "study": stored_study(folder)}
    files.save_json(folder / "run.json", record)
