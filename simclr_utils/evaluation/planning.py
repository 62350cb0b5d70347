"""How many test images a comparison needs, from how often two methods disagree."""

import math

from scipy.stats import norm

CONFIDENCE = 0.95
POWER = 0.8  # how often a true difference of the stated size is found


def smallest_visible(variance: float) -> float:
    """Returns the smallest observed difference whose 95 % interval leaves out zero.

    Args:
        variance: Float, the variance of the difference over test images, such as the share of
            images on which two networks disagree, divided by the number of images.

    Returns:
        A float, in the unit of the metric: 0.12 is twelve points.
    """
    return float(norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(variance)


def images_needed(variance: float, num_images: int, gain: float) -> int:
    """Returns the test images at which a true difference is found in four cases of five.

    Args:
        variance: Float, as in `smallest_visible`, at `num_images` test images. It is taken to
            fall in proportion to the number of images.
        num_images: Integer, the test images there are.
        gain: Float above 0, the difference to find.

    Returns:
        An integer.

    Example:

    >>> images_needed(0.3 / 81, 81, gain=0.05)
    942
    """
    reach = float(norm.ppf((1 + CONFIDENCE) / 2) + norm.ppf(POWER))
    return math.ceil(variance * num_images * (reach / gain) ** 2)
