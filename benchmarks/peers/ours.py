"""Times `SimCLR.fit` on a folder of images with `unlabeled/` and `train/`."""

import tempfile

from timing import BATCH_SIZE, NUM_WARM_UP, build_parser, report

from simclr_utils.session import start


def main():
    parser = build_parser(__doc__)
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    start(0, options.precision)
    from simclr_utils.config import get_config
    from simclr_utils.data import dataset
    from simclr_utils.study import costs
    from simclr_utils.training import optimizers, pretraining
    from simclr_utils.training.batches import image_batches

    config, clock = get_config("full"), costs.StepClock()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:  # mapped until the end
        images = dataset.load_dataset(options.images, 32, cache).unlabeled
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
