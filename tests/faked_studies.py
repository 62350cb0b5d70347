"""Studies whose predictions are drawn at random, with a chosen accuracy: for tests of pages."""

import numpy as np

from simclr_utils.config import get_config
from simclr_utils.data.dataset import Dataset
from simclr_utils.methods import METHODS
from simclr_utils.study.study import Study


def fake_dataset(
    shares=(0.5, 0.5), num_test=200, name="cats", class_names=("cat", "dog"), groups=None
):
    """A dataset of noise whose classes have the given shares in every split."""
    random = np.random.default_rng(0)

    def split(count):
        labels = np.repeat(np.arange(len(shares)), np.rint(count * np.array(shares)).astype(int))
        return random.integers(0, 256, (len(labels), 16, 16, 3), dtype=np.uint8), labels

    parts = {"train": split(200), "validation": split(60), "test": split(num_test)}
    files = [f"unlabeled/{number}.png" for number in range(60)]
    pool = random.integers(0, 256, (260, 16, 16, 3), dtype=np.uint8)
    return Dataset(
        name=name,
        unlabeled=pool,
        **parts,
        class_names=tuple(class_names),
        fingerprint="0" * 12,
        notes=["Drawn at random."],
        refused=[],
        overlaps={},
        groups=groups or {},
        files=files + [f"train/{number}.png" for number in range(200)],
    )


def draw_predictions(truth, right, num_classes, method, seed):
    """Class probabilities of which a share of about `right` is right.

    Half of the images are equally hard for all methods, most others for all runs of a method.
    """
    random, size = np.random.default_rng([method, seed]), len(truth)
    draws = [np.random.default_rng(each).random(size) for each in (1, [2, method])]
    kind = np.random.default_rng(3).choice(3, size, p=[0.5, 0.45, 0.05])
    hardness = np.choose(kind, [*draws, random.random(size)])
    target = np.where(hardness < right, truth, (truth + 1) % num_classes)
    logits = random.normal(size=(len(truth), num_classes)) / 2
    logits[np.arange(len(truth)), target] += 3
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def fake_study(folder, dataset, accuracies, preset="laptop", **settings):
    """A finished study: `accuracies` maps a method to a number for each label count."""
    config = get_config(preset, **{"label_counts": (50, 200), "num_subsets": 3, **settings})
    study = Study(dataset, config, folder, preset, num_seeds=2)
    protocol, truth = study.comparison.protocol, dataset.test[1]
    for method, values in accuracies.items():
        entry = METHODS[method]
        for labels, right in zip(study.counts, values, strict=True):
            for subset in study.comparison.subsets(labels, trained=entry.trained):
                for seed in study.seeds if entry.pretrained else [None]:
                    drawn = list(METHODS).index(method), 10 * subset + (seed or 0)
                    made = draw_predictions(truth, right, dataset.num_classes, *drawn)
                    key = {"method": method, "labels": labels, "subset_seed": subset}
                    protocol.score(made, **key, pretraining_seed=seed, minutes=1.5)
    return study


ACCURACIES = {
    "linear_probe": (0.7, 0.8),
    "knn": (0.65, 0.75),
    "fine_tuned": (0.72, 0.86),
    "supervised": (0.6, 0.72),
    "random_encoder": (0.55, 0.6),
    "raw_pixels": (0.5, 0.55),
}


def constant(study):
    """Adds the rows of the most frequent class."""
    study.comparison.score_chance(study.counts)
    return study
