"""Fine-tuning: a pretrained encoder goes on learning, now with labels."""

import keras
import numpy as np

from simclr_utils.data.splits import hold_out
from simclr_utils.evaluation.features import extract_features
from simclr_utils.evaluation.probes import fit_linear_probe
from simclr_utils.evaluation.supervised import BATCH_SIZE, CHOSEN_AT_FULL_LENGTH, SupervisedBaseline
from simclr_utils.training.networks import HEAD
from simclr_utils.training.optimizers import decay_kernels_only


class FineTuning(SupervisedBaseline):
    """Trains encoder and classifier together, from a pretrained encoder and a fitted head.

    Two stages, as Kumar et al. 2022 found best: first the head alone, which here is the linear
    probe itself, solved to convergence on the frozen features; then everything, by the same
    training as the baseline's. A head that starts at random would send large, meaningless
    gradients through features that were good.

    Args:
        build_model: function of the augmentation strength that returns a fresh
            `AugmentedClassifier`, whose encoder is built like `encoder`.
        encoder: pretrained `keras.Model`, float images in 0..1 -> features; it stays as it is.
        batch_size: int; fewer images than that make one batch.
        head_first: bool, `False` starts the head at random, to see what the first stage is for.

    Besides `learning_rate`, `weight_decay` and `augmentation_strength`, settings hold
    `encoder_share`, the encoder's learning rate as a share of the head's.

    References:
        Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform
        out-of-distribution".
    """

    # As many trainings as the baseline tries: what is compared with it is not tuned harder.
    axes = {
        "learning_rate": (4e-3, 1e-3),
        "encoder_share": (0.3, 1.0, 0.1),
        "weight_decay": (1e-4,),
        CHOSEN_AT_FULL_LENGTH: SupervisedBaseline.axes[CHOSEN_AT_FULL_LENGTH],
    }

    def __init__(self, build_model, encoder, batch_size=BATCH_SIZE, head_first=True):
        super().__init__(build_model, batch_size)
        self.encoder = encoder
        self.head_first = head_first
        self.validation_features = None

    def optimizer(self, settings):
        return decay_kernels_only(
            LayerwiseAdamW(0.0, settings["encoder_share"], weight_decay=settings["weight_decay"])
        )

    def start(self, model, train, validation):
        """Puts the pretrained encoder, and the probe fitted on these labels, into a model."""
        head = model.classifier.get_layer(HEAD)
        start = head.get_weights()
        if self.head_first:
            start = as_dense_weights(self.fit_head(train, validation), head.units)
        model.classifier.set_weights([*self.encoder.get_weights(), *start])

    def fit_head(self, train, validation):
        """The linear probe on these images, its penalty chosen on validation.

        Where validation has joined the training images, a tenth of each class chooses, and the
        probe is fitted once more on all of them.
        """
        features, labels = extract_features(self.encoder, train[0]), train[1]
        if validation is None:
            held = hold_out(labels, 0.1, np.random.default_rng(0))
            chosen_on = (features[held], labels[held])
            return fit_linear_probe(features[~held], labels[~held], chosen_on, refit=True)
        if self.validation_features is None:
            self.validation_features = extract_features(self.encoder, validation[0])
        return fit_linear_probe(features, labels, (self.validation_features, validation[1]))


def as_dense_weights(probe, num_classes):
    """The kernel `[D, num_classes]` and bias of a dense layer equal to a linear probe.

    The probe's standardisation is folded in: the layer takes the features as they are.

    Args:
        probe: a `LinearProbe`.
        num_classes: int.

    Returns:
        A list of two float32 arrays.
    """
    kernel = probe.classifier.coef_.T / probe.scaler.scale_[:, None]
    bias = probe.classifier.intercept_ - probe.scaler.mean_ @ kernel
    if num_classes == 2:  # scikit-learn keeps the difference of the two logits
        kernel = np.concatenate([np.zeros_like(kernel), kernel], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    return [kernel.astype("float32"), bias.astype("float32")]


@keras.saving.register_keras_serializable("simclr_utils")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW that learns the encoder more slowly than the head; weight decay is the same for both.

    Args:
        learning_rate: float, of the head.
        encoder_share: float, the encoder's learning rate as a share of it.
        head: str, the name of the head's layer.
        **kwargs: of `keras.optimizers.AdamW`.
    """

    def __init__(self, learning_rate=1e-3, encoder_share=1.0, head=HEAD, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.encoder_share = encoder_share
        self.head = head

    def update_step(self, gradient, variable, learning_rate):
        path = getattr(variable, "path", variable.name)  # the backend's own variables have a name
        share = 1.0 if f"/{self.head}/" in f"/{path}" else self.encoder_share
        super().update_step(gradient, variable, learning_rate * share)

    def get_config(self):
        return {**super().get_config(), "encoder_share": self.encoder_share, "head": self.head}
