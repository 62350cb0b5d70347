"""Measures the accuracy of the preset `laptop` over time, and on test images at its end.

python benchmarks/laptop_curve.py --source <folder>

The script pretrains an encoder for each seed. Several times during the run it copies the encoder,
and stops the clock meanwhile. Afterwards each copy gets a linear probe in three folds of the
labeled images that are not test images. Only the last copy is scored on the test images, with a
probe on all other labels. The same command continues with the first seed that is missing, and
refuses other settings.
"""

import argparse
import time
from dataclasses import asdict

import pandas as pd
from measuring import RESULTS, read_rows, write_rows
from time_to_accuracy import fold_accuracy

from simclr_utils import files
from simclr_utils.evaluation import results
from simclr_utils.session import start

NUM_COPIES = 6
FOLDER = RESULTS / "laptop"


def train_with_copies(dataset, config, seed):
    """Pretrains an encoder and copies it several times during the run.

    Returns:
        A list of tuples: minutes since the start of `fit`, steps, encoder.
    """
    import keras

    from simclr_utils.training import networks
    from simclr_utils.training.pretraining import plan_epochs, pretrain

    _, steps_per_epoch, epochs = plan_epochs(len(dataset.unlabeled), config)
    copies, began = [], 0.0

    def begin(logs):
        nonlocal began
        began = time.monotonic()

    def keep(epoch, logs):
        nonlocal began
        if (epochs - epoch - 1) % -(-epochs // NUM_COPIES):
            return
        now = time.monotonic()
        encoder = networks.as_float32(watch.model.encoder)
        copies.append(((now - began) / 60, (epoch + 1) * steps_per_epoch, encoder))
        began += time.monotonic() - now

    watch = keras.callbacks.LambdaCallback(on_train_begin=begin, on_epoch_end=keep)
    pretrain(dataset, config, seed, "laptop", callbacks=[watch])
    return copies


def keep_to_settings(config):
    """Ends the script if the test images have been scored with other settings."""
    path, ours = FOLDER / "settings.json", files.as_stored(asdict(config))
    if not path.exists():
        files.save_json(path, ours)
    elif files.load_json(path) != ours:
        raise SystemExit(f"{FOLDER} holds scores of other settings than the preset's current ones.")


def score_on_test(dataset, encoder, steps, seed):
    """Scores a linear probe on all labels once, and returns the row of `results.csv`."""
    from simclr_utils.evaluation.comparison import Comparison
    from simclr_utils.evaluation.features import extract_features
    from simclr_utils.evaluation.protocol import Protocol

    shared = {"dataset": dataset.name, "preset": "laptop", "fingerprint": dataset.fingerprint}
    protocol = Protocol(dataset, results.Results(FOLDER / "results.csv", **shared), FOLDER)
    parts = {"train": protocol.train[0], "test": protocol.test_images}
    features = {name: extract_features(encoder, part) for name, part in parts.items()}
    everything = len(protocol.train[1])
    made = {"pretraining_seed": seed, "steps": steps}
    Comparison(protocol, 1).score_frozen("linear_probe", features, (everything,), **made)
    frame = protocol.results.frame("accuracy")
    here = (frame["fingerprint"] == dataset.fingerprint) & (frame["pretraining_seed"] == seed)
    return frame[here].iloc[0]


def draw(table):
    """Draws the accuracy in folds by minutes, and on test images at the end, for all seeds."""
    from simclr_utils.plotting.style import COLORS, figure, to_png

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
    files.write_bytes(RESULTS / "time_to_accuracy.png", to_png(drawing))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="folder of images")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    start(0)
    from simclr_utils.config import get_config
    from simclr_utils.data.dataset import load_dataset
    from simclr_utils.system import provenance

    config = get_config("laptop")
    keep_to_settings(config)
    dataset = load_dataset(options.source, cache_dir="runs/cache")
    rows = read_rows("time_to_accuracy")
    for seed in range(options.seeds):
        key = {"dataset": dataset.name, "fingerprint": dataset.fingerprint, "seed": seed}
        if any(key.items() <= row.items() for row in rows):
            continue
        copies = train_with_copies(dataset, config, seed)
        scored = score_on_test(dataset, copies[-1][2], copies[-1][1], seed)
        for minutes, steps, encoder in copies:
            last = steps == copies[-1][1]
            rows.append(
                {
                    **key,
                    "precision": provenance.precision(),
                    "minutes": round(minutes, 2),
                    "steps": steps,
                    "accuracy_in_folds": round(fold_accuracy(encoder, dataset), 4),
                    "test": scored["value"] if last else "",
                    "low": scored["low"] if last else "",
                    "high": scored["high"] if last else "",
                }
            )
        write_rows("time_to_accuracy", rows)
    table = pd.DataFrame(read_rows("time_to_accuracy"))
    draw(table[table["fingerprint"] == dataset.fingerprint])


if __name__ == "__main__":
    main()
