"""Which operations leave the label in the images."""

import numpy as np
import pytest

from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.study import accuracy_by_operation

FEW = {"unlabeled": 0, "train": 200, "validation": 60, "test": 10}


def test_an_operation_that_takes_the_label_is_found(monkeypatch):
    dataset = load_dataset("shapes", image_size=16, limits=FEW)
    red = np.arange(200) % 2, np.arange(60) % 2  # the label is the color: red or green
    for (images, labels), colors in zip((dataset.train, dataset.validation), red, strict=True):
        labels[:] = colors
        images[..., 0], images[..., 1], images[..., 2] = 200 * colors[:, None, None], 90, 90
    config = get_config("tiny", operations={"flip": 1.0, "grayscale": [1.0, 1.0]})
    kept, chance = accuracy_by_operation(dataset, config)
    assert list(kept) == ["nothing", "flip", "grayscale"]
    assert kept["nothing"] == kept["flip"] == 1.0
    assert chance == 0.5


def test_it_needs_labels(tmp_path):
    dataset = load_dataset("shapes", image_size=16, limits=FEW)
    object.__setattr__(dataset, "class_names", ())
    with pytest.raises(ValueError, match="has no labels"):
        accuracy_by_operation(dataset, get_config("tiny"))
