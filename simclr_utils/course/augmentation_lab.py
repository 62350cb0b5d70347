"""The augmentation lab: how the views of a recipe look, and how hard a task they make."""

import numpy as np
import tensorflow as tf

from simclr_utils.course.sketch import Sketch
from simclr_utils.views.recipe import build_operations

NUM_LEVELS = 8  # of each colour channel, in the histograms
NUM_PIXELS = 64 * 32 * 32  # of all images that are measured
SIDE, MARGIN = 96, 72  # screen pixels of an image, and of the words left of a row


class AugmentationLab:
    """Draws and measures the views that a recipe makes of some images.

    Args:
        images: uint8 array `[N, H, W, C]`. As many of them are measured as a hand can wait for,
            64 of 32 pixels: the views of one have to be told from those of the others.
        encoder: `keras.Model`, float images in 0..1 -> features, or `None` to leave the
            similarities out.
        num_shown: int, images that are drawn.
    """

    def __init__(self, images, encoder=None, num_shown=8):
        affordable = max(num_shown, NUM_PIXELS // (images.shape[1] * images.shape[2]))
        self.images = np.asarray(images[:affordable], np.float32) / 255
        # Traced once: layer by layer an encoder would take longer than a hand can wait.
        self.encode = None if encoder is None else tf.function(encoder)
        self.num_shown = num_shown

    def views(self, recipe, seed=0):
        """Two views of each image.

        Args:
            recipe: mapping as `build_augmenter` takes it; strengths of 0 are left out.
            seed: int.

        Returns:
            A pair of float32 arrays `[N, H, W, C]` in 0..1.

        Raises:
            ValueError: as `build_augmenter`.
        """
        size, channels = self.images.shape[1], self.images.shape[3]
        layers = build_operations(size, used(recipe), channels=channels, seed=1000 * seed)
        both = tf.concat([self.images, self.images], axis=0)  # in one go: half the waiting
        for layer in layers:
            both = layer(both)
        return tuple(np.split(both.numpy(), 2))

    def measure(self, views):
        """How easily the second view is found among all, and how similar the encoder finds them.

        Args:
            views: what `views` returned.

        Returns:
            A dict: `shortcut`, the share of views whose partner has the most similar colour
            histogram of all; and, with an encoder, `same` and `others`, mean cosine similarities
            of two views of one image and of different images.
        """
        histograms = [np.sqrt(color_histograms(view)) for view in views]
        partner = np.argmax(histograms[0] @ histograms[1].T, axis=1)
        found = {"shortcut": float(np.mean(partner == np.arange(len(partner))))}
        if self.encode is not None:
            features = self.encode(tf.concat(views, axis=0)).numpy()
            features /= np.linalg.norm(features, axis=1, keepdims=True)
            first, second = np.split(features, 2)
            cosines = first @ second.T
            others = cosines.sum() - np.trace(cosines)
            others /= max(1, len(cosines) * (len(cosines) - 1))
            found |= {"same": float(np.trace(cosines) / len(cosines)), "others": float(others)}
        return found

    def draw(self, recipe, seed=0, first=0):
        """The picture and the line below it, for `explore`.

        Args:
            recipe: as of `views`.
            seed: int.
            first: int, number of the first image to draw.

        Returns:
            PNG bytes, three rows (images, first views, second views), and a string.
        """
        views = self.views(recipe, seed)
        shown = slice(first, first + self.num_shown)
        found = self.measure(views)
        text = (
            f"Colours alone find {found['shortcut']:.0%} of {len(self.images)} partners "
            f"(chance: {1 / len(self.images):.1%})."
        )
        if "same" in found:
            text += (
                f" Cosine similarity to the encoder: {found['same']:.2f} for two views of one "
                f"image, {found['others']:.2f} for different images."
            )
        rows = {"image": self.images, "view 1": views[0], "view 2": views[1]}
        sketch = Sketch(MARGIN + self.num_shown * (SIDE + 4), len(rows) * (SIDE + 4))
        for row, (name, pictures) in enumerate(rows.items()):
            top = row * (SIDE + 4)
            sketch.words(name, MARGIN - 8, top + SIDE // 2, anchor="rm")
            for column, picture in enumerate(pictures[shown]):
                sketch.picture(picture, MARGIN + column * (SIDE + 4), top, SIDE)
        return sketch.png(), text


def as_recipe(values):
    """The recipe that sliders of strengths and probabilities stand for.

    Args:
        values: dict from `<operation>_strength` and `<operation>_probability` to floats.

    Returns:
        A dict from an operation's name to a pair of strength and probability.
    """
    names = [name.removesuffix("_probability") for name in values if name.endswith("probability")]
    return {
        name: (values.get(f"{name}_strength", 1.0), values[f"{name}_probability"]) for name in names
    }


def used(recipe):
    """A recipe without the operations whose strength or probability is 0."""
    return {name: value for name, value in recipe.items() if np.all(value)}


def recipe_call(recipe, image_size, channels=3):
    """The Python call that makes the augmenter of a recipe, a string."""
    return f"build_augmenter({image_size}, operations={used(recipe)!r}, channels={channels})"


def color_histograms(images):
    """How often each colour occurs, every channel cut into eight levels.

    Args:
        images: float array `[N, H, W, C]` in 0..1.

    Returns:
        A float array `[N, 8 ** C]` of shares.
    """
    levels = np.minimum(np.asarray(images) * NUM_LEVELS, NUM_LEVELS - 1).astype(int)
    num_codes = NUM_LEVELS ** levels.shape[-1]
    codes = (levels @ NUM_LEVELS ** np.arange(levels.shape[-1])).reshape(len(levels), -1)
    codes += num_codes * np.arange(len(codes))[:, None]  # one count for all images
    counts = np.bincount(codes.ravel(), minlength=num_codes * len(codes))
    return counts.reshape(len(codes), num_codes) / codes.shape[1]
