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


def build_optimizer(name, learning_rate, num_steps, weight_decay=1e-4, warmup_share=0.1):
    """Builds an optimizer whose learning rate warms up linearly and decays by a cosine to 0.

    Biases and normalisation parameters are not decayed.

    Args:
        name: `"adamw"`, `"sgd"` (Nesterov momentum 0.9) or `"lamb"`.
        learning_rate: float, the peak.
        num_steps: int, update steps of the whole run.
        weight_decay: float >= 0, decoupled.
        warmup_share: float in 0..1, the share of the steps spent warming up.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        ValueError: if the name is unknown.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"Unknown optimizer {name!r}. Choose from {list(OPTIMIZERS)}.")
    warmup_steps = max(1, int(warmup_share * num_steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, num_steps - warmup_steps),
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
    )
    momentum = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {}
    optimizer = OPTIMIZERS[name](schedule, weight_decay=weight_decay, **momentum)
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer
