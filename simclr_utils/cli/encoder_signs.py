"""What an encoder can be asked without labels: signs of life, and which images it finds alike."""

import keras
import numpy as np

from simclr_utils.evaluation import probes
from simclr_utils.evaluation.features import extract_features
from simclr_utils.plotting import plot_neighbors
from simclr_utils.training import diagnostics
from simclr_utils.training.pretraining import load_encoder
from simclr_utils.views import recipe

MOST_IMAGES = 1000  # that are looked at
MOST_QUERIES = 100


def project_views(encoder, head, augmenter, images, batch_size=200):
    """Sends two views of each image through encoder and head, in inference mode.

    Args:
        encoder, head: `keras.Model`s.
        augmenter: layer of `build_augmenter`.
        images: uint8 array `[N, H, W, C]`.
        batch_size: int.

    Returns:
        A list of two float arrays `[N, D]`.
    """
    parts = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
    return [
        np.concatenate(
            [head(encoder(augmenter(part), training=False), training=False) for part in parts]
        )
        for view in (1, 2)
    ]


class NearestImages:
    """Shows which images an encoder takes for the same thing as another one.

    Args:
        queries: tuple of images `[Q, H, W, C]`, their features `[Q, D]` and int labels `[Q]`;
            the labels are `None` where there are none. The first hundred are used.
        gallery: such a tuple of N images, among which the nearest are looked for.
        class_names: strings, one a label.
    """

    def __init__(self, queries, gallery, class_names=()):
        self.queries, self.gallery, self.class_names = queries, gallery, class_names
        knn = probes.fit_knn(gallery[1], np.zeros(len(gallery[1]), int), num_neighbors=8)
        vectors = queries[1][:MOST_QUERIES]
        self.nearest = knn.kneighbors(vectors, return_distance=False)

    def __len__(self):
        return len(self.nearest)

    def draw(self, place):
        """Draws query number `place` and what is nearest to it; returns a closed `Figure`."""
        image, found, labels = self.queries[0][place], self.nearest[place], self.queries[2]
        same, title = None, "nearest to an image"
        if labels is not None:
            same = self.gallery[2][found] == labels[place]
            title += f" of class '{self.class_names[labels[place]]}'"
        return plot_neighbors(image, {"SimCLR": (self.gallery[0][found], same)}, title)


def look_at_encoder(folder, dataset, config, seed=0):
    """Asks a pretrained encoder what can be asked without labels.

    Args:
        folder: path that `save_pretraining` has written.
        dataset: the `Dataset` whose pool it was pretrained on.
        config: the `Config` of its views.
        seed: int, of the images that are looked at.

    Returns:
        The dict of `diagnostics.describe` for two views of images of the pool, and a
        `NearestImages` among these images.
    """
    encoder, _ = load_encoder(folder)
    head = keras.saving.load_model(folder / "projection_head.keras", compile=False)
    height, _, channels = dataset.image_shape
    operations = dict(config.operations)
    augmenter = recipe.build_augmenter(height, 1.0, operations, channels, seed=1)
    images = some_images(dataset.unlabeled, seed)
    signs = diagnostics.describe(*project_views(encoder, head, augmenter, images))
    return signs, nearest_in_pool(images, extract_features(encoder, images))


def some_images(pool, seed=0):
    """Picks up to a thousand images of a pool at random, in their order."""
    return pool[np.sort(np.random.default_rng(seed).permutation(len(pool))[:MOST_IMAGES])]


def nearest_in_pool(images, features):
    """A `NearestImages` without labels: some of the images, and the nearest among the others.

    Args:
        images: array `[N, H, W, C]`, N at least 2.
        features: float array `[N, D]`.
    """
    number = min(MOST_QUERIES, len(images) // 2)
    parts = ((images[:number], features[:number], None), (images[number:], features[number:], None))
    return NearestImages(*parts)
