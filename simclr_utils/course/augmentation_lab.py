"""The augmentation lab: shows the views of a recipe, and measures how easily they are matched."""

from collections.abc import Mapping

import ipywidgets
import keras
import numpy as np
import tensorflow as tf

from simclr_utils.course.sketch import Sketch
from simclr_utils.course.widgets import recipe_controls
from simclr_utils.views.recipe import OPERATIONS, build_operations

NUM_LEVELS = 8  # of each color channel, in the histograms
NUM_PIXELS = 64 * 32 * 32  # of all images that are measured
# The operations with sliders of their own. One other operation can be chosen from a list.
WITH_SLIDERS = ("crop", "flip", "color_jitter", "grayscale", "blur", "noise")
SIDE, MARGIN = 96, 72  # screen pixels: an image, and the words to the left of a row

Recipe = Mapping[str, float | tuple[float, float]]


class AugmentationLab:
    """Draws and measures the views that a recipe makes of some images.

    Args:
        images: Uint8 array `[N, H, W, C]`. To keep a slider responsive, at most as many pixels
            are used as 64 images of 32 x 32 have.
        encoder: `keras.Model` from float images in 0..1 to features, or `None` to leave out the
            similarities.
        num_shown: Integer, images to draw.
    """

    def __init__(self, images: np.ndarray, encoder: keras.Model | None = None, num_shown: int = 8):
        affordable = max(num_shown, NUM_PIXELS // (images.shape[1] * images.shape[2]))
        self.images = np.asarray(images[:affordable], np.float32) / 255
        # Traced once, because an encoder that runs layer by layer is too slow for a slider.
        self.encode = None if encoder is None else tf.function(encoder)
        self.num_shown = num_shown

    def views(self, recipe: Recipe, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Returns two views of each image.

        Args:
            recipe: Mapping from an operation's name to its strength, or to a pair of strength
                and probability, as `build_augmenter` takes it. An operation whose strength or
                probability is 0 is left out.
            seed: Integer.

        Returns:
            A pair of float32 arrays `[N, H, W, C]` in 0..1.

        Raises:
            ValueError: If `build_augmenter` refuses the recipe.
        """
        size, channels = self.images.shape[1], self.images.shape[3]
        layers = build_operations(size, used(recipe), channels=channels, seed=1000 * seed)
        both = tf.concat([self.images, self.images], axis=0)  # one pass takes half the time
        for layer in layers:
            both = layer(both)
        return tuple(np.split(both.numpy(), 2))

    def measure(self, views: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
        """Measures how easily a view's partner is found, and how similar their features are.

        Args:
            views: Pair of arrays, what `views` returned.

        Returns:
            A dict of floats. `shortcut` is the share of views whose partner has the most similar
            color histogram of all. With an encoder, `same` and `others` are the mean cosine
            similarities of two views of one image and of different images.
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

    def draw(self, recipe: Recipe, seed: int = 0, first: int = 0) -> tuple[bytes, str]:
        """Draws images above their two views, for `explore`.

        Args:
            recipe: Mapping as for `views`.
            seed: Integer.
            first: Integer, number of the first image to draw.

        Returns:
            A pair: PNG bytes, and a sentence with what `measure` found.
        """
        views = self.views(recipe, seed)
        shown = slice(first, first + self.num_shown)
        found = self.measure(views)
        text = (
            f"Colors alone find {found['shortcut']:.0%} of {len(self.images)} partners "
            f"(chance: {1 / len(self.images):.1%})."
        )
        if "same" in found:
            text += (
                f" Cosine similarity of the encoder's features: {found['same']:.2f} for two views "
                f"of one image, {found['others']:.2f} for different images."
            )
        rows = {"image": self.images, "view 1": views[0], "view 2": views[1]}
        sketch = Sketch(MARGIN + self.num_shown * (SIDE + 4), len(rows) * (SIDE + 4))
        for row, (name, pictures) in enumerate(rows.items()):
            top = row * (SIDE + 4)
            sketch.words(name, MARGIN - 8, top + SIDE // 2, anchor="rm")
            for column, picture in enumerate(pictures[shown]):
                sketch.picture(picture, MARGIN + column * (SIDE + 4), top, SIDE)
        return sketch.png(), text

    def controls(self, recipe: Recipe, seed: int = 0) -> dict[str, ipywidgets.ValueWidget]:
        """Returns the sliders of the lab, for `explore`.

        Args:
            recipe: Mapping as for `views`, the strengths to start from.
            seed: Integer, the seed to start from.

        Returns:
            A dict of controls: sliders for the strength and the probability of each operation in
            `recipe` or `WITH_SLIDERS`, a list of the `other` operations with two sliders for the
            one that is chosen, `seed`, and `first_image`.
        """
        size, channels = self.images.shape[1], self.images.shape[3]
        possible = [name for name in OPERATIONS if channels == 3 or name != "grayscale"]
        names = [name for name in possible if name in (*WITH_SLIDERS, *recipe)]
        others = [(name.replace("_", " "), name) for name in possible if name not in names]
        strengths, probabilities = {}, {}
        for name in names:
            strengths[name], *given = np.ravel(recipe.get(name, 0.0)).tolist()
            usual = OPERATIONS[name](1.0, size, 0).probability
            probabilities[name] = given[0] if given else usual
        if "flip" not in recipe:
            probabilities["flip"] = 0.0  # a flip has no strength that would leave it out
        last = max(0, len(self.images) - self.num_shown)
        return {
            **recipe_controls(strengths, probabilities),
            "other": ipywidgets.Dropdown(
                options=[("none", ""), *others], value="", description="one other operation"
            ),
            **recipe_controls({"other": 1.0}, {"other": 1.0}),
            "seed": ipywidgets.IntSlider(seed, max=20),
            "first_image": ipywidgets.IntSlider(0, max=last),
        }

    def draw_values(self, seed: int, first_image: int, **values: float | str) -> tuple[bytes, str]:
        """Draws what `draw` draws for the values of `controls`."""
        return self.draw(as_recipe(values), seed, first_image)

    def write_recipe(self, **values: float | str) -> str:
        """Returns the call of `build_augmenter` for the values of `controls`."""
        return recipe_call(as_recipe(values), self.images.shape[1], self.images.shape[3])


def as_recipe(values: dict[str, float | str]) -> dict[str, tuple[float, float]]:
    """Returns the recipe that sliders of strengths and probabilities describe.

    Args:
        values: Dict from `<operation>_strength` and `<operation>_probability` to floats. The
            operation may be `other`; then `other` is its name, or empty for none.

    Returns:
        A dict from an operation's name to a pair of strength and probability.
    """
    names = [name.removesuffix("_probability") for name in values if name.endswith("probability")]
    recipe = {
        name: (values.get(f"{name}_strength", 1.0), values[f"{name}_probability"]) for name in names
    }
    other = recipe.pop("other", None)
    return {**recipe, values["other"]: other} if values.get("other") else recipe


def used(recipe: Recipe) -> Recipe:
    """Returns a recipe without the operations whose strength or probability is 0."""
    return {name: value for name, value in recipe.items() if np.all(value)}


def recipe_call(recipe: Recipe, image_size: int, channels: int = 3) -> str:
    """Returns the Python call that builds the augmenter of a recipe.

    Args:
        recipe: Mapping as `build_augmenter` takes it.
        image_size: Integer, the side of an image in pixels.
        channels: Integer, 1 or 3.

    Returns:
        A string.
    """
    return f"build_augmenter({image_size}, operations={used(recipe)!r}, channels={channels})"


def color_histograms(images: np.ndarray) -> np.ndarray:
    """Returns how often each color occurs, with every channel cut into eight levels.

    Args:
        images: Float array `[N, H, W, C]` in 0..1.

    Returns:
        A float array `[N, 8 ** C]` of shares.
    """
    levels = np.minimum(np.asarray(images) * NUM_LEVELS, NUM_LEVELS - 1).astype(int)
    num_codes = NUM_LEVELS ** levels.shape[-1]
    codes = (levels @ NUM_LEVELS ** np.arange(levels.shape[-1])).reshape(len(levels), -1)
    codes += num_codes * np.arange(len(codes))[:, None]  # one count for all images
    counts = np.bincount(codes.ravel(), minlength=num_codes * len(codes))
    return counts.reshape(len(codes), num_codes) / codes.shape[1]
