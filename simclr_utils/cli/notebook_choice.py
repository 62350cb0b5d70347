"""Which notebooks a source of images can serve: those that score need labels."""

import os

from simclr_utils.cli.run_folder import RunError
from simclr_utils.data.listing import is_unlabeled

NEED_LABELS = ("04", "05", "06")


def leave_out_labels(notebooks, source):
    """Leaves out the notebooks that need labels where a folder has none, and says so.

    Args:
        notebooks: Paths of notebooks.
        source: As `resolve_source` returns it.

    Returns:
        The paths that are left.

    Raises:
        RunError: If none is left, or the folder is not laid out as it should be.
    """
    try:
        if not os.path.isdir(source) or not is_unlabeled(source):
            return notebooks
    except ValueError as error:
        raise RunError(str(error)) from error
    kept = [path for path in notebooks if path.stem[:2] not in NEED_LABELS]
    left_out = ", ".join(path.stem[:2] for path in notebooks if path not in kept)
    if left_out:
        words = (
            f"{source} has no train/, so that nothing is labeled: notebooks {left_out} need labels"
        )
        if not kept:
            raise RunError(
                f"{words}. Add train/<class>/, or take --notebooks 01-03 (pretraining) or 09 (an "
                "encoder and what it finds)."
            )
        print(f"{words} and are left out. --notebooks 09 shows what an encoder finds.", flush=True)
    return kept
