"""The command `label-next`: which images of a study's folder to label next."""

import shlex
from pathlib import Path

from simclr_utils import files
from simclr_utils.cli.arguments import resolve_source
from simclr_utils.cli.frame import as_run_error
from simclr_utils.cli.run_folder import RunError
from simclr_utils.data.dataset import load_dataset
from simclr_utils.places import user_path
from simclr_utils.session import start
from simclr_utils.study.next_labels import images_to_label
from simclr_utils.training.pretraining import load_encoder

SHOWN = 10


def run(out: str | Path, count: int = 50, source: str | None = None) -> Path:
    """Writes `label_next.csv` into the folder of a study, and prints its first rows.

    All images of the folder are candidates, also those beyond the limits of the study. Images
    may have been labeled since the study was made.

    Args:
        out: Path of the folder of a study or a run with a pretrained encoder.
        count: Integer, how many images to list.
        source: Path of the folder of images. `None` means the one in the study's command.

    Returns:
        The path of the list: `rank`, `file` (relative to the folder of images) and `reason`.

    Raises:
        RunError: If there is no such study, encoder or folder, or nothing is left to label.
    """
    folder = user_path(out)
    if not (folder / "run.json").is_file():
        raise RunError(f"{folder} is not a folder of this course: it has no run.json.")
    if count < 1:
        raise RunError(f"--count {count}: expected at least one image.")
    record = files.load_json(folder / "run.json")
    source = resolve_source(source or source_of(record))
    start(0, record.get("study", {}).get("precision") or "auto")
    encoders = sorted((folder / "encoders").glob("*/encoder.json"))
    if not encoders:
        raise RunError(f"{folder} has no encoder yet. Let its study finish a pretraining first.")
    with as_run_error():
        encoder, made = load_encoder(encoders[0].parent)
        reading = {name: value for name, value in made["decoding"].items() if value is not None}
        reading |= _finding(record)
        cache = record.get("settings", {}).get("cache_dir", folder.resolve().parent / "cache")
        dataset = load_dataset(source, made["image_shape"][0], cache, **reading)
        table = images_to_label(dataset, encoder, count)
    path = folder / "label_next.csv"
    files.write_text(path, table.to_csv(index=False))
    print(table[:SHOWN].to_string(index=False))
    print(f"{len(table)} images, the most useful first: {path}")
    return path


def _finding(record):
    """Returns the finding that a study told from its absence, as a setting of `load_dataset`."""
    chosen = record.get("settings", {}).get("reading") or {}
    return {"finding": chosen["finding"]} if chosen.get("finding") else {}


def source_of(record: dict) -> str:
    """Returns the source in the command of a run.

    Args:
        record: Dict, as in `run.json`.

    Raises:
        RunError: If the record has no command, or the command no source.
    """
    words = shlex.split(record.get("command", ""))
    if "--source" in words[:-1]:
        return words[words.index("--source") + 1]
    named = [word.removeprefix("--source=") for word in words if word.startswith("--source=")]
    if named:
        return named[0]
    raise RunError("The record of this run names no folder of images. Add --source FOLDER.")
