"""Shared by the checks of all exercises: calls a learner's function and names its mistake."""

from collections.abc import Callable

PUZZLE = "none of the usual mistakes explains it"


def attempt(function: Callable, *arguments) -> tuple:
    """Calls a learner's function.

    Args:
        function: Function to call.
        *arguments: Its arguments.

    Returns:
        A pair: what the function returned, and `None`. If it raised an error, `None` and a
        few words that say so.
    """
    try:
        return function(*arguments), None
    except Exception as error:  # a learner's code may raise anything
        return None, f"your function raised {type(error).__name__}: {error}"


def first_match(answers: dict, matches: Callable, otherwise: str) -> str:
    """Returns the first of several messages whose answer matches the learner's.

    Args:
        answers: Dict from a message to the answer that it belongs to.
        matches: Function of an answer that says whether the learner's is the same.
        otherwise: String, the message if no answer matches.

    Returns:
        A string.
    """
    return next((message for message, answer in answers.items() if matches(answer)), otherwise)
