"""The folder of a run or a study: a new one, or the one that is continued."""

import itertools
import re
from pathlib import Path

from simclr_utils import artifacts
from simclr_utils.parameters import GROWING

# What has to agree before an existing run is continued.
IDENTITY = ("kind", "source", "preset", "seed", "settings")


class RunError(ValueError):
    """An argument of a run does not fit; the message says how to mend it."""


def open_run(record, out=None):
    """Makes the folder of a run, or finds the one to continue.

    Args:
        record: Dict with the keys of `IDENTITY`; `kind` is "run" where it is missing.
        out: The folder, or None to choose a new one.

    Returns:
        The absolute path of the folder, and the record with what an earlier start left in it.

    Raises:
        RunError: If `out` exists and belongs to another run, or to none.
    """
    run_dir = _new_folder(record) if out is None else Path(out).expanduser().resolve()
    if not run_dir.exists() or (run_dir.is_dir() and not any(run_dir.iterdir())):
        run_dir.mkdir(parents=True, exist_ok=True)
        artifacts.save_json(run_dir / "run.json", record)
        return run_dir, record
    if not (run_dir / "run.json").is_file():
        raise RunError(f"{run_dir} exists and is no run of this course: name another folder.")
    earlier = {"kind": "run", **artifacts.load_json(run_dir / "run.json")}
    record = {"kind": "run", **record}
    differences = artifacts.describe_differences(_identity(earlier), _identity(record))
    if differences:
        raise RunError(
            f"{run_dir} belongs to another run ({'; '.join(differences)}): "
            "name another folder with --out, or repeat that run's options to continue it."
        )
    return run_dir, {**earlier, **record}


def _identity(record):
    settings = record.get("settings", {})
    settings = {name: value for name, value in settings.items() if name not in GROWING}
    return {**{name: record.get(name) for name in IDENTITY}, "settings": settings}


def _new_folder(record):
    source = re.sub(r"[^\w.-]+", "-", Path(record["source"]).name)
    first = Path("runs").resolve() / f"{source}-{record['preset']}"
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
