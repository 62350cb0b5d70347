"""The optimizer of a run: learning rate from the batch size, warm-up, cosine decay."""

import math

import keras

from simclr_utils.training.lars import LARS

OPTIMIZERS = {
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "lamb": keras.optimizers.Lamb,
    "lars": LARS,
}


def peak_learning_rate(optimizer: str, base: float, batch_size: int) -> float:
    """Scales a learning rate for batches of 256 images by the rule that suits an optimizer.

    Args:
        optimizer: String, a name in `OPTIMIZERS`.
        base: Float, the learning rate at batch size 256.
        batch_size: Integer, the number of images per step.

    Returns:
        A float: for `"lars"` that of `linear_learning_rate`, for all others that of
        `square_root_learning_rate`.
    """
    rule = linear_learning_rate if optimizer == "lars" else square_root_learning_rate
    return rule(base, batch_size)


def linear_learning_rate(base: float, batch_size: int) -> float:
    """Scales a learning rate in proportion to the batch size, for `LARS` and large batches.

    Args:
        base: Float, the learning rate at batch size 256.
        batch_size: Integer, the number of images per step.

    Returns:
        `base * batch_size / 256`, a float.

    Example:

    >>> linear_learning_rate(0.3, 4096)
    4.8

    References:
        Goyal et al. 2017, "Accurate, large minibatch SGD: training ImageNet in 1 hour".
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", section 2.2.
    """
    return base * batch_size / 256


def square_root_learning_rate(base: float, batch_size: int) -> float:
    """Scales a learning rate that suits batches of 256 images to another batch size.

    The paper (appendix B.1) found the square-root rule better than the linear one for small
    batches and short training runs.

    Args:
        base: Float, the learning rate at batch size 256.
        batch_size: Integer, the number of images per step.

    Returns:
        `base * sqrt(batch_size / 256)`, a float.

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", appendix B.1.
    """
    return base * math.sqrt(batch_size / 256)


def warmup_cosine(
    learning_rate: float, num_steps: int, warmup_share: float = 0.1
) -> keras.optimizers.schedules.CosineDecay:
    """Builds a schedule: a linear warm-up to the peak, then a cosine decay to 0.

    With W warm-up steps, update k (counted from 0) has the learning rate `(k + 1) / W` of the
    peak, so that the first update moves the weights and update W - 1 has the peak. From there
    the learning rate falls along half a cosine that reaches 0 after the last update.

    Args:
        learning_rate: Float, the peak.
        num_steps: Integer, the number of updates in the whole run.
        warmup_share: Float in [0, 1], the share of the updates that belong to the warm-up. The
            warm-up has at least one update.

    Returns:
        A `keras.optimizers.schedules.CosineDecay`, a function of the number of updates so far.

    Example:

    >>> schedule = warmup_cosine(0.4, num_steps=100)
    >>> [round(float(schedule(step)), 2) for step in (0, 4, 9, 100)]
    [0.04, 0.2, 0.4, 0.0]
    """
    warmup_steps = max(1, int(warmup_share * num_steps))
    # Keras begins its warm-up at `initial_learning_rate`: it is the learning rate of update 0.
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / warmup_steps,
        decay_steps=max(1, num_steps - warmup_steps + 1),
        warmup_target=learning_rate,
        warmup_steps=warmup_steps - 1,
    )


def build_optimizer(
    name: str,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    weight_decay: float = 1e-4,
) -> keras.optimizers.Optimizer:
    """Builds an optimizer that does not decay biases and normalization parameters.

    Args:
        name: String, one of `"adamw"`, `"sgd"` (with Nesterov momentum 0.9), `"lamb"` and
            `"lars"` (with momentum 0.9).
        learning_rate: Float, or a schedule such as that of `warmup_cosine`.
        weight_decay: Float, at least 0. The decay is decoupled from the gradient, except for
            `"lars"`.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> optimizer = build_optimizer("adamw", warmup_cosine(8e-3, num_steps=5500))
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"Unknown optimizer {name!r}. Choose from {list(OPTIMIZERS)}.")
    momentum = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {}
    return decay_kernels_only(
        OPTIMIZERS[name](learning_rate, weight_decay=weight_decay, **momentum)
    )


def decay_kernels_only(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Excludes biases and normalization parameters from weight decay; returns the optimizer."""
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer
