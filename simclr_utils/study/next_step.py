"""What to do after a study: label test images, add runs, or use what has been made."""

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.data.group_folds import has_groups
from simclr_utils.evaluation.planning import images_needed, smallest_visible
from simclr_utils.evaluation.verdicts import has_evidence
from simclr_utils.study import answers
from simclr_utils.study.pairs import variance_over_images

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

# Differences that a reader may want to see. The largest one that is well below what the test
# images show now is named.
GAINS = (0.1, 0.05, 0.02, 0.01, 0.005)
WELL_BELOW = 2 / 3
NEXT_COUNT = 50
PLACEHOLDERS = {
    "FOLDER": "FOLDER stands for the folder of your images.",
    "FILE": "FILE stands for the file of the given encoder.",
}
# An interval this much wider than the test images alone would make it is decided by the runs.
RUNS_DECIDE = 1.5


def next_step(study: "Study", primary: dict | None) -> dict:
    """Returns what to do next, in sentences, and the numbers behind them.

    Args:
        study: A finished `Study`.
        primary: Dict of the primary comparison with `first`, `second`, `labels`, `value`, `low`
            and `high`, or `None` if there is none.

    Returns:
        A dict: `sentences`, a list; `command`, a string or `None`; and, if two methods were
        compared, `test_images`, `smallest_visible` (the smallest difference that they can show),
        `gain` (a smaller one) and `test_images_needed` (to find it in four cases of five). If the
        test images have groups, also `test_groups` and `test_groups_needed`.
    """
    if not study.counts:
        return {
            "sentences": [f"Label some images. The command names {NEXT_COUNT} to begin with."],
            "command": label_command(study),
        }
    found = plan(study, primary) if primary else {}
    if study.preset in answers.MADE_FOR_SPEED:
        command = answers.real_command(study)
        sentences = [
            "For an answer, run the command. It says how long it takes before it begins.",
            *(words for name, words in PLACEHOLDERS.items() if name in command),
        ]
        return {"sentences": sentences, "command": command, **found}
    if not primary:
        return {
            "sentences": ["Repeat the command of the study: rows are missing."],
            "command": None,
        }
    if not has_evidence((primary["subsets"], primary["seeds"])):
        sentence = "Repeat the command of the study with --seeds 3 and --set num_subsets=10."
        return {"sentences": [sentence], "command": None, **found}
    sentences = [_about_images(found)] if found else []
    if primary["low"] <= 0 <= primary["high"]:
        return {"sentences": _what_decides(primary, found, sentences), "command": None, **found}
    if primary["low"] > 0:
        use = "Use the encoder: encoders/ beside this page has it, and encoder.json says how."
        more = f"More labels may help most. The command names {NEXT_COUNT} images to label next."
        return {"sentences": [use, more], "command": label_command(study), **found}
    use = "Train on the labels alone, or use the method that is highest in the chart."
    return {"sentences": [use, *sentences], "command": None, **found}


def plan(study: "Study", primary: dict) -> dict:
    """Returns what the test images can show, and how many a smaller difference needs.

    Args:
        study: A `Study`.
        primary: Dict, as in `next_step`.

    Returns:
        A dict, as `next_step` describes it; empty if predictions are missing.
    """
    names = primary["first"], primary["second"]
    variance = variance_over_images(study, *names, primary["labels"])
    if not variance:
        return {}
    number, visible = len(study.dataset.test[1]), smallest_visible(variance)
    gain = next((each for each in GAINS if each <= WELL_BELOW * visible), GAINS[-1])
    needed = images_needed(variance, number, gain)
    plan = {"test_images": number, "smallest_visible": visible, "gain": gain}
    plan["test_images_needed"] = needed
    groups = study.comparison.protocol.test_groups
    if has_groups(groups):
        plan["test_groups"] = len(np.unique(groups))
        plan["test_groups_needed"] = math.ceil(needed * plan["test_groups"] / number)
    return plan


def _about_images(found):
    """Says what the test images show, and how many more would show a smaller difference."""
    more, of_groups = rough(found["test_images_needed"] - found["test_images"]), ""
    if "test_groups" in found:
        groups = rough(found["test_groups_needed"] - found["test_groups"])
        of_groups = f" of about {groups:,} other groups"
    return (
        f"Your {found['test_images']:,} test images cannot show a difference of less than "
        f"{_points(found['smallest_visible'])} points. To find one of "
        f"{_points(found['gain'])} points, label about {more:,} more{of_groups} and put them "
        "into test/."
    )


def _what_decides(primary, found, sentences):
    """Returns sentences on what makes the interval narrower: more runs, or more test images."""
    half = (primary["high"] - primary["low"]) / 2
    if found and half <= RUNS_DECIDE * found["smallest_visible"]:
        few = "More pretrainings or label subsets would change little: the test images are too few."
        return [*sentences, few]
    return [
        f"The interval is ±{_points(half)} points, and most of it comes from the choice of labels "
        "and from the seeds, not from the test images. --seeds 5 and --set num_subsets=20 make it "
        "smaller."
    ]


def label_command(study: "Study") -> str | None:
    """Returns the command that lists images to label, `None` if the images have no file names.

    Args:
        study: A `Study`.
    """
    if not study.dataset.files:
        return None
    folder, here = study.folder.resolve(), Path.cwd()
    shown = folder.relative_to(here) if here in folder.parents else folder
    return f"python -m simclr_utils label-next --out {shlex.quote(str(shown))} --count {NEXT_COUNT}"


def rough(number: float) -> int:
    """Returns a number rounded up to two digits, because the estimate supports no more.

    Args:
        number: Float, at least 1.
    """
    unit = 10 ** max(0, len(str(int(number))) - 2)
    return int(-(-number // unit) * unit)


def _points(share):
    """Returns percentage points: whole ones from ten on."""
    points = 100 * share
    return f"{points:.0f}" if points >= 9.95 else f"{points:.1f}".removesuffix(".0")
