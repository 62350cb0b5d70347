"""An explorer of occlusion: what a classifier needs to see of an image."""

from collections.abc import Callable, Sequence

import numpy as np

from simclr_utils.course.sketch import Sketch
from simclr_utils.evaluation.occlusion import occlusion_map
from simclr_utils.plotting.fonts import LONGEST_NAME, readable
from simclr_utils.plotting.occlusion import OPACITY, as_gray, largest_change
from simclr_utils.plotting.style import cosine_colors


class OcclusionExplorer:
    """Shows what happens to the probability of an image's class if a square of it is covered.

    Args:
        predict: Function of uint8 images `[N, H, W, C]` that returns class probabilities `[N, K]`.
        images: Uint8 array `[N, H, W, C]`.
        labels: Integer array `[N]`, the classes of the images.
        class_names: Sequence of K strings.
        fill: String, what the square shows: `"mean"` or `"blur"`, as in `occlusion_map`.
    """

    SIDE, GAP, LEGEND = 200, 24, 150  # screen pixels

    def __init__(
        self,
        predict: Callable[[np.ndarray], np.ndarray],
        images: np.ndarray,
        labels: np.ndarray,
        class_names: Sequence[str],
        fill: str = "mean",
    ):
        self.predict, self.fill = predict, fill
        self.images, self.labels, self.class_names = images, labels, class_names

    def draw(self, image: int, size: int) -> tuple[bytes, str]:
        """Draws an image, and beside it the map of its own class over it.

        Args:
            image: Integer, number of the image.
            size: Integer, the side of the covered square in pixels.

        Returns:
            A pair: PNG bytes, and a sentence.
        """
        picture, label = self.images[image], int(self.labels[image])
        stride = max(1, size // 4)
        falls = occlusion_map(self.predict, picture, size, stride, self.fill, label)
        largest = largest_change(falls)
        sketch = Sketch(2 * (self.SIDE + self.GAP) + self.LEGEND, self.SIDE + 24)
        sketch.picture(picture, 0, 0, self.SIDE)
        left = self.SIDE + self.GAP
        colored = (1 - OPACITY) * as_gray(picture) + OPACITY * cosine_colors(falls / largest)
        sketch.picture(colored, left, 0, self.SIDE)
        self._legend(sketch, left + self.SIDE + self.GAP, largest)
        middle, below = self.SIDE // 2, self.SIDE + 13
        name = readable(self.class_names[label], LONGEST_NAME)
        sketch.words(f"class {name}", middle, below, anchor="mm")
        sketch.words(f"square of {size} pixels", left + middle, below, anchor="mm")
        probability = self.predict(picture[None])[0, label]
        return sketch.png(), (
            f"Class {name} has probability {probability:.0%}. Covering the most important pixel "
            f"takes {100 * falls.max():.0f} points from it, on average."
        )

    def _legend(self, sketch, left, largest):
        """Draws the color scale, with the largest fall at the top."""
        side = self.SIDE // 4
        band = np.ones((side, side, 3))
        band[:, :4] = cosine_colors(np.linspace(1, -1, side))[:, None]
        sketch.picture(band, left, 0, self.SIDE)
        points, right = f"{100 * largest:.0f} points", left + 24
        sketch.words(f"falls by {points}", right, 0)
        sketch.words("stays", right, self.SIDE // 2, anchor="lm")
        sketch.words(f"rises by {points}", right, self.SIDE, anchor="ld")
