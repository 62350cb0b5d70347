"""LARS, an optimizer for large batches: each weight matrix has a learning rate of its own."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="simclr_utils")
class LARS(keras.optimizers.Optimizer):
    """Scales the step of each weight matrix to the length of the matrix.

    In large batches the learning rate is high. The same rate is then too high for layers whose
    gradients are long compared with their weights, and too low for others. LARS divides out that
    relation. With weights w, gradient g, weight decay d, momentum m, learning rate r and trust
    coefficient c, an update is

    - trust ratio: `t = c * |w| / (|g| + d * |w|)`
    - velocity: `v = m * v + r * t * (g + d * w)`
    - weights: `w = w - v`

    Variables with a single axis have `t = 1` and no decay: biases, and the scales and offsets of
    normalization. The ratio is also 1 while a matrix is 0, so that it can leave 0.

    Args:
        learning_rate: Float, or a schedule such as that of `warmup_cosine`. The SimCLR paper has
            0.3 at batch size 256, scaled by `linear_learning_rate`.
        momentum: Float in [0, 1).
        weight_decay: Float, at least 0. It is part of the gradient, not decoupled from it. The
            SimCLR paper has 1e-6.
        trust_coefficient: Float above 0.
        **kwargs: Arguments of `keras.optimizers.Optimizer`, such as `name`.

    Example:

    >>> optimizer = LARS(linear_learning_rate(0.3, batch_size=4096), weight_decay=1e-6)

    References:
        You et al. 2017, "Large batch training of convolutional networks", algorithm 1.
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", section 2.2, whose code leaves out the same variables.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        **kwargs: Any,
    ):
        # Keras' own weight decay, which is decoupled, stays off.
        super().__init__(learning_rate, **kwargs)
        self.momentum, self.decay = momentum, weight_decay
        self.trust_coefficient = trust_coefficient

    def build(self, variables: list) -> None:
        """Creates the velocity of each variable.

        Args:
            variables: List of the trainable variables of a model.
        """
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable.

        Args:
            gradient: Tensor of the shape of the variable.
            variable: Variable.
            learning_rate: Scalar tensor.
        """
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if len(variable.shape) > 1:
            weight_norm, gradient_norm = length_of(variable), length_of(gradient)
            length = gradient_norm + self.decay * weight_norm
            known = ops.logical_and(weight_norm > 0, length > 0)
            ratio = self.trust_coefficient * weight_norm / ops.where(known, length, 1.0)
            rate = rate * ops.where(known, ratio, 1.0)
            gradient = gradient + self.decay * variable
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign(velocity, self.momentum * velocity + rate * gradient)
        self.assign_sub(variable, velocity)

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.decay,
            "trust_coefficient": self.trust_coefficient,
        }


def length_of(values):
    """Returns the Euclidean length of all values of a tensor together, a scalar."""
    return ops.sqrt(ops.sum(ops.square(values)))
