"""Views of several sizes: smaller ones in the first steps, small ones beside the large ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


@dataclass(frozen=True)
class Stage:
    """The views of a range of training steps.

    Attributes:
        end: Integer, the number of steps after which the next stage begins.
        augmenter: Layer, as in `SimCLR`.
        second_augmenter: Layer or `None`, as in `SimCLR`.
    """

    end: int
    augmenter: keras.Layer
    second_augmenter: keras.Layer | None = None


@dataclass(frozen=True)
class ViewSizes:
    """Says that a `SimCLR` has views of another size than the images, and which.

    The step decides the stage, and the optimizer counts the steps. So a resumed run has the views
    of a run that was never stopped.

    Attributes:
        early: Sequence of `Stage`, in order, for the first steps. After the last one, the views
            are those of the model's own augmenters, which validation and calls always have.
        small_augmenter: Layer that draws a small view of each image, such as that of
            `build_small_augmenter`, or `None`.
        num_small: Integer, the number of small views of each image in a training step.

    Raises:
        ValueError: If the ends of the stages do not increase, or there are small views without an
            augmenter.

    Example:

    >>> small = build_small_augmenter(16, {"crop": 1.0, "flip": 1.0})
    >>> early = [Stage(1000, build_augmenter(20)), Stage(1500, build_augmenter(24))]
    >>> sizes = ViewSizes(early, small, num_small=2)
    >>> model = SimCLR(build_augmenter(32), encoder, head, sizes=sizes)

    References:
        Caron et al. 2020, "Unsupervised learning of visual features by contrasting cluster
        assignments", section 3.3, for small views.
    """

    early: Sequence[Stage] = ()
    small_augmenter: keras.Layer | None = None
    num_small: int = 0

    def __post_init__(self):
        ends = [0, *(stage.end for stage in self.early)]
        if any(end <= before for before, end in zip(ends, ends[1:], strict=False)):
            raise ValueError(f"The ends of the stages must increase. Received: {ends[1:]}")
        if (self.num_small > 0) != (self.small_augmenter is not None):
            raise ValueError(
                "Small views need both an augmenter and a number above 0. Received: "
                f"small_augmenter={self.small_augmenter}, num_small={self.num_small}"
            )

    def augmenters(self) -> list[keras.Layer]:
        """Returns all augmenters, a list of layers."""
        both = [each for stage in self.early for each in (stage.augmenter, stage.second_augmenter)]
        return [each for each in (*both, self.small_augmenter) if each is not None]

    def at_step(self, step: tf.Tensor, run: Callable[[Stage | None], Any]) -> Any:
        """Calls a function with the stage of a step. In a `tf.function`, each is traced once.

        Args:
            step: Integer scalar tensor, the number of steps so far.
            run: Function of a `Stage`, or of `None` after the last one, that returns tensors. They
                have the same shapes in every stage.

        Returns:
            What the function returns for this stage.
        """
        if not self.early:
            return run(None)
        step = tf.cast(step, tf.int64)
        number = tf.reduce_sum(tf.cast(step >= [stage.end for stage in self.early], tf.int32))
        return tf.switch_case(
            number, [lambda stage=stage: run(stage) for stage in (*self.early, None)]
        )


def accept_any_size(encoder):
    """Lets an encoder take images of other sizes than those it was built for.

    A convolution and a pooling over the whole map do not depend on the size of the image, so the
    weights are the same. Only the check of the input stands in the way.

    Args:
        encoder: `keras.Model`, images -> features. It is changed in place.
    """
    if getattr(encoder, "inputs", None):
        channels = encoder.inputs[0].shape[-1]
        encoder.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: channels})


def check_sizes(encoder, sizes, channels):
    """Raises an error if an encoder cannot take views of some size.

    Args:
        encoder: `keras.Model`, images -> features, that accepts any size.
        sizes: Integers, heights and widths.
        channels: Integer, the number of channels of the images.

    Raises:
        ValueError: With the size that does not fit.
    """
    for size in sorted(set(sizes)):
        try:
            encoder(tf.zeros((1, size, size, channels)), training=False)
        except Exception as error:  # Keras and TensorFlow raise many kinds
            raise ValueError(
                f"The encoder {encoder.name!r} cannot take views of {size}x{size} pixels: "
                f"{str(error).strip().splitlines()[0]} Views of several sizes need a "
                "convolutional encoder that ends in a pooling over the whole map. Leave out "
                "view_sizes and small_views, or choose such an encoder."
            ) from error
