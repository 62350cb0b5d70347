"""Searches for the recipe with the best accuracy after a given time on this machine.

python benchmarks/time_to_accuracy.py --source <folder>

Settings are tried one at a time. Every pretraining run takes equally many minutes: the script times
a few steps and computes the number of steps, so a wider network gets fewer. A linear probe is
scored in three folds of the labeled images that are not test images, because 1,000 validation
images cannot resolve a difference of one point. Short runs favor weak views and fast learning, so a
setting is replaced only if the gain is larger than chance. Each row goes to
`results/benchmarks/search.csv`. The same command continues a search that was stopped.
"""

import argparse
import json
import math
from dataclasses import replace

from measuring import read_rows, write_rows

from simclr_utils.session import start

FOLDS = 3
MARGIN = 0.005  # the standard error of an accuracy on 10,000 images
NUM_TIMED = 40  # steps that are timed to compute how many fit into the minutes
# The search starts from the first value of each setting. In this order, it tries the others with
# the best settings so far.
AXES = {
    "encoder": ("small_cnn", "small_cnn_wide"),
    "batch_size": (256, 128),
    "temperature": (0.1, 0.2),
    "base_learning_rate": (8e-3, 4e-3),
    "projection_dims": ((256, 128), (1024, 128)),
    "crop": (0.87, 0.7),
    "color_jitter": (0.5, 0.3),
}


def make_config(settings):
    """Returns the preset `full` with some fields, or strengths of operations, replaced."""
    from simclr_utils.config import get_config

    config = get_config("full")
    strengths = {**dict(config.operations), **{k: settings[k] for k in ("crop", "color_jitter")}}
    fields = {name: value for name, value in settings.items() if name not in strengths}
    return replace(config, operations=tuple(strengths.items()), **fields)


def fold_accuracy(encoder, dataset):
    """Returns the mean accuracy of a linear probe over folds of the train and validation images.

    It is a little too high for all encoders, because the penalty is chosen on the scored fold.
    """
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    from simclr_utils.evaluation import probes
    from simclr_utils.evaluation.features import extract_features

    images = np.concatenate([dataset.train[0], dataset.validation[0]])
    labels = np.concatenate([dataset.train[1], dataset.validation[1]])
    features = extract_features(encoder, images)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(features, labels)
    return float(
        np.mean(
            [
                probes.fit_linear_probe(
                    features[fit], labels[fit], (features[held], labels[held])
                ).validation_accuracy
                for fit, held in folds
            ]
        )
    )


def try_settings(dataset, settings, minutes):
    """Pretrains for a number of minutes, and returns steps, minutes and accuracy."""
    import numpy as np

    from simclr_utils.study.costs import NUM_WARM_UP, StepClock
    from simclr_utils.training.pretraining import pretrain

    config, clock = make_config(settings), StepClock()
    pretrain(dataset, replace(config, pretraining_steps=NUM_WARM_UP + NUM_TIMED), callbacks=[clock])
    steps = round(60 * minutes / clock.seconds_per_step())
    # Pretraining consists of whole epochs, and few long ones cannot match the minutes. So each
    # epoch uses a little less than the pool.
    epochs = math.ceil(steps / (len(dataset.unlabeled) // config.batch_size))
    count, random = steps // epochs * config.batch_size, np.random.default_rng(0)
    rows = np.sort(random.permutation(len(dataset.unlabeled))[:count])
    steps, clock = steps // epochs * epochs, StepClock()
    some = replace(dataset, unlabeled=dataset.unlabeled[rows])
    done = pretrain(some, replace(config, pretraining_steps=steps), callbacks=[clock])
    return {
        "steps": done.details["steps"],
        "minutes": round((clock.ends[-1] - clock.ends[0]) / 60, 2),
        "accuracy_in_folds": round(fold_accuracy(done.encoder, dataset), 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="folder of images")
    parser.add_argument("--minutes", type=float, default=2.0)
    options = parser.parse_args()
    start(0)
    from simclr_utils.data.dataset import load_dataset
    from simclr_utils.system import provenance

    dataset, rows = load_dataset(options.source, cache_dir="runs/cache"), read_rows("search")
    # On another machine a minute has another number of steps.
    here = {"fingerprint": dataset.fingerprint, "hardware": provenance.hardware_string()}
    here["precision"] = provenance.precision()
    best = {name: axis[0] for name, axis in AXES.items()}
    for name, axis in AXES.items():
        tried = {}
        for value in axis:
            settings = {**best, name: value}
            asked = {"minutes_asked": options.minutes, "settings": json.dumps(settings), **here}
            known = [row for row in rows if asked.items() <= row.items()]
            if not known:
                known = [{**asked, **try_settings(dataset, settings, options.minutes)}]
                rows += known
                write_rows("search", rows)
            tried[value] = known[0]["accuracy_in_folds"]
        leader = max(tried, key=tried.get)
        best[name] = leader if tried[leader] > tried[axis[0]] + MARGIN else axis[0]
        print(f"{name}: {tried}", flush=True)
    print(f"best: {best}")


if __name__ == "__main__":
    main()
