"""The folder of a run or a study: a new one, or the one that is continued."""

import itertools
import re
import shlex
from collections.abc import Collection
from pathlib import Path

from simclr_utils import files
from simclr_utils.parameters import GROWING
from simclr_utils.places import user_path
from simclr_utils.study.identity import has_results, why_one_metric

# To continue a folder, these and the settings have to be the same.
IDENTITY = ("source", "preset", "seed")
# Settings that may differ: more may join a study, and the cache may move.
MAY_DIFFER = (*GROWING, "cache_dir")


class RunError(ValueError):
    """An argument of a command is not allowed. The message says what to do."""


def describe_source(source: str) -> dict:
    """Returns how a record names a source.

    Only the name of a folder is kept, because the folder may move. The fingerprint shows whether
    the images are the same.

    Args:
        source: String, as `resolve_source` returns it.

    Returns:
        A dict with `source`, the name, and `from_folder`, whether it is a folder of images.
    """
    from_folder = Path(source).is_dir()
    return {"source": Path(source).name if from_folder else source, "from_folder": from_folder}


def open_run(
    record: dict, out: str | Path | None = None, known: Collection[str] | None = None
) -> tuple[Path, dict]:
    """Makes the folder of a run, or opens the one to continue.

    Args:
        record: Dict with `source`, `preset`, `settings` and, for a run of notebooks, `seed`.
        out: Path of the folder, or `None` to choose a new one.
        known: Strings, the settings that the command has. Other settings in the folder's record
            are kept and not compared. By default, all settings are compared.

    Returns:
        A pair: the absolute path of the folder, and the record to write there, which is the given
        record merged into the earlier one. An earlier record with other settings is dropped if
        nothing was finished.

    Raises:
        RunError: If `out` exists and belongs to another run, or to none.
    """
    run_dir = _new_folder(record) if out is None else user_path(out).resolve()
    if not run_dir.exists() or (run_dir.is_dir() and not any(run_dir.iterdir())):
        run_dir.mkdir(parents=True, exist_ok=True)
        files.save_json(run_dir / "run.json", record)
        return run_dir, record
    if not (run_dir / "run.json").is_file():
        raise RunError(
            f"{run_dir} exists and is not a folder of this course. Choose another folder."
        )
    earlier = files.load_json(run_dir / "run.json")
    differences = describe_conflicts(earlier, record, known)
    if differences and not has_finished_work(run_dir):
        return run_dir, record
    if differences:
        raise RunError(
            f"{run_dir} belongs to another run: {'; '.join(differences)}. Choose another folder "
            "with --out, or repeat the options of that run to continue it."
            f"{why_one_metric(differences)}"
        )
    kept = earlier.get("settings", {}) if known is not None else {}
    settings = {**{n: v for n, v in kept.items() if n not in known}, **record["settings"]}
    return run_dir, {**earlier, **record, "settings": settings}


def describe_conflicts(earlier, record, known=None):
    """Returns phrases on what differs between a folder's record and that of a command."""
    both = [name for name in IDENTITY if name in earlier and name in record]
    there, here = ({name: each[name] for name in both} for each in (earlier, record))
    if "settings" in earlier:  # missing if notebooks in JupyterLab wrote the record
        there |= _comparable(earlier["settings"], known)
        here |= _comparable(record["settings"])
    names = list({**here, **there})
    there, here = ({name: each.get(name) for name in names} for each in (there, here))
    return files.describe_differences(there, here)


def _comparable(settings, known=None):
    """Returns settings in one form, without those that may differ between commands."""
    settings = dict(settings)
    if "architecture" in settings:  # the name of `encoder` in older records
        settings["encoder"] = settings.pop("architecture")
    if settings.get("operations"):  # may be a dict or a list of pairs
        settings["operations"] = [list(pair) for pair in dict(settings["operations"]).items()]
    return {
        name: value
        for name, value in settings.items()
        if name not in MAY_DIFFER and (known is None or name in known)
    }


def has_finished_work(run_dir: Path) -> bool:
    """Returns whether a folder has results or a finished notebook, and so belongs to a run.

    Args:
        run_dir: Path of a folder with a `run.json`.
    """
    notebooks = files.load_json(run_dir / "run.json").get("notebooks", {})
    return has_results(run_dir) or any(not entry["failure"] for entry in notebooks.values())


def advise(run_dir: Path, left: str, transient: bool) -> str:
    """Says how to continue after a failure.

    Args:
        run_dir: Path of the run.
        left: String, the numbers of the notebooks that did not finish.
        transient: Boolean, whether the same command may succeed when it is repeated.

    Returns:
        A string.
    """
    options = f"--out {shlex.quote(str(run_dir))} --notebooks {left}"
    if transient:
        return f"Stopped. To continue, repeat the command with {options}"
    if not has_finished_work(run_dir):
        return (
            "Stopped before anything was done. Fix what the error below names and start again. "
            f"You can use --out {shlex.quote(str(run_dir))} again."
        )
    return (
        "Stopped. Fix what the error below names. If neither an option nor the images change, "
        f"repeat the command with {options} to continue. Otherwise start again in a new folder."
    )


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
