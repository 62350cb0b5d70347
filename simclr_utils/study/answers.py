"""The answer of a study in sentences: a verdict, or why there is none and how to get one."""

from typing import TYPE_CHECKING

from simclr_utils.methods import METHODS
from simclr_utils.parameters import NAMED_SOURCES
from simclr_utils.study import summary

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

MADE_FOR_SPEED = ("tiny", "quick")  # presets whose studies end without a verdict


def answer(study: "Study") -> list[str]:
    """Returns what a study says about pretraining on its images.

    Args:
        study: A finished `Study`.

    Returns:
        A list of sentences. The first one is the verdict. It says why there is none if nothing is
        labeled, if rows are missing, or if the preset is made for speed. What limits the answer
        follows.
    """
    limits = summary.small_print(study)
    if not study.counts:
        return [summary.no_verdict(study), *limits]
    if study.preset in MADE_FOR_SPEED:
        return [
            f"No verdict: the preset {study.preset} is made for speed. For an answer, run",
            f"    {real_command(study)}",
            *limits,
        ]
    return [summary.headline(summary.compare(study)) or summary.no_verdict(study), *limits]


def real_command(study: "Study") -> str:
    """Returns the command of the study from which a verdict can be drawn, a string.

    Args:
        study: A `Study`, of any preset.
    """
    name = study.dataset.name
    source = name if name in NAMED_SOURCES or name.startswith("medmnist:") else "FOLDER"
    return f"python -m simclr_utils study --source {source} --preset full --out runs/mine"


def differences(study: "Study") -> list[str]:
    """Returns a sentence for each comparison of a pretrained method with the tuned baseline.

    Args:
        study: A `Study` with rows.

    Returns:
        A list of strings: verdicts, or the plain differences with their intervals if the preset
        is made for speed.
    """
    comparisons = summary.compare(study)
    if comparisons.empty:
        return []
    if study.preset not in MADE_FOR_SPEED:
        return list(comparisons["verdict"])
    return [
        f"At {row.labels:,} labels, {METHODS[row.first].label} minus the baseline: "
        f"{100 * row.value:+.1f} points [{100 * row.low:+.1f} to {100 * row.high:+.1f}]"
        for row in comparisons.itertuples()
    ]
