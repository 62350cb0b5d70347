"""Measures whether the baseline of a `quick` run is trained to its end.

python benchmarks/baseline_length.py

It trains with half, one, two and four times the steps, and scores each run on validation images, as
well as the linear probe of the course's encoder on the same labels. No test image is looked at. The
same command continues a measurement that was stopped. The rows are in
results/benchmarks/baseline_length.csv; notebook 05 quotes their means.
"""

import argparse

import numpy as np
from measuring import read_rows, write_rows

from simclr_utils import places
from simclr_utils.session import start
from simclr_utils.system import provenance

LENGTHS = (0.5, 1, 2, 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", default="10,100")
    parser.add_argument("--subsets", type=int, default=3)
    options = parser.parse_args()
    start(0)
    from simclr_utils import (
        build_augmenter,
        build_encoder,
        extract_features,
        fit_linear_probe,
        get_config,
        load_dataset,
    )
    from simclr_utils.data import label_subset
    from simclr_utils.evaluation.supervised import (
        SupervisedBaseline,
        build_supervised,
        supervised_steps,
    )
    from simclr_utils.evaluation.tuning import default_settings
    from simclr_utils.training.pretraining import load_encoder

    config = get_config("quick", "glyphs")
    dataset = load_dataset("glyphs", limits=config.limits)
    encoder = load_encoder(places.PRETRAINED)[0]
    features, held_out = (
        extract_features(encoder, images) for images, _ in (dataset.train, dataset.validation)
    )

    def build_model(strength):
        height, _, channels = dataset.image_shape
        augmenter = build_augmenter(height, strength, dict(config.operations), channels, 0)
        network = build_encoder(dataset.image_shape, config.encoder, config.width)
        return build_supervised(augmenter, network, dataset.num_classes)

    trainer, rows = SupervisedBaseline(build_model), read_rows("baseline_length")

    def is_missing(key):
        return not any(key.items() <= row.items() for row in rows)

    def keep(key, accuracy):
        rows.append({**key, "validation_accuracy": round(float(accuracy), 4)})
        write_rows("baseline_length", rows)

    settings, hardware = default_settings(trainer.axes), provenance.hardware_string()
    for labels in map(int, options.labels.split(",")):
        steps = supervised_steps(labels, config.supervised_steps_factor)
        for subset in range(options.subsets):
            chosen = label_subset(dataset.train[1], labels, subset)
            few = tuple(part[chosen] for part in dataset.train)
            common = {"labels": labels, "subset": subset, "hardware": hardware}
            key = {"method": "linear_probe", **common, "steps": 0}
            if is_missing(key):
                probe = fit_linear_probe(features[chosen], few[1])
                keep(key, np.mean(probe.predict(held_out) == dataset.validation[1]))
            for length in LENGTHS:
                key = {"method": "supervised", **common, "steps": round(length * steps)}
                if is_missing(key):
                    run = trainer.train(few, dataset.validation, key["steps"], settings, subset)
                    keep(key, run.validation_curve[-1])


if __name__ == "__main__":
    main()
