"""What the run doctor knows of a loss: its chance level, and how to find a mistake in it."""

from collections.abc import Callable


def annotate_loss(
    chance_level: Callable | None = None, find_mistake: Callable | None = None
) -> Callable:
    """Returns a decorator that tells the run doctor what to expect of a loss.

    Both facts are optional. `SimCLR` trains with any function of two batches of projections and
    a temperature; the run doctor skips what it does not know.

    Args:
        chance_level: Function of the batch size `N`, an integer, that returns the loss of
            projections that are all identical, a float.
        find_mistake: Function that takes a function `(projections_1, projections_2,
            temperature)` of float arrays `[N, D]` and returns a sentence about what is wrong
            with it, or `None` if it computes the loss.

    Returns:
        A decorator. It sets the attributes `chance_level` and `find_mistake` of a function and
        returns the function.

    Example:

    >>> @annotate_loss(chance_level=lambda num_images: math.log(num_images))
    ... def info_nce_loss(projections_1, projections_2, temperature):
    ...     first = tf.math.l2_normalize(projections_1, axis=1)
    ...     second = tf.math.l2_normalize(projections_2, axis=1)
    ...     logits = tf.matmul(first, second, transpose_b=True) / temperature
    ...     partners = tf.range(tf.shape(logits)[0])
    ...     losses = tf.nn.sparse_softmax_cross_entropy_with_logits(partners, logits)
    ...     return tf.reduce_mean(losses)
    """

    def annotate(loss):
        loss.chance_level, loss.find_mistake = chance_level, find_mistake
        return loss

    return annotate
