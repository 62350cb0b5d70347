"""Compares the estimated costs of a study with the measured ones: time, memory and disk space.

python benchmarks/cost_model.py
"""

import argparse
import contextlib
import json
import os
import tempfile
import threading
import time

from simclr_utils.session import start

# Settings that differ in network, batch size and number of labels.
SETTINGS = {
    "quick, 100 labels": {"label_counts": (100,)},
    "narrow, small batches, 50 and 250 labels": {
        "width": 8,
        "batch_size": 64,
        "pretraining_steps": 800,
        "label_counts": (50, 250),
        "supervised_steps_factor": 30.0,
    },
    "ResNet-18 of width 16, 100 labels": {
        "encoder": "resnet18",
        "width": 16,
        "batch_size": 64,
        "pretraining_steps": 60,
        "label_counts": (100,),
        "supervised_steps_factor": 4.0,
    },
}


def bytes_below(folder):
    """Returns the size of all files in a folder, including one that is being written."""
    total = 0
    for parent, _, names in os.walk(folder):  # which skips a folder that was removed
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # a temporary file that was removed
                total += os.path.getsize(os.path.join(parent, name))
    return total


class LargestSize(threading.Thread):
    """Watches a folder and records its largest size."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.largest, self.ended = folder, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.2):
            self.largest = max(self.largest, bytes_below(self.folder))


def compare(name):
    """Estimates the costs of a study, runs it, and returns a row with both."""
    start(0)
    from simclr_utils.config import get_config
    from simclr_utils.data.dataset import load_dataset
    from simclr_utils.study import costs
    from simclr_utils.study.study import Study

    config = get_config("quick", **SETTINGS[name])
    dataset = load_dataset("shapes", limits=config.limits)
    with tempfile.TemporaryDirectory() as folder:
        study = Study(dataset, config, folder, "quick", num_seeds=1)
        study.rates = costs.measure_rates(dataset, config, study.build_model)
        said = costs.costs(study)
        size, started = LargestSize(folder), time.monotonic()
        size.start()
        study.run(lambda line: None)
        took = {"minutes": (time.monotonic() - started) / 60}
        took |= {"memory_gib": costs.peak_memory_gib(), "disk_mb": size.largest / 1e6}
        size.ended.set()
    row = {"setting": name}
    for what, value in said.items():
        row |= {f"{what}_said": round(value, 2), f"{what}_took": round(took[what], 2)}
        row[f"{what}_ratio"] = round(value / took[what], 2)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", choices=SETTINGS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(compare(options.one)))
        return
    from measuring import run_alone, write_rows

    rows = [run_alone(__file__, "--one", name) for name in SETTINGS]
    write_rows("cost_model", rows)


if __name__ == "__main__":
    main()
