"""Which operations of the views destroy what the labels say?"""

from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.data.splits import label_subset
from simclr_utils.evaluation.probes import PixelKNN
from simclr_utils.training.diagnostics import accuracy_under
from simclr_utils.views import recipe

if TYPE_CHECKING:
    from simclr_utils.config import Config
    from simclr_utils.data.dataset import Dataset

MOST_IMAGES = 4000  # with labels


def accuracy_by_operation(dataset: "Dataset", config: "Config") -> tuple[dict[str, float], float]:
    """Measures what a classifier of pixels still knows after each operation of the views.

    Every image is changed by one operation, at the strength of the views. Then kNN on pixels is
    fitted to training images and scored on validation images. No test image is used.

    Args:
        dataset: A labeled `Dataset`.
        config: A `Config`, whose `operations` are tried.

    Returns:
        A pair: a dict from the name of an operation to an accuracy, which begins with
        `"nothing"`, and the accuracy of always answering the most frequent class.

    Raises:
        ValueError: If nothing is labeled.
    """
    (images, labels), (_, answers) = dataset.require_labels().train, dataset.validation
    rows = label_subset(labels, max(dataset.num_classes, min(MOST_IMAGES, len(labels))), seed=0)
    height, _, channels = dataset.image_shape
    alone = {
        name: recipe.on_every_image(
            recipe.build_augmenter(height, 1.0, {name: strength}, channels, seed=0)
        )
        for name, strength in config.operations
        if channels == 3 or name != "grayscale"
    }
    kept = accuracy_under(alone, PixelKNN, (images[rows], labels[rows]), dataset.validation)
    return kept, float(np.mean(answers == np.bincount(labels[rows]).argmax()))
