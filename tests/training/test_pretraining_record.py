"""An encoder's record says how the pictures that it was trained on became arrays."""

import numpy as np
from PIL import Image

from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.training import portable
from simclr_utils.training.pretraining import pretrain, save_pretraining


def test_the_record_follows_the_dataset(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(40):
        values = 51_600 + generator.integers(0, 250, (16, 48), dtype=np.uint16)
        path = tmp_path / f"f/unlabeled/{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    dataset = load_dataset(tmp_path / "f", 16, tmp_path / "cache", resize="squash")
    config = get_config("tiny", pretraining_steps=1)
    save_pretraining(tmp_path / "run", pretrain(dataset, config))
    record = portable.read_record(tmp_path / "run/encoder.keras")
    assert record["input"]["resize"] == "squash"
    low, high = dataset.decoding["value_range"]
    assert 51_600 <= low < high <= 51_850
    assert f"(value - {low:g})" in record["input"]["values"]
