"""The primary comparison of a study: named before anything is measured, and kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simclr_utils import files
from simclr_utils.methods import METHODS
from simclr_utils.places import user_path
from simclr_utils.study.identity import StudyError, has_results, stored_study

# How a pretrained encoder is used where labels are there to train with.
METHOD = "fine_tuned"


class Primary(NamedTuple):
    """The one comparison with the tuned baseline that decides the verdict.

    Attributes:
        method: String, a name in `METHODS`.
        labels: Integer, the number of labels.
    """

    method: str
    labels: int


def compared_methods() -> list[str]:
    """Returns the names of the methods that are compared with the baseline."""
    return [name for name, method in METHODS.items() if method.verdict is not None]


def name_primary(
    folder: str | Path, counts: Sequence[int], asked: Primary | tuple | None = None
) -> Primary | None:
    """Names the primary comparison of a study, and records it.

    The choice stands in `run.json`. As long as the folder has no results it may be replaced.

    Args:
        folder: Path of the study, which `claim` has recorded.
        counts: Integers, the label counts of the study.
        asked: Pair of a method and a number of labels, or `None` for the recorded choice. If
            there is none: fine-tuning at the largest label count, because who has labels uses
            all of them.

    Returns:
        A `Primary`, or `None` if nothing is labeled.

    Raises:
        StudyError: If the method or the number of labels is not compared, or if the folder has
            results and another primary comparison.
    """
    if not counts:
        return None
    record = stored_study(folder) or {}
    stored = Primary(**record["primary"]) if "primary" in record else None
    rule = Primary(METHOD, max(counts))
    chosen = Primary(*asked) if asked is not None else stored or rule
    if asked is not None:
        _check(chosen, counts)
    if chosen == stored:
        return chosen
    if has_results(folder) and chosen != (stored or rule):
        method, labels = stored or rule
        raise StudyError(
            f"{folder} has results, and its primary comparison is {method} at {labels:,} labels. "
            f"It cannot become {chosen.method} at {chosen.labels:,} labels after a look at them. "
            "Leave out the new choice (primary, or --primary), or choose another folder."
        )
    changed = {**record, "primary": chosen._asdict()}
    files.update_json(user_path(folder) / "run.json", study=changed)
    return chosen


def _check(chosen, counts):
    """Raises a `StudyError` if a study does not make this comparison."""
    if chosen.method not in compared_methods():
        raise StudyError(
            f"The primary comparison cannot be of {chosen.method!r}. Choose one of "
            f"{', '.join(compared_methods())}."
        )
    if chosen.labels not in counts:
        raise StudyError(
            f"The primary comparison cannot be at {chosen.labels:,} labels. This study compares "
            f"at {', '.join(f'{count:,}' for count in counts)}."
        )
