"""Compares recipes of views by what a pretraining with each of them teaches.

python benchmarks/view_recipes.py

Each pretraining has its own process. A linear probe on 100 labels is scored on validation images;
no test image is looked at. The same command continues a measurement that was stopped. The rows are
in results/benchmarks/view_recipes.csv; notebook 01 shows them.
"""

import argparse
import json

import numpy as np
from measuring import read_rows, run_alone, write_rows

from simclr_utils.session import start
from simclr_utils.system import provenance

LABELS, SUBSETS = 100, 3
RECIPES = {
    "crop": {"crop": 0.6},
    "color": {"color_jitter": 1.0, "grayscale": 1.0},
    "crop and color": {"crop": 0.6, "color_jitter": 1.0, "grayscale": 1.0},
    "small crops and color": {"crop": 1.0, "color_jitter": 1.0, "grayscale": 1.0},
    "crop and weak color": {"crop": 0.6, "color_jitter": 0.25, "grayscale": 1.0},
    "crop, color and flip": {"crop": 0.6, "flip": 1.0, "color_jitter": 1.0, "grayscale": 1.0},
    "crop, color and noise": {"crop": 0.6, "color_jitter": 1.0, "grayscale": 1.0, "noise": 1.0},
}


def measure(source, recipe, seed, steps):
    """Pretrains with a recipe, and returns the steps and the mean accuracy of three probes."""
    start(seed)
    from simclr_utils import (
        extract_features,
        fit_linear_probe,
        get_config,
        load_dataset,
        pretrain,
    )
    from simclr_utils.data import label_subset

    config = get_config("quick", pretraining_steps=steps, operations=RECIPES[recipe])
    dataset = load_dataset(source, limits=config.limits)
    done = pretrain(dataset, config, seed)
    train, validation = (
        extract_features(done.encoder, images) for images, _ in (dataset.train, dataset.validation)
    )
    accuracies = []
    for subset in range(SUBSETS):
        rows = label_subset(dataset.train[1], LABELS, subset)
        held_out = validation, dataset.validation[1]
        probe = fit_linear_probe(train[rows], dataset.train[1][rows], held_out)
        accuracies.append(probe.validation_accuracy)
    return {
        "labels": LABELS,
        "validation_accuracy": round(float(np.mean(accuracies)), 4),
        "contrastive_accuracy": round(done.history["contrastive_accuracy"][-1], 4),
        "minutes": done.details["minutes"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="glyphs", help="as in load_dataset")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        recipe, seed = options.one
        print(json.dumps(measure(options.source, recipe, int(seed), options.steps)))
        return
    rows = read_rows("view_recipes")
    asked = ["--source", options.source, "--steps", options.steps]
    for seed in range(options.seeds):
        for recipe in RECIPES:
            key = {"source": options.source, "recipe": recipe, "seed": seed}
            key |= {"steps": options.steps, "hardware": provenance.hardware_string()}
            if not any(key.items() <= row.items() for row in rows):
                rows.append({**key, **run_alone(__file__, *asked, "--one", recipe, seed)})
                write_rows("view_recipes", rows)


if __name__ == "__main__":
    main()
