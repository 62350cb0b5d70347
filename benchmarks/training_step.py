"""Compares a step of `SimCLR.fit` with the machine's matrix product, and times the step's parts.

python benchmarks/training_step.py

The script measures float32, and bfloat16 if the processor supports it, each in its own process.
"""

import argparse
import math
import subprocess
import sys

from simclr_utils.session import start
from simclr_utils.system.processor import BFLOAT16_FLAGS, processor_flags

SMALL_PARTS = ("two views", "head, loss and metrics", "optimizer")


def count_flops(model):
    """Counts the floating-point operations of a training step for one image, kernels only.

    There are two for each product, in three passes: forward, gradient of the kernel, and gradient
    of the layer's input. The first layer does not need the last one.
    """
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    once = [
        2 * math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1]) for layer in layers
    ]
    return 3 * sum(once) - once[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", help="float32 or mixed_bfloat16; default: both if possible")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=15, help="steps of one repetition")
    parser.add_argument("--repetitions", type=int, default=8)
    options = parser.parse_args()
    if options.precision is None:
        both = ["float32", "mixed_bfloat16"]
        for precision in both if BFLOAT16_FLAGS & processor_flags() else both[:1]:
            command = [sys.executable, __file__, *sys.argv[1:], "--precision", precision]
            subprocess.run(command, check=True)
        return
    print(start(0, options.precision), flush=True)
    # TensorFlow reads its environment when it is imported, which `start` has prepared.
    import numpy as np
    import tensorflow as tf
    from measuring import interleave, write_rows

    from simclr_utils.config import get_config
    from simclr_utils.training import optimizers, pretraining
    from simclr_utils.training.batches import image_batches

    config, size, steps = get_config("full"), 32, options.steps
    images = np.random.default_rng(0).integers(0, 256, (8192, size, size, 3), np.uint8)
    model = pretraining.build_model((size, size, 3), config)
    augmenter, encoder = model.augmenter, model.encoder
    model.compile(optimizers.build_optimizer(config.optimizer, 1e-3, config.weight_decay))
    batches = image_batches(images, options.batch_size)
    one_batch = tf.constant(images[: options.batch_size])
    views = augmenter(tf.concat([one_batch, one_batch], axis=0))
    weights = encoder.trainable_variables

    @tf.function
    def encoder_alone(views):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(encoder(views, training=True))
        return tape.gradient(total, weights)

    features = encoder(views, training=False)
    head_weights = model.projection_head.trainable_variables

    @tf.function
    def head_and_loss(features):
        with tf.GradientTape() as tape:
            tape.watch(features)
            sides = tf.split(model.projection_head(features, training=True), 2)
            loss = model.contrastive_loss(*sides)
        model.update_metrics(loss, *sides)
        return tape.gradient(loss, [features, *head_weights])

    no_change = [tf.zeros_like(weight) for weight in model.trainable_variables]

    @tf.function
    def update():
        model.optimizer.apply(no_change, model.trainable_variables)
        return model.optimizer.iterations

    make_views = tf.function(lambda some: tf.concat([augmenter(some), augmenter(some)], 0))
    train_step = tf.function(model.train_step)
    factor = tf.cast(tf.random.normal((2048, 2048)), model.compute_dtype)
    product = tf.function(lambda a: tf.matmul(a, a))

    def repeat(work, count=steps):
        def run():
            for _ in range(count):
                last = work()
            tf.nest.map_structure(lambda tensor: tensor.numpy(), last)

        return run

    fed = iter(batches)
    seconds = interleave(
        {
            "matmul": repeat(lambda: product(factor), 20),
            "encoder, forward and backward": repeat(lambda: encoder_alone(views)),
            "two views": repeat(lambda: make_views(one_batch)),
            "head, loss and metrics": repeat(lambda: head_and_loss(features)),
            "optimizer": repeat(update),
            "train_step, one batch again and again": repeat(lambda: train_step(one_batch)),
            "train_step, fed": repeat(lambda: train_step(next(fed))),
            "fit": lambda: model.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False),
        },
        options.repetitions,
    )
    limit = 20 * 2 * 2048**3 / seconds.pop("matmul")
    work = count_flops(encoder) * 2 * options.batch_size * steps
    rows = [
        {
            "part": part,
            "precision": options.precision,
            "batch_size": options.batch_size,
            "ms_a_step": round(1000 * value / steps, 1),
            "share_of_fit": round(value / seconds["fit"], 3),
            "share_of_matmul_rate": "" if part in SMALL_PARTS else round(work / value / limit, 3),
            "matmul_gflops": round(limit / 1e9),
        }
        for part, value in seconds.items()
    ]
    write_rows(f"training_step_{options.precision}", rows)


if __name__ == "__main__":
    main()
