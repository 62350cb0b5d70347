"""The folder of a run or a study: a new one, or the one that is continued."""

import itertools
import re
import shlex
from pathlib import Path

from simclr_utils import files
from simclr_utils.parameters import GROWING
from simclr_utils.places import user_path

# What has to agree before an existing run is continued.
IDENTITY = ("kind", "source", "preset", "seed", "settings")
# What a run or a study measured or trained: with one of these a folder belongs to it.
MADE = (
    "results.csv",
    "encoder.json",
    "encoders",
    "checkpoints",
    "predictions.sqlite",
    "tuning.json",
)


class RunError(ValueError):
    """An argument of a run does not fit; the message says how to mend it."""


def open_run(record, out=None):
    """Makes the folder of a run, or finds the one to continue.

    Args:
        record: Dict with the keys of `IDENTITY`; `kind` is "run" where it is missing.
        out: The folder, or None to choose a new one.

    Returns:
        The absolute path of the folder, and the record with what an earlier start left in it. An
        earlier start that ended before anything was done leaves nothing.

    Raises:
        RunError: If `out` exists and belongs to another run, or to none.
    """
    run_dir = _new_folder(record) if out is None else user_path(out).resolve()
    if not run_dir.exists() or (run_dir.is_dir() and not any(run_dir.iterdir())):
        run_dir.mkdir(parents=True, exist_ok=True)
        files.save_json(run_dir / "run.json", record)
        return run_dir, record
    if not (run_dir / "run.json").is_file():
        raise RunError(f"{run_dir} exists and is no run of this course: name another folder.")
    earlier = {"kind": "run", **files.load_json(run_dir / "run.json")}
    record = {"kind": "run", **record}
    differences = files.describe_differences(_identity(earlier), _identity(record))
    if differences and not is_claimed(run_dir):
        return run_dir, record
    if differences:
        raise RunError(
            f"{run_dir} belongs to another run ({'; '.join(differences)}): "
            "name another folder with --out, or repeat that run's options to continue it."
        )
    return run_dir, {**earlier, **record}


def is_claimed(run_dir):
    """Tells whether anything in a folder was done to its end: only then it belongs to a run.

    Args:
        run_dir: path of a folder with a `run.json`.
    """
    notebooks = files.load_json(run_dir / "run.json").get("notebooks", {})
    finished = any(not entry["failure"] for entry in notebooks.values())
    return finished or any((run_dir / name).exists() for name in MADE)


def advise(run_dir, left, passing):
    """Says how to go on after a failure.

    Args:
        run_dir: Path of the run.
        left: str, numbers of the notebooks that have not run to their end.
        passing: bool, whether the same command may well succeed when it is repeated.
    """
    options = f"--out {shlex.quote(str(run_dir))} --notebooks {left}"
    if passing:
        return f"Stopped. To continue, add {options}"
    if not is_claimed(run_dir):
        return (
            "Stopped before anything was done. Correct what the error below names, be it the "
            f"images or an option, and start again; --out {shlex.quote(str(run_dir))} may be "
            "used again."
        )
    return (
        "Stopped. Correct what the error below names. If that changes neither an option nor the "
        f"images, add {options} to go on from here; otherwise start again in a new folder."
    )


def _identity(record):
    settings = record.get("settings", {})
    settings = {name: value for name, value in settings.items() if name not in GROWING}
    return {**{name: record.get(name) for name in IDENTITY}, "settings": settings}


def _new_folder(record):
    # Without dots, which make names that Windows reserves, and short enough for any file system.
    source = re.sub(r"[^\w-]+", "-", Path(record["source"]).name)[:60].strip("-") or "images"
    first = Path("runs").resolve() / f"{source}-{record['preset']}"
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
