"""The difference of two methods of a study, in the study's headline metric."""

from typing import TYPE_CHECKING

from simclr_utils.evaluation.metric_differences import image_variance, metric_difference
from simclr_utils.evaluation.statistics import Difference, paired_difference
from simclr_utils.study.stored import correct, stored_runs

if TYPE_CHECKING:
    from simclr_utils.study.study import Study


def difference(study: "Study", first: str, second: str, labels: int) -> Difference | None:
    """Compares two methods on the same test images, in the metric that the study was run for.

    Args:
        study: A `Study` with rows.
        first: String, a name in `METHODS`.
        second: String, a name in `METHODS`.
        labels: Integer, the number of labels.

    Returns:
        A `Difference`, the first method minus the second. `None` if a row is missing, or the
        metric is not defined for these test images.
    """
    if study.config.metric == "accuracy":
        pair = [correct(study, each, labels) for each in (first, second)]
        groups = study.comparison.protocol.test_groups
        missing = any(part is None for part in pair)
        return None if missing else paired_difference(*pair, groups=groups)
    runs = [stored_runs(study, each, labels) for each in (first, second)]
    if any(part is None for part in runs):
        return None
    return metric_difference(study.config.metric, *runs)


def variance_over_images(study: "Study", first: str, second: str, labels: int) -> float | None:
    """Returns the part of a difference's variance that comes from the draw of the test images.

    If the images have groups, it is the draw of groups.

    Args:
        study: A `Study`, as in `difference`.
        first: String, as in `difference`.
        second: String, as in `difference`.
        labels: Integer, as in `difference`.
    """
    runs = [stored_runs(study, each, labels) for each in (first, second)]
    if any(part is None for part in runs):
        return None
    return image_variance(study.config.metric, *runs)
