"""Measures how the time and memory of training grow with the data, the batch and the image size.

python benchmarks/growth.py

Each point is trained for a few steps in its own process, on random pixels in a memory-mapped file.
Pages of the file that have been read count as memory of the process, although the system can take
them back at any time. So they are reported separately.
"""

import argparse
import json
import tempfile

from simclr_utils.session import start

BLOCK = 10_000  # images written at a time
USUAL = {"num_images": 10_000, "batch_size": 256, "image_size": 32}
CURVES = {
    "num_images": (1000, 10_000, 100_000, 1_000_000),
    "batch_size": (64, 256, 1024, 4096, 16_384),
    "image_size": (32, 64, 96, 128),
}


def write_pixels(path, num_images, image_size):
    """Writes a `.npy` file of random images block by block, and returns it memory-mapped."""
    import numpy as np

    shape, random = (num_images, image_size, image_size, 3), np.random.default_rng(0)
    images = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    for first in range(0, num_images, BLOCK):
        block = images[first : first + BLOCK].shape
        images[first : first + BLOCK] = random.integers(0, 256, block, np.uint8)
    images.flush()
    return np.load(path, mmap_mode="r")


def train(path, batch_size):
    """Trains for a few steps.

    Returns:
        A dict of the seconds per step and, in GiB, the peak memory and the part of it that belongs
        to the file of images.
    """
    start(0, "float32")
    import numpy as np

    from simclr_utils.config import get_config
    from simclr_utils.study import costs
    from simclr_utils.training import optimizers, pretraining
    from simclr_utils.training.batches import image_batches

    images = np.load(path, mmap_mode="r")
    config = get_config("full", micro_batch_size=micro_batch_size(batch_size))
    model = pretraining.build_model(images.shape[1:], config)
    model.compile(optimizers.build_optimizer(config.optimizer, 1e-3, config.weight_decay))
    clock, before = costs.StepClock(), costs.linux_memory_gib("RssFile")
    model.fit(
        image_batches(images, batch_size),
        steps_per_epoch=costs.NUM_WARM_UP + (6 if batch_size < 4096 else 1),
        callbacks=[clock],
        verbose=0,
        shuffle=False,
    )
    after = costs.linux_memory_gib("RssFile")
    mapped = None if before is None else round(max(0, after - before), 3)
    peak = round(costs.peak_memory_gib(), 3)
    return {"seconds": clock.seconds_per_step(), "peak_gib": peak, "mapped_gib": mapped}


def micro_batch_size(batch_size):
    """Returns the size of microbatches, which batches of more than 1,024 images need on laptops."""
    return 256 if batch_size > 1024 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(train(options.one[0], int(options.one[1]))))
        return
    from measuring import run_alone, write_rows

    rows = []
    for what, values in CURVES.items():
        for value in values:
            point = {**USUAL, what: value}
            point["num_images"] = max(point["num_images"], point["batch_size"])
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                path = f"{folder}/images.npy"
                write_pixels(path, point["num_images"], point["image_size"])
                found = run_alone(__file__, "--one", path, point["batch_size"])
            seconds = found["seconds"]
            rows.append(
                {
                    "curve": what,
                    **point,
                    "micro_batch_size": micro_batch_size(point["batch_size"]) or "",
                    "seconds_a_step": round(seconds, 3),
                    "microseconds_an_image": round(1e6 * seconds / point["batch_size"]),
                    "peak_gib": found["peak_gib"],
                    "mapped_gib": found["mapped_gib"],
                }
            )
            print(rows[-1], flush=True)
    write_rows("growth", rows)


if __name__ == "__main__":
    main()
