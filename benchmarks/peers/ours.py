"""`SimCLR.fit` on a folder of images: pairs of views a second, printed as JSON."""

import argparse
import json
import tempfile

from simclr_utils.startup import start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="folder with unlabeled/ and train/")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    start(0, options.precision)
    from simclr_utils import augmentations, cost_model, datasets, networks, optimizers
    from simclr_utils.batches import image_batches
    from simclr_utils.config import get_config
    from simclr_utils.simclr import SimCLR

    config = get_config("full")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:  # mapped until the end
        images = datasets.load_dataset(options.images, 32, cache).unlabeled
        encoder = networks.build_encoder((32, 32, 3), config.encoder, config.width)
        head = networks.build_projection_head(encoder.output_shape[-1], *config.projection_dims)
        augmenter = augmentations.build_augmenter(32, operations=dict(config.operations), seed=0)
        model = SimCLR(augmenter, encoder, head, config.temperature)
        model.compile(optimizers.build_optimizer(config.optimizer, 1e-3, config.weight_decay))
        clock = cost_model.StepClock()
        model.fit(
            image_batches(images, options.batch_size),
            steps_per_epoch=cost_model.NUM_WARM_UP + options.steps,
            callbacks=[clock],
            verbose=0,
            shuffle=False,
        )
    print(json.dumps({"pairs_per_second": options.batch_size / clock.seconds_per_step()}))


if __name__ == "__main__":
    main()
