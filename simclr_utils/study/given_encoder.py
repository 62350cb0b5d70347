"""Keeps a study to one encoder from elsewhere."""

from typing import TYPE_CHECKING

from simclr_utils import files
from simclr_utils.methods import METHODS
from simclr_utils.study.identity import StudyError
from simclr_utils.training.encoder_file import describe_encoder

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

RECORD = "given_encoder.json"


def claim_encoder(study: "Study") -> dict | None:
    """Records which encoder was given to a study, and refuses another one.

    An encoder may be added to a study that has none. As long as nothing was made with it, it may
    be replaced.

    Args:
        study: A `Study` whose folder and results are known.

    Returns:
        The dict of `describe_encoder`, or `None` if no encoder was given.

    Raises:
        StudyError: If there is no such encoder, or the folder has results of another one.
    """
    config, path = study.config, study.folder / RECORD
    if config.encoder_file is None:
        return None
    try:
        here = describe_encoder(config.encoder_file, config.input_size)
    except ValueError as error:
        raise StudyError(str(error)) from error
    there = files.load_json(path) if path.exists() else here
    if there == here:
        if not path.exists():
            files.save_json(path, here)
        return here
    if made_with_an_encoder(study):
        differences = "; ".join(files.describe_differences(there, here))
        raise StudyError(
            f"{study.folder} has results of another given encoder: {differences}. Give that "
            "encoder and input_size again, or choose another folder (run_dir, or --out)."
        )
    files.save_json(path, here)
    return here


def made_with_an_encoder(study):
    """Returns whether a folder has rows or encoders that come from a given encoder."""
    needing = [name for name, each in METHODS.items() if each.needs_encoder]
    made = [*study.folder.glob("encoders/continued-*"), *study.folder.glob("encoders/distilled-*")]
    return bool(made) or study.results.frame()["method"].isin(needing).any()
