"""What networks make of an image and of its views, before the projection head and after it."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from simclr_utils.course.augmentation_lab import AugmentationLab
from simclr_utils.course.sketch import Sketch
from simclr_utils.plotting.base import cosine_colors
from simclr_utils.training.diagnostics import normalized

NAMES = ("image", "view 1", "view 2", "another image")
SIDE, LEFT, WIDTH = 72, 200, 330  # screen pixels: of a picture, left of the stripes, of the stripes


class FeatureExplorer:
    """Draws features and projections as stripes, beside the picture that they come from.

    Args:
        images: uint8 array `[N, H, W, C]`, at least two.
        recipe: mapping from an operation's name to its strength, or to a pair of strength and
            probability, as `build_augmenter` takes it.
        networks: dict from a name to a pair of `keras.Model`, encoder and projection head.
    """

    def __init__(self, images, recipe, networks):
        self.images, self.recipe = images, recipe
        # Traced once: layer by layer a network takes longer than a hand can wait.
        self.networks = {
            name: (tf.function(encoder), tf.function(head))
            for name, (encoder, head) in networks.items()
        }

    def pictures(self, image, strength, seed):
        """An image, two views of it and the next image, float32 `[4, H, W, C]` in 0..1."""
        pair = self.images[[image, (image + 1) % len(self.images)]]
        recipe = {name: scaled(value, strength) for name, value in self.recipe.items()}
        lab = AugmentationLab(pair)
        views = lab.views(recipe, seed)
        return np.stack([lab.images[0], views[0][0], views[1][0], lab.images[1]])

    def draw(self, network, image=0, strength=1.0, seed=0):
        """The picture and the line above it, for `explore`.

        Args:
            network: str, a name among the networks.
            image: int, number of the image.
            strength: float, a factor of the strengths of the recipe; they end at 1.
            seed: int, of the views.

        Returns:
            PNG bytes and a string, the cosine similarities to the first picture.
        """
        pictures = self.pictures(image, strength, seed)
        encoder, head = self.networks[network]
        features = encoder(tf.constant(pictures))
        vectors = {"features": features.numpy(), "projections": head(features).numpy()}
        step = SIDE + 12
        sketch = Sketch(LEFT + 2 * (WIDTH + 70), 24 + len(NAMES) * step)
        sentences = []
        for column, (place, rows) in enumerate(vectors.items()):
            left = LEFT + column * (WIDTH + 70)
            cosines = similarity_to_first(rows)
            title = f"{place}, {rows.shape[1]} numbers; at the right the cosine similarity"
            sketch.words(title, left, 4, size=12)
            for row, (vector, cosine) in enumerate(zip(rows, cosines, strict=True)):
                top = 24 + row * step
                colors = cosine_colors(vector / max(np.abs(rows).max(), 1e-12))
                sketch.stripes(colors, left, top, WIDTH, SIDE)
                sketch.words(f"{cosine:.2f}", left + WIDTH + 8, top + SIDE // 2, anchor="lm")
            told = (f"{cosine:.2f} {name}" for name, cosine in zip(NAMES, cosines, strict=True))
            sentences.append(f"{place} {', '.join(list(told)[1:])}")
        for row, (name, picture) in enumerate(zip(NAMES, pictures, strict=True)):
            top = 24 + row * step
            sketch.words(name, LEFT - SIDE - 26, top + SIDE // 2, anchor="rm")
            sketch.picture(picture, LEFT - SIDE - 16, top, SIDE)
        return sketch.png(), f"Similarity to the image: {'; '.join(sentences)}."


def scaled(value, factor):
    """Multiplies a strength, or that of a pair of strength and probability; it ends at 1."""
    if isinstance(value, Sequence):
        return (min(1.0, factor * value[0]), *value[1:])
    return min(1.0, factor * value)


def similarity_to_first(vectors):
    """Cosine similarity of each row of `[N, D]` to the first, float `[N]`."""
    units = normalized(vectors)
    return units @ units[0]
