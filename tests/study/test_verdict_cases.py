"""The verdict comes out right where the answer is known: once yes, once no.

Pictures of stripes have a direction and a hue, both drawn at random. Where the label is the
direction, the views keep it, and pretraining must pay. Where the label is the hue, strong color
jitter destroys it, and pretraining must not be recommended.
"""

import numpy as np
import pytest

from simclr_utils.config import get_config
from simclr_utils.data.dataset import Dataset
from simclr_utils.evaluation import probes
from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.supervised import SupervisedBaseline
from simclr_utils.study import summary
from simclr_utils.study.study import Study
from simclr_utils.training import diagnostics
from simclr_utils.training.pretraining import pretrain, save_pretraining
from simclr_utils.views.recipe import build_augmenter, on_every_image

LABELS = 16
VIEWS = {"crop": 0.6, "color_jitter": 1.0, "grayscale": 1.0}  # no flip: it turns directions round
CONFIG = get_config(
    "tiny",
    width=16,
    projection_dims=(64, 32),
    batch_size=128,
    pretraining_steps=500,
    label_counts=(LABELS,),
    num_subsets=6,
    supervised_steps_factor=10.0,
    search="none",
    methods=("linear_probe", "fine_tuned", "supervised"),
    operations=tuple(VIEWS.items()),
)


def stripes(count, seed):
    """Images uint8 `[N, 16, 16, 3]`, and the two things they vary in: direction and hue, 0 to 3."""
    random = np.random.default_rng(seed)
    direction, hue = random.integers(0, 4, (2, count))
    angle = direction * np.pi / 4 + random.normal(0, 0.12, count)
    across = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    grid = np.stack(np.mgrid[:16, :16], axis=-1)
    place = np.einsum("ijk,nk->nij", grid, across) * random.uniform(1, 2, (count, 1, 1))
    wave = 0.5 + 0.5 * np.sin(place + random.uniform(0, 2 * np.pi, (count, 1, 1)))
    turn = hue[:, None] / 4 + random.normal(0, 0.02, (count, 1)) - np.arange(3) / 3
    color = 0.5 + 0.5 * np.cos(2 * np.pi * turn)
    color = color * random.uniform(0.6, 1, (count, 1))
    dark = random.uniform(0, 0.35, (count, 1, 1, 1))
    pixels = wave[..., None] * color[:, None, None] + (1 - wave[..., None]) * dark
    pixels = pixels + random.normal(0, 0.12, pixels.shape)
    return (255 * np.clip(pixels, 0, 1)).astype(np.uint8), {"direction": direction, "hue": hue}


def stripes_dataset(label):
    parts = {}
    for seed, (split, count) in enumerate({"train": 400, "validation": 200, "test": 600}.items()):
        images, known = stripes(count, seed)
        parts[split] = images, known[label]
    return Dataset(
        name=label,
        unlabeled=stripes(4000, 9)[0],
        **parts,
        class_names=tuple("abcd"),
        fingerprint="0" * 12,
        notes=[],
        refused=[],
        overlaps={},
    )


@pytest.fixture(scope="module")
def pretrained():
    """Two pretrainings for both cases: they see the same images, and no labels."""
    return [pretrain(stripes_dataset("hue"), CONFIG, seed, preset="tiny") for seed in (0, 1)]


def verdicts(label, pretrained, folder, monkeypatch):
    """The comparison of each pretrained method, after a study with fixed settings."""
    for kind in (SupervisedBaseline, FineTuning):
        axes = {**kind.axes, "weight_decay": (1e-4,), "augmentation_strength": (0.5,)}
        monkeypatch.setattr(kind, "axes", axes)
    study = Study(stripes_dataset(label), CONFIG, folder, "tiny", num_seeds=2)
    for seed, each in enumerate(pretrained):
        save_pretraining(study.encoder_folder(seed), each)
    study.run(lambda line: None)
    return summary.compare(study).set_index("first")


def test_yes_where_the_views_keep_the_label(pretrained, tmp_path, monkeypatch):
    found = verdicts("direction", pretrained, tmp_path, monkeypatch)
    assert " gains " in found.loc["fine_tuned", "verdict"], found.loc["fine_tuned", "verdict"]
    assert (found["value"] > 0.1).all(), found["verdict"]


def test_no_where_the_views_destroy_the_label(pretrained, tmp_path, monkeypatch):
    found = verdicts("hue", pretrained, tmp_path, monkeypatch)
    assert found.loc["linear_probe", "high"] < 0, found.loc["linear_probe", "verdict"]
    assert " gains " not in found.loc["fine_tuned", "verdict"], found.loc["fine_tuned", "verdict"]


def test_the_operation_that_destroys_the_label_is_found():
    dataset = stripes_dataset("hue")
    operations = {
        name: on_every_image(build_augmenter(16, operations={name: VIEWS[name]}, seed=0))
        for name in VIEWS
    }
    damage = diagnostics.accuracy_under(
        operations, probes.PixelKNN, dataset.train, dataset.validation
    )
    assert damage["nothing"] > 0.95 and damage["crop"] > 0.9
    # Gray pictures have no hue; jitter turns it by up to a fifth, of the quarter between classes.
    assert damage["color_jitter"] < 0.75 and damage["grayscale"] < 0.5
