"""What the libraries of answers hold."""

from typing import NamedTuple


class Answer(NamedTuple):
    """A right or wrong answer to an exercise.

    Args:
        words: String, what the answer does.
        arguments: Tuple, what the check is called with.
        said: String, words that have to be in the verdict. Those of a right answer begin with
            "Right".
    """

    words: str
    arguments: tuple
    said: str = "Right"
