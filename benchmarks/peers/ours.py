"""`SimCLR.fit` on a folder of images, with `unlabeled/` and `train/` as the course takes it."""

import tempfile

from timing import BATCH_SIZE, NUM_WARM_UP, build_parser, report

from simclr_utils.startup import start


def main():
    parser = build_parser(__doc__)
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    start(0, options.precision)
    from simclr_utils import cost_model, datasets, optimizers, pretraining
    from simclr_utils.batches import image_batches
    from simclr_utils.config import get_config

    config, clock = get_config("full"), cost_model.StepClock()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:  # mapped until the end
        images = datasets.load_dataset(options.images, 32, cache).unlabeled
        model = pretraining.build_model((32, 32, 3), config)
        model.compile(optimizers.build_optimizer(config.optimizer, 1e-3, config.weight_decay))
        model.fit(
            image_batches(images, BATCH_SIZE),
            steps_per_epoch=NUM_WARM_UP + options.steps,
            callbacks=[clock],
            verbose=0,
            shuffle=False,
        )
    report(clock.ends)


if __name__ == "__main__":
    main()
