"""The command `card`: a model card from the records of a study."""

from pathlib import Path

from simclr_utils import files
from simclr_utils.cli.frame import as_run_error, keep_existing
from simclr_utils.cli.pages import render
from simclr_utils.deploy.card import UNKNOWN_LICENSE, describe_card
from simclr_utils.places import user_path


def run(
    folder: str | Path,
    out: str | Path,
    name: str | None = None,
    license_name: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes the file `README.md` of a model.

    Args:
        folder: Path of the folder of a study, or of an encoder with its record.
        out: Path of the folder to write to.
        name: String, the name of the model, or `None` to form one.
        license_name: String, the identifier of a license, or `None` if it is unknown.
        overwrite: Boolean, whether a `README.md` may be replaced.

    Returns:
        The path of the card.

    Raises:
        RunError: If there is no encoder with a record, or the card exists.
    """
    path = user_path(out) / "README.md"
    keep_existing(path, overwrite=overwrite, choose="another folder")
    with as_run_error():
        content = describe_card(folder, name, license_name or UNKNOWN_LICENSE)
    files.write_text(path, render("card.md", **content))
    print(f"Model card: {path}. Read it before you publish it.")
    return path
