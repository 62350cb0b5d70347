"""Looks at an encoder without labels: has it collapsed, and which images does it find similar?"""

from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from simclr_utils.evaluation import probes
from simclr_utils.evaluation.features import extract_features
from simclr_utils.training import diagnostics
from simclr_utils.training.activations import images_at_once
from simclr_utils.training.pretraining import load_encoder
from simclr_utils.views import recipe

if TYPE_CHECKING:
    from simclr_utils.config import Config
    from simclr_utils.data.dataset import Dataset

MOST_IMAGES = 1000
MOST_QUERIES = 100


def project_views(
    encoder: keras.Model,
    head: keras.Model,
    augmenter: keras.layers.Layer,
    images: np.ndarray,
    batch_size: int | None = None,
) -> list[np.ndarray]:
    """Computes the projections of two views of each image, in inference mode.

    Args:
        encoder: A `keras.Model`, images -> features.
        head: A `keras.Model`, features -> projections.
        augmenter: Layer, as `build_augmenter` returns it.
        images: Uint8 array `[N, H, W, C]`.
        batch_size: Integer, how many images pass through the networks at a time, or `None` for as
            many as need half a gigabyte, but at most 200.

    Returns:
        A list of two float arrays `[N, D]`.
    """
    batch_size = batch_size or images_at_once(encoder, 200)
    parts = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
    return [
        np.concatenate(
            [head(encoder(augmenter(part), training=False), training=False) for part in parts]
        )
        for view in (1, 2)
    ]


def some_images(pool: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draws up to a thousand images of a pool at random, and keeps their order.

    Args:
        pool: Uint8 array `[N, H, W, C]`.
        seed: Integer, the seed of the draw.

    Returns:
        A uint8 array `[min(N, 1000), H, W, C]`.
    """
    return pool[np.sort(np.random.default_rng(seed).permutation(len(pool))[:MOST_IMAGES])]


def pool_halves(*arrays: np.ndarray) -> tuple[tuple, tuple]:
    """Splits images without labels into queries and a gallery to search.

    Args:
        *arrays: Arrays `[N, ...]` with one row for each image, such as images and their
            features. N is at least 2.

    Returns:
        Two tuples, with the queries and with the gallery of each array. The first half of the
        images, up to a hundred, are the queries.
    """
    number = min(MOST_QUERIES, len(arrays[0]) // 2)
    return tuple(part[:number] for part in arrays), tuple(part[number:] for part in arrays)


def nearest_images(queries: np.ndarray, gallery: np.ndarray, count: int = 8) -> np.ndarray:
    """Finds the images whose features are nearest to those of other images.

    Args:
        queries: Float array `[Q, D]`, features. The first hundred are used.
        gallery: Float array `[N, D]`, the features to search.
        count: Integer, the number of images to find for each query. A small gallery gives fewer.

    Returns:
        An integer array `[Q, count]`, the rows of the gallery, nearest first.
    """
    knn = probes.fit_knn(gallery, np.zeros(len(gallery), int), num_neighbors=count)
    return knn.kneighbors(queries[:MOST_QUERIES], return_distance=False)


def look_at_encoder(folder: Path, dataset: "Dataset", config: "Config", seed: int = 0) -> tuple:
    """Computes signs of collapse, and features, for some images of the pool.

    Args:
        folder: Path that `save_pretraining` has written.
        dataset: `Dataset` whose pool the encoder was pretrained on.
        config: `Config` of its views.
        seed: Integer, chooses the images.

    Returns:
        A tuple of three: the dict that `diagnostics.describe` returns for two views of the
        images, the images (uint8 `[N, H, W, C]`), and their features (float32 `[N, D]`).
    """
    encoder, _ = load_encoder(folder)
    head = keras.saving.load_model(folder / "projection_head.keras", compile=False)
    height, _, channels = dataset.image_shape
    operations = dict(config.operations)
    augmenter = recipe.build_augmenter(height, 1.0, operations, channels, seed=1)
    images = some_images(dataset.unlabeled, seed)
    signs = diagnostics.describe(*project_views(encoder, head, augmenter, images))
    return signs, images, extract_features(encoder, images)
