"""Measures the time and peak memory of a training step, with and without gradient caching.

python benchmarks/large_batches.py --batches 1024 4096
"""

import argparse
import json
import time

from simclr_utils.session import start


def step(batch_size, micro_batch_size, steps):
    """Trains for a few steps, and returns the seconds of the fastest one and the peak memory."""
    start(0, "float32")
    import numpy as np
    import tensorflow as tf

    from simclr_utils.config import get_config
    from simclr_utils.study.costs import peak_memory_gib
    from simclr_utils.training import optimizers, pretraining

    config = get_config("full", micro_batch_size=micro_batch_size or None)
    images = np.random.default_rng(0).integers(0, 256, (batch_size, 32, 32, 3), np.uint8)
    model = pretraining.build_model((32, 32, 3), config)
    model.compile(optimizers.build_optimizer(config.optimizer, 1e-3, config.weight_decay))
    train_step, images, seconds = tf.function(model.train_step), tf.constant(images), []
    for _ in range(steps + 1):
        started = time.perf_counter()
        {name: float(value) for name, value in train_step(images).items()}
        seconds.append(time.perf_counter() - started)
    return {"seconds": min(seconds[1:]), "peak_gib": round(peak_memory_gib(), 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1024, 4096])
    parser.add_argument("--micro-batch-size", type=int, default=256)
    parser.add_argument(
        "--plain-up-to", type=int, default=4096, help="larger batches run with caching only"
    )
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(step(*options.one, options.steps)))
        return
    from measuring import run_alone, write_rows

    def measure(batch_size, micro):
        return run_alone(__file__, "--one", batch_size, micro, "--steps", options.steps)

    micro = options.micro_batch_size
    alone = measure(micro, 0)
    rows = []
    for batch_size in options.batches:
        cached = measure(batch_size, micro)
        fits = batch_size <= options.plain_up_to
        plain = measure(batch_size, 0) if fits else None
        rows.append(
            {
                "batch_size": batch_size,
                "micro_batch_size": micro,
                "cached_seconds": round(cached["seconds"], 2),
                "cached_peak_gib": cached["peak_gib"],
                "above_one_microbatch_gib": round(cached["peak_gib"] - alone["peak_gib"], 3),
                "plain_seconds": round(plain["seconds"], 2) if plain else "",
                "plain_peak_gib": plain["peak_gib"] if plain else "",
                "time_ratio": round(cached["seconds"] / plain["seconds"], 2) if plain else "",
            }
        )
    write_rows("large_batches", rows)


if __name__ == "__main__":
    main()
