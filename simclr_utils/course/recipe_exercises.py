"""The check of the exercise on recipes: close the shortcut with as few operations as possible."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from simclr_utils.course.checks import attempt
from simclr_utils.views.recipe import OPERATIONS


def check_recipe(
    recipe: Mapping[str, float],
    start: Mapping[str, float],
    score: Callable,
    share: float = 1 / 7,
    strongest: float = 0.6,
) -> str:
    """Tells whether a recipe closes a shortcut, with no operation that it can do without.

    Args:
        recipe: Dict from an operation's name to its strength, or to a pair of strength and
            probability, the learner's recipe.
        start: Dict of the same kind, to which the learner adds operations.
        score: Function of a recipe. It returns how often the shortcut works, 0 to 1.
        share: Float. A recipe is right if its score is below this share of the score of `start`.
        strongest: Float, the largest strength allowed.

    Returns:
        A sentence that begins with "Right", "Nearly" or "Not yet".
    """
    refused = next((words for found, words in refusals(recipe, start, strongest) if found), None)
    if refused:
        return f"Not yet: {refused}."
    measured, complaint = attempt(score, recipe)
    if complaint:
        return f"Not yet: the recipe cannot be used; {complaint}"
    open_score = score(start)
    goal, added = share * open_score, [name for name in recipe if name not in start]
    without = {name: score({k: v for k, v in recipe.items() if k != name}) for name in added}
    if measured >= goal:
        alone = {name: score({**start, name: recipe[name]}) for name in added}
        idle = [name for name in added if alone[name] > 0.9 * open_score]
        if idle:
            leave = "leaves" if len(idle) == 1 else "leave"
            return f"Not yet: {' and '.join(idle)} alone {leave} the shortcut nearly as it was."
        return "Not yet: the shortcut still works, though less often than before."
    spare = [name for name in added if without[name] < goal]
    if spare:
        return f"Nearly: the shortcut is closed, and it would be without {spare[0]} as well."
    return "Right: the shortcut is closed, and every operation is needed."


def refusals(recipe, start, strongest) -> Iterator[tuple[bool, str]]:
    """Yields for each rule whether a recipe breaks it, and the words that say so."""
    is_dict = isinstance(recipe, Mapping)
    yield not is_dict, "write a dict from names to strengths"
    unknown = [name for name in recipe if name not in OPERATIONS]
    yield bool(unknown), f"{unknown[:1]} is no operation; there are {', '.join(OPERATIONS)}"
    changed = [name for name in start if recipe.get(name) != start[name]]
    yield bool(changed), f"keep {', '.join(changed)} as given"
    added = {name: value for name, value in recipe.items() if name not in start}
    yield not added, "add an operation"
    for name, value in added.items():
        strength, complaint = attempt(lambda value=value: float(np.ravel(value)[0]))
        yield bool(complaint), f"the strength of {name} has to be a number"
        yield not 0 < strength <= strongest, f"the strength of {name} has to be in 0..{strongest}"
