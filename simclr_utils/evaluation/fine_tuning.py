"""Fine-tuning: a pretrained encoder is trained further with labels."""

from collections.abc import Callable

import keras
import numpy as np

from simclr_utils.data.splits import NUM_FOLDS
from simclr_utils.evaluation.features import extract_features
from simclr_utils.evaluation.mixing import MIXING, NO_MIXING, AugmentedClassifier
from simclr_utils.evaluation.probes import LinearProbe, fit_linear_probe
from simclr_utils.evaluation.supervised import (
    BATCH_SIZE,
    LENGTH,
    STRENGTH,
    SupervisedBaseline,
)
from simclr_utils.training.networks import HEAD
from simclr_utils.training.optimizers import decay_kernels_only


class FineTuning(SupervisedBaseline):
    """Trains encoder and classifier together, from a pretrained encoder and a fitted head.

    There are two stages, which Kumar et al. 2022 found best. First the head alone: it is the
    linear probe itself, fitted to convergence on the frozen features. Then everything is trained
    as the baseline is. A random head would send large, arbitrary gradients into good features.

    Besides those of the baseline, the settings have `encoder_share`, the encoder's learning rate as
    a share of the head's.

    Args:
        build_model: Function of the augmentation strength that returns a fresh
            `AugmentedClassifier`, whose encoder is built like `encoder`.
        encoder: Pretrained `keras.Model`, float images in 0..1 -> features. It is not changed.
        batch_size: Integer. If there are fewer images, they make one batch.
        head_first: Boolean. `False` skips the first stage and starts from a random head.
        class_weight: String, as in `SupervisedBaseline`. The head is fitted with it too.

    References:
        Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform
        out-of-distribution".
    """

    # As many values as the baseline tries, so that neither side is tuned harder.
    axes = {
        "learning_rate": (1e-3, 4e-3, 1.6e-2),
        "encoder_share": (0.1, 0.3, 1.0),
        "weight_decay": (1e-4,),
        STRENGTH: (0.0, 0.5, 1.0),
        MIXING: (NO_MIXING, "mixup", "cutmix"),
        LENGTH: (0.5, 1.0, 2.0),
    }

    def __init__(
        self,
        build_model: Callable[[float], AugmentedClassifier],
        encoder: keras.Model,
        batch_size: int = BATCH_SIZE,
        head_first: bool = True,
        class_weight: str = "none",
    ):
        super().__init__(build_model, batch_size, class_weight)
        self.encoder = encoder
        self.head_first = head_first
        self.heads = []  # pairs of training images and the head that was fitted to them

    def optimizer(self, settings: dict) -> keras.optimizers.Optimizer:
        """Returns a fresh `LayerwiseAdamW`, whose learning rate `FollowSchedule` sets."""
        return decay_kernels_only(
            LayerwiseAdamW(0.0, settings["encoder_share"], weight_decay=settings["weight_decay"])
        )

    def start(self, model: AugmentedClassifier, train: tuple) -> None:
        """Sets the starting weights to the pretrained encoder and a probe fitted on these labels.

        Args:
            model: `AugmentedClassifier` whose weights are set.
            train: Pair, or triple, as in `fit_head`.
        """
        head = model.classifier.get_layer(HEAD)
        start = head.get_weights()
        if self.head_first:
            start = as_dense_weights(self.fit_head(train), head.units)
        model.classifier.set_weights([*self.encoder.get_weights(), *start])

    def fit_head(self, train: tuple) -> LinearProbe:
        """Fits the linear probe on these images. Its penalty is chosen by cross-validation on them.

        The settings of a training are compared on the same few sets of images, so the last heads
        are kept.

        Args:
            train: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`, or a triple with
                the numbers `[N]` of their groups, which the cross-validation keeps together.

        Returns:
            A `LinearProbe`.
        """
        known = [head for images, head in self.heads if images is train[0]]
        if not known:
            features, groups = extract_features(self.encoder, train[0]), (*train, None)[2]
            options = {"groups": groups, "class_weight": self.class_weight}
            known = [fit_linear_probe(features, train[1], **options)]
            self.heads = [*self.heads[1 - NUM_FOLDS :], (train[0], known[0])]
        return known[0]


def as_dense_weights(probe: LinearProbe, num_classes: int) -> list[np.ndarray]:
    """Returns the weights of a dense layer that equals a linear probe.

    The probe's standardization is folded in: the layer takes the features as they are.

    Args:
        probe: A `LinearProbe`.
        num_classes: Integer.

    Returns:
        A list of two float32 arrays: the kernel `[D, num_classes]` and the bias `[num_classes]`.
    """
    kernel = probe.classifier.coef_.T / probe.scaler.scale_[:, None]
    bias = probe.classifier.intercept_ - probe.scaler.mean_ @ kernel
    if num_classes == 2:  # scikit-learn keeps the difference of the two logits
        kernel = np.concatenate([np.zeros_like(kernel), kernel], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    return [kernel.astype("float32"), bias.astype("float32")]


@keras.saving.register_keras_serializable("simclr_utils")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW with a lower learning rate for the encoder than for the head.

    Weight decay is the same for both.

    Args:
        learning_rate: Float, the learning rate of the head.
        encoder_share: Float, the encoder's learning rate as a share of the head's.
        head: String, the name of the head's layer.
        **kwargs: Passed to `keras.optimizers.AdamW`.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        encoder_share: float = 1.0,
        head: str = HEAD,
        **kwargs: object,
    ):
        super().__init__(learning_rate, **kwargs)
        self.encoder_share = encoder_share
        self.head = head

    def update_step(self, gradient, variable, learning_rate):
        path = getattr(variable, "path", variable.name)  # the backend's own variables have a name
        share = 1.0 if f"/{self.head}/" in f"/{path}" else self.encoder_share
        super().update_step(gradient, variable, learning_rate * share)

    def get_config(self):
        return {**super().get_config(), "encoder_share": self.encoder_share, "head": self.head}
