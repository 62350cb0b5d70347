"""`SimCLREncoder`: pretraining and features as a transformer of scikit-learn."""

import contextlib
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from simclr_utils.config import Config, get_config
from simclr_utils.data.dataset import Dataset

SMALLEST_SIDE = 16  # that the encoders take
LARGEST_SEED = 2**31 - 1


class SimCLREncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Learns features of images by SimCLR, without labels, as a transformer of scikit-learn.

    `fit` pretrains an encoder on the images, and `transform` returns its features. Both take uint8
    images as they are. The values of other images are mapped linearly to 0..255, with the smallest
    and the largest value that `fit` has seen as ends; values beyond are clipped.

    It passes all checks of scikit-learn's `check_estimator`.

    Args:
        image_shape: Tuple `(height, width, channels)` with one or three channels, for flat images
            `[N, features]`. `None` lays the features of a flat image row by row into a gray
            square, the smallest that holds them and has 16 or more pixels on a side. Images
            `[N, H, W]` and `[N, H, W, C]` need no shape.
        architecture: String, a name that `build_encoder` takes.
        width: Integer, the number of channels of the encoder's first stage, or `None` for the
            encoder's default.
        steps: Integer, the number of updates. 0 leaves the random weights: a baseline.
        batch_size: Integer, the number of images of a step. Fewer images make smaller batches.
        temperature: Float, of the loss.
        learning_rate: Float, at batch size 256. It scales with the square root of the batch size.
        operations: Dict from the names of operations to strengths, as `build_augmenter` takes
            them, or `None` for those of the preset `full`.
        random_state: Integer, `RandomState` or `None`, the source of weights, views and order.

    Attributes:
        encoder_: `keras.Model`, float images in 0..1 -> features.
        image_shape_: Tuple `(height, width, channels)` of the encoder's images.
        value_range_: Pair of floats, the values that became 0 and 255.
        loss_curve_: List with the loss of each epoch.
        findings_: List of strings, what the run doctor found.
        n_features_in_: Integer, the number of values of an image.

    Example:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> encoder = SimCLREncoder(steps=500, random_state=0)
    >>> classifier = make_pipeline(encoder, LogisticRegression(max_iter=1000))
    >>> classifier.fit(images, labels).predict(new_images)
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] | None = None,
        architecture: str = "small_cnn",
        width: int | None = None,
        steps: int = 2000,
        batch_size: int = 256,
        temperature: float = 0.1,
        learning_rate: float = 0.008,
        operations: dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.image_shape = image_shape
        self.architecture = architecture
        self.width = width
        self.steps = steps
        self.batch_size = batch_size
        self.temperature = temperature
        self.learning_rate = learning_rate
        self.operations = operations
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: Any = None) -> "SimCLREncoder":
        """Pretrains an encoder on images.

        Args:
            X: Array `[N, H, W, C]`, `[N, H, W]` or `[N, features]`.
            y: Not used.

        Returns:
            The transformer itself.

        Raises:
            ValueError: If the images or a parameter do not fit.
        """
        flat = self._validate(X, reset=True)
        self.value_range_ = (float(flat.min()), float(flat.max()))
        seed = int(check_random_state(self.random_state).randint(LARGEST_SEED))
        with _other_seeds_kept():
            self._learn(self._as_images(flat), seed)
        self._n_features_out = self.encoder_.output_shape[-1]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Returns the features of images.

        Args:
            X: Array of images, as in `fit`.

        Returns:
            A float32 array `[N, D]`.

        Raises:
            ValueError: If the images have another shape than those of `fit`.
        """
        check_is_fitted(self)
        from simclr_utils.evaluation.features import extract_features

        return extract_features(self.encoder_, self._as_images(self._validate(X, reset=False)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # features are float32
        return tags

    def _validate(self, X, reset):
        """Returns images as a flat numeric array; with `reset`, their shape is remembered."""
        shape = tuple(np.shape(X)) if hasattr(X, "shape") or isinstance(X, list) else ()
        if len(shape) in (3, 4):
            image = (*shape[1:], 1)[:3]
            if not reset and image != self.image_shape_:
                raise ValueError(
                    f"X has images of shape {image}, but {type(self).__name__} was fitted on "
                    f"images of shape {self.image_shape_}. Bring them to that shape."
                )
            X = np.reshape(np.asarray(X), (len(X), math.prod(image)))
        flat = validate_data(self, X, reset=reset, ensure_min_samples=2 if reset else 1)
        if reset:
            self.image_shape_ = self._choose_shape(image if len(shape) in (3, 4) else None)
        return flat

    def _choose_shape(self, shape):
        """Returns the shape of an image: its own, that of the parameter, or a square."""
        shape = shape or self.image_shape
        if shape is None:
            side = max(SMALLEST_SIDE, math.isqrt(self.n_features_in_ - 1) + 1)
            return (side, side, 1)
        if math.prod(shape) != self.n_features_in_ or shape[-1] not in (1, 3):
            raise ValueError(
                f"image_shape={shape} has {math.prod(shape)} values, and X has "
                f"{self.n_features_in_} features. Expected (height, width, channels) with as many "
                "values, and 1 or 3 channels."
            )
        return tuple(shape)

    def _as_images(self, flat):
        """Returns flat images as uint8 `[N, H, W, C]`; a square is filled up with zeros."""
        if flat.dtype != np.uint8:
            low, high = self.value_range_
            scale = 255 / (high - low) if high > low else 0.0
            flat = np.rint(((flat - low) * scale).clip(0, 255)).astype(np.uint8)
        missing = math.prod(self.image_shape_) - flat.shape[1]
        return np.pad(flat, ((0, 0), (0, missing))).reshape(-1, *self.image_shape_)

    def _config(self) -> Config:
        return get_config(
            "full",
            encoder=self.architecture,
            width=self.width,
            pretraining_steps=max(1, self.steps),
            batch_size=self.batch_size,
            temperature=self.temperature,
            base_learning_rate=self.learning_rate,
            operations=self.operations,
        )

    def _learn(self, images, seed):
        import keras

        from simclr_utils.training.networks import as_float32, build_encoder
        from simclr_utils.training.pretraining import pretrain

        config = self._config()
        if self.steps == 0:
            keras.utils.set_random_seed(seed)
            encoder = build_encoder(self.image_shape_, config.encoder, config.width)
            self.encoder_, self.loss_curve_, self.findings_ = as_float32(encoder), [], []
            return
        with contextlib.redirect_stdout(None):  # the doctor's findings are kept
            made = pretrain(as_pool(images), config, seed)
        self.encoder_, self.loss_curve_ = made.encoder, made.history["loss"]
        self.findings_ = made.details["findings"]


def as_pool(images: np.ndarray) -> Dataset:
    """Returns unlabeled images as a `Dataset`.

    Args:
        images: Uint8 array `[N, H, W, C]`.
    """
    nothing = (images[:0], np.zeros(0, np.int64))
    return Dataset(
        name="images",
        unlabeled=images,
        train=nothing,
        validation=nothing,
        test=nothing,
        class_names=(),
        fingerprint="",
        notes=[],
        refused=[],
        overlaps={},
    )


@contextlib.contextmanager
def _other_seeds_kept() -> Iterator[None]:
    """Gives the random states of Python and NumPy back as they were."""
    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
