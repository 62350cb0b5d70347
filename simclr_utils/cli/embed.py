"""The command `embed`: the features of all images of a folder, in one file."""

from pathlib import Path

from simclr_utils.cli.frame import as_run_error
from simclr_utils.deploy.embedding import embed_folder
from simclr_utils.deploy.feature_files import check_target, record_path
from simclr_utils.deploy.ready import open_ready
from simclr_utils.session import start

MOST_NAMED = 5


def run(
    folder: str | Path,
    encoder: str,
    out: str | Path,
    image_size: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes the features of a folder, and prints what was left out.

    Args:
        folder: Path of a folder of images, of any layout.
        encoder: String, as `open_ready` takes it.
        out: Path of a file that ends in `.parquet`, `.npz` or `.csv`.
        image_size: Integer, as in `open_ready`.
        overwrite: Boolean, whether the file may exist.

    Returns:
        The path of the file.

    Raises:
        RunError: If the folder, the encoder or the file cannot be used.
    """
    with as_run_error():
        check_target(out, overwrite)
        start(0, "float32")
        ready = open_ready(encoder, image_size)
        done = embed_folder(folder, ready, out, overwrite)
    dim = ready.encoder.output_shape[-1]
    print(f"{done.count:,} images, {dim} features each, in {done.seconds:.0f} s: {done.path}")
    for name, reason in done.refused[:MOST_NAMED]:
        print(f"left out: {name}: {reason}")
    if len(done.refused) > MOST_NAMED:
        listed = record_path(done.path)
        print(f"{len(done.refused):,} files were left out: {listed} lists all of them.")
    return done.path
