"""How far the preset `laptop` gets, minute by minute, and what its encoder scores on test images.

python benchmarks/laptop_curve.py --source <folder>

A pretraining of the preset's length for each seed. Along the way the encoder is copied, while the
clock stands still. Afterwards each copy gets a linear probe, in three folds of the labeled images
that are not test; only the last one is scored on the test images, by a probe on all other labels.
The same command goes on with the first seed that is missing.
"""

import argparse
import time

import pandas as pd
from measuring import RESULTS, write_rows
from time_to_accuracy import fold_accuracy

from simclr_utils import artifacts
from simclr_utils.startup import start

NUM_COPIES = 6
FOLDER = RESULTS / "laptop"


def train_with_copies(dataset, config, seed):
    """Pretrains, and copies the encoder now and then.

    Returns:
        A list of triples: minutes, steps, encoder. The first step, which builds the graph, is not
        in the minutes.
    """
    import keras

    from simclr_utils import networks
    from simclr_utils.cost_model import StepClock
    from simclr_utils.pretraining import plan_epochs, pretrain

    _, steps_per_epoch, epochs = plan_epochs(len(dataset.unlabeled), config)
    clock, copies, paused = StepClock(), [], 0.0

    def keep(epoch, logs):
        nonlocal paused
        if (epochs - epoch - 1) % max(1, epochs // NUM_COPIES):
            return
        now = time.monotonic()
        seconds = now - clock.ends[0] - paused
        encoder = networks.as_float32(watch.model.encoder)
        copies.append((seconds / 60, (epoch + 1) * steps_per_epoch, encoder))
        paused += time.monotonic() - now

    watch = keras.callbacks.LambdaCallback(on_epoch_end=keep)
    pretrain(dataset, config, seed, "laptop", callbacks=[clock, watch])
    return copies


def score_on_test(dataset, encoder, steps, seed):
    """Accuracy of a linear probe on all labels, once; returns the row of `results.csv`."""
    from simclr_utils import evaluation
    from simclr_utils.comparison import Comparison
    from simclr_utils.protocol import Protocol

    shared = {"dataset": dataset.name, "preset": "laptop", "fingerprint": dataset.fingerprint}
    protocol = Protocol(dataset, artifacts.Results(FOLDER / "results.csv", **shared), FOLDER)
    parts = {"train": dataset.train[0], "validation": dataset.validation[0]}
    parts["test"] = protocol.test_images
    features = {name: evaluation.extract_features(encoder, part) for name, part in parts.items()}
    everything = len(dataset.train[1]) + len(dataset.validation[1])
    made = {"pretraining_seed": seed, "steps": steps}
    Comparison(protocol, 1).score_frozen("linear_probe", features, (everything,), **made)
    frame = protocol.results.frame()
    here = (frame["fingerprint"] == dataset.fingerprint) & (frame["pretraining_seed"] == seed)
    row = frame[here].iloc[0]
    if row["steps"] != steps:
        raise SystemExit(
            f"{FOLDER / 'results.csv'} has a row of seed {seed} after {row['steps']} steps, not "
            f"{steps}. It stands: move the folder away to measure another preset."
        )
    return row


def draw(rows):
    """The picture of all seeds: accuracy in folds by minutes, and on test at the end."""
    from simclr_utils.plotting import COLORS, figure, to_png

    table = pd.DataFrame(rows)
    title = f"Preset laptop on {table['dataset'].iloc[0]}: linear probe by minutes of pretraining"
    with figure(1, 1, (9, 4)) as (drawing, axis):
        for seed, curve in table.groupby("seed"):
            name = "in folds of training and validation images" if seed == 0 else None
            heights = 100 * curve["accuracy_in_folds"]
            axis.plot(curve["minutes"], heights, "o-", color=COLORS["blue"], label=name)
            last = curve.iloc[-1]
            name = "on test images, all labels: 95 % interval" if seed == 0 else None
            ends = [[100 * (last.test - last.low)], [100 * (last.high - last.test)]]
            style = {"fmt": "s", "color": COLORS["red"], "capsize": 4, "label": name}
            axis.errorbar([last.minutes], [100 * last.test], yerr=ends, **style)
        axis.set(title=title, xlabel="minutes", ylabel="accuracy (%)", xlim=(0, None))
        axis.legend(loc="lower right")
    artifacts.write_bytes(RESULTS / "time_to_accuracy.png", to_png(drawing))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="folder of images")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    start(0)
    from simclr_utils.config import get_config
    from simclr_utils.datasets import load_dataset

    dataset = load_dataset(options.source, cache_dir="runs/cache")
    path = RESULTS / "time_to_accuracy.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    for seed in range(options.seeds):
        key = {"dataset": dataset.name, "fingerprint": dataset.fingerprint, "seed": seed}
        if any(key.items() <= row.items() for row in rows):
            continue
        copies = train_with_copies(dataset, get_config("laptop"), seed)
        scored = score_on_test(dataset, copies[-1][2], copies[-1][1], seed)
        for minutes, steps, encoder in copies:
            last = steps == copies[-1][1]
            rows.append(
                {
                    **key,
                    "minutes": round(minutes, 2),
                    "steps": steps,
                    "accuracy_in_folds": round(fold_accuracy(encoder, dataset), 4),
                    "test": scored["value"] if last else "",
                    "low": scored["low"] if last else "",
                    "high": scored["high"] if last else "",
                }
            )
        write_rows("time_to_accuracy", rows)
    draw(pd.read_csv(path).to_dict("records"))


if __name__ == "__main__":
    main()
