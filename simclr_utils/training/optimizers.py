"""The optimizer of a run: learning rate from the batch size, warm-up, cosine decay."""

import math

import keras

OPTIMIZERS = {
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "lamb": keras.optimizers.Lamb,
}


def square_root_learning_rate(base, batch_size):
    """Scales a learning rate that suits batches of 256 to another batch size.

    Args:
        base: float, the learning rate at batch size 256.
        batch_size: int.

    Returns:
        `base * sqrt(batch_size / 256)`, a float. The paper (appendix B.1) found the square-root
        rule better than the linear one for small batches and short training.
    """
    return base * math.sqrt(batch_size / 256)


def warmup_cosine(learning_rate, num_steps, warmup_share=0.1):
    """Builds a schedule: a linear warm-up to the peak, then a cosine down to 0.

    Args:
        learning_rate: float, the peak.
        num_steps: int, update steps of the whole run.
        warmup_share: float in 0..1, the share of the steps spent warming up.

    Returns:
        A `keras.optimizers.schedules.CosineDecay`, a function of the step.
    """
    warmup_steps = max(1, int(warmup_share * num_steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, num_steps - warmup_steps),
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
    )


def build_optimizer(name, learning_rate, weight_decay=1e-4):
    """Builds an optimizer that does not decay biases and normalisation parameters.

    Args:
        name: `"adamw"`, `"sgd"` (Nesterov momentum 0.9) or `"lamb"`.
        learning_rate: float, or a schedule such as `warmup_cosine` gives.
        weight_decay: float >= 0, decoupled.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: if the name is unknown.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"Unknown optimizer {name!r}. Choose from {list(OPTIMIZERS)}.")
    momentum = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {}
    return decay_kernels_only(
        OPTIMIZERS[name](learning_rate, weight_decay=weight_decay, **momentum)
    )


def decay_kernels_only(optimizer):
    """Excludes biases and normalisation parameters from weight decay; returns the optimizer."""
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer
