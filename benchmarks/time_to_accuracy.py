"""The recipe that gets furthest in a given time on this machine, searched one setting at a time.

python benchmarks/time_to_accuracy.py --source <folder>

Every pretraining gets the same minutes: its number of steps comes from the seconds that a step of
its own takes here, so that a wider network has fewer of them. What is compared is a linear probe
on the labeled images that are not test, in three folds: a thousand validation images alone could
not tell recipes apart that differ by a point. Short trainings flatter weak views and fast learning:
a setting is left only for one that gains more than chance would. Row after row goes to
`results/benchmarks/search.csv`; the same command goes on where it was stopped.
"""

import argparse
import json
import math
from dataclasses import replace

from measuring import read_rows, write_rows

from simclr_utils.session import start

FOLDS = 3
MARGIN = 0.005  # the standard error of an accuracy on 10,000 images
NUM_TIMED = 40  # steps that say how many fit into the minutes
# The search starts from the first of each, and tries the others at the best so far, in this order.
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
    """The preset `full` with some of it replaced; strengths of operations go by their names."""
    from simclr_utils.config import get_config

    config = get_config("full")
    strengths = {**dict(config.operations), **{k: settings[k] for k in ("crop", "color_jitter")}}
    fields = {name: value for name, value in settings.items() if name not in strengths}
    return replace(config, operations=tuple(strengths.items()), **fields)


def fold_accuracy(encoder, dataset):
    """Mean accuracy of a linear probe over folds of all labeled images but the test images.

    A little too high, for all alike: the penalty is chosen on the fold that is scored.
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
    """Pretrains for so many minutes, and returns what came out, a dict."""
    import numpy as np

    from simclr_utils.study.costs import NUM_WARM_UP, StepClock
    from simclr_utils.training.pretraining import pretrain

    config, clock = make_config(settings), StepClock()
    pretrain(dataset, replace(config, pretraining_steps=NUM_WARM_UP + NUM_TIMED), callbacks=[clock])
    steps = round(60 * minutes / clock.seconds_per_step())
    # A pretraining is of whole epochs. Few of them would be minutes more or less than asked for;
    # so each epoch sees a little less than the pool.
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
    # Elsewhere a minute is another number of steps.
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
