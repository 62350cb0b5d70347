"""What the explorers of notebooks 03 to 05 draw: numbers in, a picture and a sentence out."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from scipy.special import log_softmax

from simclr_utils.course.augmentation_lab import AugmentationLab
from simclr_utils.course.sketch import Sketch
from simclr_utils.plotting.fonts import LONGEST_NAME, readable
from simclr_utils.plotting.style import COLORS, cosine_colors
from simclr_utils.training.diagnostics import normalized

RIGHT, WRONG = "\u2713", "\u2717"  # a tick and a cross: colour alone does not tell them apart


class SimilarityExplorer:
    """A similarity matrix, and the probabilities of one anchor's candidates, with their pictures.

    Args:
        pictures: array `[2N, H, W, C]`; picture `i` and `i + N` are views of one image.
        projections: dict from an encoder's name to a float array `[2N, D]`.
    """

    def __init__(self, pictures, projections):
        self.pictures = pictures
        self.cosines = {}
        for name, vectors in projections.items():
            vectors = np.asarray(vectors, np.float64)
            units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            self.cosines[name] = units @ units.T

    def draw(self, encoder, anchor, temperature):
        """The matrix at the left, the anchor's candidates by similarity at the right.

        Args:
            encoder: str, a name.
            anchor: int in 0..2N-1.
            temperature: float > 0.

        Returns:
            PNG bytes and a string.

        Raises:
            ValueError: if the temperature is not above 0.
        """
        if temperature <= 0:
            raise ValueError(f"A temperature divides, so it has to be above 0: {temperature}")
        cosines = self.cosines[encoder]
        count = len(cosines)
        positive = (anchor + count // 2) % count
        candidates = np.delete(np.arange(count), anchor)
        candidates = candidates[np.argsort(-cosines[anchor, candidates], kind="stable")]
        logs = log_softmax(cosines[anchor, candidates] / temperature)
        probabilities, loss = np.exp(logs), abs(logs[list(candidates).index(positive)])
        frames = {positive: COLORS["red"]}
        text = (
            f"The positive has probability {np.exp(-loss):.2f}, the loss of this anchor is "
            f"{loss:.2f}. Cosine of the positive: {cosines[anchor, positive]:.2f}"
        )
        if count > 2:
            hardest = candidates[candidates != positive][0]
            frames[hardest] = COLORS["orange"]
            text += f", of the hardest negative, {hardest}: {cosines[anchor, hardest]:.2f}"
        cell, step, side = 288 // count, 38, 34
        sketch = Sketch(cell * count + 110 + step * (count - 1), cell * count + 44)
        self._matrix(sketch, cosines, cell, anchor)
        left, floor = cell * count + 100, cell * count - 40
        sketch.words("anchor", cell * count + 52, 20, anchor="mm")
        sketch.picture(self.pictures[anchor], cell * count + 24, 32, 56)
        for index, (candidate, share) in enumerate(zip(candidates, probabilities, strict=True)):
            color = COLORS["red"] if candidate == positive else COLORS["blue"]
            x, top = left + index * step, floor - round(share * (floor - 20))
            sketch.bar(x, top, x + side, floor, color)
            sketch.words(f"{share:.2f}", x + side // 2, top - 8, size=10, anchor="mm")
            picture = self.pictures[candidate]
            sketch.picture(picture, x, floor + 6, side, frames.get(candidate))
            sketch.words(str(candidate), x + side // 2, floor + side + 16, size=11, anchor="mm")
        sketch.words(
            "most similar first; dark orange: the positive, light orange: the hardest negative",
            left,
            floor + side + 26,
        )
        return sketch.png(), text + "."

    def _matrix(self, sketch, cosines, cell, anchor):
        """The cosines as colours, positives framed, the anchor's row marked."""
        count = len(cosines)
        sketch.picture(cosine_colors(cosines), 4, 4, cell * count)
        for row in range(count):
            column = (row + count // 2) % count
            box = [4 + cell * n for n in (column, row, column + 1, row + 1)]
            sketch.pen.rectangle(box, outline="black", width=2)
        top = 4 + anchor * cell
        sketch.frame(4, top, 4 + cell * count, top + cell, COLORS["red"])
        sketch.words("cosine similarity, anchors by candidates", 4, cell * count + 14)


class RetrievalExplorer:
    """The nearest neighbours of an image under several descriptions, and its place in a map.

    Args:
        queries: pair of images `[Q, H, W, C]` and int labels `[Q]`.
        gallery: pair of images `[N, H, W, C]` and int labels `[N]`, among which neighbours are.
        neighbors: dict from a description's name to an int array `[Q, K]` of numbers in the
            gallery.
        points: float array `[Q, 2]`, places of the queries in a map.
        class_names: strings.
    """

    def __init__(self, queries, gallery, neighbors, points, class_names):
        self.queries, self.gallery, self.neighbors = queries, gallery, neighbors
        self.class_names = class_names
        low, high = points.min(axis=0), points.max(axis=0)
        self.places = 10 + 270 * (points - low) / np.maximum(high - low, 1e-12) * (1, -1)
        self.places[:, 1] += 270
        colors = list(COLORS.values())
        self.background = Sketch(290, 310)
        for place, label in zip(self.places, queries[1], strict=True):
            self.background.dot(*place, colors[label % len(colors)], radius=4)
        self.background.words("map of the features, colours by class", 10, 292, size=11)

    def draw(self, image):
        """One query: a row of neighbours for each description, and the map with its point lit.

        Args:
            image: int, number of the query.

        Returns:
            PNG bytes and a string.
        """
        side, margin = 64, 130
        num_columns = 1 + max(rows.shape[1] for rows in self.neighbors.values())
        label = self.queries[1][image]
        left = margin + num_columns * (side + 10)
        height = max(310, len(self.neighbors) * (side + 36))
        sketch = Sketch(left + 310, height)
        found = []
        for row, (name, numbers) in enumerate(self.neighbors.items()):
            images, same = (part[numbers[image]] for part in self.gallery)
            same = same == label
            top = 8 + row * (side + 36)
            sketch.words(name, margin - 14, top + side // 2, anchor="rm")
            sketch.picture(self.queries[0][image], margin, top, side)
            for column, (picture, right) in enumerate(zip(images, same, strict=True)):
                x = margin + (column + 1) * (side + 10)
                color = COLORS["blue"] if right else COLORS["orange"]
                sketch.picture(picture, x, top, side, color)
                mark = RIGHT if right else WRONG
                sketch.words(mark, x + side // 2, top + side + 12, anchor="mm")
            found.append(f"{name} {same.sum()} of {len(same)}")
        sketch.sheet.paste(self.background.sheet, (left + 10, 0))
        x, y = self.places[image] + (left + 10, 0)
        sketch.dot(x, y, "black", radius=9)
        name = self.class_names[label]
        sketch.words(readable(name, LONGEST_NAME), x, y - 18, anchor="mm")
        return sketch.png(), f"Class {name}. Neighbours of its class: {', '.join(found)}."


class MistakesExplorer:
    """What each method calls some test images at a number of labels.

    Args:
        images: array `[N, H, W, C]`, of the test set.
        truth: int array `[N]`, the images' classes.
        predictions: dict from a label count to a dict from a method's name to a pair of arrays
            `[N]`: the class numbers it predicted, and bools, whether they are right.
        class_names: strings.
        num_shown: int.
    """

    def __init__(self, images, truth, predictions, class_names, num_shown=8):
        self.images, self.truth, self.predictions = images, truth, predictions
        self.class_names, self.num_shown = class_names, num_shown

    def draw(self, labels, first=0):
        """Test images in a row, and below each what the methods say.

        Args:
            labels: int, a label count.
            first: int, number of the first image.

        Returns:
            PNG bytes and a string.
        """
        methods = self.predictions[labels]
        side, step, margin, line = 80, 92, 190, 22
        sketch = Sketch(margin + self.num_shown * step, side + 16 + line * (len(methods) + 1))
        sketch.words("class", margin - 12, side + 14, anchor="rm")
        shown = range(first, min(first + self.num_shown, len(self.images)))
        for column, index in enumerate(shown):
            sketch.picture(self.images[index], margin + column * step, 0, side)
            name = readable(self.class_names[self.truth[index]], 11)
            sketch.words(name, margin + column * step + side // 2, side + 14, anchor="mm")
        shares = []
        for row, (method, (classes, correct)) in enumerate(methods.items()):
            y = side + 14 + (row + 1) * line
            sketch.words(method, margin - 12, y, anchor="rm")
            for column, index in enumerate(shown):
                right = correct[index]
                name = readable(self.class_names[classes[index]], 9)
                text = f"{RIGHT if right else WRONG} {name}"
                color = COLORS["blue"] if right else COLORS["red"]
                x = margin + column * step + side // 2
                sketch.words(text, x, y, color, size=12, anchor="mm")
            shares.append(f"{method} {correct.mean():.1%}")
        return sketch.png(), f"Of all test images, at {labels:,} labels: {', '.join(shares)}."


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
