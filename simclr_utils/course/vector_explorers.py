"""Explorers of vectors: the features and projections of pictures, and their similarities."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from scipy.special import log_softmax

from simclr_utils.course.augmentation_lab import AugmentationLab
from simclr_utils.course.sketch import Sketch, width_of
from simclr_utils.plotting.style import COLORS, cosine_colors
from simclr_utils.training.diagnostics import normalized


class FeatureExplorer:
    """Draws features and projections as stripes, beside the pictures that they describe.

    Args:
        images: Uint8 array `[N, H, W, C]`, at least two images.
        recipe: Mapping from an operation's name to its strength, or to a pair of strength and
            probability, as `build_augmenter` takes it.
        networks: Dict from a name to a pair of `keras.Model`, encoder and projection head.
    """

    NAMES = ("image", "view 1", "view 2", "another image")
    # Screen pixels: a picture, what is left of the stripes, the stripes, and a column of them.
    SIDE, LEFT, WIDTH, COLUMN = 72, 200, 330, 400

    def __init__(
        self,
        images: np.ndarray,
        recipe: Mapping[str, float | tuple[float, float]],
        networks: dict[str, tuple[keras.Model, keras.Model]],
    ):
        self.images, self.recipe = images, recipe
        # Traced once, because a network that runs layer by layer is too slow for a slider.
        self.networks = {
            name: (tf.function(encoder), tf.function(head))
            for name, (encoder, head) in networks.items()
        }

    def pictures(self, image: int, strength: float, seed: int) -> np.ndarray:
        """Returns an image, two views of it and the next image.

        Args:
            image: Integer, number of the image.
            strength: Float, the factor by which the recipe's strengths are multiplied, up to 1.
            seed: Integer, the seed of the views.

        Returns:
            A float32 array `[4, H, W, C]` in 0..1.
        """
        pair = self.images[[image, (image + 1) % len(self.images)]]
        recipe = {name: scaled(value, strength) for name, value in self.recipe.items()}
        lab = AugmentationLab(pair)
        views = lab.views(recipe, seed)
        return np.stack([lab.images[0], views[0][0], views[1][0], lab.images[1]])

    def draw(
        self, network: str, image: int = 0, strength: float = 1.0, seed: int = 0
    ) -> tuple[bytes, str]:
        """Draws the pictures of `pictures` with their features and projections.

        Args:
            network: String, a name among the networks.
            image: Integer, number of the image.
            strength: Float, the factor by which the recipe's strengths are multiplied, up to 1.
            seed: Integer, the seed of the views.

        Returns:
            A pair: PNG bytes, and a sentence with the cosine similarities to the first picture.
        """
        pictures = self.pictures(image, strength, seed)
        encoder, head = self.networks[network]
        features = encoder(tf.constant(pictures))
        vectors = {"features": features.numpy(), "projections": head(features).numpy()}
        step = self.SIDE + 12
        sketch = Sketch(self.LEFT + 2 * self.COLUMN, 24 + len(self.NAMES) * step)
        for row, (name, picture) in enumerate(zip(self.NAMES, pictures, strict=True)):
            left, top = self.LEFT - self.SIDE - 16, 24 + row * step
            sketch.words(name, left - 10, top + self.SIDE // 2, anchor="rm")
            sketch.picture(picture, left, top, self.SIDE)
        sentences = []
        for column, (place, rows) in enumerate(vectors.items()):
            cosines = self._stripes(sketch, self.LEFT + column * self.COLUMN, place, rows)
            told = zip(self.NAMES[1:], cosines[1:], strict=True)
            sentences.append(f"{place} {', '.join(f'{value:.2f} {name}' for name, value in told)}")
        return sketch.png(), f"Similarity to the image: {'; '.join(sentences)}."

    def _stripes(self, sketch, left, place, rows):
        """Draws a column of vectors, and returns their cosine similarities to the first."""
        title = f"{place}: {rows.shape[1]} numbers, and the cosine similarity"
        sketch.words(title, left, 4, size=12)
        cosines = similarity_to_first(rows)
        for row, (vector, cosine) in enumerate(zip(rows, cosines, strict=True)):
            top = 24 + row * (self.SIDE + 12)
            colors = cosine_colors(vector / max(np.abs(rows).max(), 1e-12))
            sketch.stripes(colors, left, top, self.WIDTH, self.SIDE)
            x, y = left + self.WIDTH + 8, top + self.SIDE // 2
            sketch.words(f"{cosine:.2f}", x, y, anchor="lm")
        return cosines


def scaled(value: float | tuple[float, float], factor: float) -> float | tuple[float, float]:
    """Returns a strength times a factor, 1 at most; of a pair only the strength changes."""
    if isinstance(value, Sequence):
        return (min(1.0, factor * value[0]), *value[1:])
    return min(1.0, factor * value)


def similarity_to_first(vectors: np.ndarray) -> np.ndarray:
    """Returns the cosine similarity of each row of `[N, D]` to the first row, float `[N]`."""
    units = normalized(vectors)
    return units @ units[0]


class SimilarityExplorer:
    """Shows a similarity matrix, and the probabilities of one anchor's candidates.

    Args:
        pictures: Array `[2N, H, W, C]`. Pictures `i` and `i + N` are views of one image.
        projections: Dict from an encoder's name to a float array `[2N, D]`.
    """

    LEGEND = "by similarity; dark orange: the positive, light orange: the hardest negative"
    STEP, SIDE = 38, 34  # screen pixels: from candidate to candidate, and a candidate's picture

    def __init__(self, pictures: np.ndarray, projections: dict[str, np.ndarray]):
        self.pictures = pictures
        units = {name: normalized(vectors) for name, vectors in projections.items()}
        self.cosines = {name: vectors @ vectors.T for name, vectors in units.items()}

    def draw(self, encoder: str, anchor: int, temperature: float) -> tuple[bytes, str]:
        """Draws the matrix on the left, and the anchor's candidates by similarity on the right.

        Args:
            encoder: String, a name among the projections.
            anchor: Integer in 0..2N-1.
            temperature: Float > 0.

        Returns:
            A pair: PNG bytes, and two sentences.

        Raises:
            ValueError: If the temperature is not greater than 0.
        """
        if temperature <= 0:
            raise ValueError(f"The temperature has to be greater than 0, received {temperature}.")
        cosines = self.cosines[encoder]
        count = len(cosines)
        positive = (anchor + count // 2) % count
        candidates = np.delete(np.arange(count), anchor)
        candidates = candidates[np.argsort(-cosines[anchor, candidates], kind="stable")]
        logs = log_softmax(cosines[anchor, candidates] / temperature)
        loss = abs(logs[list(candidates).index(positive)])
        frames = {positive: COLORS["red"]}
        text = (
            f"The positive has probability {np.exp(-loss):.2f}, the loss of this anchor is "
            f"{loss:.2f}. Cosine similarity of the positive: {cosines[anchor, positive]:.2f}"
        )
        if count > 2:
            hardest = candidates[candidates != positive][0]
            frames[hardest] = COLORS["orange"]
            text += f", of the hardest negative (picture {hardest}): {cosines[anchor, hardest]:.2f}"
        cell = 288 // count
        width = max(self.STEP * (count - 1), width_of([self.LEGEND]))
        sketch = Sketch(cell * count + 110 + width, cell * count + 44)
        self._matrix(sketch, cosines, cell, anchor)
        self._candidates(sketch, cell * count, anchor, (candidates, np.exp(logs)), frames)
        return sketch.png(), text + "."

    def _matrix(self, sketch, cosines, cell, anchor):
        """Draws the similarities as colors, with frames around positives and the anchor's row."""
        count = len(cosines)
        sketch.picture(cosine_colors(cosines), 4, 4, cell * count)
        for row in range(count):
            column = (row + count // 2) % count
            box = [4 + cell * n for n in (column, row, column + 1, row + 1)]
            sketch.pen.rectangle(box, outline="black", width=2)
        top = 4 + anchor * cell
        sketch.frame(4, top, 4 + cell * count, top + cell, COLORS["red"])
        sketch.words("cosine similarity, anchors by candidates", 4, cell * count + 14)

    def _candidates(self, sketch, edge, anchor, candidates, frames):
        """Draws the anchor, and its candidates with their probabilities as bars."""
        left, floor = edge + 100, edge - 40
        sketch.words("anchor", edge + 52, 20, anchor="mm")
        sketch.picture(self.pictures[anchor], edge + 24, 32, 56)
        for index, (candidate, share) in enumerate(zip(*candidates, strict=True)):
            color = COLORS["red"] if frames.get(candidate) == COLORS["red"] else COLORS["blue"]
            x, top = left + index * self.STEP, floor - round(share * (floor - 20))
            middle = x + self.SIDE // 2
            sketch.bar(x, top, x + self.SIDE, floor, color)
            sketch.words(f"{share:.2f}", middle, top - 8, size=10, anchor="mm")
            picture = self.pictures[candidate]
            sketch.picture(picture, x, floor + 6, self.SIDE, frames.get(candidate))
            sketch.words(str(candidate), middle, floor + self.SIDE + 16, size=11, anchor="mm")
        sketch.words(self.LEGEND, left, floor + self.SIDE + 26)
