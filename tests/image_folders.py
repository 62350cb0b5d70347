"""Small folders of random images, for tests of what reads them."""

import numpy as np
from PIL import Image

from simclr_utils.data.folder import load_image_folder


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def noise(seed, size=8, channels=3):
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, channels), dtype=np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def make_folder(root, unlabeled=6, train=10, test=3, channels=3):
    """Writes a folder of two classes in which no two images are equal."""
    seed = iter(range(10_000))
    for index in range(unlabeled):
        save(root / f"unlabeled/{index}.png", noise(next(seed), channels=channels))
    for split, count in (("train", train), ("test", test)):
        for name in ("cat", "dog") if count else ():
            for index in range(count):
                pixels = noise(next(seed), channels=channels)
                save(root / split / name / f"{index}.png", pixels)
    return root


def load(root, tmp_path, **options):
    return load_image_folder(root, cache_dir=tmp_path / "cache", **({"image_size": 8} | options))
