"""How the methods that are not in the primary comparison fare: one of them may be the best."""

from typing import TYPE_CHECKING

from simclr_utils.evaluation.planning import smallest_visible
from simclr_utils.evaluation.verdicts import has_evidence
from simclr_utils.methods import METHODS
from simclr_utils.study import answers
from simclr_utils.study.pairs import difference, variance_over_images

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

GIVEN = "frozen_file"  # what most people would use without any pretraining of their own


def describe_rivals(study: "Study", primary: dict | None, values: dict[str, float]) -> list[str]:
    """Says whether another method is better than the two that the answer compares.

    Args:
        study: A finished `Study`.
        primary: Dict, as in `answers.plain_answer`, or `None`.
        values: Dict from a method to its mean in the headline metric, at the number of labels of
            the primary comparison.

    Returns:
        A list of up to two sentences: on the best method, if it is none of the two; else on the
        given encoder, if there is one. A short run names a method only if it is ahead by more than
        other test images might change.
    """
    if primary is None:
        return []
    named = [primary[side] for side in ("first", "second")]
    best, stronger = max(values, key=values.get), max(named, key=values.get)
    if values[best] > values[stronger]:
        return _ahead(study, primary, best, stronger, values)
    if GIVEN in values and GIVEN not in named:
        reached = answers.percent(values[GIVEN])
        return [f"{_start(GIVEN)}, which needs no pretraining on these images, has {reached}."]
    return []


def _ahead(study, primary, best, stronger, values):
    """Returns what to say about a method that is ahead of both compared ones."""
    speed = study.preset in answers.MADE_FOR_SPEED
    reached = f"{_start(best)}, with {answers.percent(values[best])}"
    if speed or not has_evidence((primary["subsets"], primary["seeds"])):
        variance = variance_over_images(study, best, stronger, primary["labels"])
        if not variance or values[best] - values[stronger] < smallest_visible(variance):
            return []
        return [f"{reached}, is ahead of both, by more than other test images would change."]
    gap = difference(study, best, stronger, primary["labels"])
    if gap is None or gap.low <= 0:
        return [f"{reached}, is ahead of both, but that may be chance."]
    points, low, high = (100 * end for end in (gap.value, gap.low, gap.high))
    return [
        f"{reached}, is ahead of both: by {points:.1f} points over {METHODS[stronger].label}, "
        f"between {low:.1f} and {high:.1f} with 95 % confidence.",
        f"It is the best of {len(values)} methods and was not named beforehand, so its true lead "
        "is probably a little smaller.",
    ]


def _start(method):
    """Returns the label of a method as the beginning of a sentence."""
    label = METHODS[method].label
    return label[0].upper() + label[1:]
