"""Compares the features of pretraining in bfloat16 and in float32 after equal numbers of steps.

python benchmarks/precision_quality.py --source <folder>

Each pretraining run has its own process. A linear probe is scored in three folds of the labeled
images that are not test images. The same command continues a run that was stopped.
"""

import argparse
import json
from pathlib import Path

from measuring import read_rows, run_alone, write_rows
from time_to_accuracy import fold_accuracy

from simclr_utils.session import start
from simclr_utils.system import provenance


def pretrain_once(source, precision, seed, steps):
    """Pretrains with the preset `full` for some steps, and returns minutes and accuracy."""
    start(seed, precision)
    from simclr_utils.config import get_config
    from simclr_utils.data.dataset import load_dataset
    from simclr_utils.training.pretraining import pretrain

    dataset = load_dataset(source, cache_dir="runs/cache")
    done = pretrain(dataset, get_config("full", pretraining_steps=steps), seed)
    return {
        "steps": done.details["steps"],
        "minutes": done.details["minutes"],
        "accuracy_in_folds": round(fold_accuracy(done.encoder, dataset), 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="folder of images")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        precision, seed = options.one
        print(json.dumps(pretrain_once(options.source, precision, int(seed), options.steps)))
        return
    rows = read_rows("precision_quality")
    asked = ["--source", options.source, "--steps", options.steps]
    for seed in range(options.seeds):
        for precision in ("float32", "mixed_bfloat16"):
            key = {"source": Path(options.source).name, "seed": seed, "precision": precision}
            key |= {"steps_asked": options.steps, "hardware": provenance.hardware_string()}
            if not any(key.items() <= row.items() for row in rows):
                rows.append({**key, **run_alone(__file__, *asked, "--one", precision, seed)})
                write_rows("precision_quality", rows)


if __name__ == "__main__":
    main()
