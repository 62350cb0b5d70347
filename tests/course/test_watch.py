"""What a notebook learns of its training from the object that looks after it."""

import numpy as np
import pytest

from simclr_utils.config import get_config
from simclr_utils.course.watch import Watch
from simclr_utils.data.dataset import Dataset
from simclr_utils.training.optimizers import build_optimizer
from simclr_utils.training.pretraining import build_model

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype="uint8")


def watch_over(num_labels):
    """A `Watch` over an untrained model, with that many labeled images."""
    labeled = (IMAGES[:num_labels], np.arange(num_labels) % 2)
    none = (IMAGES[:0], np.empty(0, np.int64))
    names = ("a", "b") if num_labels else ()
    dataset = Dataset("noise", IMAGES, labeled, labeled, none, names, "abc", [], [], {})
    config = get_config("tiny", batch_size=20, width=4)
    model = build_model((16, 16, 3), config)
    model.compile(build_optimizer("adamw", 1e-3))
    return Watch(model, dataset, config, "tiny", 0)


@pytest.mark.parametrize("num_labels", [0, 30])
def test_the_last_values_stand_beside_what_they_have_to_beat(num_labels):
    watch = watch_over(num_labels)
    assert (watch.batch_size, watch.steps_per_epoch, watch.epochs) == (20, 2, 12)
    watch.curves.history = {"loss": [3.5, 3.25], "contrastive_accuracy": [0.1, 0.2]}
    watch.curves.history["knn_accuracy"] = [None, 0.5 if num_labels else None]
    first, *rest = watch.describe().splitlines()
    assert first == "loss 3.25, by chance 3.66; contrastive accuracy 0.20"
    levels = [f"{name} {value:.2f}" for name, value in watch.levels.items()]
    expected = f"kNN accuracy: {', '.join([*levels, 'after training 0.50'])}"
    assert rest == ([expected] if num_labels else [])
    assert list(watch.levels) == (["untrained encoder", "raw pixels"] if num_labels else [])
